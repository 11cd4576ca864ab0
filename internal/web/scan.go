package web

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/auth"
	"keepwatch/internal/scan"
	"keepwatch/internal/view"
)

// Scans makes looks from outside and keeps what they found.
type Scans interface {
	Start(ctx context.Context, n client.NewScan, by string) (client.Scan, error)
	Get(ctx context.Context, id string) (client.Scan, error)
	List(ctx context.Context) ([]client.ScanBrief, error)
}

const scanRefresh = 2 // seconds, while one runs

type scansBody struct {
	Items   []client.ScanBrief
	CanScan bool
	Whole   bool     // anything may be looked at
	Own     []string // else these subdomains
	Targets string   // as they were typed
	Day     string
	Problem string
	Hint    string
}

func (s *site) scans(_ http.ResponseWriter, r *http.Request) (*page, error) {
	return s.scanForm(r, scansBody{Targets: r.URL.Query().Get("targets")})
}

func (s *site) scanForm(r *http.Request, b scansBody) (*page, error) {
	list, err := s.Scans.List(r.Context())
	if err != nil {
		return nil, err
	}
	who := view.PrincipalOf(r.Context())
	b.Items, b.Whole = s.Reader.Scans(who, list), who.Everywhere(auth.Operator)
	if !b.Whole {
		b.Own = s.Reader.Subdomains(who, auth.Operator)
	}
	b.CanScan = (b.Whole || len(b.Own) > 0) && auth.Require(view.PrincipalOf(r.Context()), auth.Operator) == nil
	return &page{Template: "scans", Title: "Look from outside", Section: "scan", Body: b}, nil
}

// startScan begins a scan and leads to its page. What was typed wrong is shown beside
// what was typed.
func (s *site) startScan(w http.ResponseWriter, r *http.Request) (*page, error) {
	who := view.PrincipalOf(r.Context())
	if err := auth.Require(who, auth.Operator); err != nil {
		return nil, err
	}
	if err := r.ParseForm(); err != nil {
		return nil, keepwatch.WithHint(keepwatch.ErrInvalid, "send the form once more")
	}
	n := client.NewScan{Targets: strings.FieldsFunc(r.PostForm.Get("targets"), func(c rune) bool { return strings.ContainsRune(" ,;\t\r\n", c) }), Generated: strings.TrimSpace(r.PostForm.Get("generated"))}
	err := s.Reader.MayScan(who, n.Targets)
	var started client.Scan
	if err == nil {
		started, err = s.Scans.Start(r.Context(), n, who.Name)
	}
	if err != nil {
		f := view.FailureOf(err)
		if f.Status >= http.StatusInternalServerError {
			return nil, err
		}
		p, err := s.scanForm(r, scansBody{Targets: r.PostForm.Get("targets"), Day: n.Generated, Problem: f.Message, Hint: f.Hint})
		if p != nil {
			p.Status = f.Status
		}
		return p, err
	}
	http.Redirect(w, r, "/scan/"+url.PathEscape(started.ID), http.StatusSeeOther)
	return nil, nil
}

type scanBody struct {
	client.Scan
	Running  bool
	Headline string
	State    string
	Groups   []scanGroup
	Next     []client.ScanFinding // what to do first, once for each thing to do
	Seconds  int                  // since it began
}

// scanGroup is the findings of one severity.
type scanGroup struct {
	Severity string
	Title    string
	Open     bool
	Findings []client.ScanFinding
}

func (s *site) scan(_ http.ResponseWriter, r *http.Request) (*page, error) {
	found, err := s.Scans.Get(r.Context(), r.PathValue("id"))
	found, err = s.Reader.Scan(view.PrincipalOf(r.Context()), r.PathValue("id"), found, err)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	b := scanBody{Scan: found, Running: found.Status == "running", Seconds: int(now.Sub(found.StartedAt).Seconds())}
	b.Headline, b.State = scanHeadline(found)
	b.Groups = scanGroups(found.Report.Findings)
	p := &page{Template: "scan", Title: b.Headline, Section: "scan", Now: now, Body: b}
	if b.Running {
		p.Refresh = scanRefresh
	}
	return p, nil
}

func scanHeadline(found client.Scan) (text, state string) {
	sum := found.Report.Summary
	switch {
	case found.Status == "running":
		return "Looking: " + plural(len(found.Report.Findings), "thing") + " so far", "maintenance"
	case found.Status == "lost":
		return "The scan was lost: the daemon ended before it was done", "unknown"
	case sum.Critical > 0:
		state = "failing"
	case sum.Warning > 0:
		state = "degraded"
	case sum.Unknown > 0:
		state = "unknown"
	default:
		state = "healthy"
	}
	return scan.Headline(scan.Report{Partial: found.Report.Partial, Summary: scan.Summary(sum)}), state
}

func scanGroups(findings []client.ScanFinding) (groups []scanGroup) {
	titles := map[scan.Severity]string{scan.Critical: "Broken", scan.Warning: "To look at", scan.Unknown: "Could not be looked at", scan.Info: "Good to know", scan.OK: "Fine"}
	for _, severity := range scan.Severities {
		g := scanGroup{Severity: string(severity), Title: titles[severity], Open: severity.Rank() >= scan.Unknown.Rank()}
		for _, f := range findings {
			if f.Severity == string(severity) {
				g.Findings = append(g.Findings, f)
			}
		}
		if len(g.Findings) > 0 {
			groups = append(groups, g)
		}
	}
	return groups
}

// scanTone is the state whose colour and icon a severity takes.
func scanTone(severity string) string {
	switch scan.Severity(severity) {
	case scan.Critical:
		return string(keepwatch.StateFailing)
	case scan.Warning:
		return string(keepwatch.StateDegraded)
	case scan.OK:
		return string(keepwatch.StateHealthy)
	case scan.Info:
		return "skipped"
	}
	return string(keepwatch.StateUnknown)
}

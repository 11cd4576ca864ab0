package ticket

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"keepwatch"
	"keepwatch/internal/notify"
)

// serviceNow speaks the Table API.
type serviceNow struct{ cfg Config }

const (
	snShort = 160
	snText  = 4000
)

func (s serviceNow) path() string { return "/api/now/table/" + url.PathEscape(s.cfg.Table) }

type snRecord struct {
	SysID  string `json:"sys_id"`
	Number string `json:"number"`
}

func (s serviceNow) find(ctx context.Context, d dialogue, m notify.Message) (string, error) {
	query := url.Values{
		"sysparm_query": {"correlation_id=" + mark(m) + "^active=true"}, "sysparm_fields": {"sys_id,number"}, "sysparm_limit": {"1"},
	}
	var found struct {
		Result []snRecord `json:"result"`
	}
	if err := d.ask(ctx, http.MethodGet, s.path()+"?"+query.Encode(), nil, &found); err != nil || len(found.Result) == 0 {
		return "", err
	}
	return found.Result[0].SysID, nil
}

func (s serviceNow) open(ctx context.Context, d dialogue, m notify.Message, own map[string]any) (string, error) {
	var made struct {
		Result snRecord `json:"result"`
	}
	if err := d.ask(ctx, http.MethodPost, s.path(), s.record(m, own), &made); err != nil {
		return "", err
	}
	if made.Result.SysID == "" {
		return "", notify.Retryable(errors.New("the service did not say which record it made"))
	}
	return made.Result.SysID, nil
}

// record is a new record. Its correlation is ours: by it the record is found again.
func (s serviceNow) record(m notify.Message, own map[string]any) map[string]any {
	fields := map[string]any{
		"short_description": notify.CutRunes(m.Title, snShort), "description": story(m),
		"urgency": urgency(m), "impact": urgency(m), "correlation_display": "Keepwatch",
	}
	maps.Copy(fields, own)
	fields["correlation_id"] = mark(m)
	return fields
}

func urgency(m notify.Message) string {
	switch m.Severity {
	case keepwatch.SeverityCritical:
		return "1"
	case keepwatch.SeverityWarning:
		return "2"
	}
	return "3"
}

func (s serviceNow) add(ctx context.Context, d dialogue, m notify.Message, id string) error {
	return d.ask(ctx, http.MethodPatch, s.path()+"/"+url.PathEscape(id), map[string]string{"work_notes": notify.CutRunes(m.Title+"\n\n"+m.Text(), snText)}, nil)
}

func (s serviceNow) end(ctx context.Context, d dialogue, m notify.Message, id string) error {
	return d.ask(ctx, http.MethodPatch, s.path()+"/"+url.PathEscape(id), map[string]string{
		"state": s.cfg.Done, "close_code": "Solved (Permanently)", "close_notes": notify.CutRunes(m.Title, 1000),
	}, nil)
}

// story is a record's text.
func story(m notify.Message) string {
	lines := []string{m.Text(), ""}
	for _, l := range m.Links() {
		if len(l.Text) < 1000 {
			lines = append(lines, l.Name+": "+l.Text)
		}
	}
	return notify.CutRunes(strings.Join(lines, "\n"), snText)
}

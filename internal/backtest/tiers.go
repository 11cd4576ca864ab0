package backtest

import (
	"fmt"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/detect"
)

const hour = time.Hour

// reasonRuns is the named reason of an incident that opened after failed runs.
const reasonRuns = "runs_confirmed"

// fate is what becomes of an incident.
type fate struct {
	shift     time.Duration // later; negative: sooner
	gone      bool
	chance    float64 // that no look had met it
	estimated bool
	why       []string
}

// reshaped are the notices of an incident as the new configuration would have them.
func (r *run) reshaped(e Episode) []keepwatch.Notice {
	f := fate{}
	r.byRuns(e, &f)
	r.byInterval(e, &f)
	r.byThreshold(e, &f)
	end := e.Incident.RestoredAt
	if end.IsZero() {
		end = e.Incident.ResolvedAt
	}
	if !f.gone && f.shift > 0 && !end.IsZero() && !e.Incident.DetectedAt.Add(f.shift).Before(end) {
		f.gone = true
		f.why = append(f.why, "it had ended by then")
	}
	r.note(e, f)
	if f.gone {
		return nil
	}
	out := make([]keepwatch.Notice, 0, len(e.Notices))
	for i, n := range e.Notices {
		if n.Kind == keepwatch.Opened {
			n.At = n.At.Add(f.shift)
		} else if f.shift > 0 && n.At.Before(e.Incident.DetectedAt.Add(f.shift)) && i+1 < len(e.Notices) {
			continue // it would have opened as it stood by then
		}
		out = append(out, n)
	}
	return out
}

func (r *run) note(e Episode, f fate) {
	change := ""
	switch {
	case f.gone:
		change = "removed"
	case f.chance > 0:
		change = "maybe_missed"
	case f.shift > 0:
		change = "later"
	case f.shift < 0:
		change = "sooner"
	default:
		return
	}
	r.incidents = append(r.incidents, client.BacktestIncident{
		Incident: string(e.Incident.ID), Title: titleOf(e.Incident), At: e.Incident.DetectedAt.UTC(), Change: change,
		BySeconds: f.shift.Abs().Seconds(), Estimated: f.estimated, Why: strings.Join(f.why, "; "),
	})
}

func titleOf(inc keepwatch.Incident) string {
	what := strings.ReplaceAll(string(inc.Outcome), "_", " ")
	switch {
	case inc.Credential != "":
		return string(inc.Credential) + ": " + what
	case inc.Tenant != "":
		return "tenant " + string(inc.Tenant) + ": " + what
	}
	return what
}

// opener is the credential whose runs opened an incident.
func opener(inc keepwatch.Incident) keepwatch.CredentialID {
	if inc.Credential == "" && len(inc.Members) > 0 {
		return inc.Members[0].Credential
	}
	return inc.Credential
}

// byRuns moves an incident of failed runs to the run that the new tier wants.
func (r *run) byRuns(e Episode, f *fate) {
	id := opener(e.Incident)
	if e.Opened.Reason != reasonRuns || !r.known(id) {
		return
	}
	r.parts[partFailAfter].Looked++
	before, after := r.old.FailAfter(id), r.new.FailAfter(id)
	if before == after || before < 1 || after < 1 {
		return
	}
	f.why = append(f.why, fmt.Sprintf("fail_after is %d instead of %d", after, before))
	if runs := r.failedRuns(id, e.Incident.FirstFailedAt); len(runs) >= before {
		if len(runs) < after {
			f.gone = true
			f.why = append(f.why, fmt.Sprintf("only %d runs failed in a row", len(runs)))
			return
		}
		f.shift += runs[after-1].Sub(runs[before-1])
		return
	}
	f.estimated = true
	f.shift += time.Duration(after-before) * r.old.Gap(id, e.Incident.FirstFailedAt)
}

// failedRuns are the planned runs that failed softly in a row, from an instant on;
// none where the single runs are gone.
func (r *run) failedRuns(id keepwatch.CredentialID, from time.Time) []time.Time {
	if from.IsZero() || from.Before(r.RunsSince) {
		return nil
	}
	var out []time.Time
	for _, s := range streaks(r.Runs[id]) {
		if !s.last.Before(from) && !s.runs[0].After(from.Add(hour)) {
			out = s.runs
			break
		}
	}
	return out
}

// streak is a row of planned runs that each ended in a confirmed soft failure.
type streak struct {
	runs    []time.Time
	last    time.Time // newest failure of it
	outcome keepwatch.Outcome
	burst   []keepwatch.Failure
	tenant  keepwatch.TenantID
	place   keepwatch.Place
}

// streaks finds the rows of failed planned runs. A run counts once its failures
// make a burst with our own network proven, as they do when incidents open.
func streaks(list []keepwatch.Observation) []streak {
	var out []streak
	var s streak
	counted := false
	for _, o := range list {
		switch {
		case o.Outcome.Soft() && o.Outcome.Info().Confirm == keepwatch.ConfirmRuns:
			if o.Reason == keepwatch.ReasonScheduled {
				s.burst, counted = nil, false
			}
			s.burst = append(s.burst, keepwatch.Failure{At: o.At, Outcome: o.Outcome, Connectivity: o.Connectivity, Reason: o.Reason})
			s.last, s.outcome, s.tenant, s.place = o.At, o.Outcome, o.Tenant, o.Place
			if b := detect.BurstOf(s.burst, s.burst[0].At, keepwatch.SoftConfirmOver); b.Proven && !counted {
				s.runs, counted = append(s.runs, o.At), true
			}
		case o.Outcome == keepwatch.MonitorFault:
		default:
			if len(s.runs) > 0 {
				out = append(out, s)
			}
			s, counted = streak{}, false
		}
	}
	if len(s.runs) > 0 {
		out = append(out, s)
	}
	return out
}

// unopened are incidents that the new tiers would have opened and the old ones did
// not, as far as single runs tell.
func (r *run) unopened() []keepwatch.Notice {
	var out []keepwatch.Notice
	for _, c := range r.new.Credentials {
		if !r.known(c.ID) || r.new.FailAfter(c.ID) >= r.old.FailAfter(c.ID) {
			continue
		}
		for _, s := range streaks(r.Runs[c.ID]) {
			want := r.new.FailAfter(c.ID)
			if len(s.runs) < want || r.covered(c.ID, s) {
				continue
			}
			at := s.runs[want-1]
			inc := keepwatch.Incident{
				ID: keepwatch.IncidentID(inventedPrefix + keepwatch.Digest(string(c.ID), at.String())), Key: "backtest", Scope: s.outcome.Info().Scope, Tenant: s.tenant, Place: s.place,
				Outcome: s.outcome, Category: s.outcome.Info().Category, Severity: s.outcome.Info().Severity, Status: keepwatch.IncidentOpen,
				Members: []keepwatch.Member{{Credential: c.ID, Outcome: s.outcome, Since: s.runs[0]}}, FirstFailedAt: s.runs[0], DetectedAt: at,
			}
			over := inc
			over.Status, over.ResolvedAt = keepwatch.IncidentResolved, s.last
			out = append(out,
				keepwatch.Notice{ID: keepwatch.NoticeIDOf(inc.ID, 1), Incident: inc, Kind: keepwatch.Opened, Seq: 1, At: at},
				keepwatch.Notice{ID: keepwatch.NoticeIDOf(inc.ID, 2), Incident: over, Kind: keepwatch.Resolved, Seq: 2, At: s.last.Add(r.new.Gap(c.ID, s.last))})
			r.incidents = append(r.incidents, client.BacktestIncident{
				Title: string(c.ID) + ": " + strings.ReplaceAll(string(s.outcome), "_", " "), At: at.UTC(), Change: "added",
				Why: fmt.Sprintf("%d runs failed in a row; fail_after is %d instead of %d", len(s.runs), want, r.old.FailAfter(c.ID)),
			})
		}
	}
	return out
}

// covered reports whether some incident held the credential during a streak.
func (r *run) covered(id keepwatch.CredentialID, s streak) bool {
	for _, e := range r.Incidents {
		inc := e.Incident
		for _, m := range inc.Members {
			if m.Credential == id && !m.Since.After(s.last) && (m.EndedAt.IsZero() || !m.EndedAt.Before(s.runs[0])) {
				return true
			}
		}
	}
	return false
}

// byInterval shifts an incident by what the mean wait for the next look changes, and
// says where a look may not have met it at all.
func (r *run) byInterval(e Episode, f *fate) {
	inc, id := e.Incident, opener(e.Incident)
	confirm := inc.Outcome.Info().Confirm
	if id == "" || !r.known(id) || inc.FirstFailedAt.IsZero() || confirm == keepwatch.ConfirmDate || confirm == keepwatch.ConfirmJudged || inc.Scope == keepwatch.ScopeMonitor {
		return
	}
	r.parts[partInterval].Looked++
	before, after := r.old.Gap(id, inc.FirstFailedAt), r.new.Gap(id, inc.FirstFailedAt)
	if before <= 0 || after <= 0 || before == after {
		return
	}
	f.estimated = true
	f.why = append(f.why, fmt.Sprintf("looks are %s apart instead of %s", keepwatch.FormatDuration(after), keepwatch.FormatDuration(before)))
	f.shift += (after - before) / 2
	if confirm == keepwatch.ConfirmRuns {
		f.shift += time.Duration(r.new.FailAfter(id)-1) * (after - before)
	}
	end := inc.RestoredAt
	if end.IsZero() {
		end = inc.ResolvedAt
	}
	if lasted := end.Sub(inc.FirstFailedAt); !end.IsZero() && after > before && lasted < after {
		f.chance = 1 - float64(lasted)/float64(after)
		f.why = append(f.why, fmt.Sprintf("with a chance of %.0f %% no look had met it", 100*f.chance))
		f.shift = 0
	}
}

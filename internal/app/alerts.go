package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/httpapi"
	"keepwatch/internal/notify"
	"keepwatch/internal/view"
)

// alerts is who is told of what, for the API.
type alerts struct{ *App }

// Explain asks the pipeline itself, so the answer is what would happen.
func (a alerts) Explain(ctx context.Context, q httpapi.Question) (client.Explanation, error) {
	c, ok := a.config.Load().Credential(q.Credential)
	if !ok {
		return client.Explanation{}, keepwatch.WithHint(fmt.Errorf("there is no credential %.80q: %w", q.Credential, keepwatch.ErrNotFound), "list the credentials to see which there are")
	}
	if q.Outcome == "" {
		q.Outcome = keepwatch.BadSecretOrPackage
	}
	info := q.Outcome.Info()
	known := slices.ContainsFunc(keepwatch.Outcomes, func(o keepwatch.OutcomeInfo) bool { return o.Outcome == q.Outcome })
	if !known || q.Outcome == keepwatch.OK {
		return client.Explanation{}, keepwatch.WithHint(fmt.Errorf("%.80q is no outcome of a failure: %w", q.Outcome, keepwatch.ErrInvalid), "docs/outcomes.md lists them, such as bad_secret_or_package or expiring")
	}
	at := q.At.UTC()
	inc := keepwatch.Incident{
		ID: "explained", Key: "explained", Scope: info.Scope, Tenant: c.Tenant, Credential: c.ID, Outcome: q.Outcome, Category: info.Category, Severity: info.Severity,
		Status: keepwatch.IncidentOpen, Members: []keepwatch.Member{{Credential: c.ID, Since: at}}, FirstFailedAt: at, DetectedAt: at,
	}
	a.pipeline.SilencesChanged(ctx)
	return explanationOf(a.pipeline.Explain(inc, at), inc), nil
}

func explanationOf(e notify.Explanation, inc keepwatch.Incident) client.Explanation {
	out := client.Explanation{
		Credential: string(inc.Credential), Outcome: string(inc.Outcome), Severity: string(inc.Severity), At: e.At, Told: []client.Told{}, Others: []client.Untold{}, Nobody: e.Nobody,
	}
	for _, t := range e.Told {
		told := client.Told{Receiver: t.Receiver, Channel: t.Channel, At: t.At.UTC(), Rule: t.Rule, Why: t.Why, Unless: t.Unless}
		if t.RepeatEvery > 0 {
			told.RepeatEvery = keepwatch.FormatDuration(t.RepeatEvery)
		}
		out.Told = append(out.Told, told)
	}
	for _, o := range e.Others {
		out.Others = append(out.Others, client.Untold(o))
	}
	return out
}

// Routes are those in force.
func (a alerts) Routes(context.Context) []client.Route {
	routes, words := a.pipeline.Rules()
	out := make([]client.Route, len(routes))
	for i, r := range routes {
		out[i] = client.Route{
			Name: cmp.Or(r.Name, fmt.Sprintf("route %d", i+1)), Match: client.Match(r.Match), For: words[i], To: listed(r.To), Wait: lasting(r.Wait), RepeatEvery: lasting(r.RepeatEvery),
			Otherwise: r.Otherwise, Continue: r.Continue,
		}
		if r.OnlyIn != nil {
			out[i].OnlyIn = r.OnlyIn.Name()
		}
		for _, e := range r.Escalate {
			out[i].Escalate = append(out[i].Escalate, client.Escalation{After: lasting(e.After), To: e.To})
		}
	}
	return out
}

// lasting is a duration as files write it; none is "".
func lasting(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return keepwatch.FormatDuration(d)
}

// Covered asks the pipeline which of the open incidents a silence would be for.
func (a alerts) Covered(ctx context.Context, m keepwatch.Match) ([]keepwatch.Incident, error) {
	var out []keepwatch.Incident
	for cursor := ""; ; {
		list, next, err := a.db.Incidents(ctx, view.IncidentFilter{Status: string(keepwatch.IncidentOpen)}, view.Page{Limit: 200, Cursor: cursor})
		if err != nil {
			return nil, err
		}
		for _, inc := range list {
			if a.pipeline.Covers(m, inc) {
				out = append(out, inc)
			}
		}
		if next == "" || len(out) >= mostCovered {
			return out, nil
		}
		cursor = next
	}
}

// mostCovered bounds a preview: who sees so many knows enough.
const mostCovered = 200

// pastSilences is how many are shown that are over.
const pastSilences = 200

func (a alerts) Silences(ctx context.Context, past bool, now time.Time) ([]keepwatch.Silence, error) {
	var list []keepwatch.Silence
	for _, m := range a.config.Load().Mutes {
		if m.Over(now) == past {
			list = append(list, m.Silence)
		}
	}
	more, err := a.db.Silences(ctx, now)
	if past {
		more, err = a.db.PastSilences(ctx, now, pastSilences)
	}
	return append(list, more...), err
}

func (a alerts) Silence(ctx context.Context, s keepwatch.Silence) error {
	if _, err := notify.MuteOf(s); err != nil {
		return err
	}
	err := a.db.SaveSilence(ctx, s)
	if err == nil {
		a.pipeline.SilencesChanged(ctx)
	}
	return err
}

func (a alerts) EndSilence(ctx context.Context, id, by string, now time.Time) (keepwatch.Silence, error) {
	for _, m := range a.config.Load().Mutes {
		if m.ID == id {
			return keepwatch.Silence{}, keepwatch.WithHint(fmt.Errorf("the silence %q: %w: %w", id, keepwatch.ErrFile, keepwatch.ErrConflict), "change it in "+m.File+" and reload")
		}
	}
	s, err := a.db.EndSilence(ctx, id, by, now)
	if err != nil {
		return s, err
	}
	a.pipeline.SilencesChanged(ctx)
	return s, a.db.Hasten(ctx, now)
}

func (a alerts) Receivers(context.Context) []client.Receiver {
	out := []client.Receiver{}
	for _, h := range a.pipeline.Health() {
		out = append(out, client.Receiver{
			Name: h.Name, Channel: h.Channel, LastSuccessAt: known(h.LastSuccessAt), LastErrorAt: known(h.LastErrorAt), LastError: h.LastError,
			FailingSince: known(h.FailingSince), NextTryAt: known(h.NextTryAt), Waiting: h.Waiting,
		})
	}
	return out
}

func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return new(t.UTC())
}

func (a alerts) TestReceiver(ctx context.Context, name string) (string, error) {
	receipt, err := a.pipeline.Test(ctx, name)
	if err != nil && keepwatch.HintOf(err) == "" {
		err = keepwatch.WithHint(fmt.Errorf("%w: %w", err, keepwatch.ErrUnavailable), "look at the receiver's address, access and secret")
	}
	return string(receipt), err
}

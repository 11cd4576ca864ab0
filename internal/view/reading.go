package view

import (
	"time"

	"keepwatch"
	"keepwatch/client"
)

// figures gathers what a reading holds. What SFMC did not say is left out: a zero in
// its place would be a claim.
type figures []client.ReadingFigure

func (f *figures) count(name, unit string, n *int64) {
	if n != nil {
		*f = append(*f, client.ReadingFigure{Name: name, Value: new(float64(*n)), Unit: unit})
	}
}

func (f *figures) span(name string, d *time.Duration) {
	if d != nil {
		*f = append(*f, client.ReadingFigure{Name: name, Value: new(d.Seconds()), Unit: "seconds"})
	}
}

func (f *figures) text(name, text string) {
	if text != "" {
		*f = append(*f, client.ReadingFigure{Name: name, Text: text})
	}
}

func (f *figures) time(name string, t time.Time) {
	if !t.IsZero() {
		*f = append(*f, client.ReadingFigure{Name: name, Time: timeOf(t)})
	}
}

func readingOf(r keepwatch.Reading) client.Reading {
	f := figures{}
	switch {
	case r.Journey != nil:
		f.journey(r.Journey)
	case r.Extension != nil:
		f.extension(r.Extension)
	case r.Automation != nil:
		f.automation(r.Automation)
	case r.Send != nil:
		f.send(r.Send)
	}
	return client.Reading{
		At: r.At.UTC(), WindowSeconds: r.Window.Seconds(), Amount: r.Amount, Holiday: r.Holiday, Maintenance: r.Maintenance, Figures: f,
	}
}

func (f *figures) journey(j *keepwatch.JourneyReading) {
	f.text("status", j.Status)
	f.count("entered", "contacts", j.Entered)
	f.count("inside", "contacts", j.Inside)
	f.count("attempted", "events", j.Attempted)
	f.count("met_criteria", "events", j.Met)
	f.count("failed", "events", j.Failed)
	f.count("errored", "events", j.Errored)
	f.count("moved", "steps", j.Moved)
	f.span("history_lag", j.HistoryLag)
	for _, a := range j.Activities {
		f.count("done: "+a.Name, "contacts", &a.Done)
		f.count("failed: "+a.Name, "contacts", &a.Failed)
	}
	f.time("batch_due", j.BatchDueAt)
	f.text("changed", j.Change)
	f.text("changed_by", j.ChangedBy)
	f.time("changed_at", j.ChangedAt)
}

func (f *figures) extension(x *keepwatch.ExtensionReading) {
	f.count("rows", "rows", x.Rows)
	f.time("newest_row", x.Newest)
	f.time("fed", x.FedAt)
}

func (f *figures) automation(a *keepwatch.AutomationReading) {
	f.text("status", a.Status)
	f.time("due", a.DueAt)
	f.time("next", a.NextAt)
	f.time("last_run", a.LastRunAt)
	f.time("last_end", a.LastEndAt)
	f.text("last_status", a.LastStatus)
	f.text("failing_step", a.FailingStep)
	f.text("paused_by", a.PausedBy)
	f.count("completed", "runs in 30 days", a.Completed)
	f.count("errors", "runs in 30 days", a.Errors)
	f.count("skips", "runs in 30 days", a.Skips)
	for _, i := range a.Imports {
		f.count("imported: "+i.Key, "rows", &i.Imported)
		f.time("import_at: "+i.Key, i.At)
	}
}

func (f *figures) send(s *keepwatch.SendReading) {
	f.text("status", s.Status)
	f.count("queued", "messages", s.Queued)
	f.span("oldest", s.Oldest)
	f.count("sent", "messages", s.Sent)
	f.count("not_sent", "messages", s.NotSent)
	f.text("top_error", s.TopError)
}

package cli

import (
	"bytes"
	"slices"
	"time"

	"keepwatch"
	"keepwatch/internal/report"
)

// forms that only a report has.
var reportForms = []string{"md", "html", "csv"}

// takesForm refuses the forms of a report elsewhere, and ndjson for a report: it is one
// document.
func (g Global) takesForm(command string) error {
	isReport := command == "report" || command == "report <incident>"
	switch {
	case !isReport && slices.Contains(reportForms, g.Output):
		return misused("--output "+g.Output+" is for keepwatch report", "--output %s: use table, json or ndjson here", g.Output)
	case isReport && g.Output == "ndjson":
		return misused("use md, html, csv or json", "--output ndjson: a report is one document")
	}
	return nil
}

type reportCmd struct {
	Remote
	Incident string `arg:"" optional:"" help:"The incident's id."`
	Month    string `placeholder:"2026-11" help:"A month in UTC instead of an incident."`
}

func (c reportCmd) Run(e *env) error {
	switch {
	case c.Incident == "" && c.Month == "":
		return misused("keepwatch report INCIDENT, or keepwatch report --month 2026-11", "neither an incident nor a month is named")
	case c.Incident != "" && c.Month != "":
		return misused("leave one of them out", "both an incident and a month are named")
	}
	if c.Month != "" {
		if _, _, err := report.ParseMonth(c.Month); err != nil {
			return err
		}
	}
	document, err := c.document(e)
	if err != nil {
		return err
	}
	_, err = e.stdout.Write(document)
	return err
}

// form is what the report is written as; people read Markdown.
func (e *env) form() report.Format {
	if e.Output == "table" {
		return report.Markdown
	}
	return report.Format(e.Output)
}

func (c reportCmd) document(e *env) ([]byte, error) {
	daemon, err := c.daemon(e)
	if err != nil {
		return nil, err
	}
	if daemon == nil {
		return c.stored(e)
	}
	var document []byte
	if c.Month != "" {
		document, err = daemon.MonthReport(e.ctx, c.Month, string(e.form()))
	} else {
		document, err = daemon.Report(e.ctx, c.Incident, string(e.form()))
	}
	if err != nil {
		return nil, explained(err)
	}
	return document, nil
}

func (c reportCmd) stored(e *env) ([]byte, error) {
	db, err := e.openStore()
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	cfg, err := e.load()
	if err != nil {
		return nil, err
	}
	reader, now := readerOf(db, cfg), time.Now()
	var b bytes.Buffer
	if c.Month != "" {
		r, err := reader.MonthReport(e.ctx, now, c.Month)
		if err == nil {
			err = report.WriteMonth(&b, e.form(), r)
		}
		return b.Bytes(), err
	}
	r, err := reader.IncidentReport(e.ctx, now, keepwatch.IncidentID(c.Incident))
	if err == nil {
		err = report.WriteIncident(&b, e.form(), r)
	}
	return b.Bytes(), err
}

package sfmc

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"keepwatch"
)

// AutomationHealth is one row of the health report: the last 30 days of an automation,
// which the report knows by name only.
type AutomationHealth struct {
	Unit      keepwatch.MID
	Name      string
	LastRunAt time.Time
	Completed *int64
	Errors    *int64
	Skips     *int64
	Runs      *int64
}

// maxReport bounds the report, which comes whole: some 200 bytes an automation.
const maxReport = 8 << 20

// HealthReport reads the runs of the last 30 days of all automations that ran in them.
// Undocumented; the columns are those that a client of a live tenant found.
func (c *Client) HealthReport(ctx context.Context, e Endpoints, access keepwatch.Secret) ([]AutomationHealth, int, Verdict) {
	names := veilOf(ctx, access)
	var rows []AutomationHealth
	var unread int
	u := restURL(e, nil, "automation/v1/automations/healthreport")
	r := Reply{On: OnREST, Hide: [][]byte{access.Reveal()}, Limit: maxReport}
	request := &http.Request{Method: http.MethodGet, URL: u, Host: u.Host, Header: http.Header{
		"Accept": {"text/csv, */*"}, "User-Agent": headerAgent, "Authorization": {"Bearer " + string(access.Reveal())},
	}}
	v := c.do(ctx, RESTTimeout, request, r, func(r Reply) (v Verdict) {
		rows, unread, v = parseHealth(r, names)
		return v
	})
	return rows, unread, v
}

// parseHealth reads the CSV by the names of its columns. A JSON object in its place is
// an error that came with a good status.
func parseHealth(r Reply, names veil) (rows []AutomationHealth, unread int, v Verdict) {
	body := r.trimmed()
	switch {
	case len(body) == 0:
		return nil, 0, r.wire("empty_body", "")
	case looksUTF16(r.Body) || !utf8.Valid(body):
		return nil, 0, r.wire("wrong_encoding", r.mediaType())
	case looksHTML(body):
		return nil, 0, r.wire("html", r.mediaType())
	case body[0] == '{':
		said := r
		said.ContentType = ""
		if v := classifyREST(said); !v.OK() {
			return nil, 0, v
		}
		return nil, 0, r.wire("wrong_type", r.mediaType())
	}
	reader := csv.NewReader(bytes.NewReader(body))
	reader.FieldsPerRecord, reader.LazyQuotes, reader.ReuseRecord = -1, true, true
	head, err := reader.Read()
	columns := columnsOf(head)
	if _, named := columns["automationname"]; err != nil || !named {
		return nil, 0, r.wire("missing_fields", "AutomationName")
	}
	for {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return rows, unread, r.ok()
		}
		if err != nil {
			return nil, 0, r.wire("malformed_body", "not CSV")
		}
		if row, ok := healthOf(record, columns, names); ok {
			rows = append(rows, row)
		} else {
			unread++
		}
	}
}

func columnsOf(head []string) map[string]int {
	columns := map[string]int{}
	for i, name := range head {
		name = strings.ToLower(strings.ReplaceAll(strings.TrimSpace(strings.TrimPrefix(name, "\ufeff")), " ", ""))
		if _, twice := columns[name]; !twice {
			columns[name] = i
		}
	}
	return columns
}

func healthOf(record []string, columns map[string]int, names veil) (AutomationHealth, bool) {
	field := func(name string) string {
		if i, ok := columns[name]; ok && i < len(record) {
			return record[i]
		}
		return ""
	}
	figure := func(name string) *int64 { return count(json.RawMessage(strings.ReplaceAll(field(name), ",", ""))) }
	h := AutomationHealth{
		Unit: midOf(field("mid")), Name: names.name(field("automationname")), LastRunAt: moment(field("lastruntime")),
		Completed: figure("30daycompletioncount"), Errors: figure("30dayerrorcount"), Skips: figure("30dayskipcount"), Runs: figure("30dayruncount"),
	}
	return h, h.Name != "" && h.Name != withheld
}

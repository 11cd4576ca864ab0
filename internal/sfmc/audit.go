package sfmc

import (
	"bytes"
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"keepwatch"
)

// AuditEvent is one entry of the Audit Trail.
type AuditEvent struct {
	ID        string
	At        time.Time
	Unit      keepwatch.MID
	By        string // user name of who did it
	Kind      string // "Installed Package", "Component", …
	Operation string // "Create", "Modify", …
	Object    string
}

const (
	auditPage  = 100
	auditPages = 10
)

// AuditEvents reads the Audit Trail from since to until, the newest first and at
// most auditPages of it. Source: Salesforce, "GET /data/v1/audit/auditEvents".
func (c *Client) AuditEvents(ctx context.Context, e Endpoints, access keepwatch.Secret, since, until time.Time) ([]AuditEvent, Listing, Verdict) {
	var events []AuditEvent
	var done Listing
	names := newVeil(append([][]byte{access.Reveal()}, hiddenBy(ctx)...))
	for page := 1; page <= auditPages; page++ {
		var got auditAnswer
		v := c.get(ctx, auditURL(e, page, since, until), access, Reply{On: OnREST}, func(r Reply) (v Verdict) {
			got, v = parseAudit(r, names)
			return v
		})
		done.Calls++
		if !v.OK() {
			return events, done, v
		}
		events, done.Unread = append(events, got.events...), done.Unread+got.unread
		// Whether count is of the page or of all is not documented, so the end is a
		// page that is not full, by the size that the server itself names.
		if got.items == 0 || got.items < got.size {
			done.Complete = true
			return events, done, v
		}
	}
	return events, done, Verdict{Outcome: keepwatch.OK, HTTPStatus: http.StatusOK}
}

// auditURL asks for one page. Times are written as Central, the zone in which the
// Audit Trail thinks.
func auditURL(e Endpoints, page int, since, until time.Time) *url.URL {
	const layout = "2006-01-02T15:04:05"
	u := e.REST.JoinPath("data/v1/audit/auditEvents")
	u.RawQuery = "$page=" + strconv.Itoa(page) + "&$pagesize=" + strconv.Itoa(auditPage) + "&$orderBy=" + url.QueryEscape("createdDate DESC") +
		"&startdate=" + url.QueryEscape(since.In(central).Format(layout)) + "&enddate=" + url.QueryEscape(until.In(central).Format(layout))
	return u
}

// auditAnswer is one page. Entries that lack a time or a kind are counted, not kept.
type auditAnswer struct {
	events []AuditEvent
	items  int
	size   int // of a full page
	unread int
}

// auditItem has the fields of an entry; who, what and where are nested.
type auditItem struct {
	ID        json.RawMessage `json:"id"`
	Created   string          `json:"createdDate"`
	Member    json.RawMessage `json:"memberId"`
	Employee  auditName       `json:"employee"`
	Kind      auditName       `json:"objectType"`
	Operation auditName       `json:"operation"`
	Object    auditName       `json:"object"`
}

type auditName struct {
	Name     string `json:"name"`
	UserName string `json:"userName"`
}

// parseAudit reads a page: an object, or as the documentation shows it an array
// with one object in it. A trail that is empty may come without items.
func parseAudit(r Reply, names veil) (auditAnswer, Verdict) {
	if v := classifyREST(r); !v.OK() {
		return auditAnswer{}, v
	}
	body := trimBOM(bytes.TrimSpace(r.Body))
	if body[0] == '[' {
		if body = first(body); body == nil {
			return auditAnswer{size: auditPage}, r.ok() // an empty array: nothing logged
		}
	}
	want := []field{{key: "items"}, {key: "pageSize"}, {key: "count"}}
	if err := pick(body, want); err != nil {
		return auditAnswer{}, r.wire(shapeOf(err), "items")
	}
	if want[0].value == nil && want[1].value == nil && want[2].value == nil {
		return auditAnswer{}, r.wire("missing_fields", "items, pageSize, count")
	}
	got := auditAnswer{size: auditPage}
	if size := whole(want[1].value); size > 0 && size < auditPage {
		got.size = int(size)
	}
	for entry := range elements(want[0].value) {
		got.items++
		if event, ok := auditEventOf(entry, names); ok {
			got.events = append(got.events, event)
		} else {
			got.unread++
		}
	}
	return got, r.ok()
}

// elements walks through an array that valid has accepted.
func elements(raw []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if len(raw) < 2 || raw[0] != '[' {
			return
		}
		for at := skipSpace(raw, 1); at < len(raw) && raw[at] != ']'; at = skipSpace(raw, at+1) {
			end := skipValue(raw, at)
			if end == at || !yield(raw[at:end]) {
				return
			}
			if at = skipSpace(raw, end); at >= len(raw) || raw[at] != ',' {
				return
			}
		}
	}
}

func auditEventOf(entry []byte, names veil) (AuditEvent, bool) {
	var item auditItem
	// A field of another type leaves the others read; what matters is checked below.
	_ = json.Unmarshal(entry, &item)
	event := AuditEvent{
		ID: names.name(scalar(item.ID)), At: instant(item.Created), Unit: keepwatch.MID(whole(item.Member)), By: names.name(item.Employee.UserName),
		Kind: names.name(item.Kind.Name), Operation: names.name(item.Operation.Name), Object: names.name(item.Object.Name),
	}
	return event, !event.At.IsZero() && event.Kind != ""
}

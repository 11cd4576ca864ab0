package sim

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"keepwatch"
)

// AuditEntry is one entry of the Audit Trail. The verbs on clients write them;
// AddAuditEntry writes others.
type AuditEntry struct {
	At        time.Time     `json:"at,omitzero"` // zero: now
	By        string        `json:"by,omitempty"`
	Kind      string        `json:"kind"`      // "Installed Package", "Component", "User", …
	Operation string        `json:"operation"` // "Create", "Modify", "Delete"
	Object    string        `json:"object,omitempty"`
	MID       keepwatch.MID `json:"mid,omitempty"`
	EID       keepwatch.MID `json:"eid,omitempty"`

	id int64
}

// maxAudit bounds the trail; the oldest entries go.
const maxAudit = 5000

// AddAuditEntry writes one entry.
func (s *Sim) AddAuditEntry(e AuditEntry) {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.At.IsZero() {
		e.At = now
	}
	e.MID = cmp.Or(e.MID, e.EID, 510000123)
	e.EID = cmp.Or(e.EID, e.MID)
	s.record(e)
}

func (s *Sim) record(e AuditEntry) {
	s.lastEntry++
	e.id, e.By = s.lastEntry, cmp.Or(e.By, "admin")
	at, _ := slices.BinarySearchFunc(s.trail, e.At, func(old AuditEntry, at time.Time) int {
		if old.At.After(at) {
			return 1
		}
		return -1 // behind all of the same instant
	})
	if s.trail = slices.Insert(s.trail, at, e); len(s.trail) > maxAudit {
		s.trail = slices.Delete(s.trail, 0, len(s.trail)-maxAudit)
	}
}

// noted wraps a verb so that it leaves an entry. Whether SFMC writes one for a
// generated or activated secret is not known, so these do not.
func (s *Sim) noted(kind, operation string, verb func(*client, time.Time) error) func(*client, time.Time) error {
	return func(c *client, now time.Time) error {
		if err := verb(c, now); err != nil {
			return err
		}
		s.note(c, kind, operation, now)
		return nil
	}
}

func (s *Sim) note(c *client, kind, operation string, now time.Time) {
	if c.spec.Kind == keepwatch.APIUser {
		kind = "User"
	}
	s.record(AuditEntry{At: now, Kind: kind, Operation: operation, Object: c.spec.Name, MID: c.spec.MID, EID: c.spec.EID})
}

const (
	auditPackage   = "Installed Package"
	auditComponent = "Component"
)

// auditTrail serves a page of the trail: the newest first, unless asked otherwise.
func (c *call) auditTrail() any {
	q := c.r.URL.Query()
	from, until := c.day(q, "startdate", c.now.AddDate(0, 0, -30)), c.day(q, "enddate", c.now.Add(time.Second))
	c.s.mu.Lock()
	var items []object
	for _, e := range c.s.trail {
		visible := e.EID == c.client.spec.EID && (c.mid == e.EID || c.mid == e.MID)
		if visible && !e.At.Before(from) && e.At.Before(until) && !e.At.Add(time.Duration(c.settings.AuditDelay)).After(c.now) {
			items = append(items, e.item())
		}
	}
	c.s.mu.Unlock()
	if !strings.Contains(strings.ToUpper(lowerValue(q, "$orderby")), "ASC") {
		slices.Reverse(items)
	}
	return c.audit(items)
}

func (e AuditEntry) item() object {
	named := func(id int, name string) object { return object{"id": id, "name": name} }
	return object{
		"id": e.id, "createdDate": centralTime(e.At), "memberId": e.MID, "enterpriseId": e.EID,
		"employee":   object{"id": 1, "employeeName": e.By, "userName": e.By},
		"objectType": named(1, e.Kind), "operation": named(1, e.Operation), "object": object{"id": guidOf("object", e.Object), "name": e.Object},
		"transactionId": guidOf("transaction", number(e.id)),
	}
}

// lowerValue reads a parameter whose name a client may have lower-cased.
func lowerValue(q map[string][]string, name string) string {
	for key, values := range q {
		if strings.EqualFold(key, name) && len(values) > 0 {
			return values[0]
		}
	}
	return ""
}

// day reads a date or time of a request; one without a zone is Central.
func (c *call) day(q map[string][]string, name string, otherwise time.Time) time.Time {
	text := strings.ToUpper(lowerValue(q, name))
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05.999", "2006-01-02T15:04:05", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, centralZone); err == nil {
			return t
		}
	}
	return otherwise
}

// centralZone is the zone in which servers of the platform print times, without
// summer time.
var centralZone = time.FixedZone("CST", -6*60*60)

func centralTime(t time.Time) string {
	return t.In(centralZone).Format("2006-01-02T15:04:05.000")
}

// auditOff answers for an account that does not offer the trail. SFMC's own answer
// is not known.
func (c *call) auditOff() (answer, bool) {
	if !c.settings.AuditOff || !strings.HasPrefix(c.route.family.route, "/data/v1/audit/") {
		return answer{}, false
	}
	return restError(http.StatusForbidden, 20002, "Insufficient Privileges to complete this action."), true
}

package sfmc

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"time"

	"keepwatch"
)

// Automation is one entry of the list that knows the newest run.
type Automation struct {
	ID     string // of the old interface
	GUID   string // of the newer one; "" where the old id does not tell it
	Key    string
	Name   string
	Status string // of the schedule: Scheduled, PausedSchedule, AwaitingTrigger …
	Type   string // scheduled, triggered, unspecified
	// NextAt is what SFMC calls scheduledTime: the next planned run, as far as it is known.
	NextAt     time.Time
	StartedAt  time.Time
	EndedAt    time.Time // zero while it runs
	LastRunAt  time.Time
	LastStatus string // of that run; says nothing of the schedule
	Steps      []AutomationStep
	PausedAt   time.Time   // only of a detail
	PausedBy   string      // only of a detail
	Recurrence *Recurrence // only of a detail
}

// AutomationStep is one step of the newest run.
type AutomationStep struct {
	Number int
	Status string
	Kinds  []int // object types of its activities
}

// Failing names the first step that is in error, with what it does: "2 (import)".
func (a Automation) Failing() string {
	for _, s := range a.Steps {
		if !strings.EqualFold(s.Status, "Error") && !strings.EqualFold(s.Status, "Errored") {
			continue
		}
		name := strconv.Itoa(s.Number)
		for i, kind := range s.Kinds {
			if what := ActivityKind(kind); what != "" && i == 0 {
				name += " (" + what + ")"
			}
		}
		return name
	}
	return ""
}

// Triggered reports that a file starts it, not a clock.
func (a Automation) Triggered() bool {
	switch strings.ToLower(a.Type) {
	case "triggered", "filedrop", "trigger":
		return true
	}
	return oneOf("AwaitingTrigger|InactiveTrigger", a.Status)
}

// ActivityKind names an object type of Automation Studio. Source: mcdev
// Automation.definition.js.
func ActivityKind(objectType int) string {
	return map[int]string{
		42: "e-mail send", 43: "import", 45: "refresh of a group", 53: "file transfer", 73: "data extract", 84: "report", 300: "query", 303: "filter",
		423: "script", 425: "data factory", 467: "wait", 724: "refresh of a mobile list", 725: "SMS", 726: "import of mobile contacts", 733: "journey entry", 736: "push",
		749: "fire event", 952: "journey entry", 1000: "verification", 1010: "interaction studio", 1101: "interactions",
	}[objectType]
}

// StatusName is the word for a number of an automation's status. Sources: the SOAP
// object's page, mcdev Automation.definition.js; other tables that go round are wrong.
func StatusName(id int) string {
	return map[int]string{
		-1: "Error", 0: "BuildingError", 1: "Building", 2: "Ready", 3: "Running", 4: "PausedSchedule", 5: "Stopped", 6: "Scheduled", 7: "AwaitingTrigger", 8: "InactiveTrigger",
	}[id]
}

// AutomationPage is what the old interface gives on a page.
const AutomationPage = 50

// Automations lists automations with their newest run, from skip on. Undocumented;
// shape: mcdev test/resources/…/legacy. Its times have an offset.
func (c *Client) Automations(ctx context.Context, e Endpoints, access keepwatch.Secret, skip int) (Paged[Automation], Verdict) {
	query := url.Values{"$top": {strconv.Itoa(AutomationPage)}, "$skip": {strconv.Itoa(skip)}}
	names := veilOf(ctx, access)
	var p Paged[Automation]
	v := c.read(ctx, e, access, Reply{}, query, func(r Reply) (v Verdict) {
		p, v = pageOf(r, AutomationPage, func(entry []byte) (Automation, bool) { return automationOf(entry, names) }, "entry")
		return v
	}, "legacy/v1/beta/bulk/automations/automation/definition/")
	return p, v
}

// AutomationSchedule reads one automation of the old interface: who paused it, and the
// rule of its repetition.
func (c *Client) AutomationSchedule(ctx context.Context, e Endpoints, access keepwatch.Secret, id string) (Automation, Verdict) {
	names := veilOf(ctx, access)
	var a Automation
	v := c.read(ctx, e, access, Reply{Promise: []string{"id", "key", "guidId"}}, nil, func(r Reply) Verdict {
		v := classifyREST(r)
		if !v.OK() {
			return v
		}
		var ok bool
		if a, ok = automationOf(r.trimmed(), names); !ok {
			return r.wire("missing_fields", "id, key")
		}
		return v
	}, "legacy/v1/beta/bulk/automations/automation/definition/%s", id)
	return a, v
}

type automationItem struct {
	ID         string          `json:"id"`
	GUID       string          `json:"guidId"`
	Key        string          `json:"key"`
	Name       string          `json:"name"`
	Status     string          `json:"status"`
	StatusID   json.RawMessage `json:"statusId"`
	Type       string          `json:"automationType"`
	NextAt     string          `json:"scheduledTime"`
	StartedAt  string          `json:"startTime"`
	EndedAt    string          `json:"completedTime"`
	LastRunAt  string          `json:"lastRunTime"`
	LastStatus string          `json:"lastRunStatus"`
	PausedAt   string          `json:"lastPausedDate"`
	PausedBy   struct {
		Name string `json:"name"`
	} `json:"lastPausedBy"`
	Schedule struct {
		Start string `json:"startDate"`
		Rule  string `json:"iCalRecur"`
		Zone  string `json:"timeZone"`
	} `json:"scheduleObject"`
	Processes []struct {
		Sequence json.RawMessage `json:"sequence"`
		Status   string          `json:"status"`
		Workers  []struct {
			Kind   json.RawMessage `json:"objectTypeId"`
			Status string          `json:"status"`
		} `json:"workerCounts"`
	} `json:"processes"`
}

func automationOf(entry []byte, names veil) (Automation, bool) {
	var item automationItem
	fill(entry, &item)
	a := Automation{
		ID: names.key(item.ID), GUID: names.key(item.GUID), Key: names.key(item.Key), Name: names.name(item.Name), Status: names.name(item.Status), Type: names.name(item.Type),
		NextAt: instant(item.NextAt), StartedAt: instant(item.StartedAt), EndedAt: instant(item.EndedAt), LastRunAt: instant(item.LastRunAt), LastStatus: names.name(item.LastStatus),
		PausedAt: instant(item.PausedAt), PausedBy: names.name(item.PausedBy.Name),
	}
	if a.Status == "" && len(item.StatusID) > 0 {
		a.Status = statusOf(item.StatusID)
	}
	if a.GUID == "" {
		a.GUID = guidOfLegacy(a.ID)
	}
	if a.EndedAt.Before(a.StartedAt) {
		a.EndedAt = time.Time{} // of the run before
	}
	if loc, known := WindowsZone(item.Schedule.Zone); known {
		// A rule that is not known leaves the planned time of the list.
		a.Recurrence, _ = ParseRecurrence(item.Schedule.Rule, civil(item.Schedule.Start, loc))
	}
	for i, p := range item.Processes[:min(len(item.Processes), maxParts)] {
		step := AutomationStep{Number: i + 1, Status: names.name(p.Status)}
		for _, w := range p.Workers[:min(len(p.Workers), maxParts)] {
			step.Kinds = append(step.Kinds, int(min(number(w.Kind), 1e6)))
		}
		a.Steps = append(a.Steps, step)
	}
	return a, a.ID != "" && a.Key != ""
}

func statusOf(raw json.RawMessage) string {
	if string(raw) == "-1" {
		return StatusName(-1)
	}
	if n := count(raw); n != nil && *n < 100 {
		return StatusName(int(*n))
	}
	return ""
}

// guidOfLegacy reads the GUID out of an id of the old interface: base64 of
// "GUID:25:0", where the GUID is written out, or is its 16 bytes in base64 once more.
// The second form is what mcdev's recordings have.
func guidOfLegacy(id string) string {
	inner := unbase64(id)
	head, _, _ := strings.Cut(string(inner), ":")
	if len(head) == 36 && isGUID(head) {
		return strings.ToLower(head)
	}
	b := unbase64(head)
	if len(b) != 16 {
		return ""
	}
	// As .NET writes them: the first three groups with their lowest byte first.
	h := hex.EncodeToString([]byte{b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6]}) + hex.EncodeToString(b[8:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

func unbase64(s string) []byte {
	s = strings.TrimRight(s, "=")
	if b, err := base64.RawURLEncoding.DecodeString(s); err == nil {
		return b
	}
	b, _ := base64.RawStdEncoding.DecodeString(s)
	return b
}

func isGUID(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		hexDigit := s[i] >= '0' && s[i] <= '9' || c >= 'a' && c <= 'f'
		if (i == 8 || i == 13 || i == 18 || i == 23) != (s[i] == '-') || (s[i] != '-' && !hexDigit) {
			return false
		}
	}
	return true
}

// AutomationDetail is what the newer interface knows of one automation.
type AutomationDetail struct {
	GUID, Key, Name string
	Status          string
	Type            string
	Recurrence      *Recurrence
	ScheduleStatus  string // paused, scheduled
	Activities      []AutomationActivity
}

// AutomationActivity is one activity of an automation.
type AutomationActivity struct {
	Step   int
	Name   string
	Kind   int    // object type
	Object string // id of what it runs: for 43 that of the import
	// Targets are the data extensions that it writes to, with their rows.
	Targets []Extension
}

// AutomationDetail reads one. Undocumented; shape: mcdev test/resources/…/automation.
// SFMC answers a burst of these with HTTP 500, so they are asked for rarely.
func (c *Client) AutomationDetail(ctx context.Context, e Endpoints, access keepwatch.Secret, guid string) (AutomationDetail, Verdict) {
	names := veilOf(ctx, access)
	var d AutomationDetail
	v := c.read(ctx, e, access, Reply{Promise: []string{"id", "key"}}, nil, func(r Reply) Verdict {
		v := classifyREST(r)
		if !v.OK() {
			return v
		}
		if d = detailOf(r.trimmed(), names); d.Key == "" {
			return r.wire("missing_fields", "key")
		}
		return v
	}, "automation/v1/automations/%s", guid)
	return d, v
}

func detailOf(body []byte, names veil) AutomationDetail {
	var item struct {
		ID       string          `json:"id"`
		Key      string          `json:"key"`
		Name     string          `json:"name"`
		Status   string          `json:"status"`
		StatusID json.RawMessage `json:"statusId"`
		Type     string          `json:"type"`
		Schedule struct {
			Start  string `json:"startDate"`
			Time   string `json:"scheduledTime"`
			Rule   string `json:"icalRecur"`
			Zone   string `json:"timezoneName"`
			Status string `json:"scheduleStatus"`
		} `json:"schedule"`
		Steps []struct {
			Step       json.RawMessage `json:"step"`
			Activities []struct {
				Name    string          `json:"name"`
				Kind    json.RawMessage `json:"objectTypeId"`
				Object  string          `json:"activityObjectId"`
				Targets []struct {
					ID   string          `json:"id"`
					Name string          `json:"name"`
					Key  string          `json:"key"`
					Rows json.RawMessage `json:"rowCount"`
				} `json:"targetDataExtensions"`
			} `json:"activities"`
		} `json:"steps"`
	}
	fill(body, &item)
	d := AutomationDetail{
		GUID: names.key(item.ID), Key: names.key(item.Key), Name: names.name(item.Name), Status: names.name(item.Status), Type: names.name(item.Type),
		ScheduleStatus: names.name(item.Schedule.Status),
	}
	if word := statusOf(item.StatusID); d.Status == "" {
		d.Status = word
	}
	if loc, known := WindowsZone(item.Schedule.Zone); known {
		d.Recurrence, _ = ParseRecurrence(item.Schedule.Rule, startOf(item.Schedule.Start, item.Schedule.Time, loc))
	}
	for i, step := range item.Steps[:min(len(item.Steps), maxParts)] {
		n := i + 1
		if said := number(step.Step); said > 0 && said <= maxParts {
			n = int(said)
		}
		for _, a := range step.Activities[:min(len(step.Activities), maxParts)] {
			activity := AutomationActivity{Step: n, Name: names.name(a.Name), Kind: int(min(number(a.Kind), 1e6)), Object: names.key(a.Object)}
			for _, t := range a.Targets[:min(len(a.Targets), maxParts)] {
				activity.Targets = append(activity.Targets, Extension{ID: names.key(t.ID), Key: names.key(t.Key), Name: names.name(t.Name), Rows: count(t.Rows)})
			}
			d.Activities = append(d.Activities, activity)
		}
	}
	return d
}

// startOf joins a day and a time of day, which this interface writes apart. Both are
// read on the schedule's clock.
func startOf(day, clock string, loc *time.Location) time.Time {
	start := civil(day, loc)
	_, hours, ok := strings.Cut(clock, "T")
	at, err := time.Parse("15:04:05", strings.Split(hours, ".")[0])
	if start.IsZero() || !ok || err != nil || start.Hour()+start.Minute()+start.Second() > 0 {
		return start
	}
	return time.Date(start.Year(), start.Month(), start.Day(), at.Hour(), at.Minute(), at.Second(), 0, loc)
}

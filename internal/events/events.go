package events

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/repeats"
	"keepwatch/internal/sfmc"
)

const (
	// KeysKept and KeysMost are how long, and how many of, the keys of events are
	// remembered. A call that is pushed again after that is older than MaxAge and is
	// refused; verdicts and queues are told apart by the store for as long as it keeps them.
	KeysKept = 24 * time.Hour
	KeysMost = 500_000
	// MaxAge is how old an event may be.
	MaxAge = 24 * time.Hour
	ahead  = 5 * time.Minute
	// maxCount is how many like calls one event may stand for.
	maxCount = 1_000_000
	maxName  = 200
	maxText  = 2000
	maxSteps = 32
)

// Estate is what is asked of the configuration in force.
type Estate interface {
	// Credential finds the tenant of a credential; pushed is how often verdicts of it are
	// expected, 0 where it is tested here.
	Credential(id keepwatch.CredentialID) (tenant keepwatch.TenantID, pushed time.Duration, ok bool)
	// Dependent finds what hangs on a credential.
	Dependent(id keepwatch.CredentialID, kind keepwatch.SubjectKind, key string) (keepwatch.Watch, bool)
}

// Sink takes calls. It never blocks and never fails.
type Sink interface{ Saw(keepwatch.Call) }

// Recorder records observations, as intake.Intake does, and remembers readings.
type Recorder interface {
	Record(ctx context.Context, obs []keepwatch.Observation, now time.Time) error
	Watches(ctx context.Context, check keepwatch.CheckID) (map[keepwatch.SeriesID]keepwatch.Watch, error)
}

// Options are what Events needs.
type Options struct {
	Estate func() Estate
	Calls  Sink
	Record Recorder
	// Count is told what became of events; nil counts nothing.
	Count func(status string, n int)
}

// Events takes pushed events. It may be used by many at a time.
type Events struct {
	Options
	seen *repeats.Recent

	judging sync.Mutex // one reading after another: each is judged by the one before
}

// New returns Events.
func New(o Options) *Events {
	if o.Count == nil {
		o.Count = func(string, int) {}
	}
	return &Events{Options: o, seen: repeats.New(KeysKept, KeysMost)}
}

// The statuses of an event.
const (
	Accepted = "accepted"
	Repeated = "repeated"
	Refused  = "refused"
)

// Take takes the events of one body. An error means that nothing was taken: the body
// cannot be read at all, or the store did not answer and the same should come again.
func (e *Events) Take(ctx context.Context, body []byte, now time.Time) (client.EventsTaken, error) {
	items, err := read(body)
	if err != nil {
		return client.EventsTaken{}, err
	}
	out := client.EventsTaken{Results: make([]client.EventResult, 0, len(items))}
	estate := e.Estate()
	for i := range items {
		r := client.EventResult{Index: i, Key: shownKey(items[i].event.Key), Status: Accepted}
		bad := items[i].err
		if bad == nil {
			var err error
			if r.Status, bad, err = e.take(ctx, estate, &items[i].event, now); err != nil {
				return client.EventsTaken{}, err
			}
		}
		if bad != nil {
			r.Status, r.Field, r.Message, r.Hint = Refused, bad.field, bad.message, bad.hint
		}
		switch r.Status {
		case Accepted:
			out.Accepted++
		case Repeated:
			out.Repeated++
		default:
			out.Refused++
		}
		out.Results = append(out.Results, r)
	}
	e.Count(Accepted, out.Accepted)
	e.Count(Repeated, out.Repeated)
	e.Count(Refused, out.Refused)
	return out, nil
}

// take takes one event. Its key is remembered before and forgotten again where it was
// not taken, so that two senders with one key at a time count once.
func (e *Events) take(ctx context.Context, estate Estate, ev *client.Event, now time.Time) (string, *fault, error) {
	w, bad := check(estate, ev, now)
	if bad != nil {
		return Refused, bad, nil
	}
	id := string(w.credential) + "\x00" + ev.Key
	if !e.seen.First(id, now) {
		return Repeated, nil, nil
	}
	var err error
	switch ev.Kind {
	case "call", "token":
		var call keepwatch.Call
		if call, bad = callOf(ev, w); bad == nil {
			e.Calls.Saw(call)
		}
	case "queue":
		bad, err = e.queue(ctx, estate, ev, w, now)
	case "verdict":
		bad, err = e.verdict(ctx, ev, w, now)
	default:
		bad = &fault{"kind", "is none that is known", "use call, token, queue or verdict"}
	}
	if bad != nil || err != nil {
		e.seen.Forget(id)
	}
	return Accepted, bad, err
}

// whose is what every event says.
type whose struct {
	credential keepwatch.CredentialID
	tenant     keepwatch.TenantID
	pushed     time.Duration
	at         time.Time
}

func check(estate Estate, ev *client.Event, now time.Time) (whose, *fault) {
	w := whose{credential: keepwatch.CredentialID(ev.Credential)}
	for _, n := range []struct{ field, value string }{{"key", ev.Key}, {"credential", ev.Credential}, {"holder", ev.Holder}, {"place", ev.Place}, {"family", ev.Family}} {
		if len(n.value) > maxName || !plain(n.value) {
			return w, &fault{n.field, "is too long or no plain text", "use at most 200 bytes of printable text"}
		}
	}
	if ev.Key == "" {
		return w, &fault{"key", "is missing", "name each event so that a repeat is known, like orders-20261130T0915"}
	}
	var ok bool
	if w.tenant, w.pushed, ok = estate.Credential(w.credential); !ok {
		return w, &fault{"credential", "is none that is known", "use an id of the inventory"}
	}
	at, err := time.Parse(time.RFC3339, ev.At)
	switch {
	case err != nil:
		return w, &fault{"at", "is no time", "write it like 2026-11-30T09:15:00Z"}
	case at.After(now.Add(ahead)):
		return w, &fault{"at", "lies more than 5 minutes in the future", "set the clock of the machine that sent it"}
	case at.Before(now.Add(-MaxAge)):
		return w, &fault{"at", "is more than a day old", "push events while they matter"}
	case ev.Count < 0 || ev.Count > maxCount:
		return w, &fault{"count", "makes no sense", "send 1 to 1000000"}
	case ev.TookMS < 0 || ev.TookMS > int64(MaxAge/time.Millisecond):
		return w, &fault{"took_ms", "makes no sense", "send milliseconds, at most a day"}
	case ev.HTTPStatus != 0 && (ev.HTTPStatus < 100 || ev.HTTPStatus > 599):
		return w, &fault{"http_status", "is no status", "send 100 to 599, or leave it out where no answer came"}
	case len(ev.Error) > maxText:
		return w, &fault{"error", "is too long", "send at most 2000 bytes"}
	}
	w.at = at.UTC().Truncate(time.Millisecond)
	return w, nil
}

func plain(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

// shownKey repeats a key only where it is one: what stands there by mistake may be what
// nobody should see again.
func shownKey(key string) string {
	if len(key) > maxName || !plain(key) {
		return ""
	}
	return key
}

var familyWord = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,39}$`)

func callOf(ev *client.Event, w whose) (keepwatch.Call, *fault) {
	call := keepwatch.Call{
		Via: keepwatch.ViaEvent, Key: ev.Key, Tenant: w.tenant, Credential: w.credential, Holder: ev.Holder, Kind: keepwatch.CallREST,
		Status: ev.HTTPStatus, At: w.at, Took: time.Duration(ev.TookMS) * time.Millisecond, Count: ev.Count,
	}
	switch api := ev.API; {
	case ev.Kind == "token" && (api == "" || api == "token"), ev.Kind == "call" && api == "token":
		call.Kind = keepwatch.CallToken
	case ev.Kind == "token":
		return call, &fault{"api", "does not go with the kind token", "leave it out"}
	case api == "soap":
		call.Kind = keepwatch.CallSOAP
	case api != "" && api != "rest":
		return call, &fault{"api", "is none that is known", "use rest, soap or token"}
	}
	if ev.Family != "" && call.Kind != keepwatch.CallToken {
		if !familyWord.MatchString(ev.Family) {
			return call, &fault{"family", "is no single word", "use the first part of the REST path, like messaging, or the SOAP method"}
		}
		call.Family = ev.Family
		if call.Kind == keepwatch.CallSOAP {
			call.Family = sfmc.SOAPMethod(ev.Family)
		}
	}
	if ev.Outcome != "" {
		call.Outcome = keepwatch.Outcome(ev.Outcome)
		return call, runOutcome("outcome", call.Outcome)
	}
	if ev.HTTPStatus == 0 && ev.Error == "" {
		return call, &fault{"outcome", "is missing", "send outcome, http_status or error"}
	}
	v := sfmc.Said{Kind: call.Kind, Status: ev.HTTPStatus, Error: ev.Error, Text: ev.Error}.Verdict()
	call.Outcome, call.Evidence = v.Outcome, v.Evidence
	return call, nil
}

// runOutcome refuses names that no single call or run can find.
func runOutcome(field string, o keepwatch.Outcome) *fault {
	info := o.Info()
	switch {
	case !o.Known(), info.Confirm == keepwatch.ConfirmJudged, info.Confirm == keepwatch.ConfirmDate,
		slices.Contains([]keepwatch.Outcome{keepwatch.Slow, keepwatch.Flapping, keepwatch.DateContradicted, keepwatch.MonitoringBlind}, o):
		return &fault{field, "is no outcome of a single run", "use a name of docs/outcomes.md"}
	}
	return nil
}

// invalid makes a fault of what the intake refuses; other errors are the store's.
func invalid(err error) (*fault, error) {
	if err != nil && errors.Is(err, keepwatch.ErrInvalid) {
		return &fault{"", "is not as it should be", cmp.Or(keepwatch.HintOf(err), "see docs/events.md")}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the event was not recorded: %w", errors.Join(keepwatch.ErrUnavailable, err))
	}
	return nil, nil
}

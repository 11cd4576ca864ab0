package logs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/repeats"
	"keepwatch/internal/sfmc"
)

const (
	// KeysKept and KeysMost bound the memory of lines that were taken. A line has no key
	// of its own: source, time and text stand for one, so only lines with a time of their
	// own are told apart from repeats.
	KeysKept = 15 * time.Minute
	KeysMost = 200_000
	maxLines = 100_000
	ahead    = 5 * time.Minute
	oldest   = 24 * time.Hour
)

// Source is where lines come from.
type Source struct {
	Name       string
	Tenant     keepwatch.TenantID
	Credential keepwatch.CredentialID
	Holder     string // "" is the source's name
	Format     Format
}

// Sink takes calls. It never blocks and never fails.
type Sink interface{ Saw(keepwatch.Call) }

// Options are what Logs needs.
type Options struct {
	Source func(name string) (Source, bool)
	Hosts  func() sfmc.TenantHosts
	Calls  Sink
	// Count is told what became of lines; nil counts nothing.
	Count func(result string, n int)
}

// Logs takes lines. It may be used by many at a time.
type Logs struct {
	Options
	seen *repeats.Recent
}

// New returns Logs.
func New(o Options) *Logs {
	if o.Count == nil {
		o.Count = func(string, int) {}
	}
	return &Logs{Options: o, seen: repeats.New(KeysKept, KeysMost)}
}

// line is one line and when it was written, as far as its carrier says.
type line struct {
	text string
	at   time.Time
}

// Take takes the lines of a body: plain text, or what Loki takes as JSON where the body's
// type says so.
func (l *Logs) Take(source string, body []byte, isJSON bool, now time.Time) (client.LinesTaken, error) {
	src, ok := l.Source(source)
	if !ok {
		return client.LinesTaken{}, keepwatch.WithHint(fmt.Errorf("there is no source of this name: %w", keepwatch.ErrNotFound), "name it under logs in the configuration")
	}
	lines, err := read(body, isJSON)
	if err != nil {
		return client.LinesTaken{}, err
	}
	var out client.LinesTaken
	for _, one := range lines {
		switch l.one(src, one, now) {
		case "accepted":
			out.Accepted++
		case "repeated":
			out.Repeated++
		default:
			out.Dropped++
		}
	}
	l.Count("accepted", out.Accepted)
	l.Count("repeated", out.Repeated)
	l.Count("dropped", out.Dropped)
	return out, nil
}

func read(body []byte, isJSON bool) ([]line, error) {
	var out []line
	if !isJSON {
		for text := range bytes.Lines(body) {
			if text = bytes.TrimSpace(text); len(text) > 0 {
				out = append(out, line{text: string(text)})
			}
			if len(out) > maxLines {
				return nil, errTooMany
			}
		}
		return out, nil
	}
	var pushed struct {
		Streams []struct {
			Values [][]json.RawMessage `json:"values"`
		} `json:"streams"`
	}
	if json.Unmarshal(body, &pushed) != nil {
		return nil, keepwatch.WithHint(errors.Join(errors.New("the body is not what Loki takes as JSON"), keepwatch.ErrInvalid), `send {"streams":[{"stream":{},"values":[["<nanoseconds>","<line>"]]}]}, or lines as text/plain`)
	}
	for _, s := range pushed.Streams {
		for _, v := range s.Values {
			var nanos, text string
			if len(v) < 2 || json.Unmarshal(v[0], &nanos) != nil || json.Unmarshal(v[1], &text) != nil {
				continue // a value that is none is a line that says nothing
			}
			one := line{text: text}
			if n, err := strconv.ParseInt(nanos, 10, 64); err == nil && n > 0 {
				one.at = time.Unix(0, n).UTC()
			}
			if out = append(out, one); len(out) > maxLines {
				return nil, errTooMany
			}
		}
	}
	return out, nil
}

var errTooMany = keepwatch.WithHint(errors.Join(errors.New("there are too many lines in the body"), keepwatch.ErrInvalid), "send at most 100000 at a time")

// one makes a call of a line.
func (l *Logs) one(src Source, in line, now time.Time) string {
	text := strings.ToValidUTF8(in.text[:min(len(in.text), MaxLine)], "?")
	v, ok := src.Format.read(text)
	if !ok {
		return "dropped"
	}
	call := keepwatch.Call{
		Via: keepwatch.ViaLog, Tenant: src.Tenant, Credential: src.Credential, Holder: src.Holder, ClientID: v.clientID,
		Kind: keepwatch.CallREST, Status: v.status, Took: v.took,
	}
	if call.Holder == "" {
		call.Holder = src.Name
	}
	if v.kind != "" {
		call.Kind = v.kind
	}
	if v.url != "" {
		u, err := url.Parse(v.url)
		if err != nil {
			return "dropped"
		}
		route, ours := l.Hosts().Route(u.Host, u.Path)
		if u.Host != "" && (!ours || route.Tenant != src.Tenant) {
			return "dropped" // a call of somebody else
		}
		if ours {
			call.Kind, call.Family = route.Kind, route.Family
		} else if strings.HasSuffix(strings.ToLower(u.Path), "/v2/token") {
			call.Kind = keepwatch.CallToken
		}
	}
	at, dated := timeOf(v.time)
	switch {
	case dated:
	case !in.at.IsZero():
		at, dated = in.at, true
	default:
		at = now
	}
	if at.After(now.Add(ahead)) || at.Before(now.Add(-oldest)) {
		return "dropped"
	}
	said := sfmc.Said{Kind: call.Kind, Status: v.status, Error: v.code, Code: v.code, Text: v.message}
	verdict := said.Verdict()
	if v.status == 0 && verdict.Outcome == keepwatch.ConnectFailure && !sfmc.BreaksConnection(v.message+" "+v.code) {
		if v.kind != keepwatch.CallToken {
			return "dropped" // it says nothing of how a call went
		}
		verdict.Outcome = keepwatch.UnexpectedResponse // refused, in words that say no more
	}
	if dated {
		call.Key = keepwatch.Digest("log", src.Name, strconv.FormatInt(at.UnixNano(), 10), text)
		if !l.seen.First(call.Key, now) {
			return "repeated"
		}
	}
	call.At, call.Outcome, call.Evidence = at.UTC().Truncate(time.Millisecond), verdict.Outcome, verdict.Evidence
	l.Calls.Saw(call)
	return "accepted"
}

// layouts are forms of a time. One without a zone is in UTC.
var layouts = []string{
	time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999 -0700", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999",
	"2006/01/02 15:04:05", "02/Jan/2006:15:04:05 -0700",
}

func timeOf(s string) (time.Time, bool) {
	s = strings.Replace(strings.TrimSpace(s), ",", ".", 1)
	for _, layout := range layouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

package traffic

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"keepwatch"
)

// line is what one holder does with one credential: the window that is open, and
// what has to be remembered beyond it.
type line struct {
	credential keepwatch.CredentialID
	tenant     keepwatch.TenantID
	holder     string

	tally    keepwatch.Tally
	opened   time.Time // our clock, when the window's first call came; zero while it is empty
	busy     bool      // the window tells of tokens or failures
	urgent   bool
	lastCall time.Time // our clock
	hurried  []time.Time

	evidence   string // of the newest refused token request of the window
	tries      int    // token requests since the newest success
	triedAt    time.Time
	failing    bool // the newest token request was refused
	tokenAt    time.Time
	retryAfter time.Duration
	refused    map[family]refusal // calls refused with 401 that wait for a new token
	secrets    []keepwatch.Fingerprint
	scopes     string
}

type family struct {
	kind keepwatch.CallKind
	name string
}

type refusal struct {
	at    time.Time
	n     int
	early bool // the token was younger than tokenYoung
	renew bool // a new token was granted since
}

const (
	// healWithin is how long after a 401 the same kind of call must go through.
	healWithin = time.Minute
	// tokenYoung is an age at which no token ends by itself: SFMC's live for 18 to 20
	// minutes. A client that only notices the end by a 401 is no trouble.
	tokenYoung = 15 * time.Minute
)

func (ln *line) lose(c *keepwatch.Call, now time.Time) {
	ln.open(c, now)
	ln.tally.Lost += c.Count
}

func (ln *line) open(c *keepwatch.Call, now time.Time) {
	ln.lastCall = now
	if ln.opened.IsZero() {
		ln.opened = now
	}
	t := &ln.tally
	if t.From.IsZero() || c.At.Before(t.From) {
		t.From = c.At
	}
	if end := c.At.Add(max(c.Took, 0)); end.After(t.To) {
		t.To = c.At
		if !end.After(now) {
			t.To = end
		}
	}
	if !slices.Contains(t.Via, c.Via) && len(t.Via) < 8 {
		t.Via = append(t.Via, c.Via)
	}
}

// add adds one call up and reports whether it is a change that should be known at
// once.
func (ln *line) add(c *keepwatch.Call, ours keepwatch.Fingerprint, now time.Time) bool {
	ln.open(c, now)
	urgent := false
	ln.tally.Compared = ours != ""
	if c.Kind == keepwatch.CallToken {
		urgent = ln.token(c, ours)
		ln.busy = true
	} else {
		ln.call(c)
		ln.busy = ln.busy || c.Outcome != keepwatch.OK
	}
	if !urgent || ln.urgent {
		return urgent
	}
	ln.hurried = slices.DeleteFunc(ln.hurried, func(t time.Time) bool { return now.Sub(t) >= time.Minute })
	if len(ln.hurried) >= hasty {
		return false
	}
	ln.hurried = append(ln.hurried, now)
	ln.urgent = true
	return true
}

// token adds a request for a token up.
func (ln *line) token(c *keepwatch.Call, ours keepwatch.Fingerprint) (urgent bool) {
	r := &ln.tally.Tokens
	r.Requests += c.Count
	r.Took += min(max(c.Took, 0), time.Hour) * time.Duration(min(c.Count, 1000))
	urgent = ln.uses(c, ours)
	ln.giveUp(c.At)
	ln.triedAt = later(ln.triedAt, c.At)
	if c.Outcome != keepwatch.OK {
		if r.Failed == nil {
			r.Failed = map[keepwatch.Outcome]int{}
		}
		r.Failed[c.Outcome] += c.Count
		if !c.At.Before(r.LastFailed) {
			r.LastFailed, r.LastWhy = c.At, c.Outcome
			ln.evidence, ln.retryAfter = why(c), c.RetryAfter
		}
		ln.tries += c.Count
		first := !ln.failing
		ln.failing = true
		return urgent || first
	}
	r.OK += c.Count
	r.LastOK = later(r.LastOK, c.At)
	r.Cycles += c.Count
	r.Attempts += c.Count + ln.tries
	if ln.tries > 0 {
		r.Masked++
	}
	back := ln.failing
	ln.tries, ln.failing = 0, false
	ln.tokenAt = later(ln.tokenAt, c.At)
	for key, ref := range ln.refused {
		if c.At.Sub(ref.at) > healWithin {
			delete(ln.refused, key)
			continue
		}
		ref.renew = true
		ln.refused[key] = ref
	}
	return ln.granted(c) || urgent || back
}

// giveUp ends a cycle whose client has stopped asking.
func (ln *line) giveUp(at time.Time) bool {
	if ln.tries == 0 || at.Sub(ln.triedAt) < GivenUpAfter {
		return false
	}
	ln.tally.Tokens.GivenUp++
	ln.tries = 0
	return true
}

// uses notes which secret a token request showed.
func (ln *line) uses(c *keepwatch.Call, ours keepwatch.Fingerprint) (fresh bool) {
	if c.Secret == "" {
		return false
	}
	if len(c.Secret) > maxText {
		ln.tally.Lost += c.Count
		return false
	}
	uses := &ln.tally.Uses
	i := slices.IndexFunc(*uses, func(u keepwatch.SecretUse) bool { return u.Secret == c.Secret })
	if i < 0 {
		if len(*uses) >= maxSecrets {
			ln.tally.Lost += c.Count
			return false
		}
		*uses = append(*uses, keepwatch.SecretUse{Secret: c.Secret})
		i = len(*uses) - 1
	}
	u := &(*uses)[i]
	u.Count += c.Count
	u.Ours = ours != "" && c.Secret == ours
	ok := c.Outcome == keepwatch.OK
	if !c.At.Before(u.At) {
		u.At, u.OK = c.At, ok
	}
	if ok {
		u.Accept = later(u.Accept, c.At)
	}
	if slices.Contains(ln.secrets, c.Secret) {
		return false
	}
	if ln.secrets = append(ln.secrets, c.Secret); len(ln.secrets) > maxSecrets {
		ln.secrets = ln.secrets[1:]
	}
	return true
}

// granted notes the scopes of a token and reports whether they are others than
// the last time.
func (ln *line) granted(c *keepwatch.Call) bool {
	if len(c.Scopes) == 0 {
		return false
	}
	scopes := make([]string, 0, min(len(c.Scopes), maxScopes))
	for _, s := range c.Scopes[:min(len(c.Scopes), maxScopes)] {
		scopes = append(scopes, clip(s))
	}
	slices.Sort(scopes)
	scopes = slices.Compact(scopes)
	ln.tally.Scopes = scopes
	was := ln.scopes
	ln.scopes = strings.Join(scopes, " ")
	return was != "" && was != ln.scopes
}

// call adds a call of an API up.
func (ln *line) call(c *keepwatch.Call) {
	key := family{c.Kind, clip(c.Family)}
	ln.heal(c, key)
	class := ClassOf(c.Status)
	calls := &ln.tally.Calls
	i := slices.IndexFunc(*calls, func(n keepwatch.CallCount) bool {
		return n.Kind == key.kind && n.Family == key.name && n.Class == class && n.Outcome == c.Outcome
	})
	if i < 0 {
		if len(*calls) >= maxCounts {
			ln.tally.Lost += c.Count
			return
		}
		*calls = append(*calls, keepwatch.CallCount{Kind: key.kind, Family: key.name, Class: class, Outcome: c.Outcome})
		i = len(*calls) - 1
	}
	n := &(*calls)[i]
	took := min(max(c.Took, 0), time.Hour)
	n.Count += c.Count
	n.Took += took * time.Duration(min(c.Count, 1000))
	n.Slowest = max(n.Slowest, took)
}

// heal follows a 401 through a new token to the call that went through.
func (ln *line) heal(c *keepwatch.Call, key family) {
	ref, waits := ln.refused[key]
	switch {
	case c.Status == 401 || c.Outcome == keepwatch.TokenRejected:
		if ln.refused == nil {
			ln.refused = map[family]refusal{}
		}
		if !waits && len(ln.refused) >= maxCounts {
			return
		}
		if waits && c.At.Sub(ref.at) <= healWithin && !ref.renew {
			ref.n += c.Count
			ln.refused[key] = ref
			return
		}
		early := !ln.tokenAt.IsZero() && c.At.Sub(ln.tokenAt) < tokenYoung
		ln.refused[key] = refusal{at: c.At, n: c.Count, early: early}
	case waits && c.Outcome == keepwatch.OK:
		if c.At.Sub(ref.at) > healWithin {
			delete(ln.refused, key)
			return
		}
		if !ref.renew {
			return // a call beside it, with another token
		}
		ln.tally.Tokens.Healed += ref.n
		if ref.early {
			ln.tally.Tokens.Early++
		}
		ln.busy = true
		delete(ln.refused, key)
	}
}

// ClassOf is the class of an HTTP status: "2xx" to "5xx", "none" without an answer.
func ClassOf(status int) string {
	if status < 100 || status > 599 {
		return "none"
	}
	return strconv.Itoa(status/100) + "xx"
}

// why is what SFMC said of a refused token request, with its status.
func why(c *keepwatch.Call) string {
	text := c.Evidence
	if c.Status > 0 && !strings.Contains(text, strconv.Itoa(c.Status)) {
		text = strings.TrimSpace(strconv.Itoa(c.Status) + " " + text)
	}
	return clip(cmp.Or(text, string(c.Outcome)))
}

func clip(s string) string {
	if len(s) <= maxText {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	return strings.ToValidUTF8(s[:maxText-3], "") + "…"
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

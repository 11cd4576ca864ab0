package keepwatch

import (
	"cmp"
	"time"
)

// Via is how a call of a holder became known.
type Via string

const (
	ViaGateway Via = "gateway" // it went through us
	ViaSpan    Via = "span"    // the holder traces its calls
	ViaEvent   Via = "event"   // the holder, or somebody beside it, said so
	ViaLog     Via = "log"     // a line of its log
)

// Fingerprint tells secrets apart without knowing them: a digest under a key that
// is not in the database. Two fingerprints compare only under one key. "" is
// unknown.
type Fingerprint string

// CallKind is what a call asked SFMC for.
type CallKind string

const (
	CallToken CallKind = "token" // POST /v2/token, or a SOAP login that stands for it
	CallREST  CallKind = "rest"
	CallSOAP  CallKind = "soap"
)

// Call is one HTTP exchange of a holder with SFMC, as somebody beside it saw it.
// It has no body and no secret.
type Call struct {
	Via Via
	// Key is the reporter's own, where a report may come twice; "" is never a repeat.
	Key string

	Tenant     TenantID
	Credential CredentialID // "" while nobody knows which
	ClientID   string       // of a token request; tells who asked where the credential is not registered
	Unit       MID          // account_id of a token request: tells credentials of one client id apart; 0 where it named none
	Holder     string       // as the inventory names it, else as the reporter does; "" is unknown

	Kind   CallKind
	Family string // first part of a REST path ("messaging", "hub"), or the SOAP method ("Retrieve"); "" of a token request
	Status int    // HTTP; 0 when no answer came

	Outcome    Outcome
	Evidence   string // redacted, short: error code and words of SFMC's answer
	At         time.Time
	Took       time.Duration
	RetryAfter time.Duration // what SFMC asked for; 0 when it did not

	Secret Fingerprint // of the secret in a token request
	Scopes []string    // granted, from a token answer

	// Count is how many like calls it stands for, such as an aggregated event; 0 means one.
	Count int
}

// Tally is what the calls of one holder with one credential added up to in a
// window of some seconds. An observation of real traffic carries one.
type Tally struct {
	Holder string    `json:"holder,omitzero"`
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Via    []Via     `json:"via"`

	Tokens Refreshes   `json:"tokens,omitzero"`
	Calls  []CallCount `json:"calls,omitempty"` // by family and outcome, REST and SOAP
	Uses   []SecretUse `json:"uses,omitempty"`  // which secret the token requests showed
	Scopes []string    `json:"scopes,omitempty"`
	Lost   int         `json:"lost,omitzero"` // calls that went by uncounted, because there was no room

	// Compared: the configured secret is known, so that SecretUse.Ours says something.
	Compared bool `json:"compared,omitzero"`
}

// Refreshes counts requests for a token. A cycle is what a client does until it has
// one: from the first request after a success to the next success.
type Refreshes struct {
	Requests int             `json:"requests,omitzero"`
	OK       int             `json:"ok,omitzero"`
	Failed   map[Outcome]int `json:"failed,omitempty"`

	Cycles   int `json:"cycles,omitzero"`   // that ended in a success …
	Attempts int `json:"attempts,omitzero"` // … and the requests that it took
	Masked   int `json:"masked,omitzero"`   // cycles that needed more than one
	GivenUp  int `json:"given_up,omitzero"` // cycles that ended without one: the client stopped asking
	Healed   int `json:"healed,omitzero"`   // calls refused with 401 that a new token brought through …
	Early    int `json:"early,omitzero"`    // … and the tokens among them that had died before their time

	LastOK     time.Time     `json:"last_ok,omitzero"`
	LastFailed time.Time     `json:"last_failed,omitzero"`
	LastWhy    Outcome       `json:"last_why,omitzero"`
	Took       time.Duration `json:"took,omitzero"` // of all of them together
}

// CallCount counts calls of one family that ended alike.
type CallCount struct {
	Kind    CallKind      `json:"kind"`
	Family  string        `json:"family,omitzero"`
	Class   string        `json:"class"` // "2xx" … "5xx"; "none" without an answer
	Outcome Outcome       `json:"outcome"`
	Count   int           `json:"count"`
	Took    time.Duration `json:"took,omitzero"`
	Slowest time.Duration `json:"slowest,omitzero"`
}

// SecretUse is one secret as a holder used it.
type SecretUse struct {
	Secret Fingerprint `json:"secret"`
	At     time.Time   `json:"at"` // newest
	Count  int         `json:"count"`
	OK     bool        `json:"ok"`                   // the newest was accepted
	Accept time.Time   `json:"accepted_at,omitzero"` // newest that was accepted
	Ours   bool        `json:"ours,omitzero"`        // it is the configured one
}

// TrafficSeries names the line of observations of one holder's traffic with a
// credential. An unknown holder has a line of its own.
func TrafficSeries(credential CredentialID, holder string) SeriesID {
	return SeriesOf(CheckID("traffic:"+string(credential)), cmp.Or(holder, "unknown"))
}

// Lived is what is remembered of one holder's traffic with a credential. It is part
// of the series of TrafficSeries.
type Lived struct {
	Holder  string    `json:"holder,omitzero"`
	Via     []Via     `json:"via,omitempty"`
	FirstAt time.Time `json:"first_at,omitzero"`
	LastAt  time.Time `json:"last_at,omitzero"` // newest call

	Fine   []Span `json:"fine,omitempty"`   // of 5 minutes, the last hour
	Middle []Span `json:"middle,omitempty"` // of 30 minutes, the last 6 hours
	Coarse []Span `json:"coarse,omitempty"` // of 6 hours, the last 3 days

	LastOK     time.Time `json:"last_ok,omitzero"` // newest token
	LastFailed time.Time `json:"last_failed,omitzero"`
	LastWhy    Outcome   `json:"last_why,omitzero"`
	Evidence   string    `json:"evidence,omitzero"` // of the newest refused token request

	Refused *Denied     `json:"refused,omitempty"` // token requests that fail, since the newest success
	Denied  []Denied    `json:"denied,omitempty"`  // API calls that are refused, by family, since its newest success
	Masking Masking     `json:"masking,omitzero"`
	Uses    []SecretUse `json:"uses,omitempty"`
	Scopes  []string    `json:"scopes,omitempty"`
	Lost    int         `json:"lost,omitzero"`
}

// Span is what one stretch of time held.
type Span struct {
	Start    int64 `json:"s"` // minutes since 1970
	Requests int   `json:"r,omitzero"`
	Failed   int   `json:"f,omitzero"`
	Excused  int   `json:"x,omitzero"` // of the failed: an incident of something larger explains them
	Bad      int   `json:"y,omitzero"` // of the cycles, masked or given up, and not excused
	Cycles   int   `json:"c,omitzero"`
	Attempts int   `json:"a,omitzero"`
	Masked   int   `json:"m,omitzero"`
	GivenUp  int   `json:"g,omitzero"`
	Healed   int   `json:"h,omitzero"`
	Calls    int   `json:"n,omitzero"`
	CallsBad int   `json:"b,omitzero"`
}

// Denied is a row of failures with no success between them.
type Denied struct {
	Outcome Outcome   `json:"outcome"`
	Kind    CallKind  `json:"kind,omitzero"` // of API calls
	Family  string    `json:"family,omitzero"`
	Since   time.Time `json:"since"`
	Last    time.Time `json:"last"`
	Count   int       `json:"count"`
}

// Masking is the evidence that retries hide failures: see detect.Mask.
type Masking struct {
	Sum      float64   `json:"sum,omitzero"`
	From     time.Time `json:"from,omitzero"` // when the evidence began
	Cycles   int       `json:"cycles,omitzero"`
	Attempts int       `json:"attempts,omitzero"`
	Masked   int       `json:"masked,omitzero"`
	Early    int       `json:"early,omitzero"` // tokens that died before their time
	Clean    int       `json:"clean,omitzero"` // cycles in a row, newest
	Alarm    bool      `json:"alarm,omitzero"`
}

// TrafficProof says who proved a credential, where it was not its own test.
type TrafficProof struct {
	At     time.Time `json:"at"`
	Via    Via       `json:"via"`
	Holder string    `json:"holder,omitzero"`
}

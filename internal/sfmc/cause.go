package sfmc

import (
	"strings"

	"keepwatch"
)

// Surface is a part of the interface that answers in its own way.
type Surface uint8

// The surfaces. A cause may be seen on several.
const (
	OnToken    Surface = 1 << iota // POST /v2/token
	OnLegacy                       // POST /v1/requestToken
	OnIdentity                     // userinfo, tokenContext
	OnREST                         // REST resources
	OnSOAP                         // SOAP with a token
	OnLogin                        // SOAP with user name and password
	OnWire                         // below the interface: the connection or the shape of the answer

	onAuth    = OnToken | OnLegacy
	onBearer  = OnIdentity | OnREST
	onAnySOAP = OnSOAP | OnLogin
	onJSON    = onAuth | onBearer
	onAny     = onJSON | onAnySOAP
)

// Match says which answer is this cause. Empty fields match everything; a Match
// with neither Error, Text nor Code is a fallback by status, tried last.
type Match struct {
	On     Surface
	Status int    // HTTP status; 0 means any
	Error  string // OAuth "error" values, separated by |
	Text   string // substrings, lower case, separated by |: of error_description, message, faultstring or OverallStatus
	Code   string // errorcode or apifault code values, separated by |
}

func (m Match) fallback() bool { return m.Error == "" && m.Text == "" && m.Code == "" }

// Cause is one row of the catalogue: something that goes wrong, how it looks,
// and what to do.
type Cause struct {
	Name    string
	Outcome keepwatch.Outcome
	Source  string // public document or recording that shows it
	Assumed bool   // the literal answer is not known; the message says "probably"
	Message string // one sentence
	Hint    string // the next click
	Fault   string // the simulator's fault that produces it
	Variant string // of that fault; "" is its default form
	// LooksLike names the cause whose answer is the same, so that this one cannot
	// be read from the answer alone; something else has to tell them apart.
	LooksLike string
	// Ambiguous: the same answer has two meanings, and the identity route decides.
	Ambiguous bool
	Match     Match
}

// Catalogue is every cause that Keepwatch can name, in the order of matching.
var Catalogue = concat(tokenCauses, restCauses, soapCauses, wireCauses)

func concat(parts ...[]Cause) []Cause {
	var all []Cause
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

var causeIndex = func() map[string]*Cause {
	m := make(map[string]*Cause, len(Catalogue))
	for i := range Catalogue {
		m[Catalogue[i].Name] = &Catalogue[i]
	}
	return m
}()

// CauseByName returns a row of the catalogue.
func CauseByName(name string) (Cause, bool) {
	c, ok := causeIndex[name]
	if !ok {
		return Cause{}, false
	}
	return *c, true
}

// mustCause is for names that stand in this package; a test walks all of them.
func mustCause(name string) *Cause {
	if c, ok := causeIndex[name]; ok {
		return c
	}
	return causeIndex["malformed_body"]
}

// failure is what was recognised in an error answer.
type failure struct {
	status int
	oauth  string // "error"
	text   string // description or message, as sent
	code   string // errorcode
	parsed bool   // the body was an envelope that the interface knows
}

// find returns the first row that fits: by what the answer says first, by its
// status second.
func find(on Surface, f failure) *Cause {
	lower := strings.ToLower(f.text)
	for _, fallback := range []bool{false, true} {
		for i := range Catalogue {
			m := &Catalogue[i].Match
			if m.On&on != 0 && m.fallback() == fallback && m.fits(f, lower) {
				return &Catalogue[i]
			}
		}
	}
	return nil
}

func (m *Match) fits(f failure, lowerText string) bool {
	switch {
	case m.Status != 0 && m.Status != f.status,
		m.Status == 0 && m.fallback(),
		m.Error != "" && !oneOf(m.Error, f.oauth),
		m.Code != "" && !oneOf(m.Code, f.code):
		return false
	}
	return m.Text == "" || containsAny(lowerText, m.Text)
}

func oneOf(list, value string) bool {
	for want := range strings.SplitSeq(list, "|") {
		if want == value {
			return true
		}
	}
	return false
}

func containsAny(s, list string) bool {
	for part := range strings.SplitSeq(list, "|") {
		if strings.Contains(s, part) {
			return true
		}
	}
	return false
}

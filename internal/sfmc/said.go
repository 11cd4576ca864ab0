package sfmc

import (
	"regexp"
	"strconv"
	"strings"

	"keepwatch"
)

// Said is what a caller tells of an exchange with SFMC that it had itself. Its body is
// not there; mostly it is a status, a word for what broke, or a line of a log.
type Said struct {
	Kind   keepwatch.CallKind
	Status int    // 0: no answer came, or nobody said
	Error  string // what broke: error.type of a span, the code of an exception
	Code   string // SFMC's own errorcode
	Text   string // words of the answer, foreign and long
}

const mostSaid = 2000 // bytes of a text that are looked at

// Verdict names what a caller tells, by its words first and by its status second. The
// evidence holds the caller's words only where they are SFMC's own, and then redacted.
func (s Said) Verdict() Verdict {
	s.Text, s.Error = s.Text[:min(len(s.Text), mostSaid)], s.Error[:min(len(s.Error), 200)]
	f := failure{status: s.Status, text: s.Text, code: s.Code, oauth: oauthWord(s.Error + " " + s.Text), parsed: true}
	on := s.surface()
	if lower := strings.ToLower(s.Text); f.oauth == "" && (strings.Contains(lower, "client authentication failed") || strings.Contains(lower, "invalid client id")) {
		f.oauth = "invalid_client" // clients log the description without the error that it goes with
	}
	if said := s.Text != "" || s.Code != "" || f.oauth != ""; said {
		if c := find(on, f); c != nil && !c.Match.fallback() {
			return c.verdict(s.Status, saidEvidence(f, c))
		}
	}
	switch {
	case s.Status >= 200 && s.Status < 300:
		return Verdict{Outcome: keepwatch.OK, HTTPStatus: s.Status}
	case s.Status == 0:
		return Verdict{Outcome: brokenBy(s.Error + " " + s.Text), Message: "The caller got no answer.", Evidence: plainWord(s.Error)}
	}
	r := Reply{On: on, Status: s.Status}
	return r.causeOf(f, "").verdict(s.Status, saidEvidence(f, nil))
}

func (s Said) surface() Surface {
	switch s.Kind {
	case keepwatch.CallToken:
		return OnToken
	case keepwatch.CallSOAP:
		return OnSOAP | OnLogin
	}
	return OnREST
}

var oauthWords = regexp.MustCompile(`\b(invalid_client|invalid_grant|invalid_scope|invalid_request|invalid_token|unauthorized_client|unsupported_grant_type|access_denied)\b`)

func oauthWord(s string) string { return oauthWords.FindString(s) }

// saidEvidence repeats what SFMC's own vocabulary has of a text, and not the text: a
// line of a log may hold anything.
func saidEvidence(f failure, c *Cause) string {
	parts := []string{}
	if f.status != 0 {
		parts = append(parts, "HTTP "+strconv.Itoa(f.status))
	}
	if f.oauth != "" {
		parts = append(parts, f.oauth)
	}
	if c != nil && c.Match.Text != "" {
		lower := strings.ToLower(f.text)
		for known := range strings.SplitSeq(c.Match.Text, "|") {
			if strings.Contains(lower, known) {
				parts = append(parts, `"`+known+`"`)
				break
			}
		}
	}
	return strings.Join(parts, " ")
}

// breaks are words for what breaks below HTTP, in the languages that integrations are
// written in: Node's codes, Python's and Java's classes, Go's and curl's texts.
var breaks = []struct {
	outcome keepwatch.Outcome
	words   []string
}{
	{keepwatch.DNSFailure, []string{"enotfound", "eai_again", "unknownhost", "no such host", "name or service not known", "nameresolution", "getaddrinfo", "could not resolve", "gaierror", "name not resolved"}},
	{keepwatch.TLSFailure, []string{"x509", "certificate", "sslerror", "sslexception", "sslhandshake", "tls", "ssl", "secure channel"}},
	{keepwatch.Timeout, []string{"etimedout", "timeout", "timed out", "timedout", "deadline", "econnaborted"}},
	{keepwatch.ConnectionReset, []string{"econnreset", "reset", "socket hang up", "broken pipe", "epipe", "unexpected eof", "eof", "remotedisconnected", "connection aborted"}},
	{keepwatch.ConnectFailure, []string{"econnrefused", "ehostunreach", "enetunreach", "refused", "unreachable", "connect"}},
}

// brokenBy names what broke by the words for it; what nobody can name is a connection
// that did not come about.
func brokenBy(said string) keepwatch.Outcome {
	lower := strings.ToLower(said)
	for _, b := range breaks {
		for _, w := range b.words {
			if strings.Contains(lower, w) {
				return b.outcome
			}
		}
	}
	return keepwatch.ConnectFailure
}

// BreaksConnection reports whether a text has a word for what breaks below HTTP.
func BreaksConnection(said string) bool {
	lower := strings.ToLower(said[:min(len(said), mostSaid)])
	for _, b := range breaks {
		for _, w := range b.words {
			if w != "connect" && w != "certificate" && w != "reset" && w != "tls" && w != "ssl" && w != "eof" && strings.Contains(lower, w) {
				return true
			}
		}
	}
	return false
}

var plainWords = regexp.MustCompile(`^[A-Za-z][A-Za-z_.]{1,60}$`)

// plainWord lets a class or code of an error through, and nothing that could be more.
func plainWord(s string) string {
	if plainWords.MatchString(s) && !opaque(s) {
		return s
	}
	return ""
}

package sfmc

import (
	"bytes"
	"cmp"
	"mime"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"keepwatch"
)

// Reply is one HTTP answer as Classify looks at it.
type Reply struct {
	On          Surface
	Status      int
	ContentType string
	RetryAfter  string
	Location    string
	Body        []byte
	TooLarge    bool      // the body went past the limit and was not read to its end
	Now         time.Time // for Retry-After as a date
	Hide        [][]byte  // secrets of the request, never to be shown
	Promise     []string  // REST: one of these keys has to be there; nil takes any object or array
	Limit       int64     // of the body; 0 is maxBody
}

func (r Reply) limit() int64 { return cmp.Or(r.Limit, maxBody) }

// Classify names an answer: by what it says first, by its status second. It is
// ok only when the fields that the surface promises are there.
func Classify(r Reply) Verdict {
	switch {
	case r.TooLarge:
		return r.wire("huge", "more than "+strconv.FormatInt(r.limit(), 10)+" bytes")
	case r.Status < 200 || r.Status > 599:
		return r.wire("unknown_status", "")
	case r.Status >= 300 && r.Status < 400:
		return r.redirect()
	case r.Status >= 300:
		return r.failure()
	}
	return r.success()
}

func (r Reply) success() Verdict {
	switch r.On {
	case OnToken:
		_, v := parseToken(r)
		return v
	case OnLegacy:
		_, v := parseLegacyToken(r)
		return v
	case OnIdentity:
		_, v := parseIdentity(r)
		return v
	case OnSOAP, OnLogin:
		_, v := parseSOAP(r)
		return v
	}
	return classifyREST(r)
}

func (r Reply) ok() Verdict { return Verdict{Outcome: keepwatch.OK, HTTPStatus: r.Status} }

// wire names an answer whose shape is wrong. Its body is never quoted.
func (r Reply) wire(cause, detail string) Verdict {
	return mustCause(cause).verdict(r.Status, evidence(detail, r.Hide))
}

func (r Reply) redirect() Verdict {
	target := "HTTP " + strconv.Itoa(r.Status)
	if u, err := url.Parse(r.Location); err == nil && u.Host != "" {
		target += " to " + u.Host // path and query may carry what was sent
	}
	return r.wire("redirect", target)
}

// failure names an answer outside 2xx.
func (r Reply) failure() Verdict {
	f, shape := r.envelope()
	cause := r.causeOf(f, shape)
	v := cause.verdict(r.Status, r.describe(f, shape))
	v.RetryAfter = r.wait(cause)
	return v
}

func (r Reply) causeOf(f failure, shape string) *Cause {
	if r.Status >= 500 && (r.On&onAnySOAP == 0 || !f.parsed) && mentionsMaintenance(f, shape, r.Body) {
		return mustCause("maintenance")
	}
	soft := r.Status >= 500 || r.Status == 429 || (r.Status == 404 && shape == "empty_body")
	if f.parsed || soft {
		if c := find(r.On, f); c != nil {
			return c
		}
	}
	switch {
	case r.Status >= 500:
		return mustCause("unavailable")
	case f.parsed:
		return mustCause("unknown_status")
	}
	return mustCause(shape)
}

func mentionsMaintenance(f failure, shape string, body []byte) bool {
	said := f.text
	if shape != "" { // a page of a gateway: look at its beginning
		said = string(body[:min(len(body), 4096)])
	}
	return strings.Contains(strings.ToLower(said), "maintenance")
}

// wait reads Retry-After where waiting is the answer.
func (r Reply) wait(c *Cause) time.Duration {
	switch c.Outcome {
	case keepwatch.RateLimited, keepwatch.TemporarilyBlocked, keepwatch.PlatformError, keepwatch.Maintenance:
	default:
		return 0
	}
	if r.RetryAfter != "" {
		return RetryAfter(r.RetryAfter, r.Now)
	}
	body := []field{{key: "retryAfter"}}
	if !valid(r.Body) || pick(r.Body, body) != nil {
		return 0
	}
	return RetryAfter(scalar(body[0].value), r.Now)
}

// describe is the evidence of a failure: recognised fields only.
func (r Reply) describe(f failure, shape string) string {
	said := strings.TrimSpace(f.oauth + " " + f.code)
	switch {
	case said != "" && f.text != "":
		said += ": " + f.text
	case said == "":
		said = f.text
	}
	if said == "" {
		said = strings.TrimSpace(strings.ReplaceAll(shape, "_", " ") + " " + r.mediaType())
	}
	return evidence("HTTP "+strconv.Itoa(r.Status)+" "+said, r.Hide)
}

// envelope recognises every form in which SFMC says no. shape is "" or the wire
// cause that tells what the body is instead.
func (r Reply) envelope() (f failure, shape string) {
	f.status = r.Status
	if shape = r.badShape(); shape != "" {
		if r.On&onAnySOAP != 0 && shape == "malformed_body" && string(bytes.TrimSpace(r.Body)) == "Bad Request" {
			f.oauth, f.parsed = "plain:Bad Request", true
			return f, ""
		}
		return f, shape
	}
	if r.On&onAnySOAP != 0 {
		e, err := parseEnvelope(r.Body)
		if err != nil {
			return f, shapeOf(err)
		}
		return e.failure(r.Status), ""
	}
	return jsonFailure(r.Body, f)
}

// badShape looks at the body before anybody reads it as data.
func (r Reply) badShape() string {
	body := trimBOM(bytes.TrimSpace(r.Body))
	switch {
	case len(body) == 0:
		return "empty_body"
	case looksUTF16(r.Body):
		return "wrong_encoding"
	case looksHTML(body) || strings.EqualFold(r.mediaType(), "text/html"):
		if r.mediaType() == "text/html" && !looksHTML(body) {
			return "wrong_type"
		}
		return "html"
	case r.On&onAnySOAP != 0 && body[0] == '<':
		return ""
	case r.On&onAnySOAP == 0 && valid(body):
		return ""
	case !utf8.Valid(body):
		return "wrong_encoding"
	}
	return "malformed_body"
}

// badType tells whether a good answer comes under a type that SFMC does not send.
// An absent type is let pass: old stacks leave it out.
func (r Reply) badType() bool {
	t := r.mediaType()
	switch {
	case t == "":
		return false
	case r.On&onAnySOAP != 0:
		return t != "text/xml" && t != "application/soap+xml" && t != "application/xml"
	}
	return t != "application/json" && t != "text/json" && !strings.HasSuffix(t, "+json")
}

func (r Reply) mediaType() string {
	// The exact values that SFMC sends, without a parse.
	switch r.ContentType {
	case "application/json", "application/json; charset=utf-8", "application/json;charset=UTF-8", "application/json; charset=UTF-8":
		return "application/json"
	}
	t, _, err := mime.ParseMediaType(r.ContentType)
	if err != nil && t == "" {
		return strings.ToLower(strings.TrimSpace(strings.Split(r.ContentType, ";")[0]))
	}
	return t
}

func trimBOM(b []byte) []byte { return bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")) }

func looksUTF16(b []byte) bool {
	if bytes.HasPrefix(b, []byte{0xff, 0xfe}) || bytes.HasPrefix(b, []byte{0xfe, 0xff}) {
		return true
	}
	return len(b) >= 4 && (b[0] == 0 || b[1] == 0) && (b[2] == 0 || b[3] == 0)
}

func looksHTML(b []byte) bool {
	if b[0] != '<' {
		return false
	}
	head := bytes.ToLower(b[:min(len(b), 1024)])
	return bytes.Contains(head, []byte("<html")) || bytes.Contains(head, []byte("<!doctype html"))
}

// jsonFailure reads the JSON envelopes: OAuth, REST, errors[], validationErrors[].
func jsonFailure(body []byte, f failure) (failure, string) {
	want := []field{
		{key: "error"}, {key: "error_description"}, {key: "message"}, {key: "errorcode"},
		{key: "errors"}, {key: "validationErrors"}, {key: "errorCode"}, {key: "additionalErrors"},
	}
	if err := pick(trimBOM(bytes.TrimSpace(body)), want); err != nil {
		return f, shapeOf(err)
	}
	f.oauth, f.text, f.code = text(want[0].value), text(want[1].value), scalar(want[3].value)
	if f.text == "" {
		f.text = text(want[2].value)
	}
	if f.code == "" {
		f.code = scalar(want[6].value)
	}
	for _, i := range []int{4, 5, 7} { // the lists
		if entry := first(want[i].value); entry != nil && f.oauth == "" {
			f = listFailure(f, want[i].key+"[]", entry)
		}
	}
	f.parsed = f.oauth != "" || f.code != "" || f.text != ""
	if !f.parsed {
		return f, "missing_fields"
	}
	return f, ""
}

// listFailure takes the first entry of a list of errors for its words.
func listFailure(f failure, name string, entry []byte) failure {
	one := []field{{key: "message"}, {key: "errorCode"}, {key: "errorcode"}}
	if pick(entry, one) != nil {
		return f
	}
	if f.text == "" {
		f.text = text(one[0].value)
	}
	if f.code != "" || name == "additionalErrors[]" {
		return f
	}
	f.oauth = name
	if f.code = scalar(one[1].value); f.code == "" {
		f.code = scalar(one[2].value)
	}
	return f
}

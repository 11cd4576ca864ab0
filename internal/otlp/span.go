package otlp

import (
	"encoding/hex"
	"net/url"
	"strconv"
	"strings"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"keepwatch"
	"keepwatch/internal/sfmc"
)

const (
	maxAttributes = 256  // of one span or resource; the ones after it are not looked at
	maxText       = 2048 // of an attribute's value
	maxName       = 200
	maxTook       = 24 * time.Hour

	ahead  = 5 * time.Minute // how far clocks may differ
	oldest = 24 * time.Hour  // a call from before changes nothing any more
)

// Result is what became of a span. The names are labels.
type Result string

// The results. Only a span that is Unreadable counts as rejected towards its sender.
const (
	Accepted      Result = "accepted"
	Repeated      Result = "repeated"
	Foreign       Result = "foreign"        // no HTTP client call, or of another host
	UnknownTenant Result = "unknown_tenant" // of a host of SFMC that no tenant has
	Unmapped      Result = "unmapped"       // no rule says whose call it is
	Unreadable    Result = "unreadable"     // its ids or times make no sense
)

// Results are all of them.
var Results = []Result{Accepted, Repeated, Foreign, UnknownTenant, Unmapped, Unreadable}

// attributes are what is looked at of a span, from both generations of the semantic
// conventions for HTTP.
type attributes struct {
	host, peer, url, path string
	method, errorType     string
	rpcMethod             string
	status, resend        int64
	port                  int64
}

// read takes what is looked at out of a list. Newer names win.
func (a *attributes) read(list []*commonpb.KeyValue) {
	for _, kv := range list[:min(len(list), maxAttributes)] {
		switch kv.GetKey() {
		case "server.address":
			a.host = text(kv)
		case "http.host", "net.peer.name", "net.host.name":
			a.peer = text(kv)
		case "peer.service":
			if a.peer == "" {
				a.peer = text(kv)
			}
		case "server.port", "net.peer.port":
			a.port = number(kv)
		case "url.full":
			a.url = text(kv)
		case "http.url":
			if a.url == "" {
				a.url = text(kv)
			}
		case "url.path", "http.target":
			if a.path == "" {
				a.path = text(kv)
			}
		case "http.request.method", "http.method":
			a.method = text(kv)
		case "http.response.status_code", "http.status_code":
			a.status = number(kv)
		case "http.request.resend_count", "http.resend_count":
			a.resend = number(kv)
		case "error.type", "exception.type":
			a.errorType = text(kv)
		case "rpc.method":
			a.rpcMethod = text(kv)
		}
	}
}

// address is host and path. A query and the part with a user's name are cut off before
// anything else looks at it: both may be secrets.
func (a *attributes) address() (host, path string) {
	host, path = a.host, a.path
	if host == "" {
		host = a.peer
	}
	if full := cutQuery(a.url); full != "" {
		if u, err := url.Parse(full); err == nil && u.Host != "" {
			if host == "" || a.port == 0 && u.Port() != "" {
				host = u.Host
			}
			if path == "" {
				path = u.Path
			}
		}
	}
	if _, _, found := strings.Cut(host, ":"); !found && a.port != 0 && host != "" {
		host += ":" + strconv.FormatInt(a.port, 10)
	}
	return host, cutQuery(path)
}

func cutQuery(s string) string {
	if i := strings.IndexAny(s, "?#"); i >= 0 {
		return s[:i]
	}
	return s
}

func text(kv *commonpb.KeyValue) string {
	s := kv.GetValue().GetStringValue()
	if len(s) > maxText {
		return ""
	}
	return s
}

func number(kv *commonpb.KeyValue) int64 {
	v := kv.GetValue()
	if n := v.GetIntValue(); n != 0 {
		return n
	}
	n, err := strconv.ParseInt(text(kv), 10, 32) // some exporters write it as text
	if err != nil {
		return 0
	}
	return n
}

// callOf makes a call of a span, or says why it is none.
func (r *Receiver) callOf(rules *Rules, resource []*commonpb.KeyValue, s *tracepb.Span, now time.Time) (keepwatch.Call, Result) {
	if s.GetKind() != tracepb.Span_SPAN_KIND_CLIENT {
		return keepwatch.Call{}, Foreign
	}
	var a attributes
	a.read(s.GetAttributes())
	host, path := a.address()
	if host == "" || a.method == "" && a.status == 0 && a.url == "" {
		return keepwatch.Call{}, Foreign
	}
	route, ours := rules.Hosts.Route(host, path)
	switch {
	case !ours:
		return keepwatch.Call{}, Foreign
	case route.Tenant == "":
		return keepwatch.Call{}, UnknownTenant
	}
	key, start, took, ok := readSpan(s, now)
	if !ok {
		return keepwatch.Call{}, Unreadable
	}
	credential, holder, mapped := rules.whose(route.Tenant, host, resource, s.GetAttributes())
	if !mapped {
		return keepwatch.Call{}, Unmapped
	}
	if !r.seen.First(key, now) {
		return keepwatch.Call{}, Repeated
	}
	call := keepwatch.Call{
		Via: keepwatch.ViaSpan, Key: key, Tenant: route.Tenant, Credential: credential, Holder: holder,
		Kind: route.Kind, Family: route.Family, Status: statusOf(a.status), At: start, Took: took,
	}
	if call.Kind == keepwatch.CallSOAP {
		call.Family = sfmc.SOAPMethod(a.rpcMethod)
	}
	v := sfmc.Said{Kind: call.Kind, Status: call.Status, Error: errorOf(a, s)}.Verdict()
	call.Outcome, call.Evidence = v.Outcome, v.Evidence
	return call, Accepted
}

// errorOf is what broke where no answer came. The text of a span's status is the
// program's own; it is only looked at for words, see sfmc.Said.
func errorOf(a attributes, s *tracepb.Span) string {
	if a.errorType != "" && a.errorType != "_OTHER" {
		return a.errorType
	}
	return cut(s.GetStatus().GetMessage())
}

func statusOf(n int64) int {
	if n < 100 || n > 599 {
		return 0
	}
	return int(n)
}

// readSpan checks what every span has. A call that began before its clock was set is as
// little use as one that ended before it began.
func readSpan(s *tracepb.Span, now time.Time) (key string, start time.Time, took time.Duration, ok bool) {
	trace, span := s.GetTraceId(), s.GetSpanId()
	if len(trace) != 16 || len(span) != 8 {
		return "", time.Time{}, 0, false
	}
	from, to := s.GetStartTimeUnixNano(), s.GetEndTimeUnixNano()
	if from > 1<<62 || to > 1<<62 {
		return "", time.Time{}, 0, false
	}
	start, took = time.Unix(0, int64(from)).UTC(), time.Duration(to-from)
	if to < from || took > maxTook || start.After(now.Add(ahead)) || start.Before(now.Add(-oldest)) {
		return "", time.Time{}, 0, false
	}
	return hex.EncodeToString(trace) + "-" + hex.EncodeToString(span), start, took, true
}

func cut(s string) string { return s[:min(len(s), maxName)] }

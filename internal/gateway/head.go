package gateway

import (
	"bytes"
	"strings"
)

// refusal is why a request is not let through: the label of a counter, and what the
// answer says.
type refusal string

const (
	refuseHead       refusal = "malformed_head"
	refuseLine       refusal = "malformed_request_line"
	refuseMethod     refusal = "method"
	refuseTarget     refusal = "malformed_target"
	refuseField      refusal = "malformed_header"
	refuseFold       refusal = "folded_header"
	refuseUnderscore refusal = "underscore_in_header_name"
	refuseLength     refusal = "content_length"
	refuseCoding     refusal = "transfer_encoding"
	refuseBoth       refusal = "length_and_transfer_encoding"
	refuseHost       refusal = "host"
	refuseLarge      refusal = "head_too_large"
	refuseSlow       refusal = "head_too_slow"
	refuseChunk      refusal = "malformed_chunk"
	refuseTrailer    refusal = "malformed_trailer"
	refuseBody       refusal = "body_too_large"
	refuseSlowBody   refusal = "body_too_slow"
	refuseTenant     refusal = "unknown_tenant"
	refuseService    refusal = "unknown_host"
	refuseHolder     refusal = "unknown_holder"
	refuseForeign    refusal = "foreign_host_in_path"
	refuseFull       refusal = "too_many_connections"
	refuseCrowd      refusal = "too_many_connections_of_one_address"
	refuseHandshake  refusal = "handshake"
	refuseResets     refusal = "requests_given_up"
)

// methods are those that SFMC's interfaces take. CONNECT and TRACE have no business
// here; net/http would forward both.
var methods = []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}

func allowed(method string) bool {
	for _, m := range methods {
		if m == method {
			return true
		}
	}
	return false
}

// framing is how the body of a request ends.
type framing struct {
	length  int64
	chunked bool
}

// readHead looks at the head of an HTTP/1 request, without its empty line, and says
// how the body behind it ends. It lets through only what every reader of HTTP reads
// alike: net/http itself accepts folded lines and a length beside chunks.
func readHead(head []byte) (framing, refusal) {
	line, rest, ok := cutLine(head)
	if !ok {
		return framing{}, refuseHead
	}
	minor, why := readRequestLine(line)
	if why != "" {
		return framing{}, why
	}
	var f framing
	var hosts, lengths, codings, fields int
	for len(rest) > 0 {
		if line, rest, ok = cutLine(rest); !ok {
			return framing{}, refuseHead
		}
		if fields++; fields > maxFields {
			return framing{}, refuseLarge
		}
		name, value, why := readField(line)
		switch {
		case why != "":
			return framing{}, why
		case is(name, "host"):
			if hosts++; hosts > 1 || !plainHost(value) {
				return framing{}, refuseHost
			}
		case is(name, "content-length"):
			n, ok := decimal(value)
			if lengths++; lengths > 1 || !ok {
				return framing{}, refuseLength
			}
			f.length = n
		case is(name, "transfer-encoding"):
			if codings++; codings > 1 || !is(value, "chunked") || minor == 0 {
				return framing{}, refuseCoding
			}
			f.chunked = true
		}
	}
	switch {
	case lengths > 0 && codings > 0:
		return framing{}, refuseBoth
	case hosts == 0 && minor == 1:
		return framing{}, refuseHost
	}
	return f, ""
}

// cutLine takes one line with its CRLF. A bare CR or LF is no end of one.
func cutLine(b []byte) (line, rest []byte, ok bool) {
	at := bytes.IndexByte(b, '\n')
	if at < 1 || b[at-1] != '\r' {
		return nil, nil, false
	}
	line = b[:at-1]
	return line, b[at+1:], bytes.IndexByte(line, '\r') < 0
}

func readRequestLine(line []byte) (minor int, why refusal) {
	method, rest, ok := bytes.Cut(line, []byte(" "))
	target, version, ok2 := bytes.Cut(rest, []byte(" "))
	switch {
	case !ok || !ok2:
		return 0, refuseLine
	case string(version) == "HTTP/1.1":
		minor = 1
	case string(version) != "HTTP/1.0":
		return 0, refuseLine
	}
	if !allowed(string(method)) {
		return 0, refuseMethod
	}
	if len(target) == 0 {
		return 0, refuseTarget
	}
	for _, c := range target {
		if c <= ' ' || c == 0x7f || c == '#' {
			return 0, refuseTarget
		}
	}
	if target[0] != '/' && !bytes.HasPrefix(target, []byte("http://")) && !bytes.HasPrefix(target, []byte("https://")) {
		return 0, refuseTarget
	}
	return minor, ""
}

// readField splits a header line and checks every byte of it.
func readField(line []byte) (name, value []byte, why refusal) {
	if len(line) == 0 || line[0] == ' ' || line[0] == '\t' {
		return nil, nil, refuseFold
	}
	at := bytes.IndexByte(line, ':')
	if at < 1 {
		return nil, nil, refuseField
	}
	name, value = line[:at], bytes.Trim(line[at+1:], " \t")
	for _, c := range name {
		if c == '_' {
			return nil, nil, refuseUnderscore
		}
		if !tokenByte(c) {
			return nil, nil, refuseField
		}
	}
	for _, c := range value {
		if c < ' ' && c != '\t' || c == 0x7f {
			return nil, nil, refuseField
		}
	}
	return name, value, ""
}

func tokenByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("!#$%&'*+-.^`|~", c) >= 0
}

// plainHost accepts a name or an address with perhaps a port.
func plainHost(value []byte) bool {
	if len(value) == 0 || len(value) > 300 {
		return false
	}
	for _, c := range value {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9') && strings.IndexByte("-.:[]_", c) < 0 {
			return false
		}
	}
	return true
}

// is compares without case; lower is in lower case.
func is(b []byte, lower string) bool {
	return len(b) == len(lower) && strings.EqualFold(string(b), lower)
}

// decimal reads 1 to 18 digits and nothing else: no sign, no list, no space.
func decimal(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	var n int64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// hexadecimal reads the size of a chunk: 1 to 15 digits and nothing else. Extensions
// of chunks are refused: nobody sends them, and readers differ in where they end.
func hexadecimal(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 15 {
		return 0, false
	}
	var n int64
	for _, c := range b {
		switch {
		case c >= '0' && c <= '9':
			n = n<<4 | int64(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			n = n<<4 | int64(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return n, true
}

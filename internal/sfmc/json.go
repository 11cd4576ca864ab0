package sfmc

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"
)

var (
	errNotObject = errors.New("not a JSON object")
	errDuplicate = errors.New("a key stands twice")
)

// field is a key that is looked for in an object.
type field struct {
	key   string
	value []byte // raw, nil when absent
}

// pick finds fields of an object that valid has accepted. encoding/json
// takes the last of two equal keys and ignores case; an answer that plays such
// games is refused instead. It allocates nothing for ordinary keys.
func pick(obj []byte, want []field) error {
	obj = bytes.TrimSpace(obj)
	if len(obj) < 2 || obj[0] != '{' {
		return errNotObject
	}
	at := skipSpace(obj, 1)
	for at < len(obj) && obj[at] == '"' {
		end := skipString(obj, at)
		key := obj[at+1 : end-1]
		start := skipSpace(obj, skipSpace(obj, end)+1) // over the colon
		at = skipValue(obj, start)
		if err := take(want, key, obj[start:at]); err != nil {
			return err
		}
		at = skipSpace(obj, at)
		if at < len(obj) && obj[at] == ',' {
			at = skipSpace(obj, at+1)
		}
	}
	return nil
}

func take(want []field, key, value []byte) error {
	if bytes.IndexByte(key, '\\') >= 0 {
		key = []byte(text(append(append([]byte{'"'}, key...), '"')))
	}
	for i := range want {
		if want[i].key != string(key) {
			continue
		}
		if want[i].value != nil {
			return errDuplicate
		}
		want[i].value = value
	}
	return nil
}

func skipSpace(b []byte, at int) int {
	for at < len(b) && (b[at] == ' ' || b[at] == '\n' || b[at] == '\t' || b[at] == '\r') {
		at++
	}
	return at
}

// skipString returns the index after the closing quote.
func skipString(b []byte, at int) int {
	for at++; at < len(b); at++ {
		switch b[at] {
		case '\\':
			at++
		case '"':
			return at + 1
		}
	}
	return len(b)
}

// skipValue returns the index after the value that begins at at.
func skipValue(b []byte, at int) int {
	depth := 0
	for at < len(b) {
		switch b[at] {
		case '"':
			at = skipString(b, at)
			if depth == 0 {
				return at
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return at
			}
			if depth--; depth == 0 {
				return at + 1
			}
		case ',', ' ', '\n', '\r', '\t':
			if depth == 0 {
				return at
			}
		}
		at++
	}
	return at
}

// text reads a string value; anything else is "".
func text(raw []byte) string {
	if len(raw) < 2 || raw[0] != '"' {
		return ""
	}
	if inner := raw[1 : len(raw)-1]; bytes.IndexByte(inner, '\\') < 0 {
		if utf8.Valid(inner) {
			return string(inner)
		}
		return strings.ToValidUTF8(string(inner), "\uFFFD")
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// scalar reads a string or a number as text: SFMC sends error codes as both.
func scalar(raw []byte) string {
	if len(raw) == 0 {
		return ""
	}
	if raw[0] == '"' {
		return text(raw)
	}
	if raw[0] == '-' || (raw[0] >= '0' && raw[0] <= '9') {
		return string(raw)
	}
	return ""
}

// whole reads a positive whole number of at most 18 digits, bare or quoted.
func whole(raw []byte) int64 {
	if len(raw) > 2 && raw[0] == '"' {
		raw = raw[1 : len(raw)-1]
	}
	if len(raw) == 0 || len(raw) > 18 {
		return 0
	}
	var n int64
	for _, c := range raw {
		if c < '0' || c > '9' {
			return 0
		}
		n = n*10 + int64(c-'0')
	}
	return n
}

// first returns the first element of an array, nil when there is none.
func first(raw []byte) []byte {
	if len(raw) < 2 || raw[0] != '[' {
		return nil
	}
	start := skipSpace(raw, 1)
	if start >= len(raw) || raw[start] == ']' {
		return nil
	}
	return raw[start:skipValue(raw, start)]
}

// appendString writes s as a JSON string. encoding/json would also do, but it
// makes copies of the secret that nobody owns.
func appendString(b, s []byte) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < 0x20:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

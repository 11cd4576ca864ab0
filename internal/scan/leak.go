package scan

import (
	"bytes"
	"regexp"
	"strings"

	"keepwatch/internal/sfmc"
)

// clue is what one script holds of a call for a token. It says where, and never what:
// a value that was found is looked at and forgotten.
type clue struct {
	endpoint bool   // its code names a token host, and the path of a token request
	host     bool   // names a token host
	tenant   string // its subdomain, where it stands there
	literal  place  // a text that looks like a secret, behind the name of one
	call     place  // code that asks for a token with a secret from elsewhere
	token    place  // the token host
}

// place is where something stands; the zero place is nowhere.
type place struct{ line, column int }

func (p place) there() bool { return p.line > 0 }

// near is how far apart the pieces of a call may stand.
const near = 4000

// sends finds code that makes a request.
var sends = regexp.MustCompile(`(?i)\bfetch\s*\(|XMLHttpRequest|\baxios\b|\$\.(?:ajax|post)\b|\.open\s*\(|sendBeacon|\.request\s*\(|\.post\s*\(`)

// lookForToken searches a script. It is linear in the script's length.
func lookForToken(text []byte) clue {
	var c clue
	// Most scripts hold neither, and a look for words is far cheaper than a pattern.
	lower := bytes.ToLower(text)
	if bytes.Contains(lower, []byte("secret")) {
		c.literal = secretIn(text) // one in a comment is as public
	}
	if !bytes.Contains(lower, []byte("marketingcloudapis")) && !bytes.Contains(lower, []byte("exacttargetapis")) {
		return c
	}
	host := sfmc.TokenHost.FindSubmatchIndex(text)
	if host == nil {
		return c
	}
	c.host, c.token = true, placeOf(text, host[0])
	if host[2] >= 0 {
		c.tenant = strings.ToLower(string(text[host[2]:host[3]]))
	}
	code := withoutComments(text)
	c.endpoint = sfmc.TokenPath.Match(code) && sfmc.TokenHost.Match(code)
	if !c.endpoint {
		return c
	}
	for _, at := range sfmc.TokenPath.FindAllIndex(code, 50) {
		window := code[max(0, at[0]-near):min(len(code), at[1]+near)]
		if sfmc.SecretKey.Match(window) && sends.Match(window) {
			c.call = placeOf(text, at[0])
			break
		}
	}
	return c
}

// secretIn finds a text that may be a client secret: what stands there as an example
// is none.
func secretIn(text []byte) place {
	for _, at := range sfmc.SecretLiteral.FindAllSubmatchIndex(text, 100) {
		if secretLike(text[at[2]:at[3]]) {
			return placeOf(text, at[2])
		}
	}
	return place{}
}

// secretLike tells a generated text from a name or an example: letters and digits in
// turn, many different ones.
func secretLike(value []byte) bool {
	lower := bytes.ToLower(value)
	for _, word := range []string{"client", "secret", "example", "your", "placeholder", "xxxx", "insert", "change", "dummy", "sample", "1234567890", "abcdefgh"} {
		if bytes.Contains(lower, []byte(word)) {
			return false
		}
	}
	digits, different := 0, map[byte]bool{}
	for _, b := range value {
		if b >= '0' && b <= '9' {
			digits++
		}
		different[b] = true
	}
	return digits >= 2 && digits < len(value) && len(different) >= 8
}

func placeOf(text []byte, at int) place {
	before := text[:at]
	return place{bytes.Count(before, []byte{'\n'}) + 1, at - bytes.LastIndexByte(before, '\n')}
}

// withoutComments blanks comments, so that a call that somebody wrote about is not
// taken for one. Strings and regular expressions are passed over as a whole.
func withoutComments(text []byte) []byte {
	out := bytes.Clone(text)
	var last byte // last byte that is no space, outside of comments
	for i := 0; i < len(out); {
		switch b := out[i]; {
		case b == '"' || b == '\'' || b == '`':
			i = pastString(out, i)
			last = b
		case b == '/' && i+1 < len(out) && out[i+1] == '/':
			end := bytes.IndexByte(out[i:], '\n')
			if end < 0 {
				end = len(out) - i
			}
			blank(out[i : i+end])
			i += end
		case b == '/' && i+1 < len(out) && out[i+1] == '*':
			end := bytes.Index(out[i+2:], []byte("*/"))
			if end < 0 {
				end = len(out) - i - 4
			}
			blank(out[i : i+end+4])
			i += end + 4
		case b == '/' && bytes.IndexByte([]byte("(,=:[!&|?{};\n\x00"), last) >= 0:
			i = pastPattern(out, i)
			last = '/'
		default:
			if b != ' ' && b != '\t' && b != '\r' {
				last = b
			}
			i++
		}
	}
	return out
}

func blank(b []byte) {
	for i := range b {
		if b[i] != '\n' {
			b[i] = ' '
		}
	}
}

// pastString returns the index after a string; one in single or double quotes ends
// with its line at the latest.
func pastString(text []byte, at int) int {
	quote := text[at]
	for i := at + 1; i < len(text); i++ {
		switch {
		case text[i] == '\\':
			i++
		case text[i] == quote:
			return i + 1
		case text[i] == '\n' && quote != '`':
			return i
		}
	}
	return len(text)
}

func pastPattern(text []byte, at int) int {
	class := false
	for i := at + 1; i < len(text); i++ {
		switch b := text[i]; {
		case b == '\\':
			i++
		case b == '\n':
			return at + 1 // it was a division after all
		case b == '[':
			class = true
		case b == ']':
			class = false
		case b == '/' && !class:
			return i + 1
		}
	}
	return at + 1
}

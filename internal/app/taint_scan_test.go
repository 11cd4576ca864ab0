package app_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	htmltemplate "html/template"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf16"
)

// canary is a secret that was made up for one test and stands nowhere else in the
// world: where its bytes turn up, they have leaked.
type canary struct{ name, value string }

// encodings are how bytes turn up in logs, pages and files. Each makes, of a piece
// of a secret, the texts that would give it away. gzip is not here: the scanner
// opens every member that it meets.
var encodings = []struct {
	name  string
	forms func(piece string) []string
}{
	{"raw", func(p string) []string { return []string{p} }},
	{"base64", func(p string) []string { return aligned(base64.StdEncoding, p) }},
	{"base64url", func(p string) []string { return aligned(base64.URLEncoding, p) }},
	{"hex", func(p string) []string {
		h := hex.EncodeToString([]byte(p))
		return []string{h, strings.ToUpper(h)}
	}},
	{"url", func(p string) []string {
		return []string{url.QueryEscape(p), url.PathEscape(p), url.QueryEscape(url.QueryEscape(p)), spelt(p, "%%%02x"), spelt(p, "%%%02X")}
	}},
	{"json", func(p string) []string {
		return []string{inJSON(p, true), inJSON(p, false), inJSON(inJSON(p, true), true), inside(strconv.Quote(p)), inside(strconv.Quote(inJSON(p, false))), spelt(p, `\u%04x`)}
	}},
	{"html", func(p string) []string {
		return []string{html.EscapeString(p), inJSON(html.EscapeString(p), true), htmltemplate.HTMLEscapeString(p), strings.ReplaceAll(htmltemplate.HTMLEscapeString(p), "+", "&#43;"), spelt(p, "&#x%02x;"), spelt(p, "&#%d;")}
	}},
	{"utf-16", func(p string) []string {
		wide := wide(p)
		return []string{wide, "\x00" + wide[:len(wide)-1], inside(strconv.Quote(wide)), inJSON(wide, true)}
	}},
}

const inGzip = "gzip"

// aligned is base64 without what depends on its surroundings: it looks different at
// each of three alignments inside a longer text.
func aligned(e *base64.Encoding, p string) []string {
	e = e.WithPadding(base64.NoPadding)
	var out []string
	for shift := range 3 {
		text := e.EncodeToString([]byte(strings.Repeat("x", shift) + p))
		whole := (shift + len(p)) / 3 * 4 // characters that no later byte changes
		out = append(out, text[(shift*8+5)/6:whole])
	}
	return out
}

func inJSON(s string, escapeHTML bool) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(escapeHTML)
	_ = enc.Encode(s)
	return inside(strings.TrimSuffix(b.String(), "\n"))
}

func inside(quoted string) string { return quoted[1 : len(quoted)-1] }

func spelt(s, each string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, each, s[i])
	}
	return b.String()
}

// wide is UTF-16LE.
func wide(s string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return string(b)
}

// piece is how much of a secret is enough to call it leaked. Half of a client
// secret also survives a page boundary in a database, which splits a text in two.
const piece = 12

func pieces(secret string) []string {
	if len(secret) < 2*piece {
		return []string{secret}
	}
	return []string{secret[:piece], secret[len(secret)-piece:]}
}

type needle struct {
	text, encoding, canary string
}

// scanner looks for all forms of all canaries at once: a bitmap of the first four
// bytes tells nearly every place from a hit, a map of the first eight the rest.
type scanner struct {
	bits    [1 << 17]uint64
	needles map[uint64][]needle
}

const prefix = 8

func newScanner(canaries []canary) *scanner {
	s := &scanner{needles: map[uint64][]needle{}}
	for _, c := range canaries {
		for _, p := range pieces(c.value) {
			known := map[string]bool{}
			for _, e := range encodings {
				for _, form := range e.forms(p) {
					if len(form) < prefix {
						panic("a canary of " + c.name + " is too short to be told from chance")
					}
					if known[form] {
						continue // letters and digits look the same in most encodings
					}
					known[form] = true
					s.add(needle{form, e.name, c.name})
				}
			}
		}
	}
	return s
}

func (s *scanner) add(n needle) {
	key := binary.LittleEndian.Uint64([]byte(n.text))
	s.needles[key] = append(s.needles[key], n)
	h := slot(uint32(key))
	s.bits[h>>6] |= 1 << (h & 63)
}

func slot(first4 uint32) uint32 { return first4 * 0x9E3779B1 >> 9 }

type hit struct {
	where, encoding, canary, around string
}

func (h hit) String() string {
	return fmt.Sprintf("%s: %s in %s: %q", h.where, h.canary, h.encoding, h.around)
}

// scan returns one hit for each canary and encoding in data.
func (s *scanner) scan(where string, data []byte) []hit {
	found := map[string]hit{}
	s.look(where, data, "", 0, found)
	return slices.SortedFunc(maps.Values(found), func(a, b hit) int {
		return strings.Compare(a.canary+a.encoding, b.canary+b.encoding)
	})
}

func (s *scanner) look(where string, data []byte, wrap string, depth int, found map[string]hit) {
	for i := 0; i+prefix <= len(data); i++ {
		h := slot(binary.LittleEndian.Uint32(data[i:]))
		if data[i] == 0x1f && data[i+1] == 0x8b && data[i+2] == 8 && depth < 3 {
			s.look(where, unpacked(data[i:]), inGzip, depth+1, found)
		}
		if s.bits[h>>6]&(1<<(h&63)) == 0 {
			continue
		}
		for _, n := range s.needles[binary.LittleEndian.Uint64(data[i:])] {
			if len(n.text) <= len(data)-i && string(data[i:i+len(n.text)]) == n.text {
				encoding := n.encoding
				if wrap != "" {
					encoding = wrap
				}
				around := string(data[max(0, i-80):min(len(data), i+len(n.text)+40)])
				found[n.canary+"\x00"+encoding] = hit{where, encoding, n.canary, around}
			}
		}
	}
}

// unpacked is as much of a gzip member as can be read.
func unpacked(data []byte) []byte {
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil
	}
	out, _ := io.ReadAll(io.LimitReader(z, 16<<20))
	return out
}

// evidence gathers every byte that left the program, by the way it took.
type evidence struct {
	mu   sync.Mutex
	ways map[string]*bytes.Buffer
}

func (e *evidence) add(way string, parts ...string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ways == nil {
		e.ways = map[string]*bytes.Buffer{}
	}
	b := e.ways[way]
	if b == nil {
		b = &bytes.Buffer{}
		e.ways[way] = b
	}
	for _, p := range parts {
		b.WriteString(p)
		b.WriteByte('\n')
	}
}

// writer is a way for what writes by itself.
func (e *evidence) writer(way string) io.Writer { return wayWriter{e, way} }

type wayWriter struct {
	e   *evidence
	way string
}

func (w wayWriter) Write(p []byte) (int, error) {
	w.e.add(w.way, string(p))
	return len(p), nil
}

func (e *evidence) size(way string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	if b := e.ways[way]; b != nil {
		return b.Len()
	}
	return 0
}

// scan looks through all ways and returns the hits and how many bytes were looked at.
func (e *evidence) scan(s *scanner) (hits []hit, total int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, way := range slices.Sorted(maps.Keys(e.ways)) {
		hits = append(hits, s.scan(way, e.ways[way].Bytes())...)
		total += e.ways[way].Len()
	}
	return hits, total
}

// base64Of spells a whole line in either alphabet.
func base64Of(alphabet, line string) string {
	if alphabet == "base64url" {
		return base64.URLEncoding.EncodeToString([]byte(line))
	}
	return base64.StdEncoding.EncodeToString([]byte(line))
}

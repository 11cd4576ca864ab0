package sfmc

import (
	"bytes"
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"keepwatch"
)

// Paged is one page of a list.
type Paged[T any] struct {
	Items  []T
	Read   int // entries on the page, the unread ones too
	Unread int // entries that lacked what makes them one
	Size   int // of a full page, as far as the server says
	Total  int // of all pages; 0 where the server does not say, or says something else
}

// More reports that another page may hold something, when seen entries were read so
// far. Neither the size that a server names nor the count is to be relied on alone:
// one caps pages silently, the other counts only the page on some routes.
func (p Paged[T]) More(seen int) bool {
	switch {
	case p.Read == 0:
		return false
	case p.Total > p.Read:
		return p.Total > seen
	}
	return p.Read >= p.Size
}

// read asks a REST route; each %s of the pattern is one of the parts.
func (c *Client) read(ctx context.Context, e Endpoints, access keepwatch.Secret, r Reply, query url.Values, good func(Reply) Verdict, pattern string, parts ...string) Verdict {
	r.On = OnREST
	return c.get(ctx, restURL(e, query, pattern, parts...), access, r, good)
}

// send posts a body to a REST route that only reads: a search with its terms in a body.
func (c *Client) send(ctx context.Context, e Endpoints, access keepwatch.Secret, r Reply, query url.Values, body []byte, good func(Reply) Verdict, path string) Verdict {
	u := restURL(e, query, path)
	r.On, r.Hide = OnREST, [][]byte{access.Reveal()}
	request := &http.Request{Method: http.MethodPost, URL: u, Host: u.Host, Header: http.Header{
		"Accept": headerJSON, "User-Agent": headerAgent, "Content-Type": headerJSON, "Authorization": {"Bearer " + string(access.Reveal())},
	}}
	setBody(request, body)
	return c.do(ctx, RESTTimeout, request, r, good)
}

// restURL fills a pattern with parts. A part is one segment whatever it holds: keys
// have slashes, percent signs and spaces.
func restURL(e Endpoints, query url.Values, pattern string, parts ...string) *url.URL {
	u := *e.REST
	plain, raw := u.Path, u.EscapedPath()
	for i, fixed := range strings.Split(pattern, "%s") {
		if i > 0 {
			plain, raw = plain+parts[i-1], raw+segment(parts[i-1])
		}
		plain, raw = plain+fixed, raw+fixed
	}
	u.Path, u.RawPath = plain, raw
	// SFMC's own parameters begin with a dollar sign, which Encode would write as %24:
	// it is known to be read either way, but every client sends it plain.
	u.RawQuery = strings.ReplaceAll(strings.ReplaceAll(query.Encode(), "%24", "$"), "+", "%20")
	return &u
}

func segment(part string) string {
	if part == "." || part == ".." {
		return strings.ReplaceAll(part, ".", "%2E") // not a step in the tree
	}
	return url.PathEscape(part)
}

func paging(page, size int) url.Values {
	return url.Values{"$page": {strconv.Itoa(page)}, "$pageSize": {strconv.Itoa(size)}}
}

// pageOf reads a page of REST: its entries are under one of the names, in small
// letters or with a capital. asked is the size that was asked for.
func pageOf[T any](r Reply, asked int, one func([]byte) (T, bool), names ...string) (Paged[T], Verdict) {
	for _, name := range append(names, "count", "page", "pageSize", "totalResults") {
		r.Promise = append(r.Promise, name, capital(name))
	}
	if v := classifyREST(r); !v.OK() {
		return Paged[T]{}, v
	}
	body := trimBOM(bytes.TrimSpace(r.Body))
	p := Paged[T]{Size: asked}
	list := body
	if body[0] != '[' {
		list = nil
		for key, value := range members(body) {
			switch name := small(key); {
			case slices.Contains(names, name) && string(value) != "null":
				list = value
			case name == "pageSize" || name == "itemsPerPage":
				if size := whole(value); size > 0 && size < int64(asked) {
					p.Size = int(size)
				}
			case name == "count" || name == "totalResults":
				p.Total = int(min(whole(value), 1<<31-1))
			}
		}
	}
	if len(list) > 0 && list[0] != '[' {
		return Paged[T]{}, r.wire("missing_fields", strings.Join(names, ", "))
	}
	for entry := range elements(list) {
		p.Read++
		if item, ok := one(entry); ok {
			p.Items = append(p.Items, item)
		} else {
			p.Unread++
		}
	}
	return p, r.ok()
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func small(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToLower(s[:1]) + s[1:]
}

// members walks through an object that valid has accepted.
func members(obj []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		obj = bytes.TrimSpace(obj)
		if len(obj) < 2 || obj[0] != '{' {
			return
		}
		at := skipSpace(obj, 1)
		for at < len(obj) && obj[at] == '"' {
			end := skipString(obj, at)
			start := skipSpace(obj, skipSpace(obj, end)+1)
			stop := skipValue(obj, start)
			if !yield(text(obj[at:end]), obj[start:stop]) {
				return
			}
			if at = skipSpace(obj, stop); at < len(obj) && obj[at] == ',' {
				at = skipSpace(obj, at+1)
			}
		}
	}
}

// fill reads an entry into out, names of fields without case. A field of another
// type leaves the others read: what matters is checked afterwards.
func fill(entry []byte, out any) { _ = json.Unmarshal(entry, out) }

// count is a whole number that is not negative, bare, quoted or with zeros behind
// the point; nil is anything else, and absent.
func count(raw json.RawMessage) *int64 {
	s := strings.Trim(string(raw), `"`)
	if head, tail, ok := strings.Cut(s, "."); ok && strings.Trim(tail, "0") == "" {
		s = head
	}
	if s == "" || (s != "0" && whole([]byte(s)) == 0) {
		return nil
	}
	return new(whole([]byte(s)))
}

// countText is count for a text of SOAP, where an element that is nil or absent is "".
func countText(s string) *int64 { return count(json.RawMessage(strings.TrimSpace(s))) }

// number is count where absent and zero are the same.
func number(raw json.RawMessage) int64 {
	if n := count(raw); n != nil {
		return *n
	}
	return 0
}

// truth is a JSON boolean, bare or quoted.
type truth bool

// UnmarshalJSON reads true, "true", "True" and 1 as true and all else as false.
func (t *truth) UnmarshalJSON(raw []byte) error {
	*t = truth(yes(strings.Trim(string(raw), `"`), false))
	return nil
}

// key is s where it can be the key of something: unchanged by what makes a text fit
// to be shown. A key that is not is no key, because it could not be asked for.
func (v veil) key(s string) string {
	s = strings.TrimSpace(s)
	if shown := v.name(s); shown != s || shown == withheld {
		return ""
	}
	return s
}

package web

import (
	"net/http"
	"net/url"
	"strconv"

	"keepwatch/internal/view"
)

// address is where a page with a filter stands, so that links can differ from it in one
// thing. What a page shows can be sent to somebody else as it is.
type address struct {
	path   string
	values url.Values
}

// known are the parameters that addresses of lists carry on. Others are dropped.
var known = []string{"q", "tenant", "unit", "owner", "tier", "kind", "state", "group", "view", "within", "on", "source", "sort", "desc", "columns", "page", "status", "severity"}

func addressOf(r *http.Request) address {
	a := address{r.URL.Path, url.Values{}}
	for _, name := range known {
		if v := r.URL.Query().Get(name); v != "" {
			a.values.Set(name, v)
		}
	}
	return a
}

// With is the address with other values, in pairs of name and value; an empty value takes
// one away. A list begins anew where its filter changes.
func (a address) With(pairs ...string) string {
	v := url.Values{}
	for name, values := range a.values {
		v[name] = values
	}
	v.Del("page")
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Del(pairs[i])
		if pairs[i+1] != "" {
			v.Set(pairs[i], pairs[i+1])
		}
	}
	if len(v) == 0 {
		return a.path
	}
	return a.path + "?" + v.Encode()
}

// Go is the same list at another page.
func (a address) Go(n int) string { return a.With("page", strconv.Itoa(n)) }

// Carried are the values that a form carries on, beside those that it has fields for.
func (a address) Carried(except ...string) []field {
	var out []field
	skip := map[string]bool{"page": true}
	for _, name := range except {
		skip[name] = true
	}
	for _, name := range known {
		if v := a.values.Get(name); v != "" && !skip[name] {
			out = append(out, field{name, v})
		}
	}
	return out
}

type field struct{ Name, Value string }

func filterOf(v url.Values) view.CredentialFilter {
	return view.CredentialFilter{
		Tenant: v.Get("tenant"), Unit: v.Get("unit"), Owner: v.Get("owner"), Tier: v.Get("tier"), Kind: v.Get("kind"), State: v.Get("state"), Query: v.Get("q"),
	}
}

// pageOf is the number of a page; what is no number is the first.
func pageOf(v url.Values) int {
	n, err := strconv.Atoi(v.Get("page"))
	if err != nil || n < 1 {
		return 1
	}
	return n
}

package pages

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// untold are fields of forms of which a page says not every text again, and why.
var untold = only(map[string]map[string]int{
	"a day in an address is read, and not typed":       {"GetCredentials.day": 0},
	"a message cuts what is no number":                 {"PostSettingsTokens.days": 0},
	"a message cuts what is no role":                   {"PostSettingsUsers.role": 39},
	"it is a secret, or may be one":                    {"PostAccountPassword.again": 0, "PostAccountPassword.current": 0, "PostAccountPassword.password": 0, "PostInventoryNew.secret": 0, "PostSignIn.password": 0, "PostInventoryImport.text": 0},
	"the audit log has it":                             {"PostSignIn.name": 0},
	"it ends a rotation, and is Evidence.Detail of it": {"PostRotations.reason": 0},
})

// atOnce is how many texts are typed into one field: each is found, or not, by itself.
const atOnce = 10

// accepted are what has to be right in a form so that it takes texts in all other
// fields, and where these then stand. %02d is the number of the text.
type accepted struct {
	pattern string
	right   url.Values
	free    []string // the fields that are hostile; the others are as the page has them
	where   []string
	each    bool // there is room for one at a time
}

func (e *estate) accepted() []accepted {
	incident := "/incidents/" + string(e.incident.ID)
	until := time.Now().UTC().Add(4 * time.Hour).Format("2006-01-02T15:04")
	return []accepted{
		{"/inventory/new", url.Values{"id": {"hostile-%02d"}, "tenant": {"apac"}, "kind": {"server_to_server"}}, []string{"package", "client_id", "purpose", "team", "contact"}, []string{"/inventory?q=hostile-&columns=state,owner,client,package"}, false},
		{"/credentials/{id}/edit", nil, []string{"team", "contact", "purpose", "environment", "region", "area", "renewal_by"}, []string{"/inventory?q=hostile-&columns=state,owner,renewal,environment,region,area", "/credentials/hostile-%02d"}, false},
		{"/alerts/silences", url.Values{"do": {"create"}, "credential": {string(elsewhere)}, "until": {until}}, []string{"reason", "owner", "team"}, []string{"/alerts/silences"}, false},
		{"/incidents/{id}/note", nil, []string{"text"}, []string{incident}, false},
		{"/incidents/{id}/snooze", nil, []string{"reason"}, []string{incident, "/alerts/silences"}, false},
		{"/inventory/findings/{id}/{do}", url.Values{"until": {"30d"}}, []string{"reason"}, []string{"/inventory/findings?status=accepted"}, true},
		{"/settings/tokens", url.Values{"days": {"3"}}, []string{"name"}, []string{"/settings"}, false},
	}
}

// TestNothingTypedRuns types each text into each field of each form that any page has, by
// the form itself. What is refused is shown beside what is wrong, what is taken is shown
// where it belongs: as text, and never as more.
func TestNothingTypedRuns(t *testing.T) {
	t.Parallel()
	e := hostEstate(t)
	v := e.visitor(t, "admin")
	forms := e.forms(t, v, e.further(t, v)...)
	e.noneLeftOut(t, forms)
	fields, found := map[string]bool{}, newSight()
	queue := make(chan form)
	go func() {
		defer close(queue)
		for _, f := range forms {
			queue <- f
		}
	}()
	var group sync.WaitGroup
	for range tabs {
		b := e.hostileTab(t)
		group.Go(func() {
			b.open("/account", http.StatusOK)
			for f := range queue {
				if len(f.texts) == 0 {
					continue
				}
				for together := range slices.Chunk(payloads, atOnce) {
					b.sendTyped(f, f.typed(together, false), found)
					if len(f.dates) > 0 {
						b.sendTyped(f, f.typed(together, true), found)
					}
				}
			}
		})
	}
	group.Wait()
	for _, f := range forms {
		for _, name := range f.texts {
			fields[f.mark(name)] = true
		}
	}
	e.takeTexts(t, v, forms, found)
	for _, f := range forms {
		for _, name := range f.secret {
			if len(found.missing(f.mark(name))) < len(payloads) {
				t.Errorf("%s: a page says the secret that was typed", f.mark(name))
			}
		}
	}
	found.complete(t, fields, untold)
}

// sendTyped sends a form and looks at the answer.
func (b *tab) sendTyped(f form, values url.Values, found *sight) {
	b.t.Helper()
	if f.method == http.MethodGet {
		path := f.action + "?" + values.Encode()
		b.open(path, http.StatusOK)
		b.inspected(path, found)
		return
	}
	b.send(f.action, values, http.StatusOK)
	b.inspected("POST "+f.action, found)
}

// takeTexts has the texts taken where a form can take them, and looks at them where they
// then stand.
func (e *estate) takeTexts(t *testing.T, v *visitor, forms []form, found *sight) {
	t.Helper()
	b := e.hostileTab(t)
	for _, a := range e.accepted() {
		for i, p := range payloads {
			f := e.formFor(t, v, forms, a, i)
			values := url.Values{}
			for name, value := range f.values {
				values[name] = value
			}
			for name, value := range a.right {
				values.Set(name, numbered(value[0], i))
			}
			for _, name := range a.free {
				values.Set(name, p+"~"+f.mark(name)+"~")
			}
			if answer := v.ask(t, http.MethodPost, f.action, values.Encode(), "Content-Type", "application/x-www-form-urlencoded"); answer.status >= http.StatusInternalServerError {
				t.Errorf("%s with %q: %d", f.action, p, answer.status)
			}
			if a.each {
				b.inspect(a.where[0], found)
			}
		}
		for _, where := range a.where {
			if !strings.Contains(where, "%") {
				b.inspect(where, found)
				continue
			}
			for i := range payloads {
				if path := numbered(where, i); v.ask(t, http.MethodGet, path, "").status == http.StatusOK { // else it was refused, and said so
					b.inspect(path, found)
				}
			}
		}
	}
}

// formFor is the form that takes a text: for records each has its own.
func (e *estate) formFor(t *testing.T, v *visitor, forms []form, a accepted, i int) form {
	t.Helper()
	if strings.HasSuffix(a.pattern, "/edit") {
		path := fmt.Sprintf("/credentials/hostile-%02d/edit", i)
		for _, f := range e.formsOf(t, path, v.ask(t, http.MethodGet, path, "").body) {
			if f.pattern == a.pattern {
				return f
			}
		}
	}
	for _, f := range forms {
		if f.pattern == a.pattern && f.method == http.MethodPost {
			return f
		}
	}
	t.Fatalf("no page has a form for %s", a.pattern)
	return form{}
}

func numbered(s string, i int) string {
	if strings.Contains(s, "%02d") {
		return fmt.Sprintf(s, i)
	}
	return s
}

// hostEstate is one of its own: what is typed into it stays in it.
func hostEstate(t *testing.T) *estate {
	t.Helper()
	e, err := newEstate(t.Context(), t.TempDir(), true)
	t.Cleanup(e.stop)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

package httpapi_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"keepwatch/client"
)

// A link reads one incident for whoever has it, shows no names of people, and ends.
func TestASharedIncidentIsReadWithoutAnAccount(t *testing.T) {
	d := start(t)
	inc := d.failing("cred-00")
	c := d.client(d.operator)
	if _, err := c.Acknowledge(t.Context(), string(inc.ID)); err != nil {
		t.Fatal(err)
	}
	noted, err := c.AddNote(t.Context(), string(inc.ID), client.NewNote{Text: " Ask Vega GmbH, their copy is old. "})
	if err != nil {
		t.Fatal(err)
	}
	if last := noted.Timeline[len(noted.Timeline)-1]; last.Kind != "noted" || last.By != "operator-token" || last.Detail != "Ask Vega GmbH, their copy is old." {
		t.Errorf("%+v", last)
	}
	made, err := c.CreateShareLink(t.Context(), string(inc.ID), client.NewShareLink{For: "2h"})
	if err != nil {
		t.Fatal(err)
	}
	if made.Address != "https://keepwatch.example.com"+made.Path || made.Status != "holds" || made.ExpiresAt.Sub(made.CreatedAt).Hours() != 2 {
		t.Errorf("%+v", made)
	}
	read := func(path string) (*http.Response, string) {
		return d.do(http.MethodGet, path, "", "Accept", "application/json")
	}
	for range 2 { // as often as somebody likes
		res, body := read(made.Path)
		var shown client.SharedIncident
		if err := json.Unmarshal([]byte(body), &shown); err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%d %s", res.StatusCode, body)
		}
		if shown.Title != noted.Title || !shown.Acknowledged || len(shown.Timeline) != len(noted.Timeline)-1 || shown.Gist.What == "" || len(shown.Credentials) != 1 {
			t.Errorf("%+v", shown)
		}
		for _, secret := range []string{"operator-token", "Vega", "deliveries", string(inc.ID)} {
			if strings.Contains(body, secret) {
				t.Errorf("a shared incident names %q: %s", secret, body)
			}
		}
		for name, want := range map[string]string{"X-Robots-Tag": "noindex, nofollow", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"} {
			if got := res.Header.Get(name); got != want {
				t.Errorf("%s: %q", name, got)
			}
		}
	}
	if res, body := d.do(http.MethodPost, made.Path, "", "Accept", "application/json"); res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("a link that reads took a POST: %d %s", res.StatusCode, body)
	}
	list, err := c.ShareLinks(t.Context(), string(inc.ID))
	if err != nil || len(list) != 1 || list[0].SeenAt == nil || list[0].CreatedBy != "operator-token" {
		t.Fatalf("%+v %v", list, err)
	}
	if err := c.EndShareLink(t.Context(), string(inc.ID), made.ID); err != nil {
		t.Fatal(err)
	}
	if res, body := read(made.Path); res.StatusCode != http.StatusNotFound || !strings.Contains(body, "this link has ended") {
		t.Errorf("an ended link: %d %s", res.StatusCode, body)
	}
	if res, body := read("/share/" + made.ID); res.StatusCode != http.StatusNotFound || !strings.Contains(body, "does not hold") {
		t.Errorf("an id is no link: %d %s", res.StatusCode, body)
	}
	if strings.Contains(d.log.String(), strings.TrimPrefix(made.Path, "/share/")) {
		t.Error("the log has the link")
	}
}

// A link shows what its maker might see, also of what joins later.
func TestASharedIncidentShowsItsMakersPart(t *testing.T) {
	d := start(t)
	theirs := d.failing("cred-02") // of the tenant amer
	foreign := d.failing("cred-00")
	c := d.client(d.limited("operator@amer"))
	made, err := c.CreateShareLink(t.Context(), string(theirs.ID), client.NewShareLink{})
	if err != nil {
		t.Fatal(err)
	}
	if res, body := d.do(http.MethodGet, made.Path, "", "Accept", "application/json"); res.StatusCode != http.StatusOK || !strings.Contains(body, "cred-02") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	var refused *client.Error
	if _, err := c.CreateShareLink(t.Context(), string(foreign.ID), client.NewShareLink{}); !errors.As(err, &refused) || refused.Status != http.StatusNotFound {
		t.Errorf("a link to what may not be seen: %v", err)
	}
	// An end of another incident's link is that of none.
	other, err := d.client(d.operator).CreateShareLink(t.Context(), string(foreign.ID), client.NewShareLink{})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.EndShareLink(t.Context(), string(theirs.ID), other.ID); !errors.As(err, &refused) || refused.Status != http.StatusNotFound {
		t.Errorf("%v", err)
	}
	// What its maker could not see any more is not shown either.
	share, err := d.db.Share(t.Context(), made.ID)
	if err != nil || share.Grants != "viewer@amer" {
		t.Errorf("%+v %v", share, err)
	}
}

func TestAShareNeedsALength(t *testing.T) {
	d := start(t)
	inc := d.failing("cred-00")
	for body, want := range map[string]string{
		`{"for":"soon"}`: "for is not a duration", `{"for":"1m"}`: "cannot hold for 1m", `{"for":"60d"}`: "cannot hold for 60d",
	} {
		if status, answer := d.exchange(d.operator, "POST", "/api/v1/incidents/"+string(inc.ID)+"/shares", body); status != http.StatusBadRequest || !strings.Contains(string(answer), want) {
			t.Errorf("%s: %d %s", body, status, answer)
		}
	}
}

// Incidents are chosen by what is known of them, whatever the page's size.
func TestIncidentsAreFound(t *testing.T) {
	d := start(t)
	first, second := d.failing("cred-00"), d.failing("cred-02")
	c := d.client(d.viewer)
	for name, test := range map[string]struct {
		filter client.IncidentFilter
		want   []string
	}{
		"query of a credential": {client.IncidentFilter{Query: "CRED-02"}, []string{string(second.ID)}},
		"query of an id":        {client.IncidentFilter{Query: string(first.ID)}, []string{string(first.ID)}},
		"owner":                 {client.IncidentFilter{Owner: "crm-platform"}, []string{string(first.ID), string(second.ID)}},
		"another owner":         {client.IncidentFilter{Owner: "nobody"}, nil},
		"outcome":               {client.IncidentFilter{Outcome: "bad_secret_or_package"}, []string{string(first.ID), string(second.ID)}},
		"another outcome":       {client.IncidentFilter{Outcome: "expiring"}, nil},
	} {
		for _, limit := range []int{1, 50} {
			test.filter.Limit, test.filter.Status = limit, "all"
			got := map[string]int{}
			for item, err := range c.Incidents(t.Context(), test.filter) {
				if err != nil {
					t.Fatal(err)
				}
				got[item.ID]++
			}
			if len(got) != len(test.want) {
				t.Errorf("%s, %d a page: %v", name, limit, got)
			}
			for _, id := range test.want {
				if got[id] != 1 {
					t.Errorf("%s, %d a page: %s came %d times", name, limit, id, got[id])
				}
			}
		}
	}
	if status, body := d.exchange(d.viewer, "GET", "/api/v1/incidents?outcome=misspelt", ""); status != http.StatusBadRequest || !strings.Contains(string(body), "no outcome") {
		t.Errorf("%d %s", status, body)
	}
	status, body := d.exchange(d.viewer, "GET", "/api/v1/incidents?limit=1&status=all&q=cred-02", "")
	if status != http.StatusOK || !strings.Contains(string(body), `"next":null`) {
		t.Errorf("a page without a next one has a next one: %s", body)
	}
}

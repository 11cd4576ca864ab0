package client_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"keepwatch/client"
)

// serve answers every request with one status and body, and counts them.
func serve(t *testing.T, status int, body string) (*client.Client, *int) {
	t.Helper()
	count := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		count++
		if r.Header.Get("Authorization") != "Bearer kw_x" {
			t.Errorf("authorization %q", r.Header.Get("Authorization"))
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	c, err := client.New(server.URL+"/", "kw_x")
	if err != nil {
		t.Fatal(err)
	}
	return c, &count
}

func TestAddressesThatCannotBe(t *testing.T) {
	for _, base := range []string{"", "keepwatch", "ftp://host", "http://", "https://user:secret@host", "://"} {
		_, err := client.New(base, "")
		if err == nil {
			t.Errorf("%q is taken", base)
			continue
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the error repeats what it was given: %v", base, err)
		}
	}
}

func TestErrorsOfTheServerAndOfWhatStandsBetween(t *testing.T) {
	c, _ := serve(t, http.StatusConflict, `{"error":{"code":"conflict","message":"resolved already","hint":"nothing to do"}}`)
	_, err := c.Acknowledge(t.Context(), "x")
	var e *client.Error
	if !errors.As(err, &e) || e.Status != http.StatusConflict || e.Code != "conflict" || e.Hint != "nothing to do" || !strings.Contains(err.Error(), "resolved already") {
		t.Errorf("%v", err)
	}
	for message, want := range map[string]string{
		"resolved already": "resolved already (conflict, 409)", "record \"a\": conflict": "record \"a\": conflict (409)", "conflict": "conflict (409)", "": "the server answered 409",
	} {
		e := client.Error{Status: http.StatusConflict, ErrorDetail: client.ErrorDetail{Code: "conflict", Message: message}}
		if e.Error() != want {
			t.Errorf("%q reads %q", message, e.Error())
		}
	}
	c, _ = serve(t, http.StatusBadGateway, "<html>nginx</html>")
	if _, err = c.Overview(t.Context(), client.OverviewFilter{}); !errors.As(err, &e) || e.Code != "unexpected_answer" || strings.Contains(err.Error(), "nginx") {
		t.Errorf("%v", err)
	}
	c, _ = serve(t, http.StatusOK, "<html>sign in</html>")
	if _, err = c.Overview(t.Context(), client.OverviewFilter{}); err == nil {
		t.Error("HTML is taken for an overview")
	}
}

func TestAPageThatPointsAtItselfEnds(t *testing.T) {
	c, count := serve(t, http.StatusOK, `{"items":[{"id":"a"}],"next":"again"}`)
	items, failed := 0, false
	for _, err := range c.Credentials(t.Context(), client.CredentialFilter{}) {
		if err != nil {
			failed = true
			continue
		}
		items++
	}
	if items != 2 || !failed || *count != 2 {
		t.Errorf("%d items, %d requests, failed %t", items, *count, failed)
	}
}

func TestASecondWalkStartsAgain(t *testing.T) {
	c, count := serve(t, http.StatusOK, `{"items":[{"id":"a"},{"id":"b"}],"next":null}`)
	walk := c.Credentials(t.Context(), client.CredentialFilter{})
	for range 2 {
		for item, err := range walk {
			if err != nil || item.ID != "a" {
				t.Fatal(item, err)
			}
			break
		}
	}
	if *count != 2 {
		t.Errorf("%d requests, want 2", *count)
	}
}

// A redirect may lead to another host, which the token is not for.
func TestRedirectsAreNotFollowed(t *testing.T) {
	reached := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer other.Close()
	server := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	c, err := client.New(server.URL, "kw_x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Reload(t.Context()); err == nil || reached {
		t.Errorf("followed: %t, %v", reached, err)
	}
}

func TestNoAnswerDoesNotRepeatTheAddress(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	address := server.URL
	server.Close()
	c, err := client.New(address, "kw_x")
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Ready(t.Context())
	if err == nil || strings.Contains(err.Error(), "http://") || strings.Contains(err.Error(), "kw_x") {
		t.Errorf("%v", err)
	}
}

package shoutrrr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"keepwatch/internal/notify"
	"keepwatch/internal/notify/notifytest"
)

const token = "t0kencanary0123456789"

func sender(t testing.TB, address string) notify.Sender {
	t.Helper()
	s, err := New(Config{URL: "env:URL"}, notifytest.Deps(notifytest.Secrets{"env:URL": address}))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// generic is the URL of the library's service for any web address.
func generic(address string) string {
	return "generic+" + address + "/" + token + "?template=json&disabletls=yes"
}

func TestWordsGolden(t *testing.T) {
	for _, name := range notifytest.Stories {
		m := notifytest.Told(t, name)
		m.Acts = nil // as the default is
		notifytest.Golden(t, name+".golden.txt", []byte(words(m)+"\n"))
	}
	notifytest.Golden(t, "acts.golden.txt", []byte(words(notifytest.Told(t, "firing"))+"\n"))
	notifytest.Golden(t, "letter.golden.txt", []byte(words(notifytest.Letter())+"\n"))
}

func TestSend(t *testing.T) {
	address, asked := notifytest.Fake(t, func(http.ResponseWriter, *http.Request) {})
	receipt, err := sender(t, generic(address)).Send(t.Context(), notifytest.Told(t, "firing"))
	if err != nil || receipt != "accepted by the service" {
		t.Fatalf("%q %v", receipt, err)
	}
	var got struct{ Message string }
	if err := json.Unmarshal((*asked)[0].Body, &got); err != nil || got.Message != words(notifytest.Told(t, "firing")) {
		t.Errorf("%v %s", err, (*asked)[0].Body)
	}
}

// A redirect would hand the message to a host that nobody configured.
func TestRedirectsAreNotFollowed(t *testing.T) {
	other, theirs := notifytest.Fake(t, func(http.ResponseWriter, *http.Request) {})
	address, _ := notifytest.Fake(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other, http.StatusTemporaryRedirect) })
	_, _ = sender(t, generic(address)).Send(t.Context(), notifytest.Told(t, "firing"))
	if len(*theirs) != 0 {
		t.Error("it was followed")
	}
}

func TestClasses(t *testing.T) {
	for name, tt := range map[string]struct {
		address string
		want    notify.Class
	}{
		"no URL": {token, notify.ClassPermanent}, "no such service": {"carrier-pigeon://" + token, notify.ClassPermanent}, "a wrong one": {"telegram://" + token, notify.ClassPermanent},
		"tells nobody": {"logger://", notify.ClassPermanent}, "nobody listens": {"generic+http://127.0.0.1:1/" + token + "?disabletls=yes", notify.ClassRetryable},
	} {
		_, err := sender(t, tt.address).Send(t.Context(), notifytest.Told(t, "firing"))
		if class, _ := notify.ClassOf(err); err == nil || class != tt.want {
			t.Errorf("%s: %s, %v", name, class, err)
		}
		for e := err; e != nil; e = errors.Unwrap(e) {
			if strings.Contains(fmt.Sprintf("%v %+v %#v", e, e, e), token) {
				t.Errorf("%s leaks: %v", name, e)
			}
		}
	}
	for code, want := range map[int]notify.Class{401: notify.ClassRetryable, 503: notify.ClassRetryable} {
		address, _ := notifytest.Fake(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, token, code) })
		_, err := sender(t, generic(address)).Send(t.Context(), notifytest.Told(t, "firing"))
		if class, _ := notify.ClassOf(err); err == nil || class != want || strings.Contains(err.Error(), token) {
			t.Errorf("%d: %s, %v", code, class, err)
		}
	}
}

func TestAnAttemptIsCutOff(t *testing.T) {
	address, _ := notifytest.Fake(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-time.After(2 * time.Second):
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := sender(t, generic(address)).Send(ctx, notifytest.Told(t, "firing")); err == nil || time.Since(began) > time.Second {
		t.Errorf("%v after %s", err, time.Since(began))
	}
}

func TestValidate(t *testing.T) {
	notifytest.Faulty(t, token, map[string]notify.Config{
		"good": Config{URL: "env:URL"}, "none": Config{}, "literal": Config{URL: "telegram://" + token + "@telegram?chats=1"},
	}, map[string]string{"good": "", "none": "url: is missing", "literal": "url: is not a reference"})
}

var dangerous = regexp.MustCompile(`(?i)@(everyone|channel|here|all|room)\b|<[!@#]|\]\(|<http`)

// Whatever a name holds: nobody is called, and no link is made of it.
func FuzzTame(f *testing.F) {
	f.Add("@everyone <!channel> <@U1> [x](https://evil.example.com) <https://evil.example.com|x> @@all")
	f.Fuzz(func(t *testing.T, name string) {
		if got := words(notify.Message{Title: name, Lines: []notify.Line{{Name: "What", Text: name}}}); dangerous.MatchString(got) || len(got) > limitText {
			t.Errorf("%d bytes: %q", len(got), got)
		}
	})
}

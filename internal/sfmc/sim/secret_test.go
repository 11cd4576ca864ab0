package sim

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"keepwatch"
)

// A secret's life: generated, staged for five minutes, both valid, activated,
// ended 180 days after its generation, not after its activation.
func TestSecretsLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := newPipeRig(t, Options{})
		accepted := func(secret string, want bool) {
			t.Helper()
			equal(t, "accepted", r.tokenWith(secret).status == http.StatusOK, want)
		}
		staged, err := r.sim.Generate(r.id)
		if err != nil {
			t.Fatal(err)
		}
		accepted(r.open, true)
		accepted(staged.Staged, false)
		if _, err := r.sim.Activate(r.id); !errors.Is(err, keepwatch.ErrConflict) {
			t.Errorf("activated at once: %v", err)
		}
		time.Sleep(5*time.Minute - time.Second)
		accepted(staged.Staged, false)
		if _, err := r.sim.Generate(r.id); !errors.Is(err, keepwatch.ErrConflict) || keepwatch.HintOf(err) == "" {
			t.Errorf("generated twice in five minutes: %v", err)
		}
		time.Sleep(time.Second)
		accepted(r.open, true)
		accepted(staged.Staged, true)

		// A second generate overwrites the staged secret.
		again, err := r.sim.Generate(r.id)
		if err != nil {
			t.Fatal(err)
		}
		accepted(staged.Staged, false)
		time.Sleep(time.Hour)
		if _, err := r.sim.Activate(r.id); err != nil {
			t.Fatal(err)
		}
		accepted(r.open, false)
		accepted(again.Staged, true)
		if _, err := r.sim.Activate(r.id); !errors.Is(err, keepwatch.ErrConflict) {
			t.Errorf("activated nothing: %v", err)
		}
		time.Sleep(180*24*time.Hour - time.Hour - time.Second)
		accepted(again.Staged, true)
		time.Sleep(time.Second)
		accepted(again.Staged, false)
		contains(t, r.tokenWith(again.Staged), "Client authentication failed.")
	})
}

func TestVerbsOnTheWrongKind(t *testing.T) {
	s := New(Options{Clients: []ClientSpec{{ClientID: "user", Kind: keepwatch.APIUser}}})
	if _, err := s.Generate("user"); !errors.Is(err, keepwatch.ErrInvalid) {
		t.Errorf("an API user's secret was rotated: %v", err)
	}
	if _, err := s.Expire("nobody"); !errors.Is(err, keepwatch.ErrNotFound) {
		t.Errorf("an unknown client expired: %v", err)
	}
}

// Options.Now alone decides, so that a demonstration can run on its own clock.
func TestOwnClock(t *testing.T) {
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	r := newRig(t, Options{Now: func() time.Time { return at }})
	token := r.token()
	equal(t, "userinfo", r.do("GET", "v2/userinfo", token, "").status, 200)
	at = at.Add(20 * time.Minute)
	equal(t, "userinfo after the token's life", r.do("GET", "v2/userinfo", token, "").status, 401)
	at = at.Add(180 * 24 * time.Hour)
	equal(t, "token after the secret's life", r.tokenWith(r.open).status, 401)
	if _, err := r.sim.SetGenerated(r.id, at.Add(-179*24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	equal(t, "token on the 179th day", r.tokenWith(r.open).status, 200)
}

func TestPropagation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := newPipeRig(t, Options{Propagation: 5 * time.Minute})
		if _, err := r.sim.SetScopes(r.id, "email_read"); err != nil {
			t.Fatal(err)
		}
		if _, err := r.sim.SetBusinessUnits(r.id); err != nil { // on top of the edit that is still on its way
			t.Fatal(err)
		}
		equal(t, "grant before", r.tokenWith(r.open, `"account_id":510000124`).status, 200)
		time.Sleep(5 * time.Minute)
		equal(t, "grant after", r.tokenWith(r.open, `"account_id":510000124`).status, 401)
		equal(t, "scope after", r.tokenWith(r.open).field(t, "scope"), "email_read")
	})
}

package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keepwatch"
	"keepwatch/internal/store"
)

// creation is a new record, as an import would write it.
func creation(id keepwatch.CredentialID, at time.Time) store.ItemWrite {
	return store.ItemWrite{
		Record: keepwatch.Credential{ID: id, Tenant: "emea", Kind: keepwatch.ServerToServer, ClientID: "client-" + string(id), Purpose: "Größe 漢字 🙂", SecretGenerated: keepwatch.Day(2026, 9, 28)},
		Change: keepwatch.Change{
			Credential: id, At: at, By: "ada", Via: "import", Kind: keepwatch.ChangeCreated, Fields: []keepwatch.FieldChange{{Field: "purpose", New: "Größe 漢字 🙂"}},
		},
	}
}

// update is another purpose of a record that was seen.
func update(w store.ItemWrite, seen int, purpose string, at time.Time) store.ItemWrite {
	w.Seen = seen
	w.Change.Kind, w.Change.At = keepwatch.ChangeUpdated, at
	w.Change.Fields = []keepwatch.FieldChange{{Field: "purpose", Old: w.Record.Purpose, New: purpose}}
	w.Record.Purpose = purpose
	return w
}

func removal(w store.ItemWrite, seen int, at time.Time) store.ItemWrite {
	w.Seen, w.Sealed = seen, nil
	w.Change.Kind, w.Change.At, w.Change.Fields = keepwatch.ChangeRemoved, at, nil
	return w
}

// wants ends the test unless the error is of the class.
func (f *fixture) wants(class, err error) {
	f.Helper()
	if !errors.Is(err, class) {
		f.Fatalf("%v is not %v", err, class)
	}
}

var recordTests = []test{
	{"a record is made, changed and removed, with its history", func(t *testing.T, f *fixture) {
		a := creation("crm", f.now)
		f.must(f.SaveItems(t.Context(), f.now, []store.ItemWrite{a, creation("shop", f.now)}))
		later := f.now.Add(time.Hour)
		b := update(a, 1, "orders", later)
		f.must(f.SaveItems(t.Context(), later, []store.ItemWrite{b}))
		got, err := f.Item(t.Context(), "crm")
		f.must(err)
		want := keepwatch.Item{Credential: b.Record, Version: 2, CreatedAt: f.now, UpdatedAt: later, UpdatedBy: "ada"}
		if d := cmp.Diff(want, got, cmp.Comparer(keepwatch.Date.Equal)); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		all, err := f.Items(t.Context())
		f.must(err)
		if len(all) != 2 || all[0].Credential.ID != "crm" || all[1].Credential.ID != "shop" {
			t.Errorf("%+v", all)
		}
		f.must(f.SaveItems(t.Context(), later.Add(time.Hour), []store.ItemWrite{removal(b, 2, later.Add(time.Hour))}))
		_, err = f.Item(t.Context(), "crm")
		f.wants(keepwatch.ErrNotFound, err)
		history, _, err := f.Changes(t.Context(), "crm", store.Page{})
		f.must(err)
		if len(history) != 3 || history[0].Kind != keepwatch.ChangeRemoved || history[2].Kind != keepwatch.ChangeCreated {
			t.Errorf("%+v", history)
		}
		if d := cmp.Diff(b.Change, history[1]); d != "" {
			t.Errorf("the change in the middle (-want +got):\n%s", d)
		}
		// The id may be used again, and its versions go on.
		f.must(f.SaveItems(t.Context(), later.Add(2*time.Hour), []store.ItemWrite{creation("crm", later.Add(2*time.Hour))}))
		if got, err = f.Item(t.Context(), "crm"); err != nil || got.Version != 4 {
			t.Errorf("version %d, %v", got.Version, err)
		}
	}},
	{"who saw an older version is told, and nothing of the call is written", func(t *testing.T, f *fixture) {
		a := creation("crm", f.now)
		f.must(f.SaveItems(t.Context(), f.now, []store.ItemWrite{a}))
		f.must(f.SaveItems(t.Context(), f.now, []store.ItemWrite{update(a, 1, "first", f.now)}))
		for _, late := range []store.ItemWrite{update(a, 1, "second", f.now), creation("crm", f.now.Add(time.Minute)), removal(a, 1, f.now), update(creation("gone", f.now), 3, "x", f.now)} {
			err := f.SaveItems(t.Context(), f.now, []store.ItemWrite{creation("other", f.now), late})
			f.wants(keepwatch.ErrConflict, err)
			if keepwatch.HintOf(err) == "" {
				t.Errorf("%v says not what to do", err)
			}
		}
		all, err := f.Items(t.Context())
		f.must(err)
		if len(all) != 1 || all[0].Credential.Purpose != "first" || all[0].Version != 2 {
			t.Errorf("%+v", all)
		}
	}},
	{"a call that is repeated changes nothing", func(t *testing.T, f *fixture) {
		writes := []store.ItemWrite{creation("crm", f.now), creation("shop", f.now)}
		for range 3 {
			f.must(f.SaveItems(t.Context(), f.now, writes))
		}
		second := []store.ItemWrite{update(writes[0], 1, "orders", f.now.Add(time.Minute)), removal(writes[1], 1, f.now.Add(time.Minute))}
		for range 3 {
			f.must(f.SaveItems(t.Context(), f.now.Add(time.Minute), second))
		}
		history, _, err := f.Changes(t.Context(), "", store.Page{})
		f.must(err)
		if len(history) != 4 {
			t.Errorf("%d changes", len(history))
		}
	}},
	{"of many who change one version at once, one wins", func(t *testing.T, f *fixture) {
		a := creation("crm", f.now)
		f.must(f.SaveItems(t.Context(), f.now, []store.ItemWrite{a}))
		won := make(chan string, 16)
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				purpose := fmt.Sprint("writer ", i)
				if err := f.SaveItems(t.Context(), f.now, []store.ItemWrite{update(a, 1, purpose, f.now.Add(time.Duration(i)*time.Second))}); err == nil {
					won <- purpose
				} else if !errors.Is(err, keepwatch.ErrConflict) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		close(won)
		got, err := f.Item(t.Context(), "crm")
		f.must(err)
		if len(won) != 1 || got.Credential.Purpose != <-won || got.Version != 2 {
			t.Errorf("%d winners, %+v", len(won), got)
		}
	}},
	{"the history is read in pages", func(t *testing.T, f *fixture) {
		w := creation("crm", f.now)
		f.must(f.SaveItems(t.Context(), f.now, []store.ItemWrite{w}))
		for i := 1; i < 12; i++ {
			w = update(w, i, fmt.Sprint(i), f.now.Add(time.Duration(i)*time.Second))
			f.must(f.SaveItems(t.Context(), f.now, []store.ItemWrite{w}))
		}
		var seen []string
		cursor := ""
		for n := 0; n == 0 || cursor != ""; n++ {
			list, after, err := f.Changes(t.Context(), "crm", next(cursor, 5))
			f.must(err)
			for _, c := range list {
				seen = append(seen, c.Fields[0].New)
			}
			cursor = after
		}
		if want := "[11 10 9 8 7 6 5 4 3 2 1 Größe 漢字 🙂]"; fmt.Sprint(seen) != want {
			t.Errorf("%v", seen)
		}
	}},
	{"nonsense is refused before it is written", func(t *testing.T, f *fixture) {
		good := creation("crm", f.now)
		other := creation("shop", f.now)
		stray := creation("crm", f.now)
		stray.Sealed = &store.Sealed{ID: "shop", Tenant: "emea", Credential: "shop", Blob: "kw1:x", At: f.now}
		mixed := good
		mixed.Record = other.Record
		for what, writes := range map[string][]store.ItemWrite{
			"twice in one call": {good, good}, "another's secret": {stray}, "another's record": {mixed}, "no id": {creation("", f.now)},
		} {
			if err := f.SaveItems(t.Context(), f.now, writes); !errors.Is(err, keepwatch.ErrInvalid) {
				t.Errorf("%s: %v", what, err)
			}
		}
		f.must(f.SaveItems(t.Context(), f.now, nil))
	}},
}

var sealedTests = []test{
	{"a sealed secret goes with its record", func(t *testing.T, f *fixture) {
		a := creation("crm", f.now)
		a.Sealed = &store.Sealed{ID: "crm", Tenant: "emea", Credential: "crm", Blob: "kw1:first", At: f.now, By: "ada"}
		f.must(f.SaveItems(t.Context(), f.now, []store.ItemWrite{a}))
		staged := store.Sealed{ID: "crm+staged", Tenant: "emea", Credential: "crm", Blob: "kw1:staged", At: f.now, By: "ada"}
		f.must(f.SaveSealed(t.Context(), staged))
		got, err := f.Sealed(t.Context(), "crm")
		f.must(err)
		if d := cmp.Diff(*a.Sealed, got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		f.must(f.SaveItems(t.Context(), f.now, []store.ItemWrite{removal(a, 1, f.now.Add(time.Minute))}))
		all, err := f.SealedAll(t.Context())
		f.must(err)
		if len(all) != 0 {
			t.Errorf("%d secrets are left of a record that is gone", len(all))
		}
		_, err = f.Sealed(t.Context(), "crm")
		f.wants(keepwatch.ErrNotFound, err)
	}},
	{"sealing anew under another key never writes over a newer secret", func(t *testing.T, f *fixture) {
		s := store.Sealed{ID: "crm", Tenant: "emea", Credential: "crm", Blob: "kw1:old", At: f.now}
		f.must(f.SaveSealed(t.Context(), s))
		done, err := f.Reseal(t.Context(), "crm", "kw1:old", "kw1:same, other key")
		f.must(err)
		late, err := f.Reseal(t.Context(), "crm", "kw1:old", "kw1:late")
		f.must(err)
		if got, err := f.Sealed(t.Context(), "crm"); err != nil || !done || late || got.Blob != "kw1:same, other key" {
			t.Errorf("%v %v %q %v", done, late, got.Blob, err)
		}
		f.must(f.DropSealed(t.Context(), "crm"))
		f.must(f.DropSealed(t.Context(), "crm"))
		f.wants(keepwatch.ErrInvalid, f.SaveSealed(t.Context(), store.Sealed{ID: "crm", Credential: "crm"}))
	}},
}

var decisionTests = []test{
	{"an acceptance is the newest one, until it is withdrawn", func(t *testing.T, f *fixture) {
		a := keepwatch.Acceptance{Finding: "f1", By: "ada", Reason: "ends soon", At: f.now, Until: f.now.AddDate(0, 1, 0)}
		b := a
		b.Reason, b.At, b.Until = "asked again", f.now.Add(time.Hour), f.now.AddDate(0, 2, 0)
		f.must(f.Accept(t.Context(), a))
		f.must(f.Accept(t.Context(), b))
		list, err := f.Acceptances(t.Context())
		f.must(err)
		if d := cmp.Diff([]keepwatch.Acceptance{b}, list); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		f.must(f.Withdraw(t.Context(), "f1"))
		if list, err = f.Acceptances(t.Context()); err != nil || len(list) != 0 {
			t.Errorf("%v %v", list, err)
		}
		f.must(f.Withdraw(t.Context(), "f1"))
	}},
	{"a feed is found by its hash until it is revoked", func(t *testing.T, f *fixture) {
		feed := keepwatch.Feed{ID: "feed1", Owner: "crm", Hash: "hash1", CreatedAt: f.now, CreatedBy: "ada"}
		f.must(f.SaveFeed(t.Context(), feed))
		got, err := f.FeedByHash(t.Context(), "hash1")
		f.must(err)
		if d := cmp.Diff(feed, got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		_, err = f.FeedByHash(t.Context(), "hash2")
		f.wants(keepwatch.ErrNotFound, err)
		f.must(f.RevokeFeed(t.Context(), "feed1", f.now.Add(time.Hour)))
		if got, err = f.FeedByHash(t.Context(), "hash1"); err != nil || got.RevokedAt.IsZero() {
			t.Errorf("a revoked feed: %+v, %v", got, err) // its address still says that it ended
		}
		list, err := f.Feeds(t.Context())
		f.must(err)
		if len(list) != 1 || !list[0].RevokedAt.Equal(f.now.Add(time.Hour)) {
			t.Errorf("%+v", list)
		}
		f.wants(keepwatch.ErrNotFound, f.RevokeFeed(t.Context(), "nothing", f.now))
	}},
	{"an event's sequence only rises", func(t *testing.T, f *fixture) {
		first := keepwatch.FeedEvent{UID: "u1", Digest: "a", Sequence: 1, ChangedAt: f.now}
		second := keepwatch.FeedEvent{UID: "u1", Digest: "b", Sequence: 2, ChangedAt: f.now.Add(time.Hour)}
		f.must(f.SaveFeedEvents(t.Context(), []keepwatch.FeedEvent{first, {UID: "u2", Digest: "x", ChangedAt: f.now}}))
		f.must(f.SaveFeedEvents(t.Context(), []keepwatch.FeedEvent{second}))
		f.must(f.SaveFeedEvents(t.Context(), []keepwatch.FeedEvent{first})) // another node, late
		events, err := f.FeedEvents(t.Context())
		f.must(err)
		if d := cmp.Diff(second, events["u1"]); d != "" || len(events) != 2 {
			t.Errorf("(-want +got):\n%s", d)
		}
		f.wants(keepwatch.ErrInvalid, f.SaveFeedEvents(t.Context(), []keepwatch.FeedEvent{first, first}))
	}},
	{"a look at an account is the newest one", func(t *testing.T, f *fixture) {
		f.must(f.SaveSnapshot(t.Context(), "emea", f.now, []byte(`{"a":1}`)))
		f.must(f.SaveSnapshot(t.Context(), "emea", f.now.Add(-time.Hour), []byte(`{"late":true}`)))
		at, doc, err := f.Snapshot(t.Context(), "emea")
		f.must(err)
		if !at.Equal(f.now) || string(doc) != `{"a":1}` {
			t.Errorf("%v %s", at, doc)
		}
		_, _, err = f.Snapshot(t.Context(), "apac")
		f.wants(keepwatch.ErrNotFound, err)
		f.wants(keepwatch.ErrInvalid, f.SaveSnapshot(t.Context(), "emea", f.now, nil))
	}},
	{"a letter is posted once, whatever it says the second time", func(t *testing.T, f *fixture) {
		letter := func(text string) keepwatch.Notice {
			return keepwatch.Notice{ID: "letter1", At: f.now, Letter: &keepwatch.Letter{ID: "letter1", Kind: "digest", To: "ada@example.com", Subject: "What ends", Text: text}}
		}
		f.must(f.Post(t.Context(), []keepwatch.Notice{letter("first")}))
		f.must(f.Post(t.Context(), []keepwatch.Notice{letter("second")}))
		waiting, err := f.Unrouted(t.Context(), 10)
		f.must(err)
		if len(waiting) != 1 || waiting[0].Letter == nil || waiting[0].Letter.Text != "first" {
			t.Errorf("%+v", waiting)
		}
		bad := letter("x")
		bad.Letter.Subject = ""
		f.wants(keepwatch.ErrInvalid, f.Post(t.Context(), []keepwatch.Notice{bad}))
	}},
}

func started(id keepwatch.RotationID, credential keepwatch.CredentialID) keepwatch.Rotation {
	return keepwatch.Rotation{
		ID: id, Credential: credential, Tenant: "emea", State: keepwatch.RotationStaged, OldRef: "env:A", NewRef: "env:B", Generated: keepwatch.Day(2026, 11, 23),
		StagedAt: noon, StartedAt: noon, StartedBy: "ada", NextAt: noon.Add(5 * time.Minute),
		Holders:  []keepwatch.RotationHolder{{Holder: keepwatch.Holder{Name: "shop", Contact: "shop@example.com"}, TickHash: "hash of " + string(id)}},
		Evidence: []keepwatch.Evidence{{At: noon, Step: "staged", By: "ada", Outcome: keepwatch.OK, Detail: "named"}},
	}
}

var rotationTests = []test{
	{"a rotation is written by who saw the newest revision", func(t *testing.T, f *fixture) {
		r := started("r1", "crm")
		f.must(f.SaveRotation(t.Context(), r))
		f.must(f.SaveRotation(t.Context(), r)) // repeated: the same again
		got, err := f.Rotation(t.Context(), "r1")
		f.must(err)
		want := r
		want.Revision = 1
		if d := cmp.Diff(want, got, cmp.Comparer(keepwatch.Date.Equal)); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		got.State = keepwatch.RotationProven
		f.must(f.SaveRotation(t.Context(), got))
		got.State = keepwatch.RotationAborted
		f.wants(keepwatch.ErrConflict, f.SaveRotation(t.Context(), got))
		if got, err = f.Rotation(t.Context(), "r1"); err != nil || got.State != keepwatch.RotationProven || got.Revision != 2 {
			t.Errorf("%+v %v", got, err)
		}
		_, err = f.Rotation(t.Context(), "r9")
		f.wants(keepwatch.ErrNotFound, err)
	}},
	{"one credential has one rotation at a time", func(t *testing.T, f *fixture) {
		r := started("r1", "crm")
		f.must(f.SaveRotation(t.Context(), r))
		f.wants(keepwatch.ErrConflict, f.SaveRotation(t.Context(), started("r2", "crm")))
		f.must(f.SaveRotation(t.Context(), started("r3", "shop")))
		r.Revision, r.State, r.EndedAt, r.NextAt = 1, keepwatch.RotationDone, noon.Add(time.Hour), time.Time{}
		f.must(f.SaveRotation(t.Context(), r))
		f.must(f.SaveRotation(t.Context(), started("r2", "crm")))
		open, err := f.Rotations(t.Context(), true)
		f.must(err)
		all, err := f.Rotations(t.Context(), false)
		f.must(err)
		if len(open) != 2 || len(all) != 3 {
			t.Errorf("%d open of %d", len(open), len(all))
		}
	}},
	{"a holder's link finds the rotation until it is replaced", func(t *testing.T, f *fixture) {
		r := started("r1", "crm")
		f.must(f.SaveRotation(t.Context(), r))
		got, err := f.RotationByTick(t.Context(), "hash of r1")
		f.must(err)
		got.Holders[0].TickHash = "another hash"
		f.must(f.SaveRotation(t.Context(), got))
		_, err = f.RotationByTick(t.Context(), "hash of r1")
		f.wants(keepwatch.ErrNotFound, err)
		if got, err = f.RotationByTick(t.Context(), "another hash"); err != nil || got.ID != "r1" {
			t.Errorf("%v %v", got.ID, err)
		}
		_, err = f.RotationByTick(t.Context(), "")
		f.wants(keepwatch.ErrNotFound, err)
	}},
}

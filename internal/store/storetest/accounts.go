package storetest

import (
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keepwatch"
	"keepwatch/internal/store"
)

func user(name string, at time.Time) store.User {
	return store.User{Name: name, Grants: "operator@emea/Größe 漢字", PasswordHash: "argon2id…", CreatedAt: at, CreatedBy: "ada", ChangedAt: at}
}

var accountTests = []test{
	{"a user is added once and found by name", func(t *testing.T, f *fixture) {
		f.must(f.AddUser(t.Context(), user("bob", f.now)))
		f.must(f.AddUser(t.Context(), user("ada", f.now)))
		f.wants(keepwatch.ErrConflict, f.AddUser(t.Context(), user("bob", f.now.Add(time.Hour))))
		f.wants(keepwatch.ErrInvalid, f.AddUser(t.Context(), store.User{Name: "x"}))
		got, err := f.UserByName(t.Context(), "bob")
		f.must(err)
		if d := cmp.Diff(user("bob", f.now), got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		list, err := f.Users(t.Context())
		f.must(err)
		if d := cmp.Diff([]store.User{user("ada", f.now), user("bob", f.now)}, list); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		_, err = f.UserByName(t.Context(), "nobody")
		f.wants(keepwatch.ErrNotFound, err)
	}},
	{"a user is changed in one step, and not when the change is refused", func(t *testing.T, f *fixture) {
		f.must(f.AddUser(t.Context(), user("ada", f.now)))
		f.must(f.AddUser(t.Context(), user("bob", f.now)))
		changed, err := f.ChangeUser(t.Context(), "bob", func(u *store.User, others []store.User) error {
			if len(others) != 1 || others[0].Name != "ada" {
				t.Errorf("others are %+v", others)
			}
			u.Name, u.Grants, u.PasswordHash, u.ChangedAt, u.Epoch, u.DisabledAt = "eve", "viewer", "another", f.now.Add(time.Hour), 7, f.now.Add(2*time.Hour)
			return nil
		})
		f.must(err)
		f.must(f.SignedIn(t.Context(), "bob", f.now.Add(3*time.Hour)))
		got, err := f.UserByName(t.Context(), "bob")
		f.must(err)
		changed.SignedInAt = f.now.Add(3 * time.Hour)
		if d := cmp.Diff(changed, got); d != "" || got.Name != "bob" || got.Epoch != 7 {
			t.Errorf("(-want +got):\n%s", d)
		}
		refusal := errors.New("no")
		_, err = f.ChangeUser(t.Context(), "bob", func(u *store.User, _ []store.User) error { u.Grants = "admin"; return refusal })
		f.wants(refusal, err)
		if again, _ := f.UserByName(t.Context(), "bob"); again.Grants != "viewer" {
			t.Errorf("a refused change was kept: %+v", again)
		}
		_, err = f.ChangeUser(t.Context(), "nobody", func(*store.User, []store.User) error { return nil })
		f.wants(keepwatch.ErrNotFound, err)
	}},
	{"a user is removed unless that is refused", func(t *testing.T, f *fixture) {
		f.must(f.AddUser(t.Context(), user("ada", f.now)))
		refusal := errors.New("no")
		f.wants(refusal, f.RemoveUser(t.Context(), "ada", func(store.User, []store.User) error { return refusal }))
		f.must(f.RemoveUser(t.Context(), "ada", func(u store.User, others []store.User) error {
			if u.Name != "ada" || len(others) != 0 {
				t.Errorf("%+v beside %+v", u, others)
			}
			return nil
		}))
		f.wants(keepwatch.ErrNotFound, f.RemoveUser(t.Context(), "ada", func(store.User, []store.User) error { return nil }))
	}},
	{"the audit log is a chain, whoever writes at once", func(t *testing.T, f *fixture) {
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				_, err := f.Audit(t.Context(), keepwatch.AuditEntry{At: f.now.Add(time.Duration(i) * time.Second), Who: "who" + strconv.Itoa(i%2), Via: "session", Action: "POST /x/漢字"})
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		list, err := f.AuditLog(t.Context(), keepwatch.AuditFilter{}, 0, 100)
		f.must(err)
		for i, e := range list {
			if e.Seq != int64(20-i) || e.Action != "POST /x/漢字" {
				t.Errorf("entry %d is %+v", i, e)
			}
		}
		if n, broken, err := f.VerifyAudit(t.Context()); n != 20 || broken != 0 || err != nil {
			t.Errorf("%d entries, broken at %d, %v", n, broken, err)
		}
		some, err := f.AuditLog(t.Context(), keepwatch.AuditFilter{Who: "who1"}, 20, 3)
		f.must(err)
		if len(some) != 3 || some[0].Who != "who1" || some[0].Seq >= 20 {
			t.Errorf("%+v", some)
		}
		for filter, want := range map[keepwatch.AuditFilter]int{
			{Action: "post /X"}: 20, {Action: "DELETE"}: 0, {Action: "%"}: 0, {From: f.now.Add(15 * time.Second)}: 5, {To: f.now.Add(15 * time.Second)}: 15,
			{Who: "who0", From: f.now.Add(2 * time.Second), To: f.now.Add(4 * time.Second)}: 1,
		} {
			if some, err := f.AuditLog(t.Context(), filter, 0, 100); err != nil || len(some) != want {
				t.Errorf("%+v: %d entries, want %d (%v)", filter, len(some), want, err)
			}
		}
		f.wants(keepwatch.ErrInvalid, second(f.Audit(t.Context(), keepwatch.AuditEntry{Who: "\x00"})))
	}},
}

func second[T any](_ T, err error) error { return err }

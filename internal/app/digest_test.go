package app

import (
	"context"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"keepwatch"
	"keepwatch/internal/config"
	"keepwatch/internal/store"
	"keepwatch/internal/store/storetest"
)

// autumn is an estate of four owners with something to hear of, and one without.
const autumn = `credentials:
  - {id: shop-drop, tenant: emea, kind: sftp_password, username: shop, expires: 2026-12-10, dates_confirmed: 2026-11-02, owner: {team: crm, contact: crm@example.com}}
  - {id: crm-contract, tenant: emea, kind: contract, expires: 2027-09-30, dates_confirmed: 2026-11-02, renewal: {planned: 2026-12-09, by: Ada}, owner: {team: CRM}}
  - {id: hook-drop, tenant: emea, kind: sftp_password, username: hook, owner: {team: web, contact: "#web"}}
  - {id: far-contract, tenant: emea, kind: contract, expires: 2028-01-31, dates_confirmed: 2026-11-02, owner: {team: far, contact: far@example.com}}
  - {id: orphan-drop, tenant: emea, kind: sftp_password, username: orphan, expires: 2027-03-10, dates_confirmed: 2026-11-02}
`

// renewed is the same after somebody renewed what could be renewed.
const renewed = `credentials:
  - {id: shop-drop, tenant: emea, kind: sftp_password, username: shop, expires: 2027-12-10, dates_confirmed: 2026-12-15, owner: {team: crm, contact: crm@example.com}}
  - {id: crm-contract, tenant: emea, kind: contract, expires: 2028-09-30, dates_confirmed: 2026-12-15, owner: {team: CRM}}
  - {id: hook-drop, tenant: emea, kind: sftp_password, username: hook, expires: 2026-12-21, dates_confirmed: 2026-12-15, owner: {team: web, contact: "#web"}}
  - {id: far-contract, tenant: emea, kind: contract, expires: 2028-01-31, dates_confirmed: 2026-11-02, owner: {team: far, contact: far@example.com}}
  - {id: orphan-drop, tenant: emea, kind: sftp_password, username: orphan, expires: 2027-03-10, dates_confirmed: 2026-11-02}
`

const (
	hookRow   = "- hook-drop, password: nobody entered a date: the expiration date that Setup shows for the SFTP user"
	nobody    = "- orphan-drop: nobody owns it; name the owner's team and contact"
	noContact = "Credentials that nobody owns: "
)

// Four weeks with two daemons on one store, that are restarted, are down for days
// and crash: each owner gets one letter a week, with the rows of that week.
func TestWeeklyLetters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		defer o.close()
		o.write(autumn)
		one := o.start()
		o.until("2026-11-27 09:30:00") // the week of the first start is not made up for
		o.expect("first start")

		o.until("2026-11-29 23:00:00")
		two := o.start()
		o.until("2026-11-30 08:59:59")
		o.expect("a second before")
		o.until("2026-11-30 09:02:00")
		o.expect("both daemons at nine",
			letter{"Mon 2026-11-30 09:00", "crm@example.com", "Credentials of crm: 1 ending, 1 to renew", []string{
				"- 2026-12-10 (in 10 days): shop-drop, password; date typed",
				"- 2026-12-09 (in 9 days): crm-contract, contract, by Ada; ends 2027-09-30 (in 304 days)",
			}},
			letter{"Mon 2026-11-30 09:00", "web", "Credentials of web: 1 without a date", []string{hookRow}},
			letter{"Mon 2026-11-30 09:00", "rest", noContact + "1 finding", []string{nobody}})

		// A restart, and a crash before the week was noted.
		o.must(one.Stop())
		o.must(two.Stop())
		o.forget("2026-11-23")
		one = o.start()
		o.until("2026-12-03 12:00:00")
		o.expect("after a crash")
		o.must(one.Stop())

		// Down over nine o'clock, back in the afternoon.
		o.until("2026-12-07 15:00:10")
		one = o.start()
		o.until("2026-12-07 15:01:30")
		o.expect("late",
			letter{"Mon 2026-12-07 15:01", "crm@example.com", "Credentials of crm: 1 ending, 1 to renew", []string{
				"- 2026-12-10 (in 3 days): shop-drop, password; date typed",
				"- 2026-12-09 (in 2 days): crm-contract, contract, by Ada; ends 2027-09-30 (in 297 days)",
			}},
			letter{"Mon 2026-12-07 15:01", "web", "Credentials of web: 1 without a date", []string{hookRow}},
			letter{"Mon 2026-12-07 15:01", "rest", noContact + "1 finding", []string{nobody}})

		o.until("2026-12-08 12:00:00")
		o.must(one.Stop())
		o.until("2026-12-14 08:50:00")
		one = o.start()
		o.until("2026-12-14 08:59:59")
		o.expect("the rest of the week")
		o.until("2026-12-14 09:02:00")
		o.expect("the third",
			letter{"Mon 2026-12-14 09:00", "crm@example.com", "Credentials of crm: 1 ended, 1 finding", []string{
				"- 2026-12-10 (4 days ago): shop-drop, password; date typed",
				"- crm-contract: its renewal was planned for 2026-12-09, and no new date has come since; enter the day of the new secret, or plan the renewal anew",
			}},
			letter{"Mon 2026-12-14 09:00", "web", "Credentials of web: 1 without a date", []string{hookRow}},
			letter{"Mon 2026-12-14 09:00", "rest", noContact + "1 ending, 1 finding", []string{"- 2027-03-10 (in 86 days): orphan-drop, password; date typed", nobody}})

		// All is renewed, and somebody enters one more by hand.
		o.until("2026-12-15 10:00:00")
		o.write(renewed)
		o.record(keepwatch.Credential{
			ID: "loyalty-drop", Tenant: "emea", Kind: keepwatch.SFTPPassword, Username: "loyalty", Criticality: keepwatch.Standard,
			Expires: keepwatch.Day(2027, time.January, 4), DatesConfirmed: keepwatch.Day(2026, time.December, 15), Owner: keepwatch.Owner{Contact: "Loyalty <loyalty@example.com>"},
		})
		_, err := one.Reload(t.Context())
		o.must(err)
		o.until("2026-12-16 12:00:00")
		o.must(one.Stop())
		o.until("2026-12-20 23:00:00")
		one = o.start()
		o.until("2026-12-21 08:59:59")
		o.expect("after the renewals")
		o.until("2026-12-21 09:02:00")
		o.expect("the fourth",
			letter{"Mon 2026-12-21 09:00", "loyalty@example.com", "Credentials of Loyalty <loyalty@example.com>: 1 ending", []string{"- 2027-01-04 (in 14 days): loyalty-drop, password; date typed"}},
			letter{"Mon 2026-12-21 09:00", "web", "Credentials of web: 1 ended", []string{"- 2026-12-21 (today): hook-drop, password; date typed"}},
			letter{"Mon 2026-12-21 09:00", "rest", noContact + "1 ending, 1 finding", []string{"- 2027-03-10 (in 79 days): orphan-drop, password; date typed", nobody}})
		o.until("2026-12-23 12:00:00")
		o.expect("the end")
		o.must(one.Stop())
		for _, twice := range o.desk.repeats() {
			t.Error(twice)
		}
	})
}

// expect compares the letters since the last time with those that should have come.
func (o *office) expect(when string, want ...letter) {
	o.t.Helper()
	if diff := cmp.Diff(sortedLetters(want), o.desk.take()); diff != "" {
		o.t.Errorf("%s (-want +got):\n%s", when, diff)
	}
}

// A week in which nobody wants letters is not made up for, and neither is one that
// lies too far back.
func TestLettersThatAreNotWritten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		defer o.close()
		o.write("digest: {send: never}\n" + autumn)
		o.until("2026-11-29 12:00:00")
		o.forget("2026-11-16")
		one := o.start()
		o.until("2026-11-30 12:00:00")
		o.expect("turned off")
		o.write("digest: {day: tuesday, at: \"14:00\"}\n" + autumn)
		_, err := one.Reload(t.Context())
		o.must(err)
		o.until("2026-12-01 13:59:59")
		o.expect("turned on, before its hour")
		o.until("2026-12-01 14:02:00")
		if got := o.desk.take(); len(got) != 0 {
			t.Errorf("the week that was turned off is written after all: %+v", got)
		}
		o.must(one.Stop())
		o.until("2026-12-12 12:00:00") // two weeks' hours are over, the last one four days ago
		one = o.start()
		o.until("2026-12-12 12:05:00")
		o.expect("too late")
		o.must(one.Stop())
		o.until("2026-12-15 13:50:00")
		one = o.start()
		o.until("2026-12-15 14:02:00")
		if got := o.desk.take(); len(got) != 3 || got[0].At != "Tue 2026-12-15 14:00" {
			t.Errorf("letters of the next week: %+v", got)
		}
		o.must(one.Stop())
	})
}

// Daemons that write the same week at the same moment write each letter once.
func TestLettersOfManyNodes(t *testing.T) {
	for name, open := range map[string]func(*testing.T) func() *store.DB{
		"sqlite": func(t *testing.T) func() *store.DB {
			db := storetest.New(t)
			return func() *store.DB { return db }
		},
		"postgres": func(t *testing.T) func() *store.DB {
			url := storetest.PostgresURL(t)
			return func() *store.DB { return storetest.OpenPostgres(t, url) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := &office{t: t, file: filepath.Join(t.TempDir(), "keepwatch.yaml")}
			o.write(autumn)
			node, monday := open(t), time.Date(2026, 12, 7, 8, 0, 0, 0, time.UTC)
			var nodes []*duties
			for range 3 {
				o.db = node()
				nodes = append(nodes, newDuties(o.idle()))
			}
			o.forget("2026-11-30")
			var wg sync.WaitGroup
			for _, d := range nodes {
				wg.Go(func() {
					for range 3 {
						if err := d.digests(t.Context(), monday); err != nil {
							t.Error(err)
						}
					}
				})
			}
			wg.Wait()
			posted, err := o.db.Unrouted(t.Context(), 100)
			o.must(err)
			var owners []string
			for _, n := range posted {
				owners = append(owners, n.Letter.Owner)
			}
			slices.Sort(owners)
			if !slices.Equal(owners, []string{"", "crm", "web"}) {
				t.Errorf("letters to %q", owners)
			}
			week, err := o.db.Setting(t.Context(), digestWeek)
			if err != nil || week != "2026-12-07" {
				t.Errorf("the week is noted as %q, %v", week, err)
			}
		})
	}
}

// idle is a daemon that is made and not started.
func (o *office) idle() *App {
	o.t.Helper()
	none := func(string) (string, bool) { return "", false }
	a, err := New(o.t.Context(), Options{Load: func() (*config.Config, error) { return config.Load(o.file, none) }, LookupEnv: none, Listener: newStillListener(), Store: o.db})
	o.must(err)
	o.t.Cleanup(func() { o.must(a.Stop()) })
	return a
}

// A change that is stored and could not be brought into force comes into force by
// itself, on the other daemon too, and so does one whose daemon ended before it
// could tell anybody.
func TestRecordsComeIntoForceLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		defer o.close()
		o.write(autumn)
		one, two := o.start(), o.start()
		time.Sleep(2*recordsAlone + time.Second) // both have told of their start
		o.record(contract("late"))
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		one.recordsChanged(cancelled)
		if inForce(one, "late") {
			t.Fatal("the change is in force although nothing could be read")
		}
		time.Sleep(2*recordsAlone + time.Second)
		if !inForce(one, "late") || !inForce(two, "late") {
			t.Errorf("in force here: %v, on the other: %v", inForce(one, "late"), inForce(two, "late"))
		}

		o.must(one.Stop())
		o.record(contract("untold"))
		time.Sleep(2*recordsAlone + time.Second)
		if inForce(two, "untold") {
			t.Fatal("the other daemon reads the records without being told")
		}
		one = o.start()
		time.Sleep(2*recordsAlone + time.Second)
		if !inForce(two, "untold") {
			t.Error("the other daemon does not know of the change")
		}

		here, there := one.config.Load(), two.config.Load()
		time.Sleep(10 * recordsAlone)
		if one.config.Load() != here || two.config.Load() != there {
			t.Error("records are read again although nothing changed")
		}
		o.must(one.Stop())
		o.must(two.Stop())
	})
}

func contract(id keepwatch.CredentialID) keepwatch.Credential {
	return keepwatch.Credential{ID: id, Tenant: "emea", Kind: keepwatch.Contract, Criticality: keepwatch.Standard, Expires: keepwatch.Day(2027, time.May, 1)}
}

func inForce(a *App, id keepwatch.CredentialID) bool {
	_, known := a.config.Load().Credential(id)
	return known
}

package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/incident"
	"keepwatch/internal/intake"
	"keepwatch/internal/notify"
	"keepwatch/internal/notify/email"
	"keepwatch/internal/notify/pagerduty"
	"keepwatch/internal/notify/webhook"
	"keepwatch/internal/store"
)

// What a parent tells its child, by environment.
const (
	envStore = "KEEPWATCH_OUTAGE_STORE"
	envAddrs = "KEEPWATCH_OUTAGE_ADDRESSES" // of the receivers, in the order of kinds
	envFirst = "KEEPWATCH_OUTAGE_FIRST"     // number of the first incident; negative: none is recorded
	envEvery = "KEEPWATCH_OUTAGE_EVERY"
	envLease = "KEEPWATCH_OUTAGE_LEASE"
	envLife  = "KEEPWATCH_OUTAGE_LIFE"  // number of this process
	envCount = "KEEPWATCH_OUTAGE_COUNT" // messages that "limited" is sent one by one in ten minutes
)

// kinds are the receivers. The last one has a limit of messages, beyond which it
// is told of storms; the others are told of each incident.
var kinds = []string{"hook", "events", "pager", "mail", "limited"} //nolint:gochecknoglobals // a table

// child records and tells until it is killed. Each notice that the store has taken is a
// line of its output, and so is the moment at which nothing waits.
func child(ctx context.Context) error {
	db, err := store.Open(ctx, "sqlite:"+os.Getenv(envStore), store.Options{})
	if err != nil {
		return err
	}
	first, err := strconv.Atoi(os.Getenv(envFirst))
	if err != nil {
		return err
	}
	every, err := time.ParseDuration(os.Getenv(envEvery))
	if err != nil {
		return err
	}
	lease, err := time.ParseDuration(os.Getenv(envLease))
	if err != nil {
		return err
	}
	p, err := pipeline(db, strings.Fields(os.Getenv(envAddrs)), lease)
	if err != nil {
		return err
	}
	p.Start()
	fmt.Println("S")
	if first < 0 {
		return settled(ctx, db)
	}
	in := intake.New(db, func() incident.Policy { return incident.Policy{} })
	for n := first; ; n++ {
		if err := record(ctx, in, n, keepwatch.LoginFailed); err != nil {
			return err
		}
		if n%2 == 0 && n >= lasts { // every second one ends
			if err := record(ctx, in, n-lasts, keepwatch.OK); err != nil {
				return err
			}
		}
		time.Sleep(every)
	}
}

// lasts is after how many others an incident ends.
const lasts = 4

func settled(ctx context.Context, db *store.DB) error {
	for ; ; time.Sleep(20 * time.Millisecond) {
		unrouted, err := db.Unrouted(ctx, 1)
		if err != nil {
			return err
		}
		// The next message of a storm is planned ahead; it waits for nothing but its time.
		since, waits, err := db.OldestUndelivered(ctx)
		if err != nil {
			return err
		}
		if len(unrouted) == 0 && (!waits || since.After(time.Now())) {
			fmt.Println("D")
			select {} // until it is killed
		}
	}
}

func record(ctx context.Context, in *intake.Intake, n int, outcome keepwatch.Outcome) error {
	now, id := time.Now(), "load-"+strconv.Itoa(n)
	check := keepwatch.CheckID(id)
	changes, err := in.Record(ctx, []keepwatch.Observation{{
		Key: keepwatch.SlotKey(check, now), Series: keepwatch.SeriesOf(check, ""), Check: check, Credential: keepwatch.CredentialID(id),
		Tenant: keepwatch.TenantID("of-" + id), Place: keepwatch.Local, Source: keepwatch.SourceTest, Reason: keepwatch.ReasonScheduled,
		Slot: now, At: now, Gap: 10 * time.Minute, Outcome: outcome, Message: "SFMC refuses the client secret of this package.",
	}}, now)
	for _, notice := range changes.Notices {
		fmt.Printf("N %d %s %s %s\n", n, notice.Incident.ID, notice.ID, notice.Kind)
	}
	return err
}

// pipeline is the real one over real senders.
func pipeline(db *store.DB, addrs []string, lease time.Duration) (*notify.Pipeline, error) {
	if len(addrs) != len(kinds) {
		return nil, fmt.Errorf("%d addresses for %d receivers: %w", len(addrs), len(kinds), keepwatch.ErrInvalid)
	}
	setup := notify.Setup{Directory: nobody{}, Routes: notify.Routes{{To: kinds}}}
	deps := notify.Deps{Client: &http.Client{Transport: signed{}}, Secrets: words{}}
	for i, kind := range kinds {
		sender, err := senderOf(kind, addrs[i], deps)
		if err != nil {
			return nil, err
		}
		r := notify.Receiver{Name: kind, Channel: kind, Sender: sender}
		if kind == "limited" {
			count, err := strconv.Atoi(os.Getenv(envCount))
			if err != nil {
				return nil, err
			}
			r.Pace = notify.Pace{Count: count, Within: notify.DefaultPace.Within}
		}
		setup.Receivers = append(setup.Receivers, r)
	}
	_, woken := db.Woken()
	return notify.New(notify.Options{Outbox: db, Woken: woken, Lease: lease, SendTimeout: min(30*time.Second, lease/2)}, setup), nil
}

func senderOf(kind, addr string, deps notify.Deps) (notify.Sender, error) {
	switch kind {
	case "events":
		return webhook.New(webhook.Config{URL: "http://" + addr, Format: webhook.CloudEvents}, deps)
	case "pager":
		return pagerduty.New(pagerduty.Config{RoutingKey: "env:KEY", URL: "http://" + addr}, deps)
	case "mail":
		return email.New(email.Config{SMTP: addr, From: "k" + os.Getenv(envLife) + "@example.com", To: []string{"ops@example.com"}, TLS: email.None}, email.Deps{Secrets: words{}})
	}
	return webhook.New(webhook.Config{URL: "http://" + addr}, deps)
}

// headerLife says which process a message is from.
const headerLife = "Keepwatch-Outage-Life"

// signed is the usual transport; what it sends says from which process it is. Receivers
// may read what a process has sent a moment after its death, so times would not tell.
type signed struct{}

func (signed) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set(headerLife, os.Getenv(envLife))
	return http.DefaultTransport.RoundTrip(r)
}

// words are secrets that anybody may know.
type words struct{}

func (words) Resolve(context.Context, string) (keepwatch.Secret, error) {
	return keepwatch.NewSecret([]byte("key")), nil
}

// nobody is an inventory without entries.
type nobody struct{}

func (nobody) Credential(keepwatch.CredentialID) (keepwatch.Credential, bool) {
	return keepwatch.Credential{}, false
}

func (nobody) Tenant(keepwatch.TenantID) (keepwatch.Tenant, bool) { return keepwatch.Tenant{}, false }

// Command flood measures what a flood costs: 100,000 incidents in ten seconds, each of
// one team of as many as there are channels, recorded by the real intake into a real
// store and told by the real pipeline, over every channel, to services that are played
// here. It prints when each receiver was told of how many, and what it took.
//
//	go run ./bench/flood [-incidents 100000] [-over 10s] [-store URL] [-for 60s]
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"keepwatch"
	"keepwatch/internal/incident"
	"keepwatch/internal/intake"
	"keepwatch/internal/notify"
	"keepwatch/internal/store"
)

var (
	incidents = flag.Int("incidents", 100_000, "how many incidents")
	over      = flag.Duration("over", 10*time.Second, "in which time they are seen")
	lasting   = flag.Duration("for", 6*time.Minute, "how long to watch from their begin")
	url       = flag.String("store", "", "a store's URL; the default is a fresh SQLite file")
)

func main() {
	flag.Parse()
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	if *url == "" {
		dir, err := os.MkdirTemp("", "keepwatch-flood")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		*url = "sqlite:" + filepath.Join(dir, "keepwatch.db")
	}
	db, err := store.Open(ctx, *url, store.Options{})
	if err != nil {
		return err
	}
	defer db.Close()
	w, err := newWorld(db)
	if err != nil {
		return err
	}
	w.pipeline().Start()
	begin := time.Now()
	recorded, err := w.flood(ctx, *incidents, *over)
	if err != nil {
		return err
	}
	used, err := cpu()
	if err != nil {
		return err
	}
	fmt.Printf("%d incidents recorded in %.1fs, CPU %.1fs\n", recorded, time.Since(begin).Seconds(), used.Seconds())
	time.Sleep(time.Until(begin.Add(*lasting)))
	for _, name := range w.names() {
		var at []string
		for _, m := range w.in[name].took() {
			at = append(at, fmt.Sprintf("%.1fs (%d)", m.at.Sub(begin).Seconds(), m.total))
		}
		fmt.Printf("%-13s %d messages: %s\n", name, len(at), strings.Join(at, ", "))
	}
	w.services.mu.Lock()
	fmt.Println("largest message, bytes:", w.services.largest)
	w.services.mu.Unlock()
	asked := time.Now()
	n, twice, err := w.asked(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("the API lists %d open incidents, %d of them twice, in %.1fs\n", n, twice, time.Since(asked).Seconds())
	if used, err = cpu(); err != nil {
		return err
	}
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return err
	}
	fmt.Printf("peak RSS %d MiB, CPU %.1fs\n", usage.Maxrss>>10, used.Seconds())
	return w.pipe.Stop(ctx)
}

// cpu is the processor time that this process has used.
func cpu() (time.Duration, error) {
	var usage syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), err
}

// world is an estate of one team for each channel, and its receivers.
type world struct {
	db       *store.DB
	in       map[string]*witness
	services *services
	setup    notify.Setup
	pipe     *notify.Pipeline
	outbox   notify.Outbox // the way to db; nil is db itself
	intake   *intake.Intake
	crashes  []time.Time
}

func newWorld(db *store.DB) (*world, error) {
	w := &world{db: db, in: map[string]*witness{}, services: &services{largest: map[string]int{}}}
	w.intake = intake.New(db, func() incident.Policy { return incident.Policy{} })
	list, err := senders(w.services)
	if err != nil {
		return nil, err
	}
	for name, s := range list {
		w.in[name] = &witness{Sender: s}
	}
	w.setup = notify.Setup{Directory: w, BaseURL: "https://keepwatch.example.com"}
	for _, name := range w.names() {
		w.setup.Receivers = append(w.setup.Receivers, notify.Receiver{Name: name, Channel: name, Sender: w.in[name], Pace: notify.DefaultPace})
		w.setup.Routes = append(w.setup.Routes, notify.Route{Match: keepwatch.Match{Owner: []string{name}}, To: []string{name}})
	}
	return w, nil
}

func (w *world) names() []string {
	var out []string
	for name := range w.in {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

func (w *world) pipeline() *notify.Pipeline {
	_, woken := w.db.Woken()
	outbox := w.outbox
	if outbox == nil {
		outbox = w.db
	}
	w.pipe = notify.New(notify.Options{Outbox: outbox, Woken: woken}, w.setup)
	return w.pipe
}

// Credential tells a credential's team by its number; one in a thousand is
// transactional.
func (w *world) Credential(id keepwatch.CredentialID) (keepwatch.Credential, bool) {
	_, number, _ := strings.Cut(string(id), "-")
	n, err := strconv.Atoi(number)
	c := keepwatch.Credential{ID: id, Tenant: keepwatch.TenantID("of-" + number), Criticality: keepwatch.Standard}
	names := w.setup.Receivers
	c.Owner.Team = names[n%len(names)].Name
	if n/len(names)%1000 == 0 {
		c.Criticality = keepwatch.Transactional
	}
	return c, err == nil
}

// Tenant has nothing to say.
func (w *world) Tenant(id keepwatch.TenantID) (keepwatch.Tenant, bool) {
	return keepwatch.Tenant{ID: id}, true
}

// flood records incidents, each of a credential and tenant of its own, in hundredths of
// the time they take.
func (w *world) flood(ctx context.Context, n int, over time.Duration) (opened int, err error) {
	parts := min(100, max(1, n/1000))
	begin := time.Now()
	for part := range parts {
		time.Sleep(time.Until(begin.Add(over * time.Duration(part) / time.Duration(parts))))
		from, to := n*part/parts, n*(part+1)/parts
		for ; from < to; from += 500 {
			changes, err := w.intake.Record(ctx, failures(from, min(from+500, to), keepwatch.LoginFailed), time.Now())
			if err != nil {
				return opened, err
			}
			opened += len(changes.Incidents)
		}
	}
	runtime.GC()
	return opened, nil
}

func failures(from, to int, outcome keepwatch.Outcome) []keepwatch.Observation {
	var list []keepwatch.Observation
	now := time.Now()
	for i := from; i < to; i++ {
		id := "load-" + strconv.Itoa(i)
		check := keepwatch.CheckID(id)
		list = append(list, keepwatch.Observation{
			Key: keepwatch.SlotKey(check, now), Series: keepwatch.SeriesOf(check, ""), Check: check, Credential: keepwatch.CredentialID(id),
			Tenant: keepwatch.TenantID("of-" + strconv.Itoa(i)), Place: keepwatch.Local, Source: keepwatch.SourceTest, Reason: keepwatch.ReasonScheduled,
			Slot: now, At: now, Gap: 10 * time.Minute, Outcome: outcome, Message: "SFMC refuses the client secret of this package.",
		})
	}
	return list
}

package rotate_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/egress"
	"keepwatch/internal/expiry"
	"keepwatch/internal/probe"
	"keepwatch/internal/rotate"
	"keepwatch/internal/rotation"
	"keepwatch/internal/sfmc/sim"
	"keepwatch/internal/store"
	"keepwatch/internal/store/storetest"
)

const (
	credID   = keepwatch.CredentialID("crm")
	clientID = "id-of-the-client-00000001"
	oldRef   = "env:CRM_SECRET"
	newRef   = "env:CRM_SECRET_NEXT"
)

// vault is where references lead.
type vault map[string]string

func (v vault) Resolve(_ context.Context, ref string) (keepwatch.Secret, error) {
	s, ok := v[ref]
	if !ok {
		return keepwatch.Secret{}, fmt.Errorf("%s: %w", ref, keepwatch.ErrNotFound)
	}
	return keepwatch.NewSecret([]byte(s)), nil
}

var errCrash = errors.New("the process is gone")

// process is one life of a node: its writes fail from the fatal one on, before or
// after that one took effect.
type process struct {
	*store.DB
	writes int
	fatal  int // 0: never
	after  bool
	dead   bool
}

func (p *process) write(do func() error) error {
	if p.dead {
		return errCrash
	}
	p.writes++
	if p.writes != p.fatal {
		return do()
	}
	p.dead = true
	if p.after {
		if err := do(); err != nil {
			return err
		}
	}
	return errCrash
}

func (p *process) SaveRotation(ctx context.Context, r keepwatch.Rotation) error {
	return p.write(func() error { return p.DB.SaveRotation(ctx, r) })
}

func (p *process) Post(ctx context.Context, n []keepwatch.Notice) error {
	return p.write(func() error { return p.DB.Post(ctx, n) })
}

func (p *process) SaveItems(ctx context.Context, now time.Time, w []store.ItemWrite) error {
	return p.write(func() error { return p.DB.SaveItems(ctx, now, w) })
}

// world is SFMC, a store, holders that work all the time, and nodes of Keepwatch.
type world struct {
	t       *testing.T
	sim     *sim.Sim
	pipe    *sim.Pipe
	egress  *egress.Client
	db      *store.DB
	vault   vault
	secrets rotate.Secrets        // nil: the vault
	file    *keepwatch.Credential // the record of a file; nil: it is in the store
	nodes   []*node

	holders map[string]string // name -> the secret that it uses
	tenant  keepwatch.Tenant
	failed  []string // production calls and regular tests that failed
	pace    time.Duration

	together bool // the nodes run at the same instant
}

type node struct {
	*rotate.Cockpit
	life *process
}

var begin = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

// newWorld makes one; call it inside a bubble.
func newWorld(t *testing.T, holders ...string) *world {
	t.Helper()
	time.Sleep(time.Until(begin))
	w := &world{t: t, pace: time.Minute, vault: vault{oldRef: "secret-of-the-client-001"}, holders: map[string]string{},
		tenant: keepwatch.Tenant{ID: "emea", AuthURL: sim.PipeURL, RESTURL: sim.PipeURL, SOAPURL: sim.PipeURL + "Service.asmx"}}
	w.sim = sim.New(sim.Options{Now: time.Now, Clients: []sim.ClientSpec{{ClientID: clientID, Secret: w.vault[oldRef], MID: 510000123, Kind: keepwatch.ServerToServer}}})
	w.pipe = sim.NewPipe(w.sim)
	w.egress = egress.New(egress.Policy{Network: w.pipe})
	dir := memoryDir(t)
	path := filepath.Join(dir, "keepwatch.db")
	w.must(storetest.Ready(path))
	var err error
	w.db, err = store.Open(t.Context(), "sqlite:"+path, store.Options{Synchronous: "OFF"})
	w.must(err)
	cred := keepwatch.Credential{
		ID: credID, Tenant: "emea", BusinessUnit: 510000123, Kind: keepwatch.ServerToServer, ClientID: clientID, SecretRef: oldRef,
		SecretGenerated: keepwatch.Day(2026, time.June, 1), Owner: keepwatch.Owner{Team: "CRM", Contact: "crm@example.com"}, Tests: []string{"identity"},
	}
	for _, name := range holders {
		cred.Holders = append(cred.Holders, keepwatch.Holder{Name: name, Contact: strings.ToLower(name) + "@example.com"})
		w.holders[name] = w.vault[oldRef]
	}
	w.must(w.db.SaveItems(t.Context(), time.Now(), []store.ItemWrite{{
		Change: keepwatch.Change{Credential: credID, At: time.Now(), By: "ada", Via: "ui", Kind: keepwatch.ChangeCreated}, Record: cred,
	}}))
	w.node(0, false)
	return w
}

// memoryDir is a folder that costs no disk where there is one.
func memoryDir(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "keepwatch-rotate-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (w *world) close() {
	w.egress.HTTP().CloseIdleConnections()
	w.must(w.sim.Close())
	w.must(w.pipe.Close())
	w.must(w.db.Close())
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// node starts one: a prober of its own, the store of all.
func (w *world) node(fatal int, after bool) *node {
	life := &process{DB: w.db, fatal: fatal, after: after}
	n := &node{life: life, Cockpit: rotate.New(rotate.Options{
		Store: life, Prober: w.prober(), Secrets: w.vault, Now: time.Now,
		Records: rotate.Shelf{Items: life, Find: w.find},
		Link:    func(token string) string { return "https://keepwatch.example.com/rotations/tick/" + token },
	})}
	w.nodes = append(w.nodes, n)
	return n
}

func (w *world) prober() *probe.Prober {
	if w.secrets != nil {
		return probe.New(probe.Options{Secrets: w.secrets, Egress: w.egress})
	}
	return probe.New(probe.Options{Secrets: w.vault, Egress: w.egress})
}

func (w *world) find(id keepwatch.CredentialID) (keepwatch.Credential, keepwatch.Tenant, bool) {
	cred := keepwatch.Credential{}
	if w.file != nil {
		cred = *w.file
	} else {
		it, err := w.db.Item(w.t.Context(), id)
		if err != nil {
			return cred, w.tenant, false
		}
		cred = it.Credential
	}
	cred.Clocks = expiry.Clocks(cred, time.UTC, nil)
	for _, k := range cred.Clocks {
		if k.Kind == keepwatch.ClockHard && k.Known() && cred.Deadline.At.IsZero() {
			cred.Deadline = keepwatch.Deadline{At: k.At, Source: k.Source}
		}
	}
	return cred, w.tenant, id == credID
}

// minute is what happens each minute, or at a slower pace in long stories: the check of the rotation on every node, the
// credential's own test on one of them, and every holder's call.
func (w *world) minute() {
	w.t.Helper()
	time.Sleep(time.Until(time.Now().Truncate(w.pace).Add(w.pace)))
	for i, n := range w.nodes {
		if n.life.dead {
			again := w.node(0, false)
			w.nodes = w.nodes[:len(w.nodes)-1]
			w.nodes[i] = again
		}
	}
	var nodes sync.WaitGroup
	for _, n := range w.nodes {
		nodes.Go(func() { n.Look(w.t.Context(), w.slot(), time.Now()) })
		if !w.together {
			nodes.Wait()
		}
	}
	nodes.Wait()
	w.work()
}

func (w *world) slot() keepwatch.Slot {
	check := keepwatch.CheckOf(keepwatch.CheckRotation, credID)
	return keepwatch.Slot{Check: keepwatch.Check{ID: check, Kind: keepwatch.CheckRotation, Credential: credID, Tenant: "emea"}, At: time.Now().Truncate(time.Minute), Gap: time.Minute, Reason: keepwatch.ReasonScheduled}
}

// work is production: the regular test with the secret that is in force, and what
// the holders do.
func (w *world) work() {
	w.t.Helper()
	open, err := w.db.Rotations(w.t.Context(), true)
	w.must(err)
	cred, tenant, _ := w.find(credID)
	if over, ok := rotate.Overrides(open)[credID]; ok {
		cred = over.Apply(cred)
	}
	slot := keepwatch.Slot{Check: keepwatch.Check{ID: keepwatch.CheckID(credID)}, At: time.Now()}
	if o := w.prober().Run(w.t.Context(), cred, tenant, slot); o.Outcome != keepwatch.OK {
		w.failed = append(w.failed, fmt.Sprintf("%s regular test with %s: %s", time.Now().Format(time.TimeOnly), cred.SecretRef, o.Outcome))
	}
	for _, name := range slices.Sorted(maps.Keys(w.holders)) {
		own := vault{"own": w.holders[name]}
		cred.SecretRef = "own"
		o := probe.New(probe.Options{Secrets: own, Egress: w.egress}).Run(w.t.Context(), cred, tenant, slot)
		if o.Outcome != keepwatch.OK {
			w.failed = append(w.failed, fmt.Sprintf("%s holder %s: %s", time.Now().Format(time.TimeOnly), name, o.Outcome))
		}
	}
}

// generate is Setup: a staged secret, which somebody puts where Keepwatch reads it.
func (w *world) generate() {
	w.t.Helper()
	c, err := w.sim.Generate(clientID)
	w.must(err)
	w.vault[newRef] = c.Staged
}

func (w *world) start() keepwatch.Rotation {
	w.t.Helper()
	r, err := w.nodes[0].Start(w.t.Context(), rotate.StartRequest{Credential: credID, StagedRef: newRef, Generated: today(), By: "ada"})
	w.must(err)
	return r
}

func today() keepwatch.Date { return keepwatch.DayOf(time.Now(), time.UTC) }

// rotation is the newest one as it is stored.
func (w *world) rotation() keepwatch.Rotation {
	w.t.Helper()
	all, err := w.db.Rotations(w.t.Context(), false)
	w.must(err)
	if len(all) == 0 {
		return keepwatch.Rotation{}
	}
	return all[0]
}

func (w *world) state() keepwatch.RotationState { return w.rotation().State }

// until lets minutes pass until the rotation is in a state.
func (w *world) until(state keepwatch.RotationState, limit time.Duration) keepwatch.Rotation {
	w.t.Helper()
	for end := time.Now().Add(limit); ; w.minute() {
		r := w.rotation()
		if r.State == state {
			return r
		}
		if time.Now().After(end) {
			w.t.Fatalf("after %s it is %s, not %s\n%s", limit, r.State, state, transcript(r))
		}
	}
}

func (w *world) wait(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		w.minute()
	}
}

// letters are those in the outbox, oldest first.
func (w *world) letters() []keepwatch.Letter {
	w.t.Helper()
	notices, err := w.db.Unrouted(w.t.Context(), 1000)
	w.must(err)
	var out []keepwatch.Letter
	for _, n := range notices {
		if n.Letter != nil {
			out = append(out, *n.Letter)
		}
	}
	return out
}

// token is that of the newest letter to a holder.
func (w *world) token(holder string) string {
	w.t.Helper()
	letters := w.letters()
	for i := len(letters) - 1; i >= 0; i-- {
		if token, ok := strings.CutPrefix(letters[i].Link, "https://keepwatch.example.com/rotations/tick/"); ok && letters[i].To == strings.ToLower(holder)+"@example.com" {
			return token
		}
	}
	return ""
}

// switches is a holder who reads the letter, switches and says so.
func (w *world) switches(holder string) error {
	token := w.token(holder)
	if token == "" {
		return fmt.Errorf("%s has no letter", holder)
	}
	w.holders[holder] = w.vault[newRef]
	_, err := w.nodes[0].Tick(w.t.Context(), token, "")
	return err
}

// refused is how many token requests SFMC has refused in all.
func (w *world) refused() int {
	for _, n := range w.sim.Requests() {
		if n.ClientID == clientID && n.Route == "token" {
			return int(n.Refused)
		}
	}
	return 0
}

func (w *world) noFailure() {
	w.t.Helper()
	if len(w.failed) > 0 {
		w.t.Errorf("%d production failures:\n%s\n%s", len(w.failed), strings.Join(w.failed[:min(5, len(w.failed))], "\n"), transcript(w.rotation()))
	}
}

func steps(r keepwatch.Rotation) string {
	var out []string
	for _, e := range r.Evidence {
		out = append(out, e.Step)
	}
	return strings.Join(out, " ")
}

func transcript(r keepwatch.Rotation) string {
	var b strings.Builder
	for _, e := range r.Evidence {
		fmt.Fprintf(&b, "%s  %-17s %-10s %-21s %s\n", e.At.UTC().Format("01-02 15:04:05"), e.Step, e.By, e.Outcome, e.Detail)
	}
	b.WriteString("waits for: " + rotation.Waiting(r) + "\n")
	return b.String()
}

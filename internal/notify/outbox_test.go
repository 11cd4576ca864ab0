package notify

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"keepwatch"
)

// memory is an outbox in memory that can be made to fail.
type memory struct {
	*ledger
	// refuse makes Settle fail, as a crash before the mark does.
	refuse func(keepwatch.Delivery) bool
	// broken makes the whole outbox fail.
	broken bool
	claims int
}

var errBroken = errors.New("the outbox is broken")

func newMemory() *memory { return &memory{ledger: newLedger()} }

// breakDown makes the whole outbox fail, or work again.
func (m *memory) breakDown(broken bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.broken = broken
}

// fails reports whether a call fails.
func (m *memory) fails() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken {
		return errBroken
	}
	return nil
}

func (m *memory) Unrouted(ctx context.Context, limit int) ([]keepwatch.Notice, error) {
	if err := m.fails(); err != nil {
		return nil, err
	}
	return m.ledger.Unrouted(ctx, limit)
}

func (m *memory) RouteAll(ctx context.Context, list []keepwatch.Routing, now time.Time) error {
	if err := m.fails(); err != nil {
		return err
	}
	return m.ledger.RouteAll(ctx, list, now)
}

func (m *memory) ClaimDeliveries(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]keepwatch.Delivery, error) {
	m.mu.Lock()
	m.claims++
	m.mu.Unlock()
	if err := m.fails(); err != nil {
		return nil, err
	}
	return m.ledger.ClaimDeliveries(ctx, now, lease, limit)
}

func (m *memory) Settle(ctx context.Context, d keepwatch.Delivery, now time.Time) error {
	m.mu.Lock()
	refused := m.broken || m.refuse != nil && m.refuse(d)
	m.mu.Unlock()
	if refused {
		return errBroken
	}
	return m.ledger.Settle(ctx, d, now)
}

func (m *memory) NextDelivery(ctx context.Context) (time.Time, bool, error) {
	if err := m.fails(); err != nil {
		return time.Time{}, false, err
	}
	return m.ledger.NextDelivery(ctx)
}

func (m *memory) Deliveries(ctx context.Context, id keepwatch.IncidentID) ([]keepwatch.Delivery, error) {
	if err := m.fails(); err != nil {
		return nil, err
	}
	return m.ledger.Deliveries(ctx, id)
}

func (m *memory) row(id keepwatch.DeliveryID) keepwatch.Delivery {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rows[id]
}

func (m *memory) count(status keepwatch.DeliveryStatus) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for _, d := range m.rows {
		if d.Status == status {
			n++
		}
	}
	return n
}

// inbox is a receiver that can be made to fail.
type inbox struct {
	mu    sync.Mutex
	got   []Message
	fail  func(Message) error
	slow  time.Duration // how long it takes to hand a message over
	tries int
	// at0 is how many are being sent just now, atMost how many at once so far.
	at0, atMost int
}

func (i *inbox) Send(ctx context.Context, m Message) (Receipt, error) {
	i.mu.Lock()
	i.tries++
	i.at0++
	i.atMost = max(i.atMost, i.at0)
	fail, slow := i.fail, i.slow
	i.mu.Unlock()
	defer func() { i.mu.Lock(); i.at0--; i.mu.Unlock() }()
	if slow > 0 {
		timer := time.NewTimer(slow)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	if fail != nil {
		if err := fail(m); err != nil {
			return "", err
		}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.got = append(i.got, m)
	return "accepted", nil
}

func (i *inbox) set(fail func(Message) error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.fail = fail
}

func (i *inbox) messages() []Message {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.got)
}

func (i *inbox) attempts() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.tries
}

func (i *inbox) hang(d time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.slow = d
}

// kinds is what arrived, in order.
func (i *inbox) kinds() []keepwatch.TransitionKind {
	var out []keepwatch.TransitionKind
	for _, m := range i.messages() {
		out = append(out, m.Kind)
	}
	return out
}

// directory is a small inventory.
type directory map[keepwatch.CredentialID]keepwatch.Credential

func (d directory) Credential(id keepwatch.CredentialID) (keepwatch.Credential, bool) {
	c, ok := d[id]
	return c, ok
}

func (d directory) Tenant(id keepwatch.TenantID) (keepwatch.Tenant, bool) {
	return keepwatch.Tenant{ID: id, BusinessUnits: []keepwatch.BusinessUnit{{MID: 510000123, Name: "Germany"}}}, true
}

func estate() directory {
	return directory{
		"crm-sync": {
			ID: "crm-sync", Tenant: "emea", BusinessUnit: 510000123, Criticality: keepwatch.Transactional,
			Owner:      keepwatch.Owner{Team: "crm-platform", Contact: "crm-oncall@example.com"},
			RunbookURL: "https://wiki.example.com/runbooks/crm-sync",
			Dependents: []keepwatch.Dependent{
				{Kind: "journey", Key: "welcome-series", ContactsPerDay: 10000},
				{Kind: "automation", Key: "nightly-orders"},
			},
		},
		"weekly-report": {
			ID: "weekly-report", Tenant: "emea", BusinessUnit: 510000124, Criticality: keepwatch.Reporting,
			Owner: keepwatch.Owner{Team: "analytics"},
		},
		"us-shop": {ID: "us-shop", Tenant: "us", Criticality: keepwatch.Standard, Owner: keepwatch.Owner{Team: "shop"}},
	}
}

// story makes the notices of one incident of crm-sync, from its begin.
type tale struct {
	inc keepwatch.Incident
	seq int
}

func newTale(id string, at time.Time) *tale {
	return &tale{inc: keepwatch.Incident{
		ID: keepwatch.IncidentID(id), Key: "credential:crm-sync", Scope: keepwatch.ScopeCredential, Tenant: "emea", Place: keepwatch.Local,
		Outcome: keepwatch.BadSecretOrPackage, Category: keepwatch.CategoryCredential, Severity: keepwatch.SeverityCritical,
		Status: keepwatch.IncidentOpen, Credential: "crm-sync",
		Message:      "SFMC refuses the client secret of this package.",
		Hint:         "Compare the secret with the one in Setup, Installed Packages; generate a new one if in doubt.",
		Evidence:     "401 invalid_client: Invalid client secret",
		LastProvenAt: at.Add(-14 * time.Minute), FirstFailedAt: at.Add(-30 * time.Second), DetectedAt: at,
		Members: []keepwatch.Member{{Series: "crm-sync", Credential: "crm-sync", Outcome: keepwatch.BadSecretOrPackage, Since: at}},
	}}
}

func (t *tale) next(kind keepwatch.TransitionKind, at time.Time) keepwatch.Notice {
	t.seq++
	switch kind {
	case keepwatch.Resolved, keepwatch.Merged:
		t.inc.Status, t.inc.ResolvedAt = keepwatch.IncidentResolved, at
	case keepwatch.Acknowledged:
		t.inc.AcknowledgedAt, t.inc.AcknowledgedBy = at, "ada"
	}
	t.inc.Revision = t.seq
	return keepwatch.Notice{ID: keepwatch.NoticeIDOf(t.inc.ID, t.seq), Incident: t.inc, Kind: kind, Seq: t.seq, At: at}
}

// hasten is what the store does when a silence was ended: rows that were held back are
// due.
func (m *memory) hasten(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.rows {
		if mk := marksOf(d); d.Status == keepwatch.DeliveryPending && (mk.held > 0 || mk.waited > 0) && d.NextAttemptAt.After(now) {
			d.NextAttemptAt = now
			m.put(d)
		}
	}
	m.wake()
}

// of are the rows of one incident.
func (m *memory) of(id keepwatch.IncidentID) (out []keepwatch.Delivery) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, row := range m.ledger.of[id] {
		out = append(out, m.rows[row])
	}
	return out
}

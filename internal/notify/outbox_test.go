package notify

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"keepwatch"
)

// memory is an outbox in memory with the manners of the store: a lease is a due
// time in the future, and rows are kept by their ids.
type memory struct {
	mu        sync.Mutex
	notices   []keepwatch.Notice
	routed    map[keepwatch.NoticeID]bool
	rows      map[keepwatch.DeliveryID]keepwatch.Delivery
	incidents map[keepwatch.IncidentID]keepwatch.Incident
	bundles   []*keepwatch.BundleState
	woken     chan struct{}
	// refuse makes Settle fail, as a crash before the mark does.
	refuse func(keepwatch.Delivery) bool
	// broken makes the whole outbox fail.
	broken bool
	claims int
}

var errBroken = errors.New("the outbox is broken")

func newMemory() *memory {
	return &memory{
		routed: map[keepwatch.NoticeID]bool{}, rows: map[keepwatch.DeliveryID]keepwatch.Delivery{},
		incidents: map[keepwatch.IncidentID]keepwatch.Incident{}, woken: make(chan struct{}, 1),
	}
}

func (m *memory) wake() {
	select {
	case m.woken <- struct{}{}:
	default:
	}
}

// add is what the store's Apply does with a notice.
func (m *memory) add(ns ...keepwatch.Notice) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, n := range ns {
		m.notices = append(m.notices, n)
		m.incidents[n.Incident.ID] = n.Incident
	}
	m.wake()
}

// breakDown makes the whole outbox fail, or work again.
func (m *memory) breakDown(broken bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.broken = broken
}

func (m *memory) Unrouted(_ context.Context, limit int) ([]keepwatch.Notice, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken {
		return nil, errBroken
	}
	var out []keepwatch.Notice
	for _, n := range m.notices {
		if !m.routed[n.ID] && len(out) < limit {
			out = append(out, n)
		}
	}
	return out, nil
}

func (m *memory) Route(_ context.Context, n keepwatch.NoticeID, ds []keepwatch.Delivery, _ time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.routed[n] {
		return nil // the first decision holds
	}
	m.routed[n] = true
	for _, d := range ds {
		if _, ok := m.rows[d.ID]; !ok {
			m.rows[d.ID] = d
		}
	}
	m.wake()
	return nil
}

func (m *memory) Remind(_ context.Context, d keepwatch.Delivery, _ time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.rows[d.ID]; !ok {
		m.rows[d.ID] = d
	}
	return nil
}

func (m *memory) ClaimDeliveries(_ context.Context, now time.Time, lease time.Duration, limit int) ([]keepwatch.Delivery, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.claims++
	if m.broken {
		return nil, errBroken
	}
	out := m.due(now)
	out = out[:min(limit, len(out))]
	for i := range out {
		out[i].NextAttemptAt = now.Add(lease)
		m.rows[out[i].ID] = out[i]
	}
	return out, nil
}

func (m *memory) Settle(_ context.Context, d keepwatch.Delivery, _ time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken || m.refuse != nil && m.refuse(d) {
		return errBroken
	}
	if m.rows[d.ID].Status == keepwatch.DeliveryPending { // settled for good stays so
		m.rows[d.ID] = d
		b := m.bundle(d.Notice.Incident.ID)
		if b != nil && d.Status == keepwatch.DeliverySent && d.NextAttemptAt.After(d.SentAt) && b.Seq == b.Taken && b.ClosedAt.IsZero() {
			m.planMessage(b, d.NextAttemptAt, d.SentAt)
			m.wake()
		}
	}
	return nil
}

func (m *memory) NextDelivery(context.Context) (time.Time, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken {
		return time.Time{}, false, errBroken
	}
	var next time.Time
	for _, d := range m.rows {
		if d.Status == keepwatch.DeliveryPending && (next.IsZero() || d.NextAttemptAt.Before(next)) {
			next = d.NextAttemptAt
		}
	}
	return next, !next.IsZero(), nil
}

func (m *memory) Deliveries(_ context.Context, id keepwatch.IncidentID) ([]keepwatch.Delivery, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken {
		return nil, errBroken
	}
	var out []keepwatch.Delivery
	for _, d := range m.rows {
		if d.Notice.Incident.ID == id {
			out = append(out, m.overlay(d))
		}
	}
	slices.SortFunc(out, func(a, b keepwatch.Delivery) int { return cmp.Compare(a.ID, b.ID) })
	return out, nil
}

func (m *memory) Incident(_ context.Context, id keepwatch.IncidentID) (keepwatch.Incident, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	inc, ok := m.incidents[id]
	if !ok {
		return inc, keepwatch.ErrNotFound
	}
	return inc, nil
}

func (m *memory) due(now time.Time) []keepwatch.Delivery {
	var out []keepwatch.Delivery
	for _, d := range m.rows {
		if d.Status == keepwatch.DeliveryPending && !d.NextAttemptAt.After(now) {
			out = append(out, d)
		}
	}
	slices.SortFunc(out, func(a, b keepwatch.Delivery) int {
		return cmp.Or(a.NextAttemptAt.Compare(b.NextAttemptAt), cmp.Compare(a.ID, b.ID))
	})
	return out
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
	for id, d := range m.rows {
		if mk := marksOf(d); d.Status == keepwatch.DeliveryPending && (mk.held > 0 || mk.waited > 0) && d.NextAttemptAt.After(now) {
			d.NextAttemptAt = now
			m.rows[id] = d
		}
	}
	m.wake()
}

// of are the rows of one incident.
func (m *memory) of(id keepwatch.IncidentID) (out []keepwatch.Delivery) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.rows {
		if d.Notice.Incident.ID == id {
			out = append(out, d)
		}
	}
	return out
}

// Package rotate is the cockpit of a secret's rotation: it carries the state
// machine of package rotation between the store, the tests, the record and the
// people. SFMC has no API for any of it, so a person generates and activates in
// Setup; the cockpit proves what came of it, keeps the tick-list and the evidence.
//
// Everything it does may be done twice, by two nodes, or break off at any point:
// what it is about to ask SFMC is written down before it asks, with compare-and-set,
// so one node asks and a lost answer counts as asked.
package rotate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"time"

	"keepwatch"
)

// Store keeps rotations. Part of it is the outbox for letters.
type Store interface {
	Rotations(ctx context.Context, openOnly bool) ([]keepwatch.Rotation, error)
	Rotation(ctx context.Context, id keepwatch.RotationID) (keepwatch.Rotation, error)
	RotationByTick(ctx context.Context, hash string) (keepwatch.Rotation, error)
	// SaveRotation writes r if the stored revision is still r.Revision (0: there is
	// none yet), and counts it up; else it answers ErrConflict.
	SaveRotation(ctx context.Context, r keepwatch.Rotation) error
	// Post puts letters into the outbox; one with a known id changes nothing.
	Post(ctx context.Context, letters []keepwatch.Notice) error
}

// Prober proves a credential once, with one token request.
type Prober interface {
	Run(ctx context.Context, c keepwatch.Credential, t keepwatch.Tenant, s keepwatch.Slot) keepwatch.Observation
}

// Secrets reads what a reference points to.
type Secrets interface {
	Resolve(ctx context.Context, ref string) (keepwatch.Secret, error)
}

// Records is the inventory.
type Records interface {
	// Record is a credential as its file or the interface defines it, WITHOUT what a
	// running rotation puts in its place (Override), and its tenant.
	Record(ctx context.Context, id keepwatch.CredentialID) (keepwatch.Credential, keepwatch.Tenant, error)
	// Renew writes the new secret's reference and generation date into a record that
	// belongs to the interface (File == ""). Doing it twice changes nothing.
	Renew(ctx context.Context, id keepwatch.CredentialID, ref string, generated keepwatch.Date, by string, now time.Time) error
	// Stage seals a staged secret beside the one that is in use and names it.
	Stage(ctx context.Context, cred keepwatch.Credential, secret keepwatch.Secret, by string, now time.Time) (ref string, err error)
	// Unstage forgets what Stage sealed. A reference of another kind, and a secret
	// that is not there any more, change nothing.
	Unstage(ctx context.Context, id keepwatch.CredentialID, ref string) error
}

// Options are what a Cockpit needs.
type Options struct {
	Store   Store
	Prober  Prober
	Secrets Secrets
	Records Records
	// Link makes the address of a holder's page from its token, such as
	// https://keepwatch.example.com/rotations/tick/TOKEN; nil, or "" from it, makes
	// letters without one.
	Link func(token string) string
	Zone func(keepwatch.CredentialID) *time.Location // of the record's calendar; nil: UTC
	Now  func() time.Time                            // of what people do; nil: time.Now
	// Uses says which of a rotation's secrets its holders show in real traffic; nil: nobody
	// watches.
	Uses func(ctx context.Context, r keepwatch.Rotation) ([]Use, error)
	// Changed is called after a rotation came into another state: the overrides and
	// the rows of the schedule are then to be worked out anew. nil: nobody is told.
	Changed func(keepwatch.Rotation)
	Logger  *slog.Logger
}

// Cockpit runs rotations. It is safe for many at a time, and for many nodes.
type Cockpit struct {
	Options
}

// New makes a cockpit.
func New(o Options) *Cockpit {
	if o.Zone == nil {
		o.Zone = func(keepwatch.CredentialID) *time.Location { return time.UTC }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Changed == nil {
		o.Changed = func(keepwatch.Rotation) {}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Logger = o.Logger.With("component", "rotate")
	return &Cockpit{o}
}

// StartRequest begins a rotation. The staged secret is named by a reference, or
// given itself: then it is sealed, and nobody reads it again.
type StartRequest struct {
	Credential keepwatch.CredentialID
	StagedRef  string // where the staged secret is: "env:NAME", "file:/path", …
	Staged     keepwatch.Secret
	Generated  keepwatch.Date // when it was generated in Setup
	By         string
}

// ResumeRequest goes on with a rotation that waits for a person, or was aborted.
// With a StagedRef or a Staged it goes on with another staged secret, with a date
// alone it corrects that of the one that it has.
type ResumeRequest struct {
	ID        keepwatch.RotationID
	StagedRef string
	Staged    keepwatch.Secret
	Generated keepwatch.Date
	By        string
}

// TickView is what the page behind a holder's link shows before anybody presses
// the button: what it will do.
type TickView struct {
	Rotation   keepwatch.RotationID
	Credential keepwatch.CredentialID
	Tenant     keepwatch.TenantID
	Holder     string
	State      keepwatch.RotationState
	OldEndsAt  time.Time // zero when unknown
	SwitchedAt time.Time // zero: not yet
	SwitchedBy string
	Open       bool   // pressing the button would change something
	Says       string // one sentence: what pressing it does, or why there is nothing to press
}

// List lists rotations, newest first.
func (c *Cockpit) List(ctx context.Context, openOnly bool) ([]keepwatch.Rotation, error) {
	return c.Store.Rotations(ctx, openOnly)
}

// Get reads one.
func (c *Cockpit) Get(ctx context.Context, id keepwatch.RotationID) (keepwatch.Rotation, error) {
	return c.Store.Rotation(ctx, id)
}

// attempts is how often a change is tried against other writers before it gives up.
const attempts = 8

// change reads a rotation, lets decide make the next one of it, and saves that. It
// begins anew when somebody else was faster, so decide must be able to run again.
func (c *Cockpit) change(ctx context.Context, id keepwatch.RotationID, decide func(keepwatch.Rotation) (keepwatch.Rotation, error)) (keepwatch.Rotation, error) {
	for range attempts {
		r, err := c.Store.Rotation(ctx, id)
		if err != nil {
			return keepwatch.Rotation{}, err
		}
		next, err := decide(r)
		if err != nil {
			return r, err
		}
		if same(r, next) {
			return r, nil
		}
		if err := c.Store.SaveRotation(ctx, next); errors.Is(err, keepwatch.ErrConflict) {
			continue
		} else if err != nil {
			return r, err
		}
		if next.State != r.State {
			c.Logger.Info("rotation moved on", "rotation", id, "credential", r.Credential, "from", r.State, "to", next.State)
			c.Changed(next)
		}
		return c.Store.Rotation(ctx, id)
	}
	return keepwatch.Rotation{}, keepwatch.WithHint(fmt.Errorf("rotation %q is being changed by others: %w", id, keepwatch.ErrConflict), "try again")
}

// same reports whether a decision changed nothing that has to be saved.
func same(a, b keepwatch.Rotation) bool {
	return reflect.DeepEqual(a, b)
}

// moment is a time as it comes back from the store.
func moment(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

func (c *Cockpit) now() time.Time { return moment(c.Now()) }

// who cuts a name that came from outside, so that no row grows without bound.
func who(by string) string {
	by = strings.ToValidUTF8(strings.Join(strings.Fields(by), " "), "")
	if by == "" {
		return "somebody"
	}
	if runes := []rune(by); len(runes) > maxName {
		return string(runes[:maxName]) + "…"
	}
	return by
}

const maxName = 100

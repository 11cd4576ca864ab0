package rotate_test

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/rotate"
	"keepwatch/internal/rotation"
	"keepwatch/internal/secrets"
	"keepwatch/internal/store"
)

// sealing is a world whose record has a sealed secret, and a node that has the key.
type sealing struct {
	*world
	sealer *secrets.Sealer
}

// Resolve opens what is sealed; anything else comes from the vault.
func (s *sealing) Resolve(ctx context.Context, ref string) (keepwatch.Secret, error) {
	id, sealed := strings.CutPrefix(ref, "sealed:")
	if !sealed {
		return s.vault.Resolve(ctx, ref)
	}
	row, err := s.db.Sealed(ctx, id)
	if err != nil {
		return keepwatch.Secret{}, err
	}
	return s.sealer.Open(s.tenant.ID, id, row.Blob)
}

func (s *sealing) seal(c keepwatch.Credential, id string, secret keepwatch.Secret, by string, now time.Time) (*store.Sealed, error) {
	blob, err := s.sealer.Seal(c.Tenant, id, secret)
	return &store.Sealed{ID: id, Tenant: c.Tenant, Credential: c.ID, Blob: blob, At: now, By: by}, err
}

func newSealing(w *world) *sealing {
	key := make([]byte, 32)
	for i := range key {
		key[i] = byte(i * 7)
	}
	s := &sealing{world: w}
	var err error
	s.sealer, err = secrets.NewSealer(keepwatch.NewSecret([]byte(base64.StdEncoding.EncodeToString(key))))
	w.must(err)
	it, err := w.db.Item(w.t.Context(), credID)
	w.must(err)
	cred := it.Credential
	cred.SecretRef = "sealed:crm"
	row, err := s.seal(cred, "crm", keepwatch.NewSecret([]byte(w.vault[oldRef])), "ada", time.Now())
	w.must(err)
	change := keepwatch.Change{Credential: credID, At: time.Now(), By: "ada", Via: "ui", Kind: keepwatch.ChangeUpdated}
	w.must(w.db.SaveItems(w.t.Context(), time.Now(), []store.ItemWrite{{Change: change, Record: cred, Seen: it.Version, Sealed: row}}))
	w.secrets = s
	life := &process{DB: w.db}
	w.nodes = []*node{{life: life, Cockpit: rotate.New(rotate.Options{
		Store: life, Prober: w.prober(), Secrets: s, Records: rotate.Shelf{Items: life, Find: w.find, Secrets: s, Seal: s.seal},
	})}}
	return s
}

func (s *sealing) names() (out []string) {
	all, err := s.db.SealedAll(s.t.Context())
	s.must(err)
	for _, row := range all {
		out = append(out, row.ID)
	}
	return out
}

// A sealed secret is rotated by one that is handed over: sealed beside it, proven, and
// the record's own when the old one is dead. Nothing is left over.
func TestSealedRotation(t *testing.T) {
	story(t, nil, func(t *testing.T, w *world) {
		s := newSealing(w)
		w.generate()
		fresh := keepwatch.NewSecret([]byte(w.vault[newRef]))
		begins := func(secret keepwatch.Secret) (keepwatch.Rotation, error) {
			return w.nodes[0].Start(t.Context(), rotate.StartRequest{Credential: credID, Staged: secret, Generated: today(), By: "ada"})
		}
		if _, err := begins(keepwatch.NewSecret([]byte(w.vault[oldRef]))); !errors.Is(err, keepwatch.ErrInvalid) || len(s.names()) != 1 {
			t.Errorf("the secret in use as the staged one: %v, sealed %v", err, s.names())
		}
		wrong, err := begins(keepwatch.NewSecret([]byte("mistyped")))
		w.must(err)
		if _, err := begins(fresh); !errors.Is(err, keepwatch.ErrConflict) {
			t.Errorf("another one while it runs: %v", err)
		}
		w.wait(12 * time.Minute)
		r, err := w.nodes[0].Resume(t.Context(), rotate.ResumeRequest{ID: wrong.ID, Staged: fresh, Generated: today(), By: "ada"})
		w.must(err)
		if r.NewRef == wrong.NewRef || len(s.names()) != 2 || s.names()[0] != "crm" {
			t.Errorf("%s after %s, sealed %v", r.NewRef, wrong.NewRef, s.names())
		}
		if again, err := begins(fresh); err != nil || again.ID != r.ID || len(s.names()) != 2 {
			t.Errorf("asked again: %v, sealed %v", err, s.names())
		}
		w.until(keepwatch.RotationSwitched, time.Hour)
		_, err = w.sim.Activate(clientID)
		w.must(err)
		r = w.until(keepwatch.RotationDone, time.Hour)
		w.noFailure()
		cred, _, _ := w.find(credID)
		got, err := s.Resolve(t.Context(), "sealed:crm")
		if err != nil || string(got.Reveal()) != w.vault[newRef] || cred.SecretRef != "sealed:crm" || cred.SecretGenerated != today() {
			t.Errorf("the record names %s of %s, %v", cred.SecretRef, cred.SecretGenerated, err)
		}
		w.wait(15 * time.Minute)
		if names := s.names(); len(names) != 1 {
			t.Errorf("left over: %v", names)
		}
		w.noFailure()
		if w.refused() != rotation.MaxRefusals+1 {
			t.Errorf("refused %d times", w.refused())
		}
		changes, _, err := w.db.Changes(t.Context(), credID, store.Page{Limit: 1})
		w.must(err)
		if c := changes[0]; c.Via != "rotation" || !strings.Contains(strings.Join(texts(c), " "), "secret=set") {
			t.Errorf("history: %+v", c)
		}
		if text := transcript(r); strings.Contains(text, w.vault[newRef]) || strings.Contains(text, "mistyped") {
			t.Error("a secret stands in the evidence")
		}
	})
}

func texts(c keepwatch.Change) (out []string) {
	for _, f := range c.Fields {
		out = append(out, f.Field+"="+f.New)
	}
	return out
}

package rotate

import (
	"context"

	"keepwatch"
)

// Override is what stands in for a record's secret while its rotation runs.
type Override struct {
	SecretRef string
	Generated keepwatch.Date // zero: the record's date stays, because the old secret still lives
}

// Apply puts it over a record. Clocks and deadline are for the caller to work out
// anew. An end that somebody typed spoke of the old secret.
func (o Override) Apply(c keepwatch.Credential) keepwatch.Credential {
	c.SecretRef = o.SecretRef
	if !o.Generated.IsZero() {
		c.SecretGenerated, c.Expires = o.Generated, keepwatch.Date{}
	}
	return c
}

// Overrides says which secret tests use while rotations run. Once the staged
// secret is proven they use it, because it works until activation and after it,
// so no regular test fails whenever a person activates. The clock follows only when
// the old secret is dead: until then somebody still depends on its end.
func Overrides(rotations []keepwatch.Rotation) map[keepwatch.CredentialID]Override {
	over := map[keepwatch.CredentialID]Override{}
	for i := range rotations {
		r := &rotations[i]
		switch r.State {
		case keepwatch.RotationProven, keepwatch.RotationSwitched:
			over[r.Credential] = Override{SecretRef: r.NewRef}
		case keepwatch.RotationActivated:
			over[r.Credential] = Override{SecretRef: r.NewRef, Generated: r.Generated}
		}
	}
	return over
}

// Override reads the open rotations and says which secret tests use.
func (c *Cockpit) Override(ctx context.Context) (map[keepwatch.CredentialID]Override, error) {
	open, err := c.Store.Rotations(ctx, true)
	if err != nil {
		return nil, err
	}
	return Overrides(open), nil
}

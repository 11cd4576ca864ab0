package config

import (
	"fmt"
	"maps"
	"slices"

	"keepwatch"
)

// With is the configuration of the files together with the records that the
// interface owns, which are checked by the rules of the file but can never make
// it fail: what does not fit is a warning, and such a record is not tested; its
// dates are watched all the same. Where a file has the id, the file wins. Records
// of an earlier With are replaced.
func (c *Config) With(records []keepwatch.Credential) (*Config, []Warning) {
	next := c.ofFiles()
	var warnings []Warning
	table := credentialKind()
	for _, record := range records {
		found := next.take(record, table)
		if room := maxFaults - len(warnings); len(found) > room {
			found = found[:room]
		}
		warnings = append(warnings, found...)
	}
	next.planEffects()
	return next, warnings
}

// ofFiles is a copy without the records of the interface.
func (c *Config) ofFiles() *Config {
	next := *c
	n := slices.IndexFunc(c.Credentials, func(cred keepwatch.Credential) bool { return cred.File == "" })
	if n < 0 {
		n = len(c.Credentials)
	}
	next.Credentials = slices.Clone(c.Credentials[:n])
	next.refs = slices.DeleteFunc(slices.Clone(c.refs), func(r boundRef) bool { return r.record })
	next.overrides, next.credentials, next.untested = maps.Clone(c.overrides), maps.Clone(c.credentials), map[keepwatch.CredentialID]bool{}
	for _, cred := range c.Credentials[n:] {
		delete(next.overrides, cred.ID)
		delete(next.credentials, cred.ID)
	}
	return &next
}

// take checks one record by the file's own rules: it is written as a file would
// have it, read by the file's table, and goes through the file's checks. A second
// set of rules was rejected, because it would part from the first.
func (c *Config) take(record keepwatch.Credential, table kind[credentialDraft]) []Warning {
	name := "record " + showKey(string(record.ID))
	if mine, taken := c.Credential(record.ID); taken {
		where := mine.File
		if where == "" {
			where = "another record"
		}
		return []Warning{{File: name, Message: fmt.Sprintf("the id is taken by %s, which wins", where), Allowed: "another id, or only one of the two"}}
	}
	faults := &Faults{}
	m := &merger{faults: faults, record: true}
	w := &walk{file: name, dir: c.dir, plain: true, faults: faults, refs: &m.refs}
	d, ok := decodeRecord(record, w, table)
	if ok {
		m.all.credentials = []at[credentialDraft]{d}
		m.credentials(c)
	}
	if len(faults.List) > 0 {
		c.untested[record.ID] = true
	}
	if cred, taken := c.credentials[record.ID]; taken {
		mine := &c.Credentials[cred]
		mine.File = ""
		if _, known := d.v.kindOf(d.at); !known {
			mine.Kind, mine.Tests = record.Kind, nil
		}
		c.wind(mine)
	}
	for _, r := range m.refs {
		r.record = true
		c.refs = append(c.refs, r)
	}
	_ = faults.err() // puts them in order
	return append(faults.List, m.notes...)
}

// Secret is the reference that a test uses in place of the registered one, and
// when the secret behind it was made.
type Secret struct {
	Ref       string
	Generated keepwatch.Date
}

// Using is the configuration with other secrets for some credentials: while a
// rotation runs, tests sign in with the secret that was staged and proven, and
// judge it by its own date. The end of the old one is the rotation's own clock.
func (c *Config) Using(secrets map[keepwatch.CredentialID]Secret) *Config {
	next := *c
	next.Credentials = slices.Clone(c.Credentials)
	for id, secret := range secrets {
		i, ok := c.credentials[id]
		if !ok {
			continue
		}
		cred := &next.Credentials[i]
		if secret.Generated != cred.SecretGenerated {
			cred.Expires = keepwatch.Date{} // it was typed for the secret before
		}
		cred.SecretRef, cred.SecretGenerated = secret.Ref, secret.Generated
		next.wind(cred)
	}
	return &next
}

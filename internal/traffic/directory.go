package traffic

import "keepwatch"

// Known is one registered credential, as far as calls are tied to it.
type Known struct {
	ID       keepwatch.CredentialID
	Tenant   keepwatch.TenantID
	Unit     keepwatch.MID
	ClientID string
	Secret   keepwatch.Fingerprint // of the configured secret; "" where nobody could read it
}

// Directory ties calls to credentials. It does not change: a reload makes a new one.
type Directory struct {
	byID     map[keepwatch.CredentialID]Known
	byClient map[client][]Known
}

// client is a client id at one tenant: packages of two tenants may not be mixed up.
type client struct {
	tenant keepwatch.TenantID
	id     string
}

// NewDirectory keeps the order of known: where nothing else tells two
// credentials of one client id apart, the first one is meant.
func NewDirectory(known []Known) Directory {
	d := Directory{byID: make(map[keepwatch.CredentialID]Known, len(known)), byClient: map[client][]Known{}}
	for _, k := range known {
		d.byID[k.ID] = k
		if k.ClientID != "" {
			key := client{k.Tenant, k.ClientID}
			d.byClient[key] = append(d.byClient[key], k)
		}
	}
	return d
}

// Find tells which credential a call was made with. sure is false where several
// are registered under its client id and neither business unit nor secret tells
// them apart.
func (d Directory) Find(c *keepwatch.Call) (k Known, found, sure bool) {
	if c.Credential != "" {
		k, found = d.byID[c.Credential]
		if c.Tenant != "" && k.Tenant != c.Tenant {
			return Known{}, false, false // a report for one tenant cannot speak for another's credential
		}
		return k, found, true
	}
	of := d.byClient[client{c.Tenant, c.ClientID}]
	if c.ClientID == "" || len(of) == 0 {
		return Known{}, false, false
	}
	if len(of) == 1 {
		return of[0], true, true
	}
	if k, one := only(of, func(k Known) bool { return c.Unit != 0 && k.Unit == c.Unit }); one {
		return k, true, true
	}
	if k, one := only(of, func(k Known) bool { return c.Secret != "" && k.Secret == c.Secret }); one {
		return k, true, true
	}
	return of[0], true, false
}

func only(of []Known, fits func(Known) bool) (Known, bool) {
	var found []Known
	for _, k := range of {
		if fits(k) {
			found = append(found, k)
		}
	}
	if len(found) != 1 {
		return Known{}, false
	}
	return found[0], true
}

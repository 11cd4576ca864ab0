package sim

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"keepwatch"
)

// ClientSpec describes one credential: an installed package with one API
// integration, or an API user, whose ClientID is the user name and whose Secret
// is the password. What is left empty gets a plausible value.
type ClientSpec struct {
	ClientID      string          `json:"client_id,omitempty"`
	Secret        string          `json:"client_secret,omitempty"`
	Name          string          `json:"name,omitempty"`
	Kind          keepwatch.Kind  `json:"kind,omitempty"` // server_to_server
	MID           keepwatch.MID   `json:"mid,omitempty"`  // the business unit that owns it
	EID           keepwatch.MID   `json:"eid,omitempty"`  // the enterprise above it
	Stack         string          `json:"stack,omitempty"`
	BusinessUnits []keepwatch.MID `json:"business_units,omitempty"` // granted beside MID
	Scopes        []string        `json:"scopes,omitempty"`         // nil: TypicalScopes
	Allowlist     []string        `json:"allowlist,omitempty"`      // addresses or prefixes; nil: all
	RedirectURI   string          `json:"redirect_uri,omitempty"`
	RatePerMinute int             `json:"rate_per_minute,omitempty"`
	Generated     time.Time       `json:"generated,omitzero"` // of the secret; zero: now
}

// Client is a copy of how a client stands.
type Client struct {
	ClientSpec
	Enabled        bool      `json:"enabled"`
	Installed      bool      `json:"installed"`
	Expires        time.Time `json:"expires,omitzero"`
	Staged         string    `json:"staged_secret,omitempty"`
	StagedFrom     time.Time `json:"staged_valid_from,omitzero"`
	Locked         bool      `json:"locked,omitempty"`
	PasswordChange bool      `json:"must_change_password,omitempty"`
	TokenRequests  int64     `json:"token_requests"`
}

// BusinessUnit is one account of an enterprise.
type BusinessUnit struct {
	MID    keepwatch.MID `json:"mid"`
	EID    keepwatch.MID `json:"eid"`
	Name   string        `json:"name"`
	Parent keepwatch.MID `json:"parent,omitempty"`
	// Inactive units stay in the tree.
	Inactive bool `json:"inactive,omitempty"`
}

// access is what an administrator edits on a package, and what propagates.
type access struct {
	scopes    []string
	units     []keepwatch.MID
	allowlist []netip.Prefix
}

// client is one credential; Sim.mu guards it.
type client struct {
	spec       ClientSpec
	access     access
	pending    *access
	pendingAt  time.Time
	enabled    bool
	installed  bool
	locked     bool
	mustChange bool
	badLogins  int
	lastLogin  time.Time
	epoch      uint32 // tokens of an older epoch are dead
	secrets    secrets
	meter      meter
	added      time.Time
	number     int // of registration: the order in which clients are listed
	info       infoCache
}

// AddClient registers a client, or replaces the one with the same id.
func (s *Sim) AddClient(spec ClientSpec) Client {
	now := s.now()
	spec = completed(spec, now)
	created := spec.Generated // a package comes with its first secret
	if created.After(now) {
		created = now
	}
	c := &client{
		spec: spec, enabled: true, installed: true, added: created,
		access:  access{scopes: spec.Scopes, units: spec.BusinessUnits, allowlist: prefixes(spec.Allowlist)},
		secrets: secrets{active: secret{value: spec.Secret, generated: spec.Generated}},
	}
	s.mu.Lock()
	s.grow(now)
	defer s.mu.Unlock()
	s.registered++
	c.number = s.registered
	if old, ok := s.clients[spec.ClientID]; ok {
		c.epoch, c.number = old.epoch+1, old.number
	}
	s.clients[spec.ClientID] = c
	s.scopes.learn(spec.Scopes)
	s.learnUnits(spec)
	s.note(c, auditPackage, "Create", created)
	return c.snapshot()
}

// completed fills in what a spec leaves open. Ids and secrets have the lengths
// of real ones, since clients have been seen to check them.
func completed(spec ClientSpec, now time.Time) ClientSpec {
	spec.Kind = cmp.Or(spec.Kind, keepwatch.ServerToServer)
	spec.MID = cmp.Or(spec.MID, spec.EID, 510000123)
	spec.EID = cmp.Or(spec.EID, spec.MID)
	spec.Stack = cmp.Or(spec.Stack, "S50")
	if spec.ClientID == "" {
		spec.ClientID = strings.ToLower(randomText(24))
	}
	if spec.Secret == "" && spec.Kind != keepwatch.PublicApp {
		spec.Secret = randomText(24)
	}
	spec.Name = cmp.Or(spec.Name, spec.ClientID)
	if spec.Generated.IsZero() {
		spec.Generated = now
	}
	if spec.Scopes == nil {
		spec.Scopes = TypicalScopes()
	}
	return spec
}

// learnUnits makes sure that every account a client names exists.
func (s *Sim) learnUnits(spec ClientSpec) {
	for _, mid := range append([]keepwatch.MID{spec.EID, spec.MID}, spec.BusinessUnits...) {
		if _, known := s.units[mid]; known {
			continue
		}
		unit := BusinessUnit{MID: mid, EID: spec.EID, Name: fmt.Sprintf("Business Unit %d", mid)}
		if mid != spec.EID {
			unit.Parent = spec.EID
		} else {
			unit.Name = fmt.Sprintf("Enterprise %d", mid)
		}
		s.units[mid] = unit
	}
}

// Clients returns all clients in the order in which they were added.
func (s *Sim) Clients() []Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.SortedFunc(maps.Values(s.clients), func(a, b *client) int { return cmp.Compare(a.number, b.number) })
	out := make([]Client, 0, len(all))
	for _, c := range all {
		out = append(out, s.snapshot(c))
	}
	return out
}

// Client returns one client.
func (s *Sim) Client(id string) (Client, error) {
	return s.change(id, func(*client, time.Time) error { return nil })
}

// change runs one verb on one client under the lock.
func (s *Sim) change(id string, verb func(*client, time.Time) error) (Client, error) {
	now := s.lock()
	defer s.mu.Unlock()
	c, ok := s.clients[id]
	if !ok {
		return Client{}, fmt.Errorf("client %q: %w", id, keepwatch.ErrNotFound)
	}
	if err := verb(c, now); err != nil {
		return Client{}, fmt.Errorf("client %q: %w", id, err)
	}
	return s.snapshot(c), nil
}

func (s *Sim) snapshot(c *client) Client {
	out := c.snapshot()
	for _, route := range []string{routeToken, routeLegacyToken} {
		if n := s.counts[countKey{c.spec.ClientID, route}]; n != nil {
			out.TokenRequests += n.all
		}
	}
	return out
}

func (c *client) snapshot() Client {
	out := Client{
		ClientSpec: c.spec, Enabled: c.enabled, Installed: c.installed,
		Locked: c.locked, PasswordChange: c.mustChange,
	}
	out.Secret, out.Generated = c.secrets.active.value, c.secrets.active.generated
	if c.hasOAuthSecret() {
		out.Expires = c.secrets.active.ends()
	}
	if staged := c.secrets.staged; staged != nil {
		out.Staged, out.StagedFrom = staged.value, staged.generated.Add(secretDelay)
	}
	edited := c.access
	if c.pending != nil {
		edited = *c.pending
	}
	out.Scopes, out.BusinessUnits = slices.Clone(edited.scopes), slices.Clone(edited.units)
	out.Allowlist = nil
	for _, p := range edited.allowlist {
		out.Allowlist = append(out.Allowlist, p.String())
	}
	return out
}

// hasOAuthSecret tells the kinds whose secret ends after 180 days; a password
// and the keys of a legacy package do not.
func (c *client) hasOAuthSecret() bool {
	return c.spec.Kind == keepwatch.ServerToServer || c.spec.Kind == keepwatch.WebApp
}

// current is what the client may do at now, after propagation.
func (c *client) current(now time.Time) *access {
	if c.pending != nil && !now.Before(c.pendingAt) {
		c.access, c.pending = *c.pending, nil
	}
	return &c.access
}

// edit stages a change of what the client may do.
func (s *Sim) edit(id string, change func(*access)) (Client, error) {
	return s.change(id, func(c *client, now time.Time) error {
		next := *c.current(now)
		if c.pending != nil {
			next = *c.pending
		}
		change(&next)
		s.scopes.learn(next.scopes)
		c.pending, c.pendingAt = &next, now.Add(s.opts.Propagation)
		c.current(now)
		s.note(c, auditComponent, "Modify", now)
		return nil
	})
}

// SetScopes replaces the package's scopes; tokens already issued keep theirs.
func (s *Sim) SetScopes(id string, scopes ...string) (Client, error) {
	return s.edit(id, func(a *access) { a.scopes = slices.Clone(scopes) })
}

// SetBusinessUnits replaces the grants beside the package's own business unit.
func (s *Sim) SetBusinessUnits(id string, units ...keepwatch.MID) (Client, error) {
	return s.edit(id, func(a *access) { a.units = slices.Clone(units) })
}

// SetAllowlist replaces the addresses that may ask for tokens; none lifts the block.
func (s *Sim) SetAllowlist(id string, addresses ...string) (Client, error) {
	return s.edit(id, func(a *access) { a.allowlist = prefixes(addresses) })
}

// Disable switches the package off: token requests and live tokens are refused.
func (s *Sim) Disable(id string) (Client, error) {
	return s.change(id, s.noted(auditPackage, "Modify", func(c *client, _ time.Time) error { c.enabled = false; return nil }))
}

// Enable switches the package on again.
func (s *Sim) Enable(id string) (Client, error) {
	return s.change(id, s.noted(auditPackage, "Modify", func(c *client, _ time.Time) error { c.enabled = true; return nil }))
}

// Delete uninstalls the package. SFMC then answers as for a wrong secret.
func (s *Sim) Delete(id string) (Client, error) {
	return s.change(id, s.noted(auditPackage, "Delete", func(c *client, _ time.Time) error { c.installed = false; return nil }))
}

// Revoke kills all tokens issued so far, as if they had expired.
func (s *Sim) Revoke(id string) (Client, error) {
	return s.change(id, func(c *client, _ time.Time) error { c.epoch++; return nil })
}

// Lock locks an API user.
func (s *Sim) Lock(id string) (Client, error) {
	return s.change(id, func(c *client, _ time.Time) error { c.locked = true; return nil })
}

// Unlock unlocks an API user and forgets its bad passwords.
func (s *Sim) Unlock(id string) (Client, error) {
	return s.change(id, func(c *client, _ time.Time) error { c.locked, c.badLogins = false, 0; return nil })
}

// RequirePasswordChange sets or lifts an API user's duty to change the password.
func (s *Sim) RequirePasswordChange(id string, must bool) (Client, error) {
	return s.change(id, func(c *client, _ time.Time) error { c.mustChange = must; return nil })
}

// prefixes reads addresses and prefixes; what is neither matches nothing, so a
// typing mistake blocks rather than opens.
func prefixes(list []string) []netip.Prefix {
	var out []netip.Prefix
	for _, text := range list {
		if p, err := netip.ParsePrefix(text); err == nil {
			out = append(out, p)
		} else if a, err := netip.ParseAddr(text); err == nil {
			out = append(out, netip.PrefixFrom(a, a.BitLen()))
		} else {
			out = append(out, netip.Prefix{})
		}
	}
	return out
}

// admits reports whether the caller's address is on the allowlist.
func (a *access) admits(remote string) bool {
	if len(a.allowlist) == 0 {
		return true
	}
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(a.allowlist, func(p netip.Prefix) bool { return p.Contains(at.Addr().Unmap()) })
}

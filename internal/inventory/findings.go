package inventory

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"keepwatch"
)

// Estate is what findings are made of, as it stands at one instant.
type Estate struct {
	Credentials []keepwatch.Credential // in force, with their clocks
	Items       []keepwatch.Item       // of the interface, those that a file shadows among them
	Series      []*keepwatch.Series
	Acceptances []keepwatch.Acceptance
	Zone        func(keepwatch.CredentialID) *time.Location // nil: UTC
	Now         time.Time
}

// confirmedFor is how many days a typed or assumed date counts as confirmed.
const confirmedFor = 180

// finder collects the findings of one estate.
type finder struct {
	Estate
	proven  map[keepwatch.CredentialID]bool
	refuted map[keepwatch.CredentialID]bool // a fresh proof after the date
	found   []keepwatch.Finding
}

// Findings says what somebody should know or decide about the estate: the worst
// first, and by credential. What was accepted is marked and stays in the list.
func Findings(e Estate) []keepwatch.Finding {
	f := finder{Estate: e, proven: map[keepwatch.CredentialID]bool{}, refuted: map[keepwatch.CredentialID]bool{}}
	for _, s := range e.Series {
		f.proven[s.Credential] = f.proven[s.Credential] || !s.LastProvenAt.IsZero()
		f.refuted[s.Credential] = f.refuted[s.Credential] || slices.Contains(s.Findings, keepwatch.DateContradicted)
	}
	for i := range e.Credentials {
		f.credential(&e.Credentials[i])
	}
	f.shared()
	f.shadowed()
	slices.SortStableFunc(f.found, func(a, b keepwatch.Finding) int {
		return cmp.Or(cmp.Compare(rank(a.Severity), rank(b.Severity)), cmp.Compare(a.Credential, b.Credential),
			cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Subject, b.Subject))
	})
	return Mark(f.found, e.Acceptances, e.Now)
}

func rank(s keepwatch.Severity) int {
	return slices.Index([]keepwatch.Severity{keepwatch.SeverityCritical, keepwatch.SeverityWarning, keepwatch.SeverityInfo}, s)
}

// Mark notes on each finding who accepted it, as long as that holds.
func Mark(findings []keepwatch.Finding, acceptances []keepwatch.Acceptance, now time.Time) []keepwatch.Finding {
	by := map[string]keepwatch.Acceptance{}
	for _, a := range acceptances {
		if a.Until.After(now) && !a.Until.Before(by[a.Finding].Until) {
			by[a.Finding] = a
		}
	}
	for i := range findings {
		findings[i].Accepted = nil
		if a, ok := by[findings[i].ID]; ok {
			findings[i].Accepted = &a
		}
	}
	return findings
}

// say adds a finding about one thing of a credential; subject is the thing when
// it is not the credential itself.
func (f *finder) say(c *keepwatch.Credential, kind keepwatch.FindingKind, severity keepwatch.Severity, subject, message, reason, hint string) {
	subject = cmp.Or(subject, string(c.ID))
	f.found = append(f.found, keepwatch.Finding{
		ID: keepwatch.Digest(string(kind), string(c.Tenant), string(c.ID), subject), Kind: kind, Severity: severity, Tenant: c.Tenant, Credential: c.ID,
		Subject: subject, Message: message, Reason: reason, Hint: hint,
	})
}

func (f *finder) credential(c *keepwatch.Credential) {
	f.people(c)
	f.use(c)
	f.clocks(c)
	f.renewal(c)
	f.proof(c)
}

func (f *finder) people(c *keepwatch.Credential) {
	if c.Owner.Team == "" && c.Owner.Contact == "" {
		f.say(c, keepwatch.FindingNoOwner, keepwatch.SeverityWarning, "", "nobody owns it",
			"a warning about it goes to whoever catches all, and nobody renews it", "name the owner's team and contact")
	}
	if hasCopies(c.Kind) && len(c.Holders) == 0 {
		f.say(c, keepwatch.FindingNoHolders, keepwatch.SeverityInfo, "", "no system is named that holds a copy of it",
			"at a rotation the system that was forgotten fails", "name the systems that keep it, each with a contact")
	}
	if len(c.Holders) > 1 {
		names := make([]string, len(c.Holders))
		for i, h := range c.Holders {
			names[i] = h.Name
		}
		f.say(c, keepwatch.FindingSharedByHolders, keepwatch.SeverityInfo, "", fmt.Sprintf("%d systems share it: %s", len(names), strings.Join(names, ", ")),
			"it cannot be renewed or revoked for one of them alone, and its calls cannot be told apart", "give each system a package of its own")
	}
}

// hasCopies reports whether a kind is something that systems keep a copy of.
func hasCopies(k keepwatch.Kind) bool {
	return k != keepwatch.PublicApp && k != keepwatch.Contract && k != keepwatch.SSOCertificate
}

func (f *finder) use(c *keepwatch.Credential) {
	if len(c.Dependents) == 0 && c.Kind != keepwatch.Contract && c.Kind != keepwatch.SSOCertificate {
		f.say(c, keepwatch.FindingNoDependents, keepwatch.SeverityInfo, "", "nothing is named that depends on it",
			"when it fails, nobody can say which journeys and sends stop", "name the journeys, automations, data extensions and sends that use it")
	}
	if c.Kind == keepwatch.LegacyPackage {
		f.say(c, keepwatch.FindingLegacy, keepwatch.SeverityWarning, "", "it is a package of before 2019",
			"its tokens have no scopes, and no new package of the kind can be made", "move its holders to a server-to-server package")
	}
}

func (f *finder) clocks(c *keepwatch.Credential) {
	for _, k := range c.Clocks {
		switch {
		case k.Kind == keepwatch.ClockHard && !k.Known():
			f.say(c, keepwatch.FindingNoDate, keepwatch.SeverityWarning, clockSubject(c, k), fmt.Sprintf("nobody knows when its %s ends", words(k.Name)),
				"no warning can come before the end", "type when it was made or when it ends; Setup > Installed Packages shows the end of a client secret")
		case k.Kind == keepwatch.ClockHard:
			f.confirmed(c, k)
		case k.Kind == keepwatch.ClockIdle && k.Known():
			f.idle(c, k)
		}
	}
}

func clockSubject(c *keepwatch.Credential, k keepwatch.Clock) string {
	return string(c.ID) + ":" + k.Name
}

func words(name string) string { return strings.ReplaceAll(name, "_", " ") }

// confirmed looks at dates that stand only because somebody wrote them down once.
func (f *finder) confirmed(c *keepwatch.Credential, k keepwatch.Clock) {
	if k.Source != keepwatch.DateTyped && k.Source != keepwatch.DateAssumed {
		return
	}
	today := keepwatch.DayOf(f.Now, f.zone(c.ID))
	if !k.ConfirmedAt.IsZero() && !k.ConfirmedAt.AddDays(confirmedFor).Before(today) {
		return
	}
	message := fmt.Sprintf("the end of its %s is %s, and nobody has confirmed it", words(k.Name), k.Source)
	if !k.ConfirmedAt.IsZero() {
		message = fmt.Sprintf("the end of its %s is %s, last confirmed on %s", words(k.Name), k.Source, keepwatch.DayOf(k.ConfirmedAt.In(time.UTC), time.UTC))
	}
	f.say(c, keepwatch.FindingStaleDate, keepwatch.SeverityInfo, clockSubject(c, k), message,
		"a date that moved in SFMC does not move here", "compare it with Setup and set dates_confirmed, or import the table again")
}

func (f *finder) idle(c *keepwatch.Credential, k keepwatch.Clock) {
	since := k.Since.In(f.zone(c.ID))
	soon := k.At.Add(-k.At.Sub(since) / 3)
	if since.IsZero() || f.Now.Before(soon) {
		return
	}
	severity, message := keepwatch.SeverityInfo, fmt.Sprintf("nobody is known to have used it since %s", k.Since)
	if !f.Now.Before(k.At) {
		severity = keepwatch.SeverityWarning
	}
	f.say(c, keepwatch.FindingIdle, severity, clockSubject(c, k), message,
		"what lies idle for too long is invalidated or locked, and is an open door until then", "ask its holders whether it is still needed, or note its last use")
}

func (f *finder) zone(id keepwatch.CredentialID) *time.Location {
	if f.Zone == nil {
		return time.UTC
	}
	return f.Zone(id)
}

func (f *finder) renewal(c *keepwatch.Credential) {
	r, zone := c.Renewal, f.zone(c.ID)
	over := r.Over(zone)
	missed := !over.IsZero() && over.Before(f.Now) && (c.SecretGenerated.IsZero() || c.SecretGenerated.Before(r.Planned))
	due := c.SecretGenerated.In(zone).Add(r.Every)
	switch {
	case missed:
		f.say(c, keepwatch.FindingRenewalOverdue, keepwatch.SeverityWarning, "", fmt.Sprintf("its renewal was planned for %s, and no new date has come since", r.Planned),
			"either it was not renewed, or the new date is not known here", "enter the day of the new secret, or plan the renewal anew")
	case r.Every > 0 && !c.SecretGenerated.IsZero() && r.Planned.IsZero() && due.Before(f.Now):
		f.say(c, keepwatch.FindingRenewalOverdue, keepwatch.SeverityWarning, "", fmt.Sprintf("it is to be renewed every %s, and was made on %s", keepwatch.FormatDuration(r.Every), c.SecretGenerated),
			"the rule that the owner set is broken", "plan the renewal")
	}
}

func (f *finder) proof(c *keepwatch.Credential) {
	if f.refuted[c.ID] {
		f.say(c, keepwatch.FindingDateContradicted, keepwatch.SeverityWarning, "", "it works although its date has passed",
			"the date is wrong, so no warning from it can be trusted", "look in Setup when it really ends, and correct the date")
	}
	if f.proven[c.ID] || c.Kind.Proof() == keepwatch.ProofNone {
		return
	}
	message, hint := "it has never been proven", "run it now, and look at what it answers"
	if missing := missing(c); missing != "" {
		message, hint = "it cannot be tested: "+missing+" is missing", "add "+missing
	}
	f.say(c, keepwatch.FindingNeverProven, keepwatch.SeverityWarning, "", message, "whether it works is not known until somebody needs it", hint)
}

// missing names what a record needs before it can be proven.
func missing(c *keepwatch.Credential) string {
	var out []string
	need := func(name string, there bool) {
		if !there {
			out = append(out, name)
		}
	}
	switch c.Kind.Proof() {
	case keepwatch.ProofToken:
		need("the client id", c.ClientID != "")
		need("the reference to its secret", c.SecretRef != "")
	case keepwatch.ProofSOAP:
		need("the user name", c.Username != "")
		need("the reference to its password", c.SecretRef != "")
	case keepwatch.ProofCertificate:
		need("the certificate's file or endpoint", !c.Certificate.IsZero())
	}
	return strings.Join(out, " and ")
}

// shared finds client ids that stand in several records. One package that is
// proven in several business units is meant so, but has one secret all the same.
func (f *finder) shared() {
	uses := map[string][]*keepwatch.Credential{}
	for i := range f.Credentials {
		if c := &f.Credentials[i]; c.ClientID != "" {
			uses[c.ClientID+"\x00"+string(c.Kind)] = append(uses[c.ClientID+"\x00"+string(c.Kind)], c)
		}
	}
	for _, same := range uses {
		if len(same) < 2 {
			continue
		}
		slices.SortFunc(same, func(a, b *keepwatch.Credential) int { return cmp.Compare(a.ID, b.ID) })
		ids := make([]string, len(same))
		units, severity := map[keepwatch.MID]bool{}, keepwatch.SeverityInfo
		for i, c := range same {
			if ids[i] = string(c.ID); units[c.BusinessUnit] {
				severity = keepwatch.SeverityWarning
			}
			units[c.BusinessUnit] = true
		}
		f.say(same[0], keepwatch.FindingDuplicateClientID, severity, same[0].ClientID, "the same client id stands in "+strings.Join(ids, ", "),
			"they have one secret: when it is rotated, all of them change", "keep one of the records, or rotate them together")
	}
}

// shadowed finds records of the interface that a file defines as well.
func (f *finder) shadowed() {
	files := map[keepwatch.CredentialID]*keepwatch.Credential{}
	for i := range f.Credentials {
		if c := &f.Credentials[i]; c.File != "" {
			files[c.ID] = c
		}
	}
	for _, item := range f.Items {
		if c := files[item.Credential.ID]; c != nil {
			f.say(c, keepwatch.FindingFileShadows, keepwatch.SeverityInfo, "", "the file "+c.File+" and the interface both define it; the file holds",
				"changes in the interface have no effect", "remove one of the two")
		}
	}
}

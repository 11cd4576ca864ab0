package notify

import (
	"net/mail"
	"slices"
	"strings"

	"keepwatch"
)

const (
	// channelEmail is the one channel that reaches a contact who is no receiver.
	channelEmail = "email"

	maxLetterLine  = 1000
	maxLetterLines = 500
)

// letterTargets says which receivers carry a letter. A mail address is reached by one
// e-mail receiver: one that the routes name, else the first. Any other contact is
// somewhere behind the receivers of the route that matches what the letter is about.
func letterTargets(l keepwatch.Letter, s *Setup) (targets []Target, to string) {
	routed := s.Routes.atAnyHour(letterFacts(l, s))
	address, err := mail.ParseAddress(l.To)
	if err != nil {
		return plainly(routed), ""
	}
	mails := func(name string) bool {
		i := slices.IndexFunc(s.Receivers, func(r Receiver) bool { return r.Name == name })
		return i >= 0 && s.Receivers[i].Channel == channelEmail
	}
	for _, t := range routed {
		if mails(t.Receiver) {
			return []Target{{Receiver: t.Receiver}}, address.Address
		}
	}
	for _, r := range s.Receivers {
		if r.Channel == channelEmail {
			return []Target{{Receiver: r.Name}}, address.Address
		}
	}
	return plainly(routed), ""
}

// plainly are receivers without the manners of incidents: a letter neither waits nor
// reminds.
func plainly(routed []Target) []Target {
	out := make([]Target, len(routed))
	for i, t := range routed {
		out[i] = Target{Receiver: t.Receiver}
	}
	return out
}

// letterFacts is what routes may look at. A letter about no credential goes the way
// of its owner.
func letterFacts(l keepwatch.Letter, s *Setup) Facts {
	f := FactsOf(keepwatch.Incident{Credential: l.Credential, Tenant: l.Tenant, Scope: keepwatch.ScopeCredential, Severity: l.Severity}, s.Directory, s.BaseURL)
	if len(f.Credentials) == 0 {
		f.Credentials = []keepwatch.Credential{{Tenant: l.Tenant}}
	}
	f.Credentials = slices.Clone(f.Credentials)
	if f.Credentials[0].Owner.Team == "" {
		f.Credentials[0].Owner.Team = l.Owner
	}
	return f
}

// composeLetter words a letter. Its text is said as it was written, line by line.
func composeLetter(d keepwatch.Delivery, f Facts, to string) Message {
	l := *d.Notice.Letter
	m := Message{
		Key: d.ID, Receiver: d.Receiver, Kind: keepwatch.Posted, Status: Firing, Reason: "letter",
		GroupKey: hash("letter:" + string(l.ID)), Fingerprint: hash(string(l.ID))[:16],
		Severity: l.Severity, StartsAt: d.Notice.At.UTC(), At: d.Notice.At, Now: f.Now, ExternalURL: f.BaseURL,
		To: to, Title: clean(l.Subject, 300), URL: l.Link, Button: clean(l.Button, 100),
	}
	if m.Button == "" {
		m.Button = "Open"
	}
	if l.To != "" {
		m.Lines = []Line{{Name: "To", Text: clean(l.To, 200)}}
	}
	m.Body = letterBody(l.Text)
	m.Labels = labels(f, m.Kind)
	m.Labels["alertname"], m.Labels["owner"] = "KeepwatchLetter", clean(l.Owner, 200)
	m.Annotations = map[string]string{
		"summary": m.Title, "description": strings.Join(append([]string{join(m.Lines), ""}, m.Body...), "\n"), "hint": "", "since": since(m.StartsAt), "impact": "",
	}
	return m
}

// letterBody keeps the lines of a text; an empty one parts paragraphs.
func letterBody(text string) []string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i := range lines {
		lines[i] = clean(lines[i], maxLetterLine)
	}
	if len(lines) > maxLetterLines {
		lines = append(lines[:maxLetterLines], "…")
	}
	return lines
}

// Paragraphs are the lines of a letter's paragraphs.
func (m Message) Paragraphs() [][]string {
	var out [][]string
	open := false
	for _, line := range m.Body {
		switch {
		case line == "":
			open = false
		case open:
			out[len(out)-1] = append(out[len(out)-1], line)
		default:
			out, open = append(out, []string{line}), true
		}
	}
	return out
}

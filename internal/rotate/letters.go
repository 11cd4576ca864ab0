package rotate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/rotation"
)

// notify writes to the holders whose letters are due. The tokens' hashes are saved
// before the letters go out, and that the letters are in the outbox after it: a
// crash in between makes a new token and a new letter, whose link replaces the other.
func (c *Cockpit) notify(ctx context.Context, r keepwatch.Rotation, now time.Time) (keepwatch.Rotation, error) {
	tokens := map[string]string{} // by holder
	r, err := c.change(ctx, r.ID, func(r keepwatch.Rotation) (keepwatch.Rotation, error) {
		clear(tokens)
		r.Holders = slices.Clone(r.Holders)
		for _, i := range rotation.ToNotify(r, now) {
			h := &r.Holders[i]
			h.TickMadeAt = now
			token := ""
			if r.State != keepwatch.RotationAborted { // nothing to tick off any more
				token = newToken()
				h.TickHash = hashOf(token)
			}
			tokens[h.Name] = token
		}
		return r, nil
	})
	if err != nil || len(tokens) == 0 {
		return r, err
	}
	letters := make([]keepwatch.Notice, 0, len(tokens))
	cred, _, err := c.Records.Record(ctx, r.Credential)
	if err != nil {
		cred = keepwatch.Credential{ID: r.Credential, Tenant: r.Tenant} // a letter without an owner is better than none
	}
	for _, h := range r.Holders {
		if token, ok := tokens[h.Name]; ok {
			letters = append(letters, c.letter(r, cred, h, token, now).NoticeOf(now))
		}
	}
	if err := c.Store.Post(ctx, letters); err != nil {
		return r, err
	}
	return c.change(ctx, r.ID, func(r keepwatch.Rotation) (keepwatch.Rotation, error) {
		return rotation.Notified(r, now), nil
	})
}

// letter is what one holder reads. Its id follows from the token, so posting it
// again is the same letter.
func (c *Cockpit) letter(r keepwatch.Rotation, cred keepwatch.Credential, h keepwatch.RotationHolder, token string, now time.Time) keepwatch.Letter {
	l := keepwatch.Letter{
		ID:   keepwatch.NoticeID(keepwatch.Digest("rotation", string(r.ID), h.Name, h.TickHash, string(r.State))),
		Kind: keepwatch.LetterHolder, To: h.Contact, Owner: cred.Owner.Team, Tenant: r.Tenant, Credential: r.Credential, Severity: keepwatch.SeverityWarning,
	}
	if token != "" && c.Link != nil {
		l.Link, l.Button = c.Link(token), "Say that "+h.Name+" has switched"
	}
	var text []string
	switch r.State {
	case keepwatch.RotationAborted:
		l.Subject = fmt.Sprintf("%s: go back to the old secret of %s", h.Name, r.Credential)
		text = []string{
			fmt.Sprintf("The rotation of %s was aborted at %s. %s has switched to the new secret, which is not going to be used.", r.Credential, day(r.EndedAt, c.Zone(r.Credential)), h.Name),
			"Go back to the secret that was in use before. It still works.",
		}
	case keepwatch.RotationActivated:
		l.Severity = keepwatch.SeverityCritical
		l.Subject = fmt.Sprintf("%s is cut off: the old secret of %s is dead", h.Name, r.Credential)
		text = []string{
			fmt.Sprintf("The new secret of %s was activated, and SFMC refuses the old one. %s is not noted as switched, so it cannot get a token any more.", r.Credential, h.Name),
			"Switch to the new secret now.", tellUs(l.Link),
		}
	default:
		l.Subject = fmt.Sprintf("%s: switch to the new secret of %s", h.Name, r.Credential)
		text = []string{
			fmt.Sprintf("%s has a new secret, generated %s. Keepwatch has proven that it works; the old one works, too, until the new one is activated.", r.Credential, r.Generated),
			fmt.Sprintf("Put the new secret into %s.%s", h.Name, c.untilEnd(r, now)), tellUs(l.Link),
		}
		if cred.RunbookURL != "" {
			text = append(text, "Runbook: "+cred.RunbookURL)
		}
	}
	l.Text = strings.Join(text, "\n\n")
	return l
}

func tellUs(link string) string {
	if link == "" {
		return "Then tell whoever runs the rotation, who notes it in Keepwatch."
	}
	return "Then say so behind the link below. It needs no account, and shows first what it does. It is for this holder alone; do not pass it on."
}

func (c *Cockpit) untilEnd(r keepwatch.Rotation, now time.Time) string {
	if r.OldEndsAt.IsZero() {
		return ""
	}
	if !r.OldEndsAt.After(now) {
		return " The old one has ended by its date."
	}
	return " The old one ends on " + day(r.OldEndsAt, c.Zone(r.Credential)) + " at the latest."
}

func day(t time.Time, zone *time.Location) string { return t.In(zone).Format("2006-01-02 15:04 MST") }

package sfmc

import (
	"context"
	"strings"

	"keepwatch"
)

// Unit is one business unit of an enterprise.
type Unit struct {
	MID, Parent keepwatch.MID // Parent 0: the enterprise itself
	Name        string
	Active      bool
}

const (
	// unitBatch keeps a page far below maxBody: a row has some 400 bytes.
	unitBatch = 500
	unitPages = 4
)

// BusinessUnits lists the accounts that the login sees: of the whole enterprise
// only with a token for the enterprise's own account; else its own. Source: mcdev
// lib/util/businessUnit.js.
func (c *Client) BusinessUnits(ctx context.Context, e Endpoints, l Login) ([]Unit, Listing, Verdict) {
	rows, done, v := c.list(ctx, e, l, Retrieve{
		Object: "BusinessUnit", Properties: []string{"Name", "ID", "ParentName", "ParentID", "IsActive"},
		AllAccounts: true, BatchSize: unitBatch, MaxPages: unitPages,
	})
	names := newVeil(l.hides(ctx))
	units := make([]Unit, 0, len(rows))
	for _, row := range rows {
		u, ok := unitOf(row, names)
		if !ok {
			done.Unread++
			continue
		}
		units = append(units, u)
	}
	return units, done, v
}

func unitOf(row map[string]string, names veil) (Unit, bool) {
	u := Unit{MID: midOf(row["ID"]), Parent: midOf(row["ParentID"]), Name: names.name(row["Name"]), Active: yes(row["IsActive"], true)}
	return u, u.MID != 0
}

func midOf(s string) keepwatch.MID { return keepwatch.MID(whole([]byte(strings.TrimSpace(s)))) }

// yes reads a boolean; absent is what the caller says.
func yes(s string, absent bool) bool {
	switch {
	case strings.EqualFold(s, "true") || s == "1":
		return true
	case s == "":
		return absent
	}
	return false
}

// hides lists what a request with this login carries, and what was hidden before.
func (l Login) hides(ctx context.Context) [][]byte {
	return append([][]byte{l.Token.Reveal(), l.Legacy.Reveal(), l.Password.Reveal()}, hiddenBy(ctx)...)
}

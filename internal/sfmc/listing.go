package sfmc

import (
	"context"
	"net/http"
	"strings"
	"time"

	"keepwatch"
)

// Listing is what a bounded read of many objects brought.
type Listing struct {
	Complete bool // the list was read to its end
	Calls    int  // requests that were made
	Unread   int  // entries that lacked what makes them one
}

// list reads pages up to q.MaxPages and keeps what came before a page that failed:
// half a list that says so is worth more than none.
func (c *Client) list(ctx context.Context, e Endpoints, l Login, q Retrieve) ([]map[string]string, Listing, Verdict) {
	call, cancel := context.WithTimeout(ctx, SOAPTimeout)
	defer cancel()
	limit := q.MaxPages
	if limit <= 0 || limit > maxPages {
		limit = maxPages
	}
	var rows []map[string]string
	var done Listing
	body := q.open()
	for done.Calls < limit {
		page, v := c.soap(call, e, l, "Retrieve", body)
		done.Calls++
		if !v.OK() {
			return rows, done, outOfTime(ctx, call, v)
		}
		rows = append(rows, page.results...)
		if page.overall != "MoreDataAvailable" {
			done.Complete = true
			return rows, done, v
		}
		if page.requestID == "" {
			return rows, done, mustCause("missing_fields").verdict(v.HTTPStatus, "RequestID")
		}
		body = continued(page.requestID)
	}
	return rows, done, Verdict{Outcome: keepwatch.OK, HTTPStatus: http.StatusOK}
}

// central is the zone of times that SFMC prints without one: US Central Standard
// Time, six hours behind UTC in summer, too.
var central = time.FixedZone("CST", -6*60*60)

// instant reads a time of SFMC; one without an offset is Central. What cannot be
// read is the zero time, as is a year outside of what SFMC can have seen.
func instant(s string) time.Time {
	if len(s) > 40 {
		return time.Time{}
	}
	s = strings.TrimSpace(s)
	for _, layout := range []string{"2006-01-02T15:04:05.999999999Z07:00", "2006-01-02T15:04:05.999999999", "2006-01-02T15:04:05"} {
		if t, err := time.ParseInLocation(layout, s, central); err == nil {
			if t = t.UTC(); t.Year() < 1999 || t.Year() > 2199 {
				return time.Time{}
			}
			return t
		}
	}
	return time.Time{}
}

const (
	maxName = 160
	// nameWindow is the shortest run of a secret that makes a name withheld. It is
	// longer than that of evidence: names and GUIDs are many, and by chance one in
	// a thousand GUIDs shares six hexadecimal digits with some form of a token.
	nameWindow = 10
)

// veil makes names from answers fit to be shown and stored. Evidence is looked
// through once per failure; names come by the thousand, so the pieces of the
// secrets are cut once.
type veil struct {
	pieces map[string]struct{}
	short  []string // whole: secrets too short to be cut
}

func newVeil(hide [][]byte) veil {
	v := veil{pieces: map[string]struct{}{}}
	for _, secret := range hide {
		if len(secret) < 3 {
			continue
		}
		for _, form := range forms(secret) {
			form = strings.ToLower(form)
			if len(form) < nameWindow {
				v.short = append(v.short, form)
				continue
			}
			for at := 0; at+nameWindow <= len(form); at++ {
				v.pieces[form[at:at+nameWindow]] = struct{}{}
			}
		}
	}
	return v
}

// name is s as one short line; one that repeats a piece of a secret is withheld.
func (v veil) name(s string) string {
	s = cut(oneLine(s), maxName)
	lower := strings.ToLower(s)
	for at := 0; at+nameWindow <= len(lower); at++ {
		if _, hit := v.pieces[lower[at:at+nameWindow]]; hit {
			return withheld
		}
	}
	for _, form := range v.short {
		if strings.Contains(lower, form) && !ordinary(form) {
			return withheld
		}
	}
	return s
}

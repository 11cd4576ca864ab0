package sfmc

import (
	"bytes"
	"context"
	"hash/maphash"
	"math/bits"
	"net/http"
	"slices"
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
// secrets are cut once. A token has some ten thousand: to keep them in a map would
// cost more than all that is asked of it.
type veil struct {
	forms []string // of the secrets, in lower case, long enough to be cut
	marks []uint64 // one bit for the hash of each piece of them
	short []string // whole: secrets too short to be cut
}

type veiled struct{}

type cutVeil struct {
	veil
	of int // how many secrets it was cut from
}

// Veiling returns a context under which the names in answers are compared with what
// is hidden in it so far, cut into its pieces once and not for each call.
func Veiling(ctx context.Context) context.Context {
	return context.WithValue(ctx, veiled{}, cutVeil{newVeil(hiddenBy(ctx)), len(hiddenBy(ctx))})
}

// veilOf is the veil of a call that carries access: the context's, when it was made
// with it.
func veilOf(ctx context.Context, access keepwatch.Secret) veil {
	hide := hiddenBy(ctx)
	if v, ok := ctx.Value(veiled{}).(cutVeil); ok && v.of == len(hide) && slices.ContainsFunc(hide, func(h []byte) bool { return bytes.Equal(h, access.Reveal()) }) {
		return v.veil
	}
	return newVeil(append([][]byte{access.Reveal()}, hide...))
}

// marksPerPiece is how many bits there are for each piece: so many times fewer windows
// of innocent names are looked for in the secrets themselves.
const marksPerPiece = 16

var veilSeed = maphash.MakeSeed()

func newVeil(hide [][]byte) veil {
	var v veil
	pieces := 0
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
			v.forms, pieces = append(v.forms, form), pieces+len(form)
		}
	}
	if pieces == 0 {
		return v
	}
	v.marks = make([]uint64, 1<<bits.Len(uint(pieces*marksPerPiece/64))) // a power of two
	for _, form := range v.forms {
		for at := 0; at+nameWindow <= len(form); at++ {
			word, bit := v.mark(form[at : at+nameWindow])
			v.marks[word] |= bit
		}
	}
	return v
}

// mark is where the bit of a piece stands.
func (v veil) mark(piece string) (word, bit uint64) {
	h := maphash.String(veilSeed, piece)
	return h >> 6 & uint64(len(v.marks)-1), 1 << (h & 63)
}

// hides reports whether a text of nameWindow bytes is a piece of a secret.
func (v veil) hides(text string) bool {
	if len(v.marks) == 0 {
		return false
	}
	if word, bit := v.mark(text); v.marks[word]&bit == 0 {
		return false
	}
	return slices.ContainsFunc(v.forms, func(form string) bool { return strings.Contains(form, text) })
}

// veil is that of a SOAP request.
func (l Login) veil(ctx context.Context) veil {
	if !l.Token.Empty() && l.Legacy.Empty() {
		return veilOf(ctx, l.Token)
	}
	return newVeil(l.hides(ctx))
}

// name is s as one short line; one that repeats a piece of a secret is withheld.
func (v veil) name(s string) string {
	s = cut(oneLine(s), maxName)
	lower := strings.ToLower(s)
	for at := 0; at+nameWindow <= len(lower); at++ {
		if v.hides(lower[at : at+nameWindow]) {
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

package inventory

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"keepwatch"
)

// known is a record that a row may be about.
type known struct {
	credential keepwatch.Credential
	version    int
	file       string // that it belongs to
	line       int    // of the row that was about it already
	explicit   bool   // made by this sheet, with its own id
}

// index finds records by what sheets know of them.
type index struct {
	byID      map[keepwatch.CredentialID]*known
	byClient  map[string][]*known
	byUser    map[string][]*known
	byPackage map[string][]*known
	claimed   map[keepwatch.CredentialID]bool // ids that rows of the sheet name
}

func newIndex(files []keepwatch.Credential, items []keepwatch.Item) *index {
	x := &index{
		byID: map[keepwatch.CredentialID]*known{}, claimed: map[keepwatch.CredentialID]bool{},
		byClient: map[string][]*known{}, byUser: map[string][]*known{}, byPackage: map[string][]*known{},
	}
	for _, c := range files {
		if c.File != "" {
			x.add(&known{credential: c, file: c.File})
		}
	}
	for _, i := range items {
		if x.byID[i.Credential.ID] == nil { // a file's record wins over one of the same id
			x.add(&known{credential: i.Credential, version: i.Version})
		}
	}
	return x
}

func (x *index) add(k *known) {
	c := &k.credential
	x.byID[c.ID] = k
	for _, by := range []struct {
		in  map[string][]*known
		key string
	}{{x.byClient, c.ClientID}, {x.byUser, c.Username}, {x.byPackage, packageKey(c.Package)}} {
		if by.key != "" {
			key := keyOf(c.Tenant, by.key)
			by.in[key] = append(by.in[key], k)
		}
	}
}

func keyOf(tenant keepwatch.TenantID, name string) string { return string(tenant) + "\x00" + name }

// packageKey makes no difference of what a page or a spreadsheet changes in a name.
func packageKey(name string) string {
	return strings.ToLower(strings.Join(strings.Fields(norm.NFC.String(name)), " "))
}

// claim notes the id that a row names.
func (x *index) claim(r *Row) {
	if r.Credential.ID != "" {
		x.claimed[r.Credential.ID] = true
	}
}

// find is the record that a row is about: by id, else by tenant and client id (or
// user), else by tenant and package name.
func (x *index) find(r *Row) (*known, string, error) {
	c := &r.Credential
	if k := x.byID[c.ID]; k != nil {
		return k, "id", nil
	}
	for _, by := range []struct {
		name, key string
		in        map[string][]*known
	}{
		{"client_id", c.ClientID, x.byClient},
		{"username", c.Username, x.byUser},
		{"package", packageKey(c.Package), x.byPackage},
	} {
		if by.key == "" {
			continue
		}
		var fit []*known
		for _, k := range by.in[keyOf(c.Tenant, by.key)] {
			if x.fits(k, c) {
				fit = append(fit, k)
			}
		}
		switch {
		case len(fit) == 1:
			return fit[0], by.name, nil
		case len(fit) > 1:
			return nil, "", fieldError{by.name, wrong("name the id or the business unit in the row", "is that of several credentials: %s", idsOf(fit))}
		}
	}
	return nil, "", nil
}

// fits reports whether a record can be what a row is about, though the row does
// not name its id: they do not contradict each other, and no other row names it.
func (x *index) fits(k *known, c *keepwatch.Credential) bool {
	o := &k.credential
	switch {
	case x.claimed[o.ID], c.ID != "" && k.explicit:
		return false
	case c.ClientID != "" && o.ClientID != "" && c.ClientID != o.ClientID:
		return false
	case c.Username != "" && o.Username != "" && c.Username != o.Username:
		return false
	case c.Kind != "" && o.Kind != "" && c.Kind != o.Kind && c.ID != "":
		return false // one package may have a secret, refresh tokens, a signing secret
	}
	return c.BusinessUnit == 0 || c.BusinessUnit == o.BusinessUnit
}

func idsOf(list []*known) string {
	var ids []string
	for _, k := range list {
		ids = append(ids, string(k.credential.ID))
	}
	slices.Sort(ids)
	if len(ids) > 5 {
		return strings.Join(ids[:5], ", ") + " and " + strconv.Itoa(len(ids)-5) + " more"
	}
	return strings.Join(ids, ", ")
}

// name is the id of a new record: the row's own, else one made of its name.
func (x *index) name(r *Row) keepwatch.CredentialID {
	c := &r.Credential
	if c.ID != "" {
		return c.ID
	}
	base := ""
	for _, s := range []string{r.named, c.Package, c.Username, c.ClientID} {
		if base = slug(s); base != "" {
			break
		}
	}
	if base == "" {
		base = "credential-" + keepwatch.Digest(string(c.Tenant), r.named, c.Package, c.Username, c.ClientID)[:8]
	}
	if x.free(base) {
		return keepwatch.CredentialID(base)
	}
	if other := shorten(string(c.Tenant)+"-"+base, 58); x.free(other) {
		return keepwatch.CredentialID(other)
	}
	for n := 2; ; n++ {
		if other := base + "-" + strconv.Itoa(n); x.free(other) {
			return keepwatch.CredentialID(other)
		}
	}
}

func (x *index) free(id string) bool {
	return x.byID[keepwatch.CredentialID(id)] == nil && !x.claimed[keepwatch.CredentialID(id)]
}

// letterless are letters that do not come apart into a base and a mark.
var letterless = strings.NewReplacer("ß", "ss", "æ", "ae", "ø", "o", "œ", "oe", "đ", "d", "ł", "l", "þ", "th", "ı", "i")

// slug makes an id of a name: "Café – Aufträge (neu)" is cafe-auftrage-neu. It is
// "" for a name without a letter of the Latin alphabet.
func slug(name string) string {
	var b strings.Builder
	for _, r := range norm.NFKD.String(letterless.Replace(strings.ToLower(name))) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		case unicode.Is(unicode.Mn, r):
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	return shorten(b.String(), 50)
}

func shorten(s string, limit int) string { return strings.Trim(s[:min(len(s), limit)], "-") }

// columnOf and factOf take an error of a field apart.
func columnOf(err error) string {
	var f fieldError
	if errors.As(err, &f) {
		return f.field
	}
	return ""
}

func factOf(err error) string {
	var f fieldError
	if errors.As(err, &f) {
		return f.err.Error()
	}
	return err.Error()
}

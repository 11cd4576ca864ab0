package inventory

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"keepwatch"
)

// A list in one cell: elements with "; " between them. A holder is
// "name <contact>", a dependent "kind:key {name=value, …}". A backslash takes the
// meaning from the character after it. JSON in a cell was rejected: people fill
// these cells in by hand.

const special = `\;,<>{}=`

// escape writes a text so that split and unescape give it back.
func escape(s string) string {
	if !strings.ContainsAny(s, special+" \t") {
		return s
	}
	var b strings.Builder
	runes := []rune(s)
	for i, r := range runes {
		edge := (i == 0 || i == len(runes)-1) && unicode.IsSpace(r)
		if edge || strings.ContainsRune(special, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

func unescape(s string) string {
	s = trim(s)
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// trim cuts white space off both ends, but not one that is escaped.
func trim(s string) string {
	s = strings.TrimLeftFunc(s, unicode.IsSpace)
	short := strings.TrimRightFunc(s, unicode.IsSpace)
	slashes := len(short) - len(strings.TrimRight(short, `\`))
	if slashes%2 == 1 && len(short) < len(s) {
		for i := range s[len(short):] {
			if i > 0 {
				return s[:len(short)+i]
			}
		}
		return s
	}
	return short
}

// split cuts at every sep that is not escaped, and drops empty elements.
func split(s, seps string) []string {
	var out []string
	from := 0
	add := func(to int) {
		if part := trim(s[from:to]); part != "" {
			out = append(out, part)
		}
	}
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
		case strings.IndexByte(seps, s[i]) >= 0:
			add(i)
			from = i + 1
		}
	}
	add(len(s))
	return out
}

// find is the place of a character that is not escaped, or -1.
func find(s string, c byte) int {
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' {
			i++
		} else if s[i] == c {
			return i
		}
	}
	return -1
}

// elements cuts a cell into the elements of its list; a line break in a cell
// parts them as well.
func elements(s string) []string { return split(s, ";\n\r") }

func tooMany(n, limit int) error {
	if n > limit {
		return wrong(fmt.Sprintf("at most %d", limit), "has %d elements", n)
	}
	return nil
}

func getHolders(c *keepwatch.Credential) string {
	parts := make([]string, len(c.Holders))
	for i, h := range c.Holders {
		parts[i] = escape(h.Name)
		if h.Contact != "" {
			parts[i] += " <" + escape(h.Contact) + ">"
		}
	}
	return strings.Join(parts, "; ")
}

func setHolders(c *keepwatch.Credential, s string) error {
	parts := elements(s)
	if err := tooMany(len(parts), 200); err != nil {
		return err
	}
	var out []keepwatch.Holder
	for _, p := range parts {
		h, err := parseHolder(p)
		if err != nil {
			return err
		}
		out = append(out, h)
	}
	c.Holders = out
	return nil
}

func parseHolder(p string) (keepwatch.Holder, error) {
	name, contact := p, ""
	if open := find(p, '<'); open >= 0 {
		closed := find(p[open:], '>')
		if closed < 0 || trim(p[open+closed+1:]) != "" {
			return keepwatch.Holder{}, wrong("write it like mulesoft-prod <middleware@example.com>", "%s is not a holder", shown(p))
		}
		name, contact = p[:open], p[open+1:open+closed]
	}
	h := keepwatch.Holder{Name: unescape(name), Contact: unescape(contact)}
	if h.Name == "" {
		return h, wrong("write it like mulesoft-prod <middleware@example.com>", "%s is a holder without a name", shown(p))
	}
	for _, v := range []string{h.Name, h.Contact} {
		if _, err := free(200)(v); err != nil {
			return h, err
		}
	}
	return h, nil
}

// trait is one named value of a dependent.
type trait struct {
	name   string
	amount bool
	get    func(*keepwatch.Dependent) []string
	set    func(*keepwatch.Dependent, string) error
}

var traits = []trait{
	amountTrait("contacts_per_day", func(d *keepwatch.Dependent) *float64 { return &d.ContactsPerDay }),
	amountTrait("value_per_contact", func(d *keepwatch.Dependent) *float64 { return &d.ValuePerContact }),
	{"reads", false, func(d *keepwatch.Dependent) []string { return d.Reads }, func(d *keepwatch.Dependent, s string) error {
		v, err := free(400)(s)
		d.Reads = append(d.Reads, v)
		return orTooMany(err, len(d.Reads))
	}},
	textTrait("fed_by", free(400), func(d *keepwatch.Dependent) *string { return &d.FedBy }),
	textTrait("on_outage", choice("late or lost", "late", "lost"), func(d *keepwatch.Dependent) *string { return &d.OnOutage }),
	spanTrait("expect_rows_every", time.Minute, 366*day, func(d *keepwatch.Dependent) *time.Duration { return &d.ExpectRowsEvery }),
	textTrait("timestamp_field", free(200), func(d *keepwatch.Dependent) *string { return &d.TimestampField }),
	spanTrait("max_queue_age", time.Second, 7*day, func(d *keepwatch.Dependent) *time.Duration { return &d.MaxQueueAge }),
}

func orTooMany(err error, n int) error {
	if err != nil {
		return err
	}
	return tooMany(n, 200)
}

func one(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

func textTrait(name string, parse func(string) (string, error), to func(*keepwatch.Dependent) *string) trait {
	return trait{name, false, func(d *keepwatch.Dependent) []string { return one(*to(d)) }, func(d *keepwatch.Dependent, s string) error {
		v, err := parse(s)
		*to(d) = v
		return err
	}}
}

func spanTrait(name string, least, most time.Duration, to func(*keepwatch.Dependent) *time.Duration) trait {
	return trait{name, false, func(d *keepwatch.Dependent) []string { return one(spanText(*to(d))) }, func(d *keepwatch.Dependent, s string) error {
		v, err := parseSpan(s, least, most)
		*to(d) = v
		return err
	}}
}

func amountTrait(name string, to func(*keepwatch.Dependent) *float64) trait {
	return trait{name, true, func(d *keepwatch.Dependent) []string {
		if *to(d) == 0 {
			return nil
		}
		return one(strconv.FormatFloat(*to(d), 'f', -1, 64))
	}, func(d *keepwatch.Dependent, s string) error {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil || !(v >= 0 && v <= 1e12) { // written so that NaN fails
			return wrong("a number from 0 on", "%s is not an amount", shown(s))
		}
		*to(d) = v
		return nil
	}}
}

var dependentKinds = []string{"journey", "automation", "data_extension", "triggered_send", "transactional_email", "transactional_sms"}

func getDependents(c *keepwatch.Credential) string {
	parts := make([]string, len(c.Dependents))
	for i := range c.Dependents {
		d := &c.Dependents[i]
		parts[i] = d.Kind + ":" + escape(d.Key)
		var named []string
		for _, t := range traits {
			for _, v := range t.get(d) {
				named = append(named, t.name+"="+escape(v))
			}
		}
		if len(named) > 0 {
			parts[i] += " {" + strings.Join(named, ", ") + "}"
		}
	}
	return strings.Join(parts, "; ")
}

func setDependents(c *keepwatch.Credential, s string) error {
	parts := elements(s)
	if err := tooMany(len(parts), 1000); err != nil {
		return err
	}
	var out []keepwatch.Dependent
	seen := map[string]bool{}
	for _, p := range parts {
		d, err := parseDependent(p)
		if err != nil {
			return err
		}
		id := d.Kind + ":" + d.Key
		if seen[id] {
			return wrong("name each once", "%s stands twice", shown(id))
		}
		seen[id] = true
		out = append(out, d)
	}
	c.Dependents = out
	return nil
}

const dependentHint = "write it like journey:welcome-series {contacts_per_day=10000, reads=Orders, on_outage=lost}"

func parseDependent(p string) (keepwatch.Dependent, error) {
	var d keepwatch.Dependent
	body, named := p, ""
	if open := find(p, '{'); open >= 0 {
		closed := find(p[open:], '}')
		if closed < 0 || trim(p[open+closed+1:]) != "" {
			return d, wrong(dependentHint, "%s is not a dependent", shown(p))
		}
		body, named = p[:open], p[open+1:open+closed]
	}
	kind, key, found := strings.Cut(body, ":")
	if !found || unescape(key) == "" {
		return d, wrong(dependentHint, "%s is not a dependent", shown(p))
	}
	var err error
	if d.Kind, err = choice("a kind of dependent", dependentKinds...)(trim(kind)); err != nil {
		return d, err
	}
	if d.Key, err = free(400)(unescape(key)); err != nil {
		return d, err
	}
	return d, setTraits(&d, named)
}

func setTraits(d *keepwatch.Dependent, named string) error {
	for _, pair := range split(named, ",") {
		at := find(pair, '=')
		i := -1
		if at >= 0 {
			i = slices.IndexFunc(traits, func(t trait) bool { return t.name == trim(pair[:at]) })
		}
		if i < 0 || unescape(pair[at+1:]) == "" {
			return wrong(dependentHint, "%s is not a named value of a dependent", shown(pair))
		}
		if err := traits[i].set(d, unescape(pair[at+1:])); err != nil {
			return err
		}
	}
	return nil
}

// noRungs is a ladder that is meant to have none.
const noRungs = "none"

func getLadder(c *keepwatch.Credential) string {
	if c.Ladder != nil && len(c.Ladder) == 0 {
		return noRungs
	}
	parts := make([]string, len(c.Ladder))
	for i, d := range c.Ladder {
		parts[i] = keepwatch.FormatDuration(d)
	}
	return strings.Join(parts, "; ")
}

func setLadder(c *keepwatch.Credential, s string) error {
	if strings.EqualFold(trim(s), noRungs) {
		c.Ladder = []time.Duration{}
		return nil
	}
	var out []time.Duration
	for _, p := range split(s, ";, \n\r\t") {
		d, err := parseSpan(p, time.Hour, 3650*day)
		if err != nil {
			return err
		}
		if slices.Contains(out, d) {
			return wrong("name each rung once", "%s stands twice", p)
		}
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b time.Duration) int { return int((b - a) / time.Second) })
	c.Ladder = out
	return tooMany(len(out), 20)
}

// getTests leaves out the identity, which is always asked first.
func getTests(c *keepwatch.Credential) string {
	var parts []string
	for _, t := range c.Tests {
		if t != "identity" {
			parts = append(parts, escape(t))
		}
	}
	return strings.Join(parts, "; ")
}

func setTests(c *keepwatch.Credential, s string) error {
	var out []string
	for _, p := range elements(s) {
		t := unescape(p)
		if !isTest(t) {
			return wrong("identity, rest:/PATH, soap:GetSystemStatus, soap:OBJECT or https:NAME", "%s is not a test", shown(t))
		}
		out = append(out, t)
	}
	if err := tooMany(len(out), 20); err != nil {
		return err
	}
	c.Tests = out
	return nil
}

const (
	letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	digits  = "0123456789_"
)

func isTest(t string) bool {
	what, rest, _ := strings.Cut(t, ":")
	switch what {
	case "identity":
		return t == what
	case "rest":
		return isRoute(rest)
	case "soap":
		return rest != "" && len(rest) <= 100 && rest[0] > '9' && strings.Trim(rest, letters+digits) == ""
	case "https":
		return idPattern.MatchString(rest)
	}
	return false
}

// isRoute accepts a path on the tenant's own host; "//host" would leave it.
func isRoute(path string) bool {
	outside := !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\#") || strings.Contains(path, "${env:")
	return !outside && len(path) <= 1000 && !strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

func getScopes(c *keepwatch.Credential) string { return strings.Join(c.Scopes, "; ") }

func setScopes(c *keepwatch.Credential, s string) error {
	var out []string
	for _, p := range split(s, ";, \n\r\t") {
		if len(p) > 100 || strings.Trim(p, letters[26:]+digits) != "" {
			return wrong("names like email_read", "%s is not a scope", shown(p))
		}
		out = append(out, p)
	}
	c.Scopes = out
	return tooMany(len(out), 200)
}

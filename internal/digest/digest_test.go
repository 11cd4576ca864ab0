package digest_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/digest"
)

var monday = keepwatch.Day(2026, time.November, 23)

// ends is a row whose date lies so many days after that Monday.
func ends(credential string, days int, with ...func(*client.Ending)) client.Ending {
	e := client.Ending{Credential: credential, Owner: "crm", Severity: "info", Clock: client.Clock{Name: "secret", Kind: "hard_date", Source: "derived"}}
	on := monday.AddDays(days)
	at := on.In(time.UTC)
	e.Clock.EndsAt, e.Clock.EndsOn, e.Clock.DaysLeft = &at, on.String(), &days
	for _, set := range with {
		set(&e)
	}
	return e
}

func undated(credential string, with ...func(*client.Ending)) client.Ending {
	return ends(credential, 0, append([]func(*client.Ending){func(e *client.Ending) {
		e.Clock.EndsAt, e.Clock.EndsOn, e.Clock.DaysLeft, e.Clock.Source, e.Severity = nil, "", nil, "unknown", "unknown"
		e.Clock.Basis = "nobody entered a date"
	}}, with...)...)
}

func idle(since int) func(*client.Ending) {
	return func(e *client.Ending) {
		e.Clock.Name, e.Clock.Kind, e.Clock.Since = "login", "idle", monday.AddDays(since).String()
	}
}

func of(team, contact string) func(*client.Ending) {
	return func(e *client.Ending) { e.Owner, e.OwnerContact = team, contact }
}

func severe(s keepwatch.Severity) func(*client.Ending) {
	return func(e *client.Ending) { e.Severity = string(s) }
}

func renews(in int, by, attention string) func(*client.Ending) {
	return func(e *client.Ending) {
		e.PlannedRenewal, e.RenewalBy, e.Attention = monday.AddDays(in).String(), by, attention
	}
}

func contradicted(e *client.Ending) { e.Contradicted = true }

func found(kind keepwatch.FindingKind, severity keepwatch.Severity, credential string) client.Finding {
	f := client.Finding{Kind: string(kind), Severity: string(severity), Owner: "crm", Subject: credential, Message: "the fact of " + string(kind), Hint: "do it"}
	if credential == "" {
		f.Subject, f.Owner = "Package 7", ""
		return f
	}
	f.Credential = &credential
	return f
}

func accepted(f client.Finding) client.Finding {
	f.Accepted = &client.Acceptance{By: "ada"}
	return f
}

// parts are the rows of a letter by the title above them.
func parts(text string) map[string][]string {
	out := map[string][]string{}
	for i, paragraph := range strings.Split(text, "\n\n") {
		title, rows, _ := strings.Cut(paragraph, "\n")
		if i > 0 {
			out[title] = strings.Split(rows, "\n")
		}
	}
	return out
}

const attention = "The renewal has passed, and the date has not moved."

func TestParts(t *testing.T) {
	const (
		ended, missed, soon, planned = "Ended:", "Not renewed as planned:", "Ends within 90 days:", "To be renewed, and ends later:"
		unused, unknown, decide      = "Unused:", "Nobody knows when it ends:", "To decide:"
	)
	for name, tt := range map[string]struct {
		endings  []client.Ending
		findings []client.Finding
		want     map[string][]string // nil: no letter
		subject  string
		severity keepwatch.Severity
	}{
		"nothing":            {},
		"everything is far":  {endings: []client.Ending{ends("a", 91), ends("b", 200, renews(91, "", ""))}},
		"the last day of 90": {[]client.Ending{ends("a", 90)}, nil, map[string][]string{soon: {"- 2027-02-21 (in 90 days): a, secret; date derived"}}, "1 ending", "info"},
		"tomorrow": {[]client.Ending{ends("a", 1, severe("warning"))}, nil,
			map[string][]string{soon: {"- 2026-11-24 (in 1 day): a, secret; date derived"}}, "1 ending", "warning"},
		"later today": {[]client.Ending{ends("a", 0, severe("warning"))}, nil,
			map[string][]string{soon: {"- 2026-11-23 (today): a, secret; date derived"}}, "1 ending", "warning"},
		"earlier today": {[]client.Ending{ends("a", 0, severe("critical"))}, nil,
			map[string][]string{ended: {"- 2026-11-23 (today): a, secret; date derived"}}, "1 ended", "warning"},
		"yesterday, and it works": {[]client.Ending{ends("a", -1, severe("warning"), contradicted)}, []client.Finding{found(keepwatch.FindingDateContradicted, "warning", "a")},
			map[string][]string{ended: {"- 2026-11-22 (1 day ago): a, secret; date derived, yet it still works"}}, "1 ended", "warning"},
		"a plan in time": {[]client.Ending{ends("a", 30, renews(3, "Ada", ""))}, nil,
			map[string][]string{soon: {"- 2026-12-23 (in 30 days): a, secret; date derived; renewal planned for 2026-11-26 by Ada"}}, "1 ending", "info"},
		"a plan too late": {[]client.Ending{ends("a", 30, renews(31, "Ada", "The renewal planned for 2026-12-24 by Ada would come too late."))}, nil,
			map[string][]string{soon: {"- 2026-12-23 (in 30 days): a, secret; date derived. The renewal planned for 2026-12-24 by Ada would come too late."}}, "1 ending", "info"},
		"a plan that was missed": {[]client.Ending{ends("a", 130, renews(-3, "Ada", attention))}, []client.Finding{found(keepwatch.FindingRenewalOverdue, "warning", "a")},
			map[string][]string{missed: {"- 2027-04-02 (in 130 days): a, secret; date derived. " + attention}}, "1 not renewed", "warning"},
		"missed this morning": {[]client.Ending{ends("a", 130, renews(0, "", attention))}, nil,
			map[string][]string{missed: {"- 2027-04-02 (in 130 days): a, secret; date derived. " + attention}}, "1 not renewed", "warning"},
		"a plan for a later hour of today that comes too late": {[]client.Ending{ends("a", 0, severe("warning"), renews(0, "", attention), func(e *client.Ending) { e.PlannedRenewal += "T23:00:00Z" })}, nil,
			map[string][]string{soon: {"- 2026-11-23 (today): a, secret; date derived. " + attention}}, "1 ending", "warning"},
		"missed, and ended": {[]client.Ending{ends("a", -2, severe("critical"), renews(-3, "", attention))}, []client.Finding{found(keepwatch.FindingRenewalOverdue, "warning", "a")},
			map[string][]string{ended: {"- 2026-11-21 (2 days ago): a, secret; date derived. " + attention}}, "1 ended", "warning"},
		"a plan for what ends later, once": {[]client.Ending{ends("a", 200, renews(90, "Ada", "")), ends("a", 300, renews(90, "Ada", "")), ends("b", 200, renews(0, "", ""))}, nil,
			map[string][]string{planned: {"- 2027-02-21 (in 90 days): a, secret, by Ada; ends 2027-06-11 (in 200 days)", "- 2026-11-23 (today): b, secret; ends 2027-06-11 (in 200 days)"}}, "2 to renew", "info"},
		"idle before two thirds":  {endings: []client.Ending{ends("a", 31, idle(-59))}},
		"idle at two thirds":      {[]client.Ending{ends("a", 30, idle(-60))}, nil, map[string][]string{unused: {"- a, login, last used 2026-09-24; idle for too long: 2026-12-23 (in 30 days), derived"}}, "1 unused", "info"},
		"idle for too long":       {[]client.Ending{ends("a", -5, idle(-95), severe("warning"))}, []client.Finding{found(keepwatch.FindingIdle, "warning", "a")}, map[string][]string{unused: {"- a, login, last used 2026-08-20; idle for too long: 2026-11-18 (5 days ago), derived"}}, "1 unused", "warning"},
		"idle without a last use": {endings: []client.Ending{undated("a", func(e *client.Ending) { e.Clock.Kind = "idle" })}},
		"idle, typed":             {[]client.Ending{ends("a", 80, idle(0), func(e *client.Ending) { e.Clock.Since = "" })}, nil, map[string][]string{unused: {"- a, login; idle for too long: 2027-02-11 (in 80 days), derived"}}, "1 unused", "info"},
		"no date": {[]client.Ending{undated("a", renews(9, "Ada", ""))}, []client.Finding{found(keepwatch.FindingNoDate, "warning", "a")},
			map[string][]string{unknown: {"- a, secret: nobody entered a date; renewal planned for 2026-12-02 by Ada"}}, "1 without a date", "info"},
		"a finding": {nil, []client.Finding{found(keepwatch.FindingNeverProven, "warning", "a"), found(keepwatch.FindingUserLocked, "critical", "b")},
			map[string][]string{decide: {"- a: the fact of never_proven; do it", "- b: the fact of user_locked; do it"}}, "2 findings", "info"},
		"the same kinds about others": {[]client.Ending{ends("a", -1)}, []client.Finding{found(keepwatch.FindingNoDate, "warning", "a"), found(keepwatch.FindingDateContradicted, "warning", "a")},
			map[string][]string{ended: {"- 2026-11-22 (1 day ago): a, secret; date derived"}, decide: {"- a: the fact of no_date; do it", "- a: the fact of date_contradicted; do it"}}, "1 ended, 2 findings", "warning"},
		"an accepted one":      {findings: []client.Finding{accepted(found(keepwatch.FindingNeverProven, "warning", "a"))}},
		"lesser findings only": {findings: []client.Finding{found(keepwatch.FindingNoHolders, "info", "a")}},
		"lesser findings, too": {[]client.Ending{ends("a", 90)}, []client.Finding{found(keepwatch.FindingNoHolders, "info", "a"), found(keepwatch.FindingNoDependents, "info", "a")},
			map[string][]string{soon: {"- 2027-02-21 (in 90 days): a, secret; date derived"}, "2 findings of less weight: see the list of findings.": {""}}, "1 ending", "info"},
	} {
		t.Run(name, func(t *testing.T) {
			letters := digest.Letters(tt.endings, tt.findings, "", monday)
			if tt.want == nil {
				if len(letters) > 0 {
					t.Fatalf("a letter: %s", letters[0].Text)
				}
				return
			}
			if len(letters) != 1 {
				t.Fatalf("%d letters", len(letters))
			}
			l := letters[0]
			if diff := cmp.Diff(tt.want, parts(l.Text)); diff != "" {
				t.Errorf("parts (-want +got):\n%s", diff)
			}
			if l.Subject != "Credentials of crm: "+tt.subject || l.Severity != tt.severity || l.Kind != keepwatch.LetterDigest || l.Link != "" || l.Button == "" {
				t.Errorf("letter %+v", l)
			}
		})
	}
}

func TestOwners(t *testing.T) {
	for name, tt := range map[string]struct {
		endings  []client.Ending
		findings []client.Finding
		want     []string // owner>contact: credentials
	}{
		"by team":                           {[]client.Ending{ends("a", 1, of("web", "")), ends("b", 1, of("crm", ""))}, nil, []string{"crm>: b", "web>: a"}},
		"small letters are capital letters": {[]client.Ending{ends("a", 1, of("CRM", "x@example.com")), ends("b", 1, of("crm", ""))}, nil, []string{"CRM>x@example.com: a b"}},
		"a contact without a team":          {[]client.Ending{ends("a", 1, of("", "x@example.com"))}, []client.Finding{teamless("a")}, []string{"x@example.com>x@example.com: a +1"}},
		"nobody":                            {[]client.Ending{ends("a", 1, of("", ""))}, []client.Finding{found(keepwatch.FindingUnknownPackage, "warning", "")}, []string{">: a +1"}},
		"a team without a contact":          {[]client.Ending{ends("a", 1, of("crm", ""))}, nil, []string{"crm>: a"}},
		"the contact of most": {[]client.Ending{ends("a", 1, of("crm", "z@example.com")), ends("b", 1, of("crm", "z@example.com")), ends("c", 1, of("crm", "a@example.com"))}, nil,
			[]string{"crm>z@example.com: a b c"}},
		"credentials count, not their clocks": {[]client.Ending{ends("a", 1, of("crm", "one@example.com")), ends("a", 2, of("crm", "one@example.com")), ends("a", 3, of("crm", "one@example.com")),
			ends("b", 1, of("crm", "two@example.com")), ends("c", 1, of("crm", "two@example.com"))}, nil, []string{"crm>two@example.com: a a a b c"}},
		"as many":                 {[]client.Ending{ends("a", 1, of("crm", "z@example.com")), ends("c", 1, of("crm", "a@example.com"))}, nil, []string{"crm>a@example.com: a c"}},
		"what is far names, too":  {[]client.Ending{ends("a", 1, of("crm", "")), ends("b", 1000, of("crm", "far@example.com"))}, nil, []string{"crm>far@example.com: a b"}},
		"findings alone":          {nil, []client.Finding{found(keepwatch.FindingNeverProven, "warning", "a")}, []string{"crm>: +1"}},
		"of what is not recorded": {nil, []client.Finding{teamless("gone")}, []string{">: +1"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, r := range digest.Reports(tt.endings, tt.findings) {
				var ids []string
				for _, e := range r.Endings {
					ids = append(ids, e.Credential)
				}
				if n := len(r.Findings); n > 0 {
					ids = append(ids, fmt.Sprintf("+%d", n))
				}
				got = append(got, r.Owner+">"+r.Contact+": "+strings.Join(ids, " "))
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func teamless(credential string) client.Finding {
	f := found(keepwatch.FindingNoHolders, "warning", credential)
	f.Owner = ""
	return f
}

// The id follows from owner and week, and from nothing else.
func TestIDs(t *testing.T) {
	id := func(owner string, days int, week keepwatch.Date) keepwatch.NoticeID {
		l, ok := digest.Compose(digest.Report{Owner: owner, Endings: []client.Ending{ends("a", days)}}, "https://keepwatch.example.com", week)
		if !ok {
			t.Fatal("no letter")
		}
		return l.ID
	}
	first := id("crm", 5, monday)
	if first != id("CRM", 7, monday) {
		t.Error("the same owner and week make two letters")
	}
	if first == id("crm", 5, monday.AddDays(7)) || first == id("web", 5, monday) || first == id("", 5, monday) {
		t.Error("two letters look like one")
	}
}

func TestLinks(t *testing.T) {
	for owner, want := range map[string]string{
		"":                       "https://k.example.com/expiring",
		"crm":                    "https://k.example.com/expiring?owner=crm",
		"a&b=c #d":               "https://k.example.com/expiring?owner=a%26b%3Dc+%23d",
		strings.Repeat("x", 201): "https://k.example.com/expiring",
	} {
		l, _ := digest.Compose(digest.Report{Owner: owner, Endings: []client.Ending{ends("a", 1)}}, "https://k.example.com", monday)
		if l.Link != want {
			t.Errorf("%q leads to %s", owner, l.Link)
		}
	}
}

// Texts from outside forge neither rows nor paragraphs, whatever they hold.
func TestHostileNames(t *testing.T) {
	for _, evil := range []string{
		"x\n\nEnded:\n- everything", "x\r\nBcc: all@example.com", "x\u2028- y\u2029- z", "x\v\f\x00\x1b[31m- y", "x\u0085- y", "\xff\xfe broken", "   ", strings.Repeat("long ", 1000),
	} {
		e := ends(evil, -1, of(evil, evil), renews(-2, evil, evil))
		e.Clock.Name = evil
		e.Clock.Source = evil
		n := undated(evil, of(evil, ""), renews(3, evil, ""))
		n.Clock.Basis, n.PlannedRenewal = evil, evil
		later := ends(evil+"2", 200, of(evil, ""), renews(3, evil, ""))
		f := found(keepwatch.FindingNeverProven, "warning", evil)
		f.Owner, f.Message, f.Hint = evil, evil, evil
		letters := digest.Letters([]client.Ending{e, n, later}, []client.Finding{f}, "https://k.example.com", monday)
		if len(letters) != 1 {
			t.Fatalf("%q: %d letters", evil, len(letters))
		}
		l := letters[0]
		if got := strings.Count(l.Text, "\n"); got != 4*3 {
			t.Errorf("%q: %d line breaks:\n%s", evil, got, l.Text)
		}
		for _, text := range append(strings.Split(l.Text, "\n"), l.Subject, l.Link) {
			if len([]rune(text)) > 700 || strings.ContainsFunc(text, func(r rune) bool {
				return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == unicode.ReplacementChar && !strings.HasPrefix(evil, "\xff")
			}) {
				t.Errorf("%q: the line %q", evil, text)
			}
		}
	}
}

// The longest letter that there can be still goes into the outbox, which takes 256 KiB.
func TestLongestLetter(t *testing.T) {
	long := strings.Repeat("<", 200) // six bytes each in the outbox
	var endings []client.Ending
	var findings []client.Finding
	for i := range 1000 {
		id := fmt.Sprintf("%s%d", long, i)
		endings = append(endings, ends(id, -1, of(long, long)), ends(id, 5, of(long, long), renews(-1, long, long)), ends(id, 6, of(long, long)),
			ends(id, 200, of(long, long), renews(3, long, "")), ends(id, 3, of(long, long), idle(-90)), undated(id, of(long, long)))
		f := found(keepwatch.FindingNeverProven, "warning", id)
		f.Owner, f.Message = long, long
		findings = append(findings, f, f)
	}
	l, ok := digest.Compose(digest.Reports(endings, findings)[0], "https://k.example.com", monday)
	if !ok {
		t.Fatal("no letter")
	}
	doc, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes", len(doc))
	if len(doc) > 256<<10 || len(doc) < 128<<10 {
		t.Errorf("the longest letter has %d bytes", len(doc))
	}
	for title, want := range map[string]int{"Ended:": 26, "Not renewed as planned:": 26, "Ends within 90 days:": 26, "To be renewed, and ends later:": 26, "Unused:": 26, "Nobody knows when it ends:": 26, "To decide:": 16} {
		rows := parts(l.Text)[title]
		if len(rows) != want || rows[want-1] != map[bool]string{false: "- and 975 more", true: "- and 1985 more"}[title == "To decide:"] {
			t.Errorf("%s %d rows, the last %.40q", title, len(rows), rows[len(rows)-1])
		}
	}
}

// Whole letters, as they are posted.
func TestGoldenLetters(t *testing.T) {
	endings := []client.Ending{
		ends("nightly-drop", -3, severe("critical"), func(e *client.Ending) { e.Clock.Name, e.Clock.Source = "password", "typed" }),
		ends("old-crm", -1, severe("warning"), contradicted),
		ends("crm-sync", 5, of("CRM", "crm-oncall@example.com"), severe("warning"), renews(2, "Ada", "")),
		ends("tls", 9, of("web", "#web"), func(e *client.Ending) { e.Clock.Name, e.Clock.Source = "chain:R11", "read" }),
		ends("loyalty", 130, renews(-13, "Ada", "The renewal planned for 2026-11-10 by Ada has passed, and the date has not moved.")),
		ends("contract", 200, renews(53, "procurement", "")),
		undated("partner-drop"),
		undated("orphan", of("", "")),
		ends("mine", 40, of("", "ada@example.com")),
		ends("app", 8, idle(-22), severe("warning")),
		ends("quiet", 400, of("far", "far@example.com")),
	}
	findings := []client.Finding{
		found(keepwatch.FindingUserLocked, "critical", "crm-sync"), found(keepwatch.FindingNoDate, "warning", "partner-drop"), found(keepwatch.FindingUnknownPackage, "warning", ""),
		found(keepwatch.FindingNoHolders, "info", "crm-sync"), accepted(found(keepwatch.FindingLegacy, "warning", "old-crm")),
	}
	var b strings.Builder
	for _, l := range digest.Letters(endings, findings, "https://keepwatch.example.com", monday) {
		fmt.Fprintf(&b, "=== to %q, owner %q, %s, %s\n%s\n%s: %s\n\n%s\n\n", l.To, l.Owner, l.Kind, l.Severity, l.Subject, l.Button, l.Link, l.Text)
	}
	path := filepath.Join("testdata", "letters.golden")
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("letters (-want +got); look and run with -update:\n%s", diff)
	}
}

// Whatever is in an estate, each row that is near stands in one letter, once.
func FuzzRowsAreNeitherLostNorTwice(f *testing.F) {
	f.Add([]byte{1, 2, 3, 250, 0, 9, 90, 91, 200})
	f.Add([]byte("a longer estate with more of everything in it"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var endings []client.Ending
		near := map[string]bool{}
		for i, b := range raw {
			if i == 20 {
				break
			}
			id := fmt.Sprintf("id-%d-", i)
			days := int(int8(b))
			owner := []string{"", "crm", "CRM", "web"}[b%4]
			endings = append(endings, ends(id, days, of(owner, "")))
			if days <= digest.Within {
				near[id] = true
			}
		}
		var all strings.Builder
		for _, l := range digest.Letters(endings, nil, "", monday) {
			all.WriteString(l.Text)
		}
		for _, e := range endings {
			want := 0
			if near[e.Credential] {
				want = 1
			}
			if got := strings.Count(all.String(), " "+e.Credential+","); got != want {
				t.Errorf("%s with %d days left stands in %d rows, want %d", e.Credential, *e.Clock.DaysLeft, got, want)
			}
		}
	})
}

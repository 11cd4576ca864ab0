package inventory_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/inventory"
)

// pasted is a table as somebody's browser, spreadsheet and mail program made it,
// with what each of its rows must become.
type pasted struct {
	rng  *rand.Rand
	text string
	good map[string]string // package name → day of its end, of the rows that are good
	head bool              // the columns have headings
	rows int               // that hold anything
	bad  int               // rows that must be named as faults
}

// cellKind is what a column of the page holds.
type cellKind struct {
	heading string
	cell    func(p *pasted, r *pastedRow) string
}

type pastedRow struct {
	name string
	end  keepwatch.Date
	made keepwatch.Date
}

var pagesColumns = []cellKind{
	{"Name", func(p *pasted, r *pastedRow) string { return p.quoted(r.name) }},
	{"Status", func(p *pasted, _ *pastedRow) string { return []string{"Active", "Inactive"}[p.rng.IntN(2)] }},
	{"Description", func(p *pasted, _ *pastedRow) string { return p.quoted(p.words(p.rng.IntN(4))) }},
	{"Created Date", func(p *pasted, r *pastedRow) string { return r.made.String() }},
	{"Client Secret Expiration Date", nil}, // in the style of the sheet
	{"Modified By", func(p *pasted, _ *pastedRow) string { return p.words(2) }},
}

var (
	syllables = []string{"CRM", "Sync", "Aufträge", "Köln", "受注", "données", "Łódź", "e‑mail", "v2", "(prod)", "100 %", "A/B", "«Noël»", "Ω", "it's", "x=y", "=1+1", "-", "@home", "naïve 🙂", "«»"}
	layouts   = []string{"2006-01-02", "1/2/2006", "2/1/2006", "02.01.2006", "Jan 2, 2006", "2 January 2006", "2006-01-02T15:04:05Z", "1/2/2006 3:04 PM"}
)

func (p *pasted) words(n int) string {
	out := make([]string, n)
	for i := range out {
		out[i] = syllables[p.rng.IntN(len(syllables))]
	}
	return strings.Join(out, " ")
}

// quoted puts a text into the cell as a spreadsheet does: in quotation marks where
// it must, and sometimes where it need not.
func (p *pasted) quoted(text string) string {
	if strings.ContainsAny(text, "\t\"\n") || p.rng.IntN(8) == 0 {
		return `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
	}
	return text
}

// newPasted draws a table. Names are unique: two rows about one package are a
// fault, and this is about losing rows in silence.
func newPasted(seed uint64) *pasted {
	p := &pasted{rng: rand.New(rand.NewPCG(seed, 9)), good: map[string]string{}}
	columns := append([]cellKind(nil), pagesColumns...)
	p.rng.Shuffle(len(columns), func(i, j int) { columns[i], columns[j] = columns[j], columns[i] })
	layout := layouts[p.rng.IntN(len(layouts))]
	var lines []string
	// Without a heading the oldest name would be guessed for what stands first;
	// the page's own order is then what people paste.
	if p.head = p.rng.IntN(5) > 0; p.head {
		names := make([]string, len(columns))
		for i, c := range columns {
			names[i] = p.heading(c.heading)
		}
		lines = append(lines, strings.Join(names, "\t"))
	} else {
		columns = append([]cellKind(nil), pagesColumns...)
	}
	p.certain(columns, layout, &lines)
	for i := range p.rng.IntN(12) {
		p.row(i, columns, layout, &lines)
	}
	end := []string{"\n", "\r\n", "\r"}[p.rng.IntN(3)]
	p.text = strings.Join(lines, "\n")
	if end != "\n" {
		p.text = strings.ReplaceAll(p.text, "\n", end)
	}
	if p.rng.IntN(3) == 0 {
		p.text = "\ufeff" + p.text
	}
	if p.rng.IntN(3) > 0 {
		p.text += end
	}
	return p
}

func (p *pasted) heading(name string) string {
	switch p.rng.IntN(4) {
	case 0:
		return strings.ToUpper(name)
	case 1:
		return " " + name + "\u00a0"
	case 2:
		return name + " ▲"
	}
	return name
}

// certain adds rows whose dates can be read in one order only, so that the
// column's order is known; without a heading there are several, since what most rows
// look like is all that tells the columns then.
func (p *pasted) certain(columns []cellKind, layout string, lines *[]string) {
	n := 1
	if !p.head {
		n = 6
	}
	for i := range n {
		r := pastedRow{name: fmt.Sprintf("Certain %c", 'A'+i), end: keepwatch.Day(2027, time.March, 27), made: keepwatch.Day(2024, time.January, 14)}
		*lines = append(*lines, p.line(&r, columns, layout))
		p.rows++
		p.good[r.name] = r.end.String()
	}
}

func (p *pasted) row(i int, columns []cellKind, layout string, lines *[]string) {
	r := pastedRow{
		name: fmt.Sprintf("%s %d", p.words(1+p.rng.IntN(3)), i),
		end:  keepwatch.Day(2027, time.January, 1).AddDays(p.rng.IntN(700)),
		made: keepwatch.Day(2024, time.January, 1).AddDays(p.rng.IntN(600)),
	}
	switch p.rng.IntN(10) {
	case 0: // a tab in the name, quoted as a spreadsheet does
		r.name += "\tand more"
	case 1: // a line break in it
		r.name += "\nsecond line"
	case 2:
		r.name += ` "quoted" part`
	case 3: // an empty line between rows is no row
		*lines = append(*lines, []string{"", "\t\t", "  "}[p.rng.IntN(3)])
		return
	case 4: // merged cells: only the first one is left of the row
		*lines = append(*lines, "merged over all columns "+fmt.Sprint(i))
		p.rows++
		p.bad++
		return
	case 5: // a bare tab in a name shifts all cells: one too many
		*lines = append(*lines, strings.Replace(p.line(&r, columns, layout), "\t", "\tshifted\t", 1)+"\tx")
		p.rows++
		p.bad++
		return
	case 6: // a date that is none; without a heading it would unmake the whole column
		if !p.head {
			break
		}
		*lines = append(*lines, strings.Replace(p.line(&r, columns, layout), p.day(r.end, layout), "some day soon", 1))
		p.rows++
		p.bad++
		return
	}
	*lines = append(*lines, p.line(&r, columns, layout))
	p.rows++
	p.good[strings.Join(strings.Fields(r.name), " ")] = r.end.String()
}

func (p *pasted) line(r *pastedRow, columns []cellKind, layout string) string {
	cells := make([]string, len(columns))
	for i, c := range columns {
		if c.cell == nil {
			cells[i] = p.day(r.end, layout)
		} else {
			cells[i] = c.cell(p, r)
		}
	}
	return strings.Join(cells, "\t")
}

func (p *pasted) day(d keepwatch.Date, layout string) string { return d.In(time.UTC).Format(layout) }

// TestAPasteLosesNoRowInSilence: rows in = new + changed + unchanged + named
// faults; every good row is there with its date, every bad one is a fault with a
// line, whatever was done to the table.
func TestAPasteLosesNoRowInSilence(t *testing.T) {
	rounds := 2000
	if os.Getenv("KEEPWATCH_CAMPAIGN") != "" {
		rounds = 40_000
	}
	faults := 0
	for seed := range rounds {
		p := newPasted(uint64(seed))
		b, _ := newBook()
		sheet, err := inventory.Read(inventory.Paste, strings.NewReader(p.text), "sheet", options())
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, p.text)
		}
		plan := preview(t, b, sheet)
		faults += len(plan.Wrong)
		if plan.Rows != p.rows || len(plan.Wrong) != p.bad {
			t.Fatalf("seed %d: %d rows and %d faults, made %d and %d\n%s\n%v", seed, plan.Rows, len(plan.Wrong), p.rows, p.bad, p.text, plan.Wrong)
		}
		for _, e := range plan.New {
			name := strings.Join(strings.Fields(e.Credential.Package), " ")
			if want, ok := p.good[name]; !ok || want != keepwatch.DayOf(e.Credential.Expires.In(time.UTC), time.UTC).String() {
				t.Fatalf("seed %d: %q ends %s, want %q\n%s", seed, name, e.Credential.Expires, want, p.text)
			}
		}
		if len(plan.New) != len(p.good) {
			t.Fatalf("seed %d: %d new, %d good\n%s", seed, len(plan.New), len(p.good), p.text)
		}
		again(t, b, plan, sheet, seed)
	}
	if faults < rounds/10 {
		t.Errorf("only %d faults in %d tables: nothing was tried", faults, rounds)
	}
}

// again imports the same sheet twice: the second time nothing changes.
func again(t *testing.T, b *inventory.Book, plan inventory.Plan, sheet inventory.Sheet, seed int) {
	t.Helper()
	apply(t, b, plan)
	if second := preview(t, b, sheet); len(second.Unchanged) != len(plan.New) || len(second.New)+len(second.Changed) > 0 {
		t.Fatalf("seed %d: a second import brings %d new, changes %d", seed, len(second.New), len(second.Changed))
	}
}

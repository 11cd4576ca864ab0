package inventory_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"

	"keepwatch"
	"keepwatch/internal/inventory"
)

// seeds are good sheets of each format, to be broken.
func seeds(t testing.TB) map[inventory.Format][]string {
	t.Helper()
	list := []keepwatch.Credential{full(), fullCertificate(), userOf()}
	out := map[inventory.Format][]string{}
	for _, f := range inventory.Formats {
		var b bytes.Buffer
		if err := inventory.Write(f, &b, list, inventory.WriteOptions{Tenants: tenants}); err != nil {
			t.Fatal(err)
		}
		out[f] = append(out[f], b.String())
	}
	out[inventory.Paste] = append(out[inventory.Paste], table, newPasted(3).text, newPasted(11).text)
	out[inventory.CSV] = append(out[inventory.CSV], "sep=;\r\nid;package;expires\r\na;\"A; B\";2027-01-01\r\n")
	out[inventory.Mcdev] = append(out[inventory.Mcdev], `{"a": {"client_id": "x", "client_secret": "y", "auth_url": "https://mc563885gzs27c5t9-63k636ttgm.auth.marketingcloudapis.com/", "account_id": 1}}`)
	return out
}

// accounted reads a sheet and asks that each row is somewhere.
func accounted(t *testing.T, format inventory.Format, data []byte) {
	sheet, err := inventory.Read(format, bytes.NewReader(data), "sheet", options())
	if err != nil {
		if keepwatch.HintOf(err) == "" {
			t.Errorf("%s: %v says not what to do", format, err)
		}
		return
	}
	b, _ := newBook()
	preview(t, b, sheet)
}

// broken is a sheet with some of its bytes moved, doubled, lost or replaced by
// what parsers stumble over.
func broken(rng *rand.Rand, sheet string) []byte {
	b := []byte(sheet)
	for range 1 + rng.IntN(6) {
		if len(b) == 0 {
			b = append(b, byte(rng.IntN(256)))
		}
		i := rng.IntN(len(b))
		j := min(len(b), i+1+rng.IntN(24))
		switch rng.IntN(7) {
		case 0:
			b[i] ^= 1 << rng.IntN(8)
		case 1:
			b = append(b[:i:i], b[j:]...)
		case 2:
			b = append(b[:j:j], b[i:]...)
		case 3:
			odd := strange[rng.IntN(len(strange))]
			b = append(b[:i:i], append([]byte(odd), b[i:]...)...)
		case 4:
			b = b[:i]
		case 5:
			k := rng.IntN(len(b))
			b[i], b[k] = b[k], b[i]
		default:
			b[i] = byte(rng.IntN(256))
		}
	}
	return b
}

var strange = []string{"\"", "\"\"", "\t", "\r", "\n", "\x00", "\ufeff", "'=1", "- ", ": ", "{", "}", "[", "&a ", "*a ", "<<: ", "!!binary ", "\\u0000", "99999999999999999999", "1e309",
	"-0", "2027-02-30", "31/31/2027", "\xff\xfe", "\xed\xa0\x80", "${env:HOME}", "null", "|", ">", "#", "%", "PK\x03\x04", strings.Repeat("a", 70), strings.Repeat("[", 40)}

// TestBrokenSheets: a million broken sheets over all parsers, none of which
// panics, hangs or loses a row.
func TestBrokenSheets(t *testing.T) {
	share := 100
	if os.Getenv("KEEPWATCH_CAMPAIGN") != "" {
		share = 1
	}
	inputs := map[inventory.Format]int{inventory.Paste: 430_000, inventory.CSV: 430_000, inventory.Mcdev: 94_000, inventory.YAML: 40_000, inventory.XLSX: 6_000}
	all := seeds(t)
	total := 0
	var wg sync.WaitGroup
	for format, n := range inputs {
		n /= share
		total += n
		for half := range 2 {
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(uint64(half), uint64(len(format))))
				for range n / 2 {
					sheets := all[format]
					accounted(t, format, broken(rng, sheets[rng.IntN(len(sheets))]))
				}
			})
		}
	}
	wg.Wait()
	t.Logf("%d inputs", total)
}

func fuzz(f *testing.F, format inventory.Format) {
	for _, s := range seeds(f)[format] {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) { accounted(t, format, data) })
}

func FuzzPaste(f *testing.F) { fuzz(f, inventory.Paste) }
func FuzzCSV(f *testing.F)   { fuzz(f, inventory.CSV) }
func FuzzXLSX(f *testing.F)  { fuzz(f, inventory.XLSX) }
func FuzzMcdev(f *testing.F) { fuzz(f, inventory.Mcdev) }
func FuzzYAML(f *testing.F)  { fuzz(f, inventory.YAML) }

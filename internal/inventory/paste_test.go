package inventory_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"keepwatch"
	"keepwatch/internal/inventory"
)

// table is the page of Installed Packages as a browser copies it.
const table = "Name\tStatus\tDescription\tCreated Date\tModified Date\tClient Secret Expiration Date\n" +
	"CRM Sync\tActive\tOrders from the shop\t1/14/2024\t9/28/2026\t3/27/2027\n" +
	"Café Aufträge\tActive\t\t2/3/2024\t2/4/2024\t11/28/2026\n" +
	"受注\tInactive\tTokyo\t2/3/2024\t2/4/2024\t--\n"

func days(plan inventory.Plan) map[string]string {
	out := map[string]string{}
	for _, list := range [][]inventory.Entry{plan.New, plan.Changed, plan.Unchanged} {
		for _, e := range list {
			out[e.Credential.Package] = e.Credential.Expires.String()
		}
	}
	return out
}

func wantDays(t *testing.T, what string, plan inventory.Plan) {
	t.Helper()
	want := map[string]string{"CRM Sync": "2027-03-27", "Café Aufträge": "2026-11-28", "受注": ""}
	if got := days(plan); fmt.Sprint(got) != fmt.Sprint(want) || len(plan.Wrong) > 0 {
		t.Errorf("%s: %v, at fault %v", what, got, plan.Wrong)
	}
}

func TestThePastedTableOfInstalledPackages(t *testing.T) {
	b, s := newBook()
	plan := bring(t, b, inventory.Paste, table)
	wantDays(t, "paste", plan)
	c := s.items["crm-sync"].Credential
	if c.Tenant != "emea" || c.Kind != keepwatch.ServerToServer || c.Purpose != "Orders from the shop" || c.ClientID != "" || c.DatesConfirmed != keepwatch.Day(2026, 11, 24) {
		t.Errorf("%+v", c)
	}
	if _, ok := s.items["cafe-auftrage"]; !ok || len(s.items) != 3 {
		t.Errorf("ids: %v", s.items)
	}
	if plan = bring(t, b, inventory.Paste, table); len(plan.Unchanged) != 3 || s.writes != 1 {
		t.Errorf("a second paste: %+v", plan.Changed)
	}
	plan = bring(t, b, inventory.Paste, strings.Replace(table, "11/28/2026", "5/27/2027", 1))
	if len(plan.Changed) != 1 || len(plan.Changed[0].Fields) != 1 || plan.Changed[0].Fields[0].New != "2027-05-27" || plan.Changed[0].MatchedBy != "package" {
		t.Errorf("a moved date: %+v", plan.Changed)
	}
}

func encode(text string, order binary.ByteOrder, mark bool) string {
	units := utf16.Encode([]rune(text))
	if mark {
		units = append([]uint16{0xFEFF}, units...)
	}
	out := make([]byte, 2*len(units))
	for i, u := range units {
		order.PutUint16(out[2*i:], u)
	}
	return string(out)
}

func TestPastesThatLookDifferent(t *testing.T) {
	reordered := "Client Secret Expiration Date\tDescription\tNAME ▲\n3/27/2027\tOrders from the shop\tCRM Sync\n11/28/2026\t\tCafé Aufträge\n--\tTokyo\t受注\n"
	iso := strings.NewReplacer("3/27/2027", "2027-03-27", "11/28/2026", "2026-11-28 10:15").Replace(table)
	noHead := table[strings.IndexByte(table, '\n')+1:]
	words := strings.NewReplacer("3/27/2027", "Mar 27, 2027 4:05 PM", "11/28/2026", "28 November 2026").Replace(table)
	german := strings.NewReplacer("3/27/2027", "27.03.2027", "11/28/2026", "28.11.26").Replace(table)
	for what, text := range map[string]string{
		"CRLF": strings.ReplaceAll(table, "\n", "\r\n"), "CR": strings.ReplaceAll(table, "\n", "\r"), "no last line end": strings.TrimSuffix(table, "\n"),
		"byte order mark": "\ufeff" + table, "UTF-16": encode(table, binary.LittleEndian, true), "UTF-16 big": encode(table, binary.BigEndian, true),
		"UTF-16 unmarked": encode(table, binary.LittleEndian, false), "other order": reordered, "ISO dates": iso, "no heading": noHead, "dates in words": words,
		"dots": german, "quoted cells": strings.ReplaceAll(table, "CRM Sync", `"CRM Sync"`), "no-break spaces": strings.ReplaceAll(table, "CRM Sync\t", "\u00a0CRM Sync\u200b \t"),
		"title above": "Installed Packages\n\n" + table, "two pages": table + strings.SplitAfter(table, "\n")[0], "blank lines": strings.ReplaceAll(table, "\n", "\n\n\t\n"),
		"empty columns after": strings.ReplaceAll(table, "\n", "\t\t\n"), "commas": strings.ReplaceAll(table, "\t", ","), "day first": strings.NewReplacer("3/27/2027", "27/3/2027", "11/28/2026", "28/11/2026", "1/14/2024", "14/1/2024", "9/28/2026", "28/9/2026").Replace(table),
	} {
		b, _ := newBook()
		wantDays(t, what, preview(t, b, read(t, inventory.Paste, text, options())))
	}
}

func TestAmbiguousDates(t *testing.T) {
	sheet := func(rows ...string) string { return "Name\tExpires\tCreated\n" + strings.Join(rows, "\n") }
	one := func(text string, o inventory.ReadOptions) string {
		b, _ := newBook()
		p := preview(t, b, read(t, inventory.Paste, text, o))
		if len(p.Wrong) > 0 {
			return p.Wrong[0].String()
		}
		return days(p)["A"]
	}
	with := func(order inventory.DateOrder) inventory.ReadOptions {
		o := options()
		o.Dates = order
		return o
	}
	for _, tt := range []struct {
		what, text string
		o          inventory.ReadOptions
		want       string
	}{
		{"alone", sheet("A\t3/4/2027\t"), options(), `sheet:2: Expires: "3/4/2027" is 2027-03-04 or 2027-04-03, and no other row of the column says which; write it like 2026-04-03, or say which order the dates are in (mdy or dmy)`},
		{"both are the same", sheet("A\t4/4/2027\t"), options(), "2027-04-04"},
		{"another row", sheet("A\t3/4/2027\t", "B\t3/14/2027\t"), options(), "2027-03-04"},
		{"another row, day first", sheet("A\t3/4/2027\t", "B\t14/3/2027\t"), options(), "2027-04-03"},
		{"another column", sheet("A\t3/4/2027\t9/28/2026"), options(), "2027-03-04"},
		{"the option", sheet("A\t3/4/2027\t"), with(inventory.DayFirst), "2027-04-03"},
		{"the column beats the option", sheet("A\t3/4/2027\t", "B\t3/14/2027\t"), with(inventory.DayFirst), "2027-03-04"},
	} {
		if got := one(tt.text, tt.o); got != tt.want {
			t.Errorf("%s: %s", tt.what, got)
		}
	}
	contradicted := one(sheet("B\t14/3/2027\t", "C\t3/14/2027\t", "A\t3/4/2027\t"), options())
	if !strings.Contains(contradicted, "sheet:4: Expires") {
		t.Errorf("a column that contradicts itself: %s", contradicted)
	}
}

func TestDatesThatAreNone(t *testing.T) {
	for _, d := range []string{"31/31/2027", "2027-02-30", "soon", "13/13/13", "202-01-01", "20270-01-01", "1/1/1970", "Foo 3, 2027", "3/4"} {
		b, _ := newBook()
		p := preview(t, b, read(t, inventory.Paste, "Name\tExpires\nA\t"+d+"\nB\t2027-01-01\n", options()))
		if len(p.Wrong) != 1 || p.Wrong[0].Line != 2 || p.Wrong[0].Column != "Expires" || len(p.New) != 1 {
			t.Errorf("%q: %+v", d, p)
		}
	}
}

// TestFaultsAreNamedAndTheRestGoesIn: nothing that stands in a sheet is lost in silence.
func TestFaultsAreNamedAndTheRestGoesIn(t *testing.T) {
	text := "id,package,owner.contact,expires,business_unit\n" + // 1
		"a,One,x@example.com,2027-01-01,1\n" +
		"b,\"Two,x@example.com,2027-01-01,2\n" + // a stray quote
		"c,Three,x@example.com,2027-01-01,3\n" +
		"d,Four \"quoted\",x@example.com,2027-01-01,4\n" +
		"e,Five,x,y,2027-01-01,5\n" + // a separator in a name
		"f\n" + // 7: cut
		"g,Seven,x@example.com,never ever,MID\n" + // two faults
		"a,One,x@example.com,2027-01-01,1\n" + // 9: twice
		"h,\"Eight\nand more\",x@example.com,2027-01-01,6\n" +
		",,x@example.com,2027-01-01,\n" + // 12: about nothing
		"i,Nine,x@example.com,2027-01-01,7\n"
	b, _ := newBook()
	p := preview(t, b, read(t, inventory.CSV, text, options()))
	var lines []int
	for _, f := range p.Wrong {
		lines = append(lines, f.Line)
		if f.Message == "" || f.Hint == "" {
			t.Errorf("%+v says too little", f)
		}
	}
	if fmt.Sprint(lines) != "[3 6 7 8 9 12]" {
		t.Errorf("at fault: %v", p.Wrong)
	}
	if got := fmt.Sprint(days(p)); len(p.New) != 5 || !strings.Contains(got, "Eight and more") || !strings.Contains(got, `Four "quoted"`) {
		t.Errorf("%v", got)
	}
	if m := p.Wrong[3]; m.Column != "expires" || !strings.Contains(m.Message, "business_unit") {
		t.Errorf("two faults of one row: %s", m)
	}
}

func TestSheetsThatCannotBeRead(t *testing.T) {
	for what, tt := range map[string]struct {
		format inventory.Format
		text   string
	}{
		"nothing": {inventory.Paste, ""}, "white space": {inventory.CSV, " \n\t\n"}, "no heading": {inventory.CSV, "a,b\nc,d\n"},
		"no XLSX": {inventory.XLSX, "PK\x03\x04 nonsense"}, "no JSON": {inventory.Mcdev, "[1]"}, "half a JSON": {inventory.Mcdev, `{"a": {"client_id": "x"`},
		"no YAML": {inventory.YAML, "a: [\n"}, "no credentials": {inventory.YAML, "tenants: []\n"}, "an empty list": {inventory.YAML, "credentials: []\n"}, "two documents": {inventory.YAML, "[]\n---\n[]\n"},
	} {
		_, err := inventory.Read(tt.format, strings.NewReader(tt.text), "sheet", options())
		if err == nil || keepwatch.HintOf(err) == "" {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestSeparatorsAndSpreadsheetDialects(t *testing.T) {
	for what, text := range map[string]string{
		"semicolons": "id;package;expires\na;A, B;2027-01-01\n", "tabs": "id\tpackage\texpires\na\tA, B\t2027-01-01\n", "pipes": "id|package|expires\na|A, B|2027-01-01\n",
		"sep line": "sep=;\r\nid;package;expires\r\na;A, B;2027-01-01\r\n", "quoted": "\"id\",\"package\",\"expires\"\r\n\"a\",\"A, B\",\"2027-01-01\"\r\n",
		"Windows-1252": "id;package;expires\na;A, B;2027-01-01\nb;K\xf6ln;2027-01-01\n",
	} {
		b, _ := newBook()
		p := preview(t, b, read(t, inventory.CSV, text, options()))
		if days(p)["A, B"] != "2027-01-01" || len(p.Wrong) > 0 {
			t.Errorf("%s: %+v", what, p)
		}
		if strings.Contains(text, "\xf6") && days(p)["Köln"] == "" {
			t.Errorf("%s: %v", what, days(p))
		}
	}
}

// TestSecretsInSheets: the secret itself is dropped, or kept only to be sealed; it
// is in no fault, plan or record.
func TestSecretsInSheets(t *testing.T) {
	const hush = "s3cr3t-Value-9"
	for format, text := range map[inventory.Format]string{
		inventory.CSV:   "id,client_id,client_secret\na,client-a," + hush + "\n",
		inventory.Mcdev: `{"a": {"client_id": "client-a", "client_secret": "` + hush + `", "auth_url": "https://mc563885gzs27c5t9-63k636ttgm.auth.marketingcloudapis.com/", "account_id": 510000123}}`,
	} {
		b, s := newBook()
		plan := bring(t, b, format, text)
		if len(plan.Notes) != 1 || !strings.Contains(plan.Notes[0], "dropped") || len(s.secrets) != 0 || s.items["a"].Credential.SecretRef != "" {
			t.Errorf("%s: %+v", format, plan)
		}
		o := options()
		o.KeepSecrets = true
		plan = preview(t, b, read(t, format, text, o))
		if shown := fmt.Sprintf("%+v %#v", plan, plan); strings.Contains(shown, hush) {
			t.Errorf("%s: the plan shows the secret", format)
		}
		if done := apply(t, b, plan); done.Sealed != 1 || s.secrets["a"] != hush || s.items["a"].Credential.SecretRef != "sealed:a" {
			t.Errorf("%s: %+v %+v", format, done, s.items["a"])
		}
		if history := fmt.Sprint(s.changes); strings.Contains(history, hush) || !strings.Contains(history, "secret  set") {
			t.Errorf("%s: history %s", format, history)
		}
		if plan := bring(t, b, format, text); len(plan.Unchanged) != 1 {
			t.Errorf("%s: without sealing it changes %+v", format, plan.Changed)
		}
	}
	b, _ := newBook()
	p := preview(t, b, read(t, inventory.CSV, "id,secret\na,"+hush+"\n", options()))
	if len(p.Wrong) != 1 || p.Wrong[0].Column != "secret" || strings.Contains(fmt.Sprint(p), hush) {
		t.Errorf("a secret in place of a reference: %+v", p.Wrong)
	}
	var out bytes.Buffer
	if _, err := inventory.Read(inventory.Mcdev, strings.NewReader(`{"a": {"client_secret": "`+hush+`", }}`), "f", options()); err == nil || strings.Contains(err.Error(), hush) {
		t.Errorf("%v %s", err, out.String())
	}
}

func TestMcdev(t *testing.T) {
	text := `{
  "emea prod": {"client_id": "c1", "client_secret": "x", "auth_url": "https://mc563885gzs27c5t9-63k636ttgm.auth.marketingcloudapis.com/", "account_id": 510000123},
  "apac": {"client_id": "c2", "auth_url": "https://MC0000000000000000000000APAC.auth.marketingcloudapis.com", "account_id": "999"},
  "other": {"client_id": "c3", "auth_url": "https://mcelsewhere.auth.marketingcloudapis.com/"},
  "apac": {"client_id": "c2", "auth_url": "https://mc0000000000000000000000apac.auth.marketingcloudapis.com"},
  "broken": 7,
  "credentials": {
    "old": {"clientId": "c4", "clientSecret": "y", "tenant": "mc563885gzs27c5t9-63k636ttgm", "eid": 510000001}
  }
}`
	b, s := newBook()
	o := options()
	o.Tenant = ""
	p := preview(t, b, read(t, inventory.Mcdev, text, o))
	apply(t, b, p)
	if len(p.New) != 3 || len(p.Wrong) != 3 {
		t.Fatalf("%+v", p)
	}
	got := fmt.Sprint(p.Wrong[0].Line, p.Wrong[1].Line, p.Wrong[2].Line)
	if got != "4 5 6" {
		t.Errorf("faults on lines %s: %v", got, p.Wrong)
	}
	prod, apac, old := s.items["emea-prod"].Credential, s.items["apac"].Credential, s.items["old"].Credential
	if prod.BusinessUnit != 510000123 || apac.Tenant != "apac" || apac.BusinessUnit != 0 || old.Tenant != "emea" || old.BusinessUnit != 510000001 {
		t.Errorf("%+v\n%+v\n%+v", prod, apac, old)
	}
}

package sfmc

import (
	"encoding/json"
	"strings"
	"testing"
)

var validSeeds = []string{
	"", " ", "{}", "[]", "null", "true", "false", "nul", "truex", "0", "-0", "-", "00", "012", "1.", ".5", "1.5", "-1.5e+9", "1e", "1e+", "1E9", "1e-09", "+1", "1 2",
	`""`, `"`, `"a`, `"\`, `"\"`, `"\"" `, `"\u00e9"`, `"\u00G0"`, `"\u00`, `"\x"`, "\"\x1f\"", "\"\x7f\"", "\"\xff\"", "\"\\/\\b\\f\\n\\r\\t\\\\\"", "\xef\xbb\xbf{}",
	"[1,2]", "[1,]", "[,1]", "[1 2]", "[", "]", "[1", "[[[[]]]]", "{", `{"a"}`, `{"a":}`, `{"a":1,}`, `{"a":1 "b":2}`, `{"a" : [ 1 , {"b" : null } ] }`, `{a:1}`, `{1:1}`, `{"a":1}}`,
	"\v{}", "\u00a0{}", " \t\r\n{} \t\r\n", `{"a":1}x`, "tru", "t", "f", "n",
	strings.Repeat("[", maxNesting) + strings.Repeat("]", maxNesting), strings.Repeat("[", maxNesting+1) + strings.Repeat("]", maxNesting+1),
	strings.Repeat(`{"a":`, maxNesting) + "1" + strings.Repeat("}", maxNesting), strings.Repeat(`{"a":`, maxNesting+1) + "1" + strings.Repeat("}", maxNesting+1),
}

// FuzzValid compares with encoding/json, also each text cut off and with one byte
// changed.
func FuzzValid(f *testing.F) {
	for _, s := range validSeeds {
		f.Add([]byte(s), 3, byte('"'))
	}
	for _, row := range classifyTable {
		f.Add([]byte(row.body), len(row.body)/2, byte('\\'))
	}
	same := func(t *testing.T, b []byte) {
		t.Helper()
		if got, want := valid(b), json.Valid(b); got != want {
			t.Fatalf("valid(%q) = %v, encoding/json says %v", b[:min(len(b), 200)], got, want)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, at int, c byte) {
		same(t, b)
		if at < 0 || at >= len(b) {
			return
		}
		same(t, b[:at])
		changed := append([]byte(nil), b...)
		changed[at] = c
		same(t, changed)
	})
}

func BenchmarkValid(b *testing.B) {
	body := []byte(`{"access_token":"` + strings.Repeat("eyJhbGciOi", 50) + `","token_type":"Bearer","expires_in":1079,"scope":"email_read email_write offline","soap_instance_url":"https://mc.soap.marketingcloudapis.com/","rest_instance_url":"https://mc.rest.marketingcloudapis.com/"}`)
	for _, test := range []struct {
		name string
		look func([]byte) bool
	}{{"own", valid}, {"encoding/json", json.Valid}} {
		b.Run(test.name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if !test.look(body) {
					b.Fatal("refused")
				}
			}
		})
	}
}

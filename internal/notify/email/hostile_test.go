package email

import (
	"bytes"
	"io"
	"math/rand/v2"
	"mime"
	"net/mail"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/notify"
)

// parts of names that have broken mailers.
var nasty = []string{
	"\r\n", "\n", "\r", "\x00", "Bcc: evil@example.com", "\r\n.\r\n", "=?utf-8?B?", "?=", "=?utf-8?q?=0d=0aBcc:_evil@example.com?=", "\u2028", "\u202e", "\ufeff", "é", "漢", "😀", "\xff",
	"<script>alert(1)</script>", "\"><img src=x onerror=1>", "'", ":", ";", ",", "@", "<evil@example.com>", "(comment)", "\\", "\t", " ", "=", "%0d%0a", "--", "Content-Type: text/html", "a", strings.Repeat("x", 200),
}

func hostile(r *rand.Rand) string {
	var b strings.Builder
	for range r.IntN(12) {
		b.WriteString(nasty[r.IntN(len(nasty))])
	}
	return b.String()
}

// Whatever subjects and names hold: a reader of another make finds exactly the
// headers that were meant, the subject comes back on one line, and the body begins
// where it should.
func TestHostileSubjectsInjectNothing(t *testing.T) {
	n := 3000
	if os.Getenv("KEEPWATCH_CAMPAIGN") == "1" {
		n = 100_000
	}
	if asked, err := strconv.Atoi(os.Getenv("KEEPWATCH_HOSTILE")); err == nil {
		n = asked // the whole campaign: 1000000
	}
	const workers = 4
	for w := range workers {
		t.Run(strconv.Itoa(w), func(t *testing.T) {
			t.Parallel()
			sendHostile(t, n/workers, uint64(w))
		})
	}
}

func sendHostile(t *testing.T, n int, seed uint64) {
	s := sender(t, config("127.0.0.1:25"), Deps{})
	want := strings.Split("Auto-Submitted Content-Type Date From In-Reply-To Message-Id Mime-Version References Subject To X-Auto-Response-Suppress X-Keepwatch-Status", " ")
	r, decoder, began := rand.New(rand.NewPCG(5, seed)), new(mime.WordDecoder), time.Now()
	var raw bytes.Buffer
	for i := range n {
		title := hostile(r)
		m := notify.Message{
			Key: keepwatch.DeliveryID(hostile(r)), Incident: keepwatch.IncidentID(hostile(r)), Title: title, Status: notify.Firing, Now: began,
			Lines: []notify.Line{{Name: "What", Text: hostile(r)}}, URL: "https://keepwatch.example.com/incidents/1",
			Acts: []notify.Act{{Action: keepwatch.LinkAcknowledge, Name: "Acknowledge", URL: "https://keepwatch.example.com/act/token"}},
		}
		if i%2 == 1 { // names may stand in the labels of buttons and in addresses, too
			m.Acts[0].Name, m.Acts[0].URL, m.RunbookURL, m.Button = hostile(r), "https://keepwatch.example.com/act/"+hostile(r), "https://wiki.example.com/"+hostile(r), hostile(r)
		}
		msg, err := s.compose(m)
		if err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		raw.Reset()
		if _, err := msg.WriteTo(&raw); err != nil {
			t.Fatal(err)
		}
		read, err := mail.ReadMessage(bytes.NewReader(raw.Bytes()))
		if err != nil {
			t.Fatalf("%d: %q: %v", i, title, err)
		}
		var names []string
		for name, values := range read.Header {
			if names = append(names, name); len(values) != 1 {
				t.Fatalf("%d: %q: %s stands %d times", i, title, name, len(values))
			}
		}
		slices.Sort(names)
		subject, err := decoder.DecodeHeader(read.Header.Get("Subject"))
		if !slices.Equal(names, want) || err != nil || strings.ContainsAny(subject, "\r\n") {
			t.Fatalf("%d: %q: headers %v, subject %q, %v", i, title, names, subject, err)
		}
		if to := read.Header.Get("To"); to != `<ops@example.com>, "Ada" <ada@example.org>` {
			t.Fatalf("%d: to %q", i, to)
		}
		body, err := io.ReadAll(read.Body)
		if err != nil || !bytes.Contains(body, []byte("Content-Type: text/plain")) {
			t.Fatalf("%d: %q: body %q", i, title, body)
		}
	}
	t.Logf("%d mails in %s", n, time.Since(began).Round(time.Second))
}

package email

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/notify"
)

// A letter goes to its own address alone, says its text, and names what its link does.
func TestALetterGoesToItsAddress(t *testing.T) {
	msg, err := sender(t, config("127.0.0.1:25"), Deps{}).compose(notify.Message{
		Key: "k", Kind: keepwatch.Posted, Status: notify.Firing, GroupKey: "g", Title: "MuleSoft: switch", Now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC),
		To: "mule@example.com", Body: []string{"Put it into <MuleSoft>.", "", "Then say so."}, URL: "https://keepwatch.example.com/rotations/tick/abc", Button: "Say that MuleSoft has switched",
	})
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if _, err := msg.WriteTo(&got); err != nil {
		t.Fatal(err)
	}
	if to := msg.GetToString(); len(to) != 1 || to[0] != "<mule@example.com>" || strings.Contains(got.String(), "ops@example.com") {
		t.Errorf("to %v", to)
	}
	_, _, bodies := parts(t, got.String())
	if len(bodies) != 2 || !strings.Contains(bodies[0], "Put it into <MuleSoft>.\r\n\r\nThen say so.") || !strings.Contains(bodies[0], "Say that MuleSoft has switched: https://keepwatch.example.com/rotations/tick/abc") {
		t.Errorf("text %q", bodies)
	}
	if !strings.Contains(bodies[1], "<p>Put it into &lt;MuleSoft&gt;.</p>") || !strings.Contains(bodies[1], `<a href="https://keepwatch.example.com/rotations/tick/abc">Say that MuleSoft has switched</a>`) {
		t.Errorf("page %q", bodies[1])
	}
}

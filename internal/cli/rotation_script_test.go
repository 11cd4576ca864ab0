package cli

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/incident"
	"keepwatch/internal/rotation"
	"keepwatch/internal/store"
)

// ahead is how far the simulator of each script is ahead of the clock.
var ahead sync.Map

func aheadOf(ts *testscript.TestScript) *atomic.Int64 {
	n, _ := ahead.LoadOrStore(ts, new(atomic.Int64))
	return n.(*atomic.Int64)
}

// simulatorClock is a clock that the script may move on; see later.
func simulatorClock(ts *testscript.TestScript) func() time.Time {
	n := aheadOf(ts)
	ts.Defer(func() { ahead.Delete(ts) })
	return func() time.Time { return time.Now().Add(time.Duration(n.Load())) }
}

// inbox keeps what the receiver is sent in the script's file messages.ndjson.
func inbox(ts *testscript.TestScript) http.HandlerFunc {
	path := ts.MkAbs("messages.ndjson")
	var mu sync.Mutex
	return func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return
		}
		_, _ = f.Write(append(body, '\n'))
		_ = f.Close()
	}
}

// later DURATION: while no daemon runs, time passes, for SFMC and for rotations: the
// simulator's clock goes on, and what a rotation remembers is that much longer ago.
func later(ts *testscript.TestScript, _ bool, args []string) {
	d, err := keepwatch.ParseDuration(args[0])
	ts.Check(err)
	aheadOf(ts).Add(int64(d))
	ctx := context.Background()
	db, err := store.Open(ctx, "sqlite:"+ts.MkAbs("keepwatch.db"), store.Options{})
	ts.Check(err)
	defer db.Close()
	open, err := db.Rotations(ctx, true)
	ts.Check(err)
	for _, r := range open {
		ts.Check(db.SaveRotation(ctx, earlier(r, d)))
		ts.Check(db.Plan(ctx, incident.Plan{Check: keepwatch.CheckOf(keepwatch.CheckRotation, r.Credential), At: time.Now(), Reason: keepwatch.ReasonScheduled}))
	}
}

func earlier(r keepwatch.Rotation, d time.Duration) keepwatch.Rotation {
	back := func(t *time.Time) {
		if !t.IsZero() {
			*t = t.Add(-d)
		}
	}
	r.Holders, r.Evidence = slices.Clone(r.Holders), slices.Clone(r.Evidence)
	back(&r.NextAt)
	back(&r.StagedAt)
	for i := range r.Evidence {
		back(&r.Evidence[i].At)
	}
	for i := range r.Holders {
		back(&r.Holders[i].TickMadeAt)
		back(&r.Holders[i].NotifiedAt)
		back(&r.Holders[i].SwitchedAt)
	}
	return r
}

// field NAME KEY: a text of the JSON object on stdout into a variable.
func fieldOf(ts *testscript.TestScript, _ bool, args []string) {
	var object map[string]any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &object))
	text, ok := object[args[1]].(string)
	if !ok {
		ts.Fatalf("no text %s in %s", args[1], ts.ReadFile("stdout"))
	}
	ts.Setenv(args[0], text)
}

// letterLink NAME TEXT: waits for a letter that holds the text, and puts the link of
// the newest one into a variable.
func letterLink(ts *testscript.TestScript, _ bool, args []string) {
	const path = "/rotations/tick/"
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		text, _ := os.ReadFile(ts.MkAbs("messages.ndjson"))
		lines := strings.Split(string(text), "\n")
		slices.Reverse(lines)
		for _, line := range lines {
			i := strings.Index(line, path)
			switch {
			case !strings.Contains(line, args[1]):
			case args[0] == "-":
				return
			case i >= 0:
				token, _, _ := strings.Cut(line[i+len(path):], `"`)
				ts.Setenv(args[0], path+token)
				return
			}
		}
		if time.Now().After(deadline) {
			ts.Fatalf("no letter with %q: %s", args[1], text)
		}
	}
}

// Every command line and every body of the page is one that the program takes.
func TestExamplesOfTheRotationPage(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "rotation.md"))
	if err != nil {
		t.Fatal(err)
	}
	lines := examples(string(text))
	if len(lines) < 7 {
		t.Errorf("only %d command lines", len(lines))
	}
	for _, line := range lines {
		if _, err := parserOf(t).Parse(strings.Fields(line)[1:]); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	_, body, found := strings.Cut(string(text), "```json\n")
	body, _, _ = strings.Cut(body, "```")
	d := json.NewDecoder(strings.NewReader(body))
	d.DisallowUnknownFields()
	var in client.NewRotation
	if err := d.Decode(&in); !found || err != nil || in.Credential == "" || in.StagedRef == "" {
		t.Errorf("%+v: %v", in, err)
	}
	for _, step := range []string{
		rotation.StepStaged, rotation.StepAskedStaged, rotation.StepStagedProven, rotation.StepStagedRefused, rotation.StepStagedUnanswered, rotation.StepNotified,
		rotation.StepSwitched, rotation.StepActivated, rotation.StepAskedOld, rotation.StepOldWorks, rotation.StepOldRefused, rotation.StepOldUnanswered, rotation.StepOldUnaskable,
		rotation.StepAskedNew, rotation.StepNewProven, rotation.StepNewRefused, rotation.StepNewUnanswered, rotation.StepRecordWaits, rotation.StepRecorded,
		rotation.StepFinished, rotation.StepAborted, rotation.StepResumed,
	} {
		if !strings.Contains(string(text), "`"+step+"`") {
			t.Errorf("the step %s is not explained", step)
		}
	}
}

package app_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/cli"
	"keepwatch/internal/incident"
	"keepwatch/internal/rotation"
)

// rightful are the ways on which a canary belongs. Each is one kind of token on one
// way, and nothing else may be there.
var rightful = []struct{ canary, way, because string }{
	{"tick token of mule", "message to mail", "the letter to that holder is mailed to its contact, and holds the link"},
	{"tick token of shop", "message to mail", "#shop is no mail address: the letter goes to the receivers of the credential's route, this one"},
	{"tick token of shop", "message to hook-1", "and that one"},
	{"tick token of ", "database while it runs: .db", "the outbox holds a letter as it goes out, and keeps what was sent for as long as its receipts"},
	{"tick token of ", "database while it runs: .db-wal", "the same, before it is folded into the file"},
	{"tick token of ", "database at the end: .db", "the same"},
	{"tick token of ", "database while it runs: later.db", "a backup is the database"},
	{"tick token of ", "database at the end: later.db", "the same"},
}

func rightly(h hit) bool {
	if ownLink(h) {
		return true
	}
	for _, r := range rightful {
		if strings.HasPrefix(h.canary, r.canary) && h.where == r.way {
			return true
		}
	}
	return false
}

// feed makes a calendar feed; the answer holds its address, this once.
func (w *taintWorld) feed(body string) (id, token string) {
	w.t.Helper()
	status, answer, _ := w.ask("POST", "/api/v1/feeds", body, true, "Content-Type", "application/json")
	var made struct{ ID, Path string }
	if json.Unmarshal(answer, &made) != nil || status != http.StatusCreated {
		w.t.Fatalf("feed: %d", status)
	}
	return made.ID, w.feedToken(made.Path)
}

func (w *taintWorld) feedToken(address string) string {
	token := strings.TrimSuffix(address[strings.LastIndex(address, "/")+1:], ".ics")
	w.vault.know("token of a feed", token)
	return token
}

// quietly asks for an address that holds a secret: the answer is kept, the address is
// not, also where the page's button, or the answer to it, leads back to it.
func (w *taintWorld) quietly(way, method, path, body string, header ...string) (int, []byte) {
	status, answer, h := w.ask(method, path, body, true, header...)
	if to := h.Get("Location"); to != "" && strings.HasPrefix(path, to) {
		h.Del("Location")
	}
	own, _, _ := strings.Cut(path, "?")
	w.out.add(way, fmt.Sprint(status, h), strings.ReplaceAll(string(answer), ` action="`+own+`"`, ""))
	return status, answer
}

// feeds are made, read in all ways, and revoked.
func (w *taintWorld) feeds() {
	const way = "calendar feeds"
	_, all := w.feed("{}")
	_, team := w.feed(`{"owner": "crm"}`)
	gone, revoked := w.feed("{}")
	for _, token := range []string{all, team, revoked} {
		for _, header := range [][]string{nil, {"Authorization", ""}, {"Authorization", "", "Accept-Encoding", "gzip"}, {"Authorization", "Bearer " + token}} {
			if status, body := w.quietly(way, "GET", "/calendar/"+token+".ics", "", header...); status != http.StatusOK || !bytes.Contains(body, []byte("BEGIN:VCALENDAR")) && len(header) < 4 {
				w.t.Errorf("feed: %d: %.80s", status, body)
			}
		}
		w.quietly(way, "HEAD", "/calendar/"+token+".ics", "", "Authorization", "")
	}
	w.ask("DELETE", "/api/v1/feeds/"+gone, "", false)
	wrong := w.vault.secret("mistyped token of a feed", false)
	for _, path := range []string{revoked + ".ics", wrong + ".ics", all, all + ".ics/", all + ".ics?token=" + wrong, strings.Repeat(wrong, 10) + ".ics", all[:20] + "/" + all[20:] + ".ics"} {
		w.quietly(way, "GET", "/calendar/"+path, "", "Authorization", "")
		w.quietly(way, "POST", "/calendar/"+path, "x", "Authorization", "")
		w.quietly(way, "PUT", "/Calendar/"+path, "x", "Authorization", "")
	}
	if status, _ := w.quietly(way, "GET", "/calendar/"+revoked+".ics", "", "Authorization", ""); status != http.StatusNotFound {
		w.t.Errorf("a revoked feed answers with %d", status)
	}
	w.quietly(way, "GET", "/api/v1/feeds", "", "Authorization", "Bearer "+all)
	w.quietly(way, "DELETE", "/api/v1/feeds/"+all, "")
}

// start begins a rotation and returns it.
func (w *taintWorld) start(body object) keepwatch.RotationID {
	w.t.Helper()
	var r struct{ ID keepwatch.RotationID }
	w.must(json.Unmarshal(w.expect(http.StatusCreated, "POST", "/api/v1/rotations", body), &r))
	return r.ID
}

// turn lets time pass for one rotation and its account until it is where it should
// be. What was asked of SFMC is waited for: nothing may change under a question.
func (w *taintWorld) turn(id keepwatch.RotationID, where string, there func(keepwatch.Rotation) bool) (r keepwatch.Rotation) {
	w.t.Helper()
	const step = 16 * time.Minute // longer than every pause of the cockpit
	var moved time.Time
	w.wait("rotation: "+where, func() bool {
		var err error
		r, err = w.db.Rotation(w.t.Context(), id)
		w.must(err)
		if there(r) {
			return true
		}
		if time.Since(moved) < 300*time.Millisecond || len(r.Evidence) > 0 && strings.HasPrefix(r.Evidence[len(r.Evidence)-1].Step, "asked_") {
			return false
		}
		moved = time.Now()
		w.inv.ahead.Add(int64(step))
		err = w.db.SaveRotation(w.t.Context(), earlier(r, step))
		if !errors.Is(err, keepwatch.ErrConflict) {
			w.must(err)
		}
		w.must(w.db.Plan(w.t.Context(), incident.Plan{Check: keepwatch.CheckOf(keepwatch.CheckRotation, r.Credential), At: time.Now(), Reason: keepwatch.ReasonChanged}))
		return false
	})
	return r
}

// earlier is a rotation as if all of it had happened a while before.
func earlier(r keepwatch.Rotation, by time.Duration) keepwatch.Rotation {
	back := func(at *time.Time) {
		if !at.IsZero() {
			*at = at.Add(-by)
		}
	}
	r.Holders, r.Evidence = slices.Clone(r.Holders), slices.Clone(r.Evidence)
	for _, at := range []*time.Time{&r.StagedAt, &r.StartedAt, &r.EndedAt, &r.NextAt} {
		back(at)
	}
	for i := range r.Holders {
		h := &r.Holders[i]
		for _, at := range []*time.Time{&h.TickMadeAt, &h.NotifiedAt, &h.SwitchedAt} {
			back(at)
		}
	}
	for i := range r.Evidence {
		back(&r.Evidence[i].At)
	}
	return r
}

func inState(s keepwatch.RotationState) func(keepwatch.Rotation) bool {
	return func(r keepwatch.Rotation) bool { return r.State == s }
}

func notified(r keepwatch.Rotation) bool {
	return !slices.ContainsFunc(r.Holders, func(h keepwatch.RotationHolder) bool { return h.NotifiedAt.IsZero() })
}

// staged has SFMC generate a secret.
func (w *taintWorld) staged(id string) string {
	w.t.Helper()
	w.inv.ahead.Add(int64(6 * time.Minute)) // at most one in five minutes
	c, err := w.inv.sim.Generate("client-" + id)
	w.must(err)
	w.vault.know("staged secret of "+id, c.Staged)
	w.inv.watched.secrets.add("client-"+id, c.Staged)
	return c.Staged
}

var tickLink = regexp.MustCompile(`/rotations/tick/([A-Za-z0-9_-]{43})`)

// tokens waits for the letters about a credential and takes the links out of them.
func (w *taintWorld) tokens(credential string, holders ...string) map[string]string {
	out := map[string]string{}
	w.wait("the letters to the holders of "+credential, func() bool {
		w.out.mu.Lock()
		defer w.out.mu.Unlock()
		for _, text := range bytes.SplitAfter(w.out.ways["message to mail"].Bytes(), []byte("\nSubject: ")) {
			subject, _, _ := bytes.Cut(text, []byte("\n"))
			holder, _, letter := strings.Cut(string(subject), ": switch to the new secret of "+credential)
			link := tickLink.FindSubmatch(text)
			if letter && link != nil {
				w.vault.know("tick token of "+holder, string(link[1]))
				out[holder] = string(link[1])
			}
		}
		return len(out) == len(holders)
	})
	return out
}

// links are opened by holders: first looked at, then used, then used again.
func (w *taintWorld) links(token string) {
	const way = "pages of holders"
	wrong := w.vault.secret("mistyped token of a holder", false)
	at := "/rotations/tick/" + token
	for _, path := range []string{at, at, "/rotations/tick/" + wrong, at + wrong, at[:len(at)-1], at + "/" + wrong, at + "?token=" + wrong} {
		for _, accept := range []string{"text/html", "application/json"} {
			w.quietly(way, "GET", path, "", "Accept", accept, "Authorization", "")
			w.quietly(way, "HEAD", path, "", "Accept", accept)
			w.quietly(way, "PUT", path, "x", "Accept", accept, "Authorization", "")
			if path != at {
				w.quietly(way, "POST", path, "", "Accept", accept, "Authorization", "")
			}
		}
	}
	w.quietly(way, "POST", at, "", "Accept", "text/html", "Authorization", "", "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin")
	w.quietly(way, "POST", at, "", "Accept", "application/json", "Authorization", "", "Content-Type", "application/json")
	w.quietly(way, "POST", at, wrong, "Accept", "text/html", "Authorization", "")
	w.quietly(way, "GET", at, "", "Accept", "text/html", "Authorization", "")
}

// rotations go through to the end, are refused, and are aborted.
func (w *taintWorld) rotations() {
	w.wrongStarts()
	w.rotateThrough()
	w.rotateInVain()
	w.rotateBack()
}

// abort asks until SFMC has said in time that the old secret works.
func (w *taintWorld) abort(id keepwatch.RotationID) {
	w.t.Helper()
	w.wait("an abort", func() bool {
		status, answer := w.send("POST", "/api/v1/rotations/"+string(id)+"/abort", "")
		if status != http.StatusOK {
			r, _ := w.db.Rotation(w.t.Context(), id)
			w.t.Logf("abort: %d %s %+v", status, answer, r.Evidence)
		}
		return status == http.StatusOK
	})
}

// wrongStarts give a secret in the place of something else.
func (w *taintWorld) wrongStarts() {
	secret := func(name string) string { return w.vault.secret(name, false) }
	w.record("rot-all", w.client("rot-all"))
	for _, body := range []object{
		{"credential": "rot-all", "staged_ref": secret("staged secret as a reference"), "generated": daysAgo(0)},
		{"credential": "rot-all", "staged_ref": "env:TAINT_NOTHING", "staged_secret": secret("staged secret beside a reference"), "generated": daysAgo(0)},
		{"credential": "rot-all", "staged_secret": "x", "generated": secret("staged secret as a date")},
		{"credential": "rot-all", "staged_secret": secret("staged secret without a date")},
		{"credential": "rot-all", "staged_secret": secret("staged secret of the future"), "generated": daysAgo(-30)},
		{"credential": secret("staged secret as a credential"), "staged_secret": "x", "generated": daysAgo(0)},
		{"credential": "sealed-none", "staged_secret": secret("staged secret for nobody"), "generated": daysAgo(0)},
		{"credential": "odd-05", "staged_secret": secret("staged secret of an API user"), "generated": daysAgo(0)},
		{"credential": "rot-all", "staged_secret": []string{secret("staged secret in a list")}, "generated": daysAgo(0)},
		{"credential": "rot-all", "staged": secret("staged secret under another key"), "generated": daysAgo(0)},
	} {
		if body["credential"] != "rot-all" && body["staged_secret"] == "x" {
			// The name that was asked for is repeated, as for every other address.
			w.ask("POST", "/api/v1/rotations", fmt.Sprintf(`{"credential":%q,"staged_secret":"x","generated":%q}`, body["credential"], daysAgo(0)), true, "Content-Type", "application/json")
			continue
		}
		w.refused("POST", "/api/v1/rotations", body)
	}
}

// rotateThrough is one without trouble, its staged secret sealed.
func (w *taintWorld) rotateThrough() {
	id := w.start(object{"credential": "rot-all", "staged_secret": w.staged("rot-all"), "generated": daysAgo(0)})
	at := "/api/v1/rotations/" + string(id)
	w.refused("POST", "/api/v1/rotations", object{"credential": "rot-all", "staged_secret": w.vault.secret("another staged secret", false), "generated": daysAgo(0)})
	w.turn(id, "proven, holders told", func(r keepwatch.Rotation) bool { return r.State == keepwatch.RotationProven && notified(r) })
	w.outcomes(map[string]keepwatch.Outcome{"rot-all": keepwatch.OK}) // with the new one
	tokens := w.tokens("rot-all", "mule", "shop")
	w.links(tokens["mule"])
	w.links(tokens["shop"])
	w.turn(id, "every holder switched", inState(keepwatch.RotationSwitched))
	w.inv.ahead.Add(int64(6 * time.Minute))
	_, err := w.inv.sim.Activate("client-rot-all")
	w.must(err)
	w.expect(http.StatusOK, "POST", at+"/activated", "")
	w.turn(id, "done", inState(keepwatch.RotationDone))
	w.outcomes(map[string]keepwatch.Outcome{"rot-all": keepwatch.OK})
	w.links(tokens["mule"]) // of a rotation that is done
}

// rotateInVain has a wrong staged secret twice, a right one then, and is aborted.
func (w *taintWorld) rotateInVain() {
	w.record("rot-wrong", w.client("rot-wrong"))
	id := w.start(object{"credential": "rot-wrong", "staged_secret": w.wrongSecret("rot-wrong"), "generated": daysAgo(0)})
	at := "/api/v1/rotations/" + string(id)
	refused := func(r keepwatch.Rotation) bool { return rotation.Refused(r) }
	w.turn(id, "refused", refused)
	w.refused("POST", at+"/resume", object{"staged_ref": w.vault.secret("another staged secret as a reference", false), "generated": daysAgo(0)})
	w.refused("POST", at+"/resume", object{"staged_secret": "x", "generated": w.vault.secret("another staged secret as a date", false)})
	w.expect(http.StatusOK, "POST", at+"/resume", object{"staged_secret": w.wrongSecret("rot-wrong"), "generated": daysAgo(0)})
	w.turn(id, "refused once more", refused)
	w.expect(http.StatusOK, "POST", at+"/resume", object{"staged_secret": w.staged("rot-wrong"), "generated": daysAgo(0)})
	w.turn(id, "proven", inState(keepwatch.RotationProven))
	w.abort(id)
	w.outcomes(map[string]keepwatch.Outcome{"rot-wrong": keepwatch.OK})
}

// rotateBack is of a file's record, its staged secret by a reference; a holder has
// switched when it is aborted, and is written to again.
func (w *taintWorld) rotateBack() {
	id := w.start(object{"credential": "turn-file", "staged_ref": w.reference(w.staged("turn-file")), "generated": daysAgo(0)})
	w.turn(id, "proven, holders told", func(r keepwatch.Rotation) bool { return r.State == keepwatch.RotationProven && notified(r) })
	w.tokens("turn-file", "mule")
	w.expect(http.StatusOK, "POST", "/api/v1/rotations/"+string(id)+"/switched", object{"holder": "mule"})
	w.turn(id, "switched", inState(keepwatch.RotationSwitched))
	w.abort(id)
	w.turn(id, "told to go back", func(r keepwatch.Rotation) bool { return r.State == keepwatch.RotationAborted && notified(r) })
	w.wait("the letter to go back", func() bool { return w.said("message to mail", "go back to the old secret of turn-file") })
}

// command runs the program beside the daemon and keeps what it printed.
func (w *taintWorld) command(args ...string) {
	w.out.add("inventory commands", w.runs(args...))
}

func (w *taintWorld) runs(args ...string) string {
	w.t.Setenv("KEEPWATCH_CONFIG", w.path)
	w.t.Setenv("KEEPWATCH_TOKEN", w.token)
	w.t.Setenv("KEEPWATCH_SERVER", w.daemon.URL())
	var stdout, stderr bytes.Buffer
	code := cli.Main(args, &stdout, &stderr)
	w.out.add("inventory commands", fmt.Sprint(args[0], code), stderr.String())
	return stdout.String()
}

func (w *taintWorld) content(path string) string {
	b, err := os.ReadFile(path)
	w.must(err)
	return string(b)
}

// moreCommands are those of the inventory, in both forms and with bad input.
func (w *taintWorld) moreCommands() {
	for _, output := range []string{"table", "json"} {
		for _, command := range [][]string{
			{"expiring", "--within", "365d"}, {"expiring", "--owner", "crm"}, {"findings", "--status", "all"}, {"findings", "--owner", "nobody"}, {"findings", "accept", "nothing", "--reason", "x", "--until", "30d"},
			{"findings", "withdraw", "nothing"}, {"discover", "turn"}, {"discover", "odd"}, {"discover", "nothing"}, {"feeds", "list"}, {"feeds", "revoke", "nothing"},
			{"rotate"}, {"rotate", "rot-all"}, {"rotate", "rot-wrong"}, {"rotate", "turn-file"}, {"rotate", "sealed-wrong"}, {"rotate", "nothing"},
		} {
			w.command(append([]string{"-v", "--output", output}, command...)...)
		}
	}
	w.feedToken(strings.TrimSpace(w.runs("feeds", "create")))
	w.acceptSome()
	w.record("rot-command", w.client("rot-command"))
	secret := func(name string) string { return w.vault.secret(name, false) }
	for _, args := range [][]string{
		{"rot-command", "--staged", secret("staged secret as a flag"), "--generated", daysAgo(0)},
		{"rot-command", "--staged", "env:TAINT_0", "--generated", secret("staged secret as a day")},
		{"rot-command", "--staged", "-"},
	} {
		w.withInput(secret("staged secret on stdin, in vain"), func() { w.command(append([]string{"rotate"}, args...)...) })
	}
	w.withInput(w.staged("rot-command")+"\n", func() { w.command("rotate", "rot-command", "--staged", "-", "--generated", daysAgo(0)) })
	if !w.said("inventory commands", "rot-command: staged") {
		w.t.Error("the command did not begin a rotation")
	}
	w.command("rotate", "rot-command", "--abort")
	w.withInput(w.wrongSecret("rot-command"), func() {
		w.command("rotate", "rot-command", "--resume", "--staged", "-", "--generated", daysAgo(0))
	})
	w.command("rotate", "rot-command", "--abort", "--output", "json")
	w.command("backup", filepath.Join(w.dir, "later.db"))
	w.t.Setenv("KEEPWATCH_SERVER", "http://127.0.0.1:1")
	w.command("validate")
	w.command("doctor")
}

// acceptSome accepts the findings that there are, and takes one back.
func (w *taintWorld) acceptSome() {
	_, all := w.send("GET", "/api/v1/findings?limit=20", "")
	for i, id := range idsIn(all)[:3] {
		w.expect(http.StatusOK, "POST", "/api/v1/findings/"+id+"/accept", object{"reason": "known", "until": time.Now().AddDate(0, 1, 0)})
		if i == 0 {
			w.send("DELETE", "/api/v1/findings/"+id+"/accept", "")
		}
	}
}

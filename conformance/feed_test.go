package conformance

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"keepwatch/client"
	"keepwatch/conformance/rfc5545"
	"keepwatch/internal/cli"
)

// runsAs makes this test's own binary the program: a daemon of its own process.
const runsAs = "KEEPWATCH_CONFORMANCE_RUNS_AS"

func TestMain(m *testing.M) {
	if os.Getenv(runsAs) == "keepwatch" {
		os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// daemon is keepwatch as a process, which can be ended and started again.
type daemon struct {
	t      *testing.T
	config string
	url    string
	cmd    *exec.Cmd
	said   bytes.Buffer
}

func newDaemon(t *testing.T) *daemon {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	d := &daemon{t: t, config: filepath.Join(dir, "keepwatch.yaml"), url: "http://" + address}
	text := fmt.Sprintf(`version: 1
server: {listen: %q, base_url: %q, auth: none}
store: {url: %q}
calendars:
  office: {timezone: Europe/Berlin, hours: "mon-fri 08:00-18:00"}
tiers:
  standard: {calendar: office}
tenants:
  - {id: emea, subdomain: mc563885gzs27c5t9-63k636ttgm}
credentials:
  - {id: orders-contract, tenant: emea, kind: contract, expires: 2099-06-30, owner: {team: procurement}}
`, address, d.url, "sqlite:"+filepath.Join(dir, "keepwatch.db"))
	if err := os.WriteFile(d.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if d.cmd != nil {
			d.stop()
		}
	})
	return d
}

// start returns once the daemon is able to work.
func (d *daemon) start() {
	d.t.Helper()
	d.cmd = exec.Command(os.Args[0], "serve", "-c", d.config)
	d.cmd.Env = append(os.Environ(), runsAs+"=keepwatch")
	d.cmd.Stderr = &d.said
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	for until := time.Now().Add(time.Minute); ; {
		if status, _ := d.get("/readyz"); status == http.StatusOK {
			return
		}
		if time.Now().After(until) {
			d.stop()
			d.t.Fatalf("the daemon does not start:\n%s", &d.said)
		}
		time.Sleep(50 * time.Millisecond) // another process gives no other sign
	}
}

func (d *daemon) stop() {
	d.t.Helper()
	cmd := d.cmd
	d.cmd = nil
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		d.t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		d.t.Errorf("the daemon ended with %v:\n%s", err, &d.said)
	}
}

func (d *daemon) get(path string) (int, []byte) {
	res, err := http.Get(d.url + path)
	if err != nil {
		return 0, nil
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, nil
	}
	return res.StatusCode, body
}

// feed asks as a calendar program does, and validates what comes.
func (d *daemon) feed(path string) []byte {
	d.t.Helper()
	status, file := d.get(path)
	if status != http.StatusOK {
		d.t.Fatalf("the feed answers %d: %s", status, file)
	}
	if err := rfc5545.Validate(file); err != nil {
		d.t.Fatalf("%v:\n%s", err, file)
	}
	return file
}

// A feed over the route of a running daemon: it is valid, a moved date is the same
// event with a higher sequence, a restart changes nothing, and a revoked address is
// gone at once. Where clients are asked for, one of their libraries reads it as well.
func TestTheFeedOfARunningDaemon(t *testing.T) {
	d := newDaemon(t)
	d.start()
	c, err := client.New(d.url, "")
	if err != nil {
		t.Fatal(err)
	}
	record := client.Record{
		ID: "crm-sync", Tenant: "emea", Kind: "server_to_server", ClientID: "4xq0example", Secret: "env:NOBODY_SETS_THIS",
		SecretGenerated: "2098-06-01", Purpose: hostilePurpose, Owner: &client.RecordOwner{Team: "crm"},
		Renewal: &client.Renewal{Planned: "2098-11-26", By: "anna"},
	}
	stored, err := c.CreateRecord(t.Context(), record)
	if err != nil {
		t.Fatal(err)
	}
	all, err := c.CreateFeed(t.Context(), client.NewFeed{})
	if err != nil || all.Address != d.url+all.Path {
		t.Fatalf("%+v %v", all, err)
	}
	crm, err := c.CreateFeed(t.Context(), client.NewFeed{Owner: "crm"})
	if err != nil {
		t.Fatal(err)
	}

	before := d.feed(all.Path)
	if owned := d.feed(crm.Path); !bytes.Contains(owned, []byte("crm-sync")) || bytes.Contains(owned, []byte("orders-contract")) {
		t.Errorf("the feed of one team:\n%s", owned)
	}
	d.stop()
	d.start()
	if again := d.feed(all.Path); !bytes.Equal(again, before) {
		t.Errorf("a restart changed the feed:\n%s\n%s", before, again)
	}

	record.SecretGenerated, record.Renewal = "2098-11-24", nil
	if _, err := c.UpdateRecord(t.Context(), record, stored.Version); err != nil {
		t.Fatal(err)
	}
	after := d.feed(all.Path)
	old, moved := eventsOf(before)["crm-sync: secret ends"], eventsOf(after)["crm-sync: secret ends"]
	want := moved
	want.uid, want.start, want.sequence = old.uid, "20990523", old.sequence+1
	if old.uid == "" || old.start != "20981128" || moved != want {
		t.Errorf("the moved date was %+v and is %+v", old, moved)
	}
	if a, b := eventsOf(before)["orders-contract: contract ends"], eventsOf(after)["orders-contract: contract ends"]; a != b || a.uid == "" {
		t.Errorf("what did not move was %+v and is %+v", a, b)
	}
	if os.Getenv("KEEPWATCH_CONFORMANCE") == "1" {
		readByClient(t, before, after, "2098-11-28", "2099-05-23")
	}

	if err := c.RevokeFeed(t.Context(), all.ID); err != nil {
		t.Fatal(err)
	}
	if status, body := d.get(all.Path); status != http.StatusNotFound {
		t.Errorf("a revoked feed answers %d: %s", status, body)
	}
	d.feed(crm.Path)
	if token := strings.TrimSuffix(strings.TrimPrefix(all.Path, "/calendar/"), ".ics"); strings.Contains(d.said.String(), token) {
		t.Error("the log has the address of the feed")
	}
}

// seen is what a calendar program goes by.
type seen struct {
	uid, start string
	sequence   int
}

var property = regexp.MustCompile(`(?m)^(UID|SEQUENCE|SUMMARY|DTSTART)[^:]*:(.*)\r$`)

// eventsOf reads the events of a file by what they are called.
func eventsOf(file []byte) map[string]seen {
	out := map[string]seen{}
	whole := strings.ReplaceAll(string(file), "\r\n ", "")
	for _, text := range strings.Split(whole, "BEGIN:VEVENT\r\n")[1:] {
		values := map[string]string{}
		for _, m := range property.FindAllStringSubmatch(text, -1) {
			values[m[1]] = m[2]
		}
		sequence, err := strconv.Atoi(values["SEQUENCE"])
		if err != nil {
			sequence = -1
		}
		out[values["SUMMARY"]] = seen{uid: values["UID"], start: values["DTSTART"], sequence: sequence}
	}
	return out
}

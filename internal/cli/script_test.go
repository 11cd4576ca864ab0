package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"keepwatch/internal/sfmc/sim"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"keepwatch": func() { os.Exit(Main(os.Args[1:], os.Stdout, os.Stderr)) },
	})
}

// The scripts run the program as its users do: as a process, with files,
// environment, signals and exit codes.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"simulator": startSimulator, "freeport": freePort, "rc": exitCode, "http": httpRequest, "until": untilHTTP, "hup": hangUp, "firstline": firstLineOf,
			"expand": expandFile, "incidentid": incidentID, "later": later, "field": fieldOf, "link": letterLink, "outside": outside,
		},
	})
}

// simulator [strict]: a simulator of this script and a receiver of messages, both
// in the environment, with today and a day some months ago.
func startSimulator(ts *testscript.TestScript, _ bool, args []string) {
	s := sim.New(sim.Options{Now: simulatorClock(ts), Settings: sim.Settings{Strict: len(args) > 0}, Clients: sim.Sample()})
	server := httptest.NewServer(s.Handler())
	receiver := httptest.NewServer(inbox(ts))
	ts.Defer(func() { _ = s.Close(); server.Close(); receiver.Close() })
	face := s.Announce(server.URL + "/")
	first, second, user := face.Clients[0], face.Clients[1], face.Clients[len(face.Clients)-1]
	for name, value := range map[string]string{
		"AUTH_URL": face.AuthURL, "REST_URL": face.RESTURL, "SOAP_URL": face.SOAPURL, "CONTROL_URL": face.ControlURL,
		"CLIENT_ID": first.ClientID, "CLIENT_SECRET": first.ClientSecret, "MID": first.MID.String(),
		"SECOND_ID": second.ClientID, "SECOND_SECRET": second.ClientSecret, "SECOND_MID": second.MID.String(),
		"TODAY": time.Now().UTC().Format(time.DateOnly), "BEFORE": time.Now().UTC().AddDate(0, 0, -100).Format(time.DateOnly),
		"API_USER": user.ClientID, "API_PASSWORD": user.ClientSecret, "HOOK_URL": receiver.URL + "/hook",
	} {
		ts.Setenv(name, value)
	}
}

// freeport NAME: a loopback port that was free a moment ago.
func freePort(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	_, port, _ := net.SplitHostPort(l.Addr().String())
	ts.Check(l.Close())
	ts.Setenv(args[0], port)
}

// rc CODE COMMAND…: the command ends with exactly this code.
func exitCode(ts *testscript.TestScript, _ bool, args []string) {
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}

// request makes one request; TOKEN of the script goes along as a bearer token.
func request(ts *testscript.TestScript, method, url, body string) (int, []byte, error) {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	ts.Check(err)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if token := ts.Getenv("KEEPWATCH_TOKEN"); token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := (&http.Client{Timeout: 20 * time.Second}).Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	return res.StatusCode, answer, err
}

// http STATUS METHOD URL [BODY]: one request; the answer is the script's stdout.
func httpRequest(ts *testscript.TestScript, _ bool, args []string) {
	status, answer, err := request(ts, args[1], args[2], strings.Join(args[3:], " "))
	ts.Check(err)
	fmt.Fprintln(ts.Stdout(), string(answer))
	if strconv.Itoa(status) != args[0] {
		ts.Fatalf("%s %s: status %d, want %s: %s", args[1], args[2], status, args[0], answer)
	}
}

// until STATUS URL [TEXT]: asks until the answer has the status and holds the
// text. A process beside the test gives no other sign.
func untilHTTP(ts *testscript.TestScript, neg bool, args []string) {
	deadline := time.Now().Add(60 * time.Second)
	for {
		status, answer, err := request(ts, "GET", args[1], "")
		text := len(args) < 3 || bytes.Contains(answer, []byte(args[2])) != neg
		if err == nil && strconv.Itoa(status) == args[0] && text {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s: %d %s %v", args[1], status, answer, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// hup: SIGHUP to the script's background processes.
func hangUp(ts *testscript.TestScript, _ bool, _ []string) {
	for _, c := range ts.BackgroundCmds() {
		ts.Check(c.Process.Signal(syscall.SIGHUP))
	}
}

// firstline NAME FILE: the first line of a file, or of stdout, into a variable.
func firstLineOf(ts *testscript.TestScript, _ bool, args []string) {
	line, _, _ := strings.Cut(ts.ReadFile(args[1]), "\n")
	ts.Setenv(args[0], line)
}

// expand FILE: replaces $NAME in a file by the script's environment.
func expandFile(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(os.Expand(ts.ReadFile(args[0]), ts.Getenv)), 0o600))
}

// incidentid NAME: the id of the first incident on stdout into a variable.
func incidentID(ts *testscript.TestScript, _ bool, args []string) {
	var page struct{ Items []struct{ ID string } }
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &page))
	if len(page.Items) == 0 {
		ts.Fatalf("no incident")
	}
	ts.Setenv(args[0], page.Items[0].ID)
}

// validate prints, for every faulty file of the configuration's own tests, what
// those tests demand: file, line, key and what is allowed; exit code 2; nothing
// on stdout.
func TestValidateNamesEveryFault(t *testing.T) {
	t.Chdir(filepath.Join("..", "config", "testdata", "bad"))
	for name, value := range map[string]string{
		"CRM": "s3cret", "SLACK": "https://hooks.slack.com/services/x", "HOOK_KEY": "k3y", "WIDE": "0.0.0.0:8484", "DB": "postgres://u:p4ss@db/k",
	} {
		t.Setenv(name, value)
	}
	wants, err := filepath.Glob("*.want")
	if err != nil || len(wants) < 60 {
		t.Fatalf("%d faulty configurations, %v", len(wants), err)
	}
	for _, file := range wants {
		t.Run(strings.TrimSuffix(file, ".want"), func(t *testing.T) {
			path := strings.TrimSuffix(file, ".want")
			if _, err := os.Stat(path); err != nil {
				path += ".yaml"
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, mode := range []string{"table", "json"} {
				var stdout, stderr bytes.Buffer
				if code := Main([]string{"validate", "-c", path, "--output", mode}, &stdout, &stderr); code != 2 {
					t.Errorf("exit code %d, want 2", code)
				}
				if stdout.Len() != 0 || stderr.String() != string(want) {
					t.Errorf("stdout %q, stderr\n%swant\n%s", stdout.String(), stderr.String(), want)
				}
			}
		})
	}
}

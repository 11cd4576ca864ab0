package pages

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"keepwatch/client"
	"keepwatch/internal/scenario"
)

// demoVariable makes this test's program the demo, on the address that it names.
const demoVariable = "KEEPWATCH_PAGES_DEMO"

// startDemo runs `keepwatch demo` in a process of its own.
func startDemo(t *testing.T) (address string) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listen := l.Addr().String()
	_ = l.Close()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	demo := exec.Command(program)
	demo.Env = append(os.Environ(), demoVariable+"="+listen)
	demo.Stdout, demo.Stderr = &out, &out
	if err := demo.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = demo.Process.Signal(syscall.SIGINT)
		if err := demo.Wait(); err != nil {
			t.Errorf("the demo ended with %v: %s", err, out.String())
		}
	})
	for end := time.Now().Add(5 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+listen+"/healthz", nil)
		if err != nil {
			t.Fatal(err)
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			_ = res.Body.Close()
			return "http://" + listen
		}
		if time.Now().After(end) {
			t.Fatalf("the demo does not answer: %s", out.String())
		}
	}
}

// clicker counts what a hand does.
type clicker struct {
	*tab
	clicks int
}

func (c *clicker) click(selector string) {
	c.t.Helper()
	c.press("what "+selector+" leads to", selector)
	c.clicks++
}

// TestDemo is what somebody sees who starts the demo: an estate, a credential that dies
// while one looks, and within three clicks which journeys are hit, who owns it and what
// to do. Then it is taken, looked at again and silenced.
func TestDemo(t *testing.T) {
	begun := time.Now()
	b := newTab(t, startDemo(t), nil)
	b.size(1440)
	b.open("/", http.StatusOK)
	t.Logf("the first page stands %s after the command", time.Since(begun).Round(100*time.Millisecond))
	id := string(scenario.DemoDies)
	first := eval[string](b, `document.body.innerText`)
	for _, want := range []string{"This is the demo", "Overview", "emea", "americas", "apac", "healthy"} {
		if !strings.Contains(first, want) {
			t.Errorf("the first page does not say %q", want)
		}
	}
	c := &clicker{tab: b}
	inc := c.incidentOf(id)
	b.until("its card, by itself", `Boolean(document.querySelector('#needs [data-id="`+inc.ID+`"]'))`)
	c.threeQuestions(t, id, inc)
	c.takeIt(t, id, inc)
	b.quiet("the demo")
}

// incidentOf waits until the credential is refused.
func (c *clicker) incidentOf(id string) client.Incident {
	c.t.Helper()
	text := ""
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		var page client.Page[client.Incident]
		text = eval[string](c.tab, `fetch("/api/v1/incidents?status=open&limit=200").then((r) => r.text())`)
		if err := json.Unmarshal([]byte(text), &page); err != nil {
			c.t.Fatal(err)
		}
		for _, i := range page.Items {
			if i.Credential != nil && *i.Credential == id && i.Category == "credential" {
				return i
			}
		}
	}
	c.t.Fatalf("no open incident of %s: %s", id, text)
	return client.Incident{}
}

// threeQuestions looks for the answers as somebody does who has never been here: on the
// page where they are, then behind the links of what is red.
func (c *clicker) threeQuestions(t *testing.T, id string, inc client.Incident) {
	t.Helper()
	answers := map[string]string{"who owns it": inc.Owner, "what do I do": inc.Hint, "which journeys are hit": "welcome-series"}
	at := map[string]int{}
	look := func() {
		text := strings.Join(strings.Fields(eval[string](c.tab, `document.querySelector("main").innerText`)), " ")
		for question, answer := range answers {
			if _, known := at[question]; !known && answer != "" && strings.Contains(text, answer) {
				at[question] = c.clicks
			}
		}
	}
	look()
	for _, selector := range []string{`#needs a[href="/incidents/` + inc.ID + `"]`, `main a[href="/credentials/` + id + `"]`} {
		if len(at) == len(answers) {
			break
		}
		c.click(selector)
		look()
	}
	for question := range answers {
		clicks, known := at[question]
		if !known || clicks > 3 {
			t.Errorf("%q is not answered within three clicks", question)
			continue
		}
		t.Logf("%q is answered after %d clicks", question, clicks)
	}
}

// takeIt acknowledges, runs a test again and silences.
func (c *clicker) takeIt(t *testing.T, id string, inc client.Incident) {
	t.Helper()
	c.open("/", http.StatusOK)
	c.click(`#ack-` + inc.ID)
	c.until("who took it", `document.body.innerText.includes("took it") || document.body.innerText.includes("taken by")`)
	c.open("/credentials/"+id, http.StatusOK)
	c.click(`#check`)
	c.until("the run", `/on demand|demand|asked/.test(document.body.innerText)`)
	c.open("/alerts/silences?credential="+id, http.StatusOK)
	c.do(chromedp.SendKeys(`input[name=reason]`, "the vendor is at work"))
	c.do(chromedp.Click(`#create`))
	c.until("the silence", `document.body.innerText.includes("the vendor is at work") && document.readyState === "complete"`)
	c.open("/", http.StatusOK)
	c.until("the sign of it", fmt.Sprintf(`document.querySelector('#needs [data-id=%q]')?.innerText.includes("taken by") ?? true`, inc.ID))
}

// TestSignInAndRoles: a stranger is led to the door and back to where he wanted to go;
// each sees what the role allows, and acts where it does.
func TestSignInAndRoles(t *testing.T) {
	e := calmEstate(t)
	path := "/incidents/" + string(e.incident.ID)
	enter := func(name, password string) *tab {
		b := newTab(t, e.url, nil)
		b.size(1280)
		b.open(path, http.StatusOK)
		if got := eval[string](b, `location.pathname + location.search`); got != "/sign-in?next=%2Fincidents%2F"+string(e.incident.ID) {
			t.Errorf("a stranger is led to %s", got)
		}
		b.do(chromedp.SendKeys(`input[name=name]`, name), chromedp.SendKeys(`input[name=password]`, password), chromedp.KeyEvent(kb.Enter))
		return b
	}
	wrong := enter("vera", "not her password")
	wrong.until("the refusal", `document.querySelector("main [role=alert]")?.innerText.includes("wrong") === true`)
	wrong.quiet("a wrong password")
	vera := enter("vera", e.people["vera"])
	vera.until("the incident", `location.pathname === "`+path+`" && document.readyState === "complete"`)
	if n := eval[int](vera, `document.querySelectorAll("main form[method=post]").length`); n != 0 {
		t.Errorf("a viewer has %d buttons", n)
	}
	if eval[bool](vera, `Boolean(document.querySelector("a[href='/settings']"))`) && e.visitor(t, "vera").ask(t, http.MethodGet, "/settings", "").status == http.StatusForbidden {
		t.Error("a viewer is shown the way to a page that is closed")
	}
	vera.do(chromedp.Click(`form[action="/sign-out"] button`))
	vera.until("the door", `location.pathname === "/sign-in"`)
	vera.open("/", http.StatusOK)
	if got := eval[string](vera, `location.pathname`); got != "/sign-in" {
		t.Errorf("after the sign-out one is at %s", got)
	}
	vera.quiet("vera")
	olga := enter("olga", e.people["olga"])
	olga.until("the incident", `location.pathname === "`+path+`" && document.readyState === "complete"`)
	olga.do(chromedp.Click(`form[action$="/ack"] button`))
	olga.until("who took it", `document.body.innerText.includes("olga")`)
	olga.quiet("olga")
	tom := enter("tom", e.people["tom"])
	tom.mu.Lock()
	tom.lenient = true
	tom.mu.Unlock()
	tom.until("nothing", `document.querySelector("h1")?.innerText.includes("not found") || document.body.innerText.includes("no such page")`)
	tom.open("/", http.StatusOK)
	if got := eval[string](tom, `document.body.innerText`); strings.Contains(got, string(dead)) || !strings.Contains(got, string(elsewhere)) {
		t.Errorf("tom sees %.300s", got)
	}
}

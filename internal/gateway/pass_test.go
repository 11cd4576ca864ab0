package gateway

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/egress"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// Addresses in token answers become ours, in the form that they had; all else stays.
func TestInstanceAddresses(t *testing.T) {
	var up string
	answers := map[string]func(http.ResponseWriter){}
	address := handlerAt(t, func(w http.ResponseWriter, r *http.Request) { answers[r.URL.RawQuery](w) })
	up = strings.TrimSuffix(strings.TrimPrefix(address, "http://"), "/")
	body := func(rest, soap string) string {
		return ` {"access_token":"abc", "rest_instance_url" : "` + rest + `","expires_in":1079,"soap_instance_url":"` + soap + `","x":[1.0,"ü"]}` + "\n"
	}
	write := func(text string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", fmt.Sprint(len(text)))
			_, _ = io.WriteString(w, text)
		}
	}
	zip := func(text string) []byte {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = io.WriteString(w, text)
		_ = w.Close()
		return b.Bytes()
	}
	long := body("http://"+up+"/", "http://"+up+"/") + strings.Repeat(" ", maxTokenAnswer)
	answers["full"] = write(body("http://"+up+"/", "http://"+up+"/"))
	answers["bare"] = write(body(up, up))
	answers["escaped"] = write(body(`http:\/\/`+up+`\/`, "http://"+up+"/"))
	answers["elsewhere"] = write(body("https://mc000000000000000000000000zz.rest.marketingcloudapis.com/", "http://"+up+"/Service.asmx"))
	answers["no json"] = write("<html>" + up)
	answers["twice"] = write(`{"rest_instance_url":"http://` + up + `/","rest_instance_url":"http://` + up + `/"}`)
	answers["long"] = write(long)
	answers["gzip"] = func(w http.ResponseWriter) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(zip(body("http://"+up+"/", "http://"+up+"/")))
	}
	answers["refused"] = func(w http.ResponseWriter) { w.WriteHeader(401); _, _ = io.WriteString(w, body(up, up)) }

	setup := estate(address)
	setup.BaseURL, _ = url.Parse("https://gw.example.com/sfmc")
	_, base := mustStart(t, setup, Options{})
	const ours = "https://gw.example.com/sfmc/emea/"
	for name, want := range map[string]string{
		"full":      body(ours+"rest/", ours+"soap/"),
		"bare":      body("gw.example.com/sfmc/emea/rest", "gw.example.com/sfmc/emea/soap"),
		"escaped":   body(ours+"rest/", ours+"soap/"),
		"elsewhere": body("https://mc000000000000000000000000zz.rest.marketingcloudapis.com/", ours+"soap/Service.asmx"),
		"no json":   "<html>" + up,
		"twice":     `{"rest_instance_url":"http://` + up + `/","rest_instance_url":"http://` + up + `/"}`,
		"long":      long,
		"gzip":      body(ours+"rest/", ours+"soap/"),
		"refused":   body(up, up),
	} {
		req, _ := http.NewRequest("POST", base+"/emea/auth/v2/token?"+url.PathEscape(name), strings.NewReader("{}"))
		req.Header.Set("Accept-Encoding", "gzip")
		answers[url.PathEscape(name)] = answers[name]
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(res.Body)
		if err != nil || res.ContentLength >= 0 && res.ContentLength != int64(len(got)) {
			t.Errorf("%s: %v, %d of %d bytes", name, err, len(got), res.ContentLength)
		}
		if res.Header.Get("Content-Encoding") == "gzip" {
			got, _ = unpack(got, 1<<20)
		}
		if string(got) != want {
			t.Errorf("%s:\n%s\n%s", name, got, want)
		}
	}
	setup.KeepInstanceURLs = true
	_, base = mustStart(t, setup, Options{})
	res, err := http.Post(base+"/emea/auth/v2/token?full", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := io.ReadAll(res.Body); string(got) != body("http://"+up+"/", "http://"+up+"/") {
		t.Errorf("switched off: %s", got)
	}
}

// Nothing is sent twice: a GET whose connection breaks is the client's to try again.
func TestNothingIsSentTwice(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var requests atomic.Int64
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				in := bufio.NewReader(conn)
				for n := 0; ; n++ {
					req, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, req.Body)
					requests.Add(1)
					if n == 1 { // the second one on a kept connection
						return
					}
					_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
				}
			}()
		}
	}()
	seen := newCalls()
	_, base := mustStart(t, estate("http://"+l.Addr().String()+"/"), Options{Witness: seen})
	ask := func() error {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		res, err := client.Get(base + "/emea/rest/hub/x")
		if err == nil {
			_, err = io.Copy(io.Discard, res.Body)
			res.Body.Close()
		}
		return err
	}
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	seen.wait(t, 1)
	if err := ask(); err == nil {
		t.Error("the second request has an answer")
	}
	if n := requests.Load(); n != 2 {
		t.Errorf("SFMC got %d requests, not 2", n)
	}
	if last := seen.wait(t, 2)[1]; last.Outcome != keepwatch.ConnectionReset || last.Status != 0 {
		t.Errorf("%+v", last)
	}
	if err := ask(); err != nil { // the dead connection is not used again
		t.Error(err)
	}
}

// A kept connection that SFMC has closed meanwhile costs nobody a request.
func TestAClosedConnectionIsFoundOut(t *testing.T) {
	address := handlerAt(t, func(w http.ResponseWriter, r *http.Request) {
		conn, _, _ := w.(http.Hijacker).Hijack()
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		conn.Close() // without having said so
	})
	g, base := mustStart(t, estate(address), Options{})
	for range 20 {
		res, err := http.Get(base + "/emea/rest/x")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
		waitClosed(t, g)
	}
}

// waitClosed waits until the end of each kept connection has arrived.
func waitClosed(t *testing.T, g *Gateway) {
	limit := time.Now().Add(5 * time.Second)
	for {
		g.wire.mu.Lock()
		open := 0
		for _, all := range g.wire.idle {
			for _, l := range all {
				if quiet(l.plain) {
					open++
				}
			}
		}
		g.wire.mu.Unlock()
		if open == 0 {
			return
		}
		if time.Now().After(limit) {
			t.Fatal("connections stay open")
		}
		time.Sleep(time.Millisecond)
	}
}

// Where SFMC cannot be reached the answer is ours and says so.
func TestUnreachable(t *testing.T) {
	seen := newCalls()
	_, base := mustStart(t, estate("http://"+freeAddress(t)+"/"), Options{Witness: seen})
	res, err := http.Get(base + "/emea/rest/hub/x")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	if res.StatusCode != 502 || res.Header.Get(OwnHeader) != string(keepwatch.ConnectFailure) || !strings.HasPrefix(string(body), "Keepwatch gateway: no answer from SFMC") {
		t.Errorf("%d %v %s", res.StatusCode, res.Header, body)
	}
	if c := seen.wait(t, 1)[0]; c.Outcome != keepwatch.ConnectFailure || c.Status != 0 || c.Evidence == "" {
		t.Errorf("%+v", c)
	}
}

// An answer is passed on as it comes, not when it is whole, and a body reaches SFMC
// before it ends.
func TestStreams(t *testing.T) {
	address := handlerAt(t, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		w.WriteHeader(200)
		_ = http.NewResponseController(w).Flush()
		buf := make([]byte, 100)
		for {
			n, err := r.Body.Read(buf)
			if n > 0 {
				_, _ = w.Write(buf[:n])
				_ = http.NewResponseController(w).Flush()
			}
			if err != nil {
				return
			}
		}
	})
	_, base := mustStart(t, estate(address), Options{})
	conn := mustDial(t, base)
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = io.WriteString(conn, "POST /emea/rest/x HTTP/1.1\r\nHost: gw\r\nTransfer-Encoding: chunked\r\n\r\n")
	in := bufio.NewReader(conn)
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		piece := fmt.Sprintf("piece %d", i)
		fmt.Fprintf(conn, "%x\r\n%s\r\n", len(piece), piece)
		got := make([]byte, len(piece))
		if _, err := io.ReadFull(res.Body, got); err != nil || string(got) != piece {
			t.Fatalf("%q %v", got, err)
		}
	}
	_, _ = io.WriteString(conn, "0\r\n\r\n")
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Error(err)
	}
}

// A body that is too large is refused, said or unsaid.
func TestBodyLimit(t *testing.T) {
	setup := estate(quietServer(t))
	setup.Limits.Body = 1000
	_, base := mustStart(t, setup, Options{})
	for _, body := range []io.Reader{strings.NewReader(strings.Repeat("x", 1001)), io.LimitReader(endless{}, 100_000)} {
		res, err := http.Post(base+"/emea/rest/x", "text/plain", body)
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != 413 || res.Header.Get(OwnHeader) != string(refuseBody) {
			t.Errorf("%v", res)
		}
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// Through a proxy of the environment: a tunnel for https, whole addresses for http.
func TestThroughAProxy(t *testing.T) {
	target := quietServer(t)
	var asked atomic.Value
	proxy := handlerAt(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.Method + " " + r.RequestURI + " " + r.Header.Get("Proxy-Authorization"))
		if r.Method == http.MethodConnect {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		res, err := http.Get(target + "answer")
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.Copy(w, res.Body)
	})
	via, _ := url.Parse(strings.Replace(proxy, "http://", "http://user:pass@", 1))
	e := egress.New(egress.Policy{Proxy: func(*http.Request) (*url.URL, error) { return via, nil }})
	setup := estate("http://sfmc.test/")
	setup.Tenants = append(setup.Tenants, keepwatch.Tenant{ID: "secure", AuthURL: "https://sfmc.test/", RESTURL: "https://sfmc.test/", SOAPURL: "https://sfmc.test/Service.asmx"})
	_, base := mustStart(t, setup, Options{Egress: e})
	if res, err := http.Get(base + "/emea/rest/a%2fb?c"); err != nil || res.StatusCode != 200 || asked.Load() != "GET http://sfmc.test/a%2fb?c " {
		t.Errorf("%v %v %v", res, err, asked.Load())
	}
	if res, err := http.Get(base + "/secure/rest/x"); err != nil || res.StatusCode != 502 || asked.Load() != "CONNECT sfmc.test:443 Basic dXNlcjpwYXNz" {
		t.Errorf("%v %v %v", res, err, asked.Load())
	}
}

// Stop lets a request that is under way end.
func TestStopDrains(t *testing.T) {
	inside, leave := make(chan struct{}), make(chan struct{})
	address := handlerAt(t, func(w http.ResponseWriter, r *http.Request) {
		close(inside)
		<-leave
		_, _ = io.WriteString(w, "ok")
	})
	g, base := mustStart(t, estate(address), Options{})
	done := make(chan error, 1)
	go func() {
		res, err := http.Get(base + "/emea/rest/x")
		if err == nil {
			_, err = io.Copy(io.Discard, res.Body)
		}
		done <- err
	}()
	<-inside
	stopped := make(chan error, 1)
	go func() { stopped <- g.Stop(context.Background()) }()
	close(leave)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

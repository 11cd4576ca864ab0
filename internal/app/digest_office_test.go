package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/mail"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"keepwatch"
	"keepwatch/internal/config"
	"keepwatch/internal/sfmc/sim"
	"keepwatch/internal/store"
	"keepwatch/internal/store/storetest"
)

// office is one store, a mail server and a webhook inside a synctest bubble, with
// daemons that come and go.
type office struct {
	t     *testing.T
	file  string
	path  string
	db    *store.DB
	desk  *desk
	web   *sim.Pipe
	smtp  *smtp.Server
	mails mailListener
	ended sync.WaitGroup
}

// newOffice opens in the bubble, on a Wednesday noon in Berlin.
func newOffice(t *testing.T) *office {
	t.Helper()
	time.Sleep(time.Until(time.Date(2026, 11, 25, 12, 0, 0, 0, berlin(t))))
	dir := memoryDir(t)
	o := &office{
		t: t, file: filepath.Join(dir, "keepwatch.yaml"), path: filepath.Join(dir, "keepwatch.db"), desk: &desk{zone: berlin(t)},
		mails: mailListener{make(chan net.Conn), make(chan struct{}), &sync.Once{}},
	}
	o.web = sim.NewPipe(http.HandlerFunc(o.desk.hook))
	o.smtp = smtp.NewServer(o.desk)
	o.smtp.Domain, o.smtp.ErrorLog = "mail.example.com", silence{}
	o.ended.Go(func() { _ = o.smtp.Serve(o.mails) })
	o.open()
	return o
}

func berlin(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func (o *office) must(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) open() {
	o.must(storetest.Ready(o.path))
	var err error
	o.db, err = store.Open(o.t.Context(), "sqlite:"+o.path, store.Options{Synchronous: "NORMAL"})
	o.must(err)
}

// close ends everything that the bubble holds.
func (o *office) close() {
	_ = o.smtp.Close()
	o.ended.Wait()
	_ = o.web.Close()
	o.must(o.db.Close())
}

// write is the configuration: its own part, and what all weeks share.
func (o *office) write(text string) {
	o.must(os.WriteFile(o.file, []byte(`version: 1
server: {listen: 127.0.0.1:8484, auth: none, base_url: "https://keepwatch.example.com"}
store: {url: sqlite:unused.db}
calendars: {office: {timezone: Europe/Berlin}}
tiers: {standard: {calendar: office, expiry_ladder: []}}
tenants: [{id: emea, subdomain: mc563885gzs27c5t9-63k636ttgm}]
receivers:
  - {name: mail, email: {smtp: "127.0.0.1:25", from: keepwatch@example.com, to: everybody@example.com, tls: none}}
  - {name: web, webhook: {url: "http://web/"}}
  - {name: rest, webhook: {url: "http://rest/"}}
routes:
  - {match: {owner: web}, to: web}
  - {to: rest}
`+text), 0o600))
}

// start lets a daemon run on the office's store.
func (o *office) start() *App {
	o.t.Helper()
	none := func(string) (string, bool) { return "", false }
	a, err := New(o.t.Context(), Options{
		Load:      func() (*config.Config, error) { return config.Load(o.file, none) },
		LookupEnv: none, Network: o, Listener: newStillListener(), Store: o.db, Random: func() float64 { return 0 },
		Logger: slog.New(slog.NewTextHandler(o.t.Output(), &slog.HandlerOptions{Level: slog.LevelError})),
	})
	o.must(err)
	o.must(a.Start(o.t.Context()))
	return a
}

// until sleeps to a time in Berlin.
func (o *office) until(at string) {
	o.t.Helper()
	t, err := time.ParseInLocation("2006-01-02 15:04:05", at, berlin(o.t))
	o.must(err)
	if time.Now().After(t) {
		o.t.Fatalf("%s is over", at)
	}
	time.Sleep(time.Until(t))
}

// Lookup and Dial are the network: port 25 is the mail server, the rest is the web.
func (o *office) Lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	return o.web.Lookup(ctx, host)
}

func (o *office) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if _, port, _ := net.SplitHostPort(addr); port != "25" {
		return o.web.Dial(ctx, network, addr)
	}
	near, far := net.Pipe()
	select {
	case o.mails.calls <- far:
		return near, nil
	case <-o.mails.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

type mailListener struct {
	calls chan net.Conn
	done  chan struct{}
	once  *sync.Once
}

func (l mailListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.calls:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l mailListener) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l mailListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 25} }

type silence struct{}

func (silence) Printf(string, ...any) {}
func (silence) Println(...any)        {}

// desk takes what the daemons say, by mail and by webhook, and keeps the letters.
type desk struct {
	zone *time.Location

	mu   sync.Mutex
	got  []letter
	keys map[string]int // how often each delivery came
}

// letter is one as somebody got it.
type letter struct {
	At, To, Subject string
	Rows            []string
}

func (d *desk) put(key, to, subject, text string) {
	if !strings.HasPrefix(subject, "Credentials ") {
		return
	}
	l := letter{At: time.Now().In(d.zone).Format("Mon 2006-01-02 15:04"), To: to, Subject: subject}
	for line := range strings.Lines(text) {
		if row := strings.TrimSpace(line); strings.HasPrefix(row, "- ") {
			l.Rows = append(l.Rows, row)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.keys == nil {
		d.keys = map[string]int{}
	}
	d.keys[key]++
	d.got = append(d.got, l)
}

// take are the letters since the last call, in an order of their own.
func (d *desk) take() []letter {
	d.mu.Lock()
	defer d.mu.Unlock()
	got := d.got
	d.got = nil
	return sortedLetters(got)
}

func sortedLetters(list []letter) []letter {
	slices.SortFunc(list, func(a, b letter) int { return strings.Compare(a.At+a.Subject, b.At+b.Subject) })
	return list
}

// repeats are the deliveries that came more than once.
func (d *desk) repeats() (out []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for key, n := range d.keys {
		if n > 1 {
			out = append(out, fmt.Sprintf("%s came %d times", key, n))
		}
	}
	return out
}

func (d *desk) hook(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Alerts []struct {
			Annotations map[string]string `json:"annotations"`
		} `json:"alerts"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || len(body.Alerts) != 1 {
		http.Error(w, "what is this", http.StatusBadRequest)
		return
	}
	about := body.Alerts[0].Annotations
	d.put(r.Header.Get("X-Keepwatch-Delivery"), r.Host, about["summary"], about["description"])
}

// NewSession makes the desk a mail server's backend.
func (d *desk) NewSession(*smtp.Conn) (smtp.Session, error) { return &mailSession{desk: d}, nil }

type mailSession struct {
	desk *desk
	to   []string
}

func (s *mailSession) Reset()                               { s.to = nil }
func (s *mailSession) Logout() error                        { return nil }
func (s *mailSession) Mail(string, *smtp.MailOptions) error { return nil }

func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = append(s.to, to)
	return nil
}

func (s *mailSession) Data(r io.Reader) error {
	m, err := mail.ReadMessage(r)
	if err != nil {
		return err
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	first, err := multipart.NewReader(m.Body, params["boundary"]).NextRawPart()
	if err != nil {
		return err
	}
	text, err := io.ReadAll(quotedprintable.NewReader(first))
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		return err
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		return err
	}
	s.desk.put(m.Header.Get("Message-Id"), strings.Join(s.to, " "), subject, string(text))
	return nil
}

// forget is a crash between the letters and the note that they are written.
func (o *office) forget(week string) {
	o.must(o.db.SetSetting(o.t.Context(), digestWeek, week))
}

// record writes a record of the interface behind the daemons' backs.
func (o *office) record(c keepwatch.Credential) {
	now := time.Now()
	o.must(o.db.SaveItems(o.t.Context(), now, []store.ItemWrite{{Change: keepwatch.Change{Credential: c.ID, At: now, By: "ada", Via: "api", Kind: keepwatch.ChangeCreated}, Record: c}}))
}

package email

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-smtp"

	"keepwatch/internal/notify"
	"keepwatch/internal/notify/notifytest"
)

func config(addr string) Config {
	return Config{SMTP: addr, From: "Keepwatch <keepwatch@example.com>", To: []string{"ops@example.com", "Ada <ada@example.org>"}, TLS: None}
}

func sender(t *testing.T, cfg Config, deps Deps) *Sender {
	t.Helper()
	s, err := New(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestMailGolden(t *testing.T) {
	s := sender(t, config("127.0.0.1:25"), Deps{})
	for _, name := range []string{"firing", "resolved", "hostile", "storm", "group", "ended", "digest"} {
		msg, err := s.compose(notifytest.Told(t, name))
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if _, err := msg.WriteTo(&got); err != nil {
			t.Fatal(err)
		}
		notifytest.Golden(t, name+".golden.eml", got.Bytes())
	}
}

func normal(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }

// parts reads a mail as a client would.
func parts(t *testing.T, raw string) (mail.Header, []string, []string) {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	var types, texts []string
	for r := multipart.NewReader(m.Body, params["boundary"]); ; {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return m.Header, types, texts
		} else if err != nil {
			t.Fatal(err)
		}
		kind, _, _ := mime.ParseMediaType(p.Header.Get("Content-Type"))
		text, err := io.ReadAll(quotedprintable.NewReader(p))
		if err != nil {
			t.Fatal(err)
		}
		types, texts = append(types, kind), append(texts, string(text))
	}
}

func TestSendOverEachKindOfConnection(t *testing.T) {
	for _, kind := range []string{None, STARTTLS, TLS} {
		for _, login := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, login %v", kind, login), func(t *testing.T) {
				srv := &mailServer{password: "pa55-canary"}
				addr, trust := srv.serve(t, kind)
				cfg := config(addr)
				cfg.TLS = kind
				if login {
					cfg.Username, cfg.Password = "keepwatch", "env:SMTP"
				}
				receipt, err := sender(t, cfg, Deps{Secrets: notifytest.Secrets{"env:SMTP": srv.password}, TLS: trust}).Send(t.Context(), notifytest.Told(t, "firing"))
				if err != nil {
					t.Fatal(err)
				}
				if !strings.HasPrefix(string(receipt), "accepted by the mail server") {
					t.Errorf("receipt %q", receipt)
				}
				if login != (len(srv.users) == 1) {
					t.Errorf("signed in as %v", srv.users)
				}
				if srv.from != "keepwatch@example.com" || strings.Join(srv.to, " ") != "ops@example.com ada@example.org" {
					t.Errorf("from %s to %v", srv.from, srv.to)
				}
			})
		}
	}
}

func TestMailReadsWell(t *testing.T) {
	srv := &mailServer{}
	addr, _ := srv.serve(t, None)
	s := sender(t, config(addr), Deps{})
	for _, name := range []string{"firing", "resolved"} {
		if _, err := s.Send(t.Context(), notifytest.Told(t, name)); err != nil {
			t.Fatal(err)
		}
	}
	h, types, texts := parts(t, srv.mails[0])
	if strings.Join(types, " ") != "text/plain text/html" {
		t.Fatalf("parts: %v", types)
	}
	for _, want := range []string{"What: crm-sync", "Since: between", "Owner: crm-platform", "Why: bad_secret", "Next: Compare", "Incident: https://keepwatch.example.com/incidents/"} {
		if !strings.Contains(texts[0], want) {
			t.Errorf("the text does not say %q:\n%s", want, texts[0])
		}
	}
	if h.Get("Auto-Submitted") != "auto-generated" || h.Get("Message-Id") == "" || h.Get("Subject") != "[FIRING] crm-sync (emea, Germany 510000123): bad_secret_or_package" {
		t.Errorf("headers: %v", h)
	}
	if strings.Contains(texts[1], "src=") || strings.Contains(texts[1], "@import") {
		t.Error("the page loads something")
	}
	after, _, _ := parts(t, srv.mails[1])
	if after.Get("References") != h.Get("References") || after.Get("In-Reply-To") == "" {
		t.Errorf("not one thread: %q and %q", h.Get("References"), after.Get("References"))
	}
	if after.Get("Message-Id") == h.Get("Message-Id") {
		t.Error("two mails with one id")
	}
}

// A repeat is the same mail: clients and servers drop it by its id.
func TestRepeatHasTheSameID(t *testing.T) {
	srv := &mailServer{}
	addr, _ := srv.serve(t, None)
	s, m := sender(t, config(addr), Deps{}), notifytest.Told(t, "firing")
	for range 2 {
		if _, err := s.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		m.Now = m.Now.Add(time.Hour)
	}
	a, _, _ := parts(t, srv.mails[0])
	b, _, _ := parts(t, srv.mails[1])
	if a.Get("Message-Id") != b.Get("Message-Id") {
		t.Errorf("%s and %s", a.Get("Message-Id"), b.Get("Message-Id"))
	}
}

// headerNames reads the names of all headers of a raw mail, as written.
func headerNames(raw string) string {
	head, _, _ := strings.Cut(normal(raw), "\n\n")
	var names []string
	for _, line := range strings.Split(head, "\n") {
		if line != "" && line[0] != ' ' && line[0] != '\t' {
			name, _, _ := strings.Cut(line, ":")
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

func TestHostileNamesStayText(t *testing.T) {
	srv := &mailServer{}
	addr, _ := srv.serve(t, None)
	s := sender(t, config(addr), Deps{})
	plainMail, evil := notifytest.Told(t, "firing"), notifytest.Told(t, "hostile")
	// Also what package notify would have cleaned: this package does not rely on it.
	evil.Title += "\r\nBcc: evil@example.com\r\n\r\nbody"
	evil.Key += "\r\nX-Evil: 1"
	for _, m := range []notify.Message{plainMail, evil} {
		if _, err := s.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	if a, b := headerNames(srv.mails[0]), headerNames(srv.mails[1]); a != b {
		t.Errorf("other headers than those of a plain mail:\n%s\n%s", a, b)
	}
	if strings.Join(srv.to, " ") != "ops@example.com ada@example.org" {
		t.Errorf("to %v", srv.to)
	}
	_, _, texts := parts(t, srv.last(t))
	if strings.Contains(texts[1], "<b>bold") || strings.Contains(texts[1], "javascript:") {
		t.Errorf("markup in the page:\n%s", texts[1])
	}
}

func TestRefusals(t *testing.T) {
	for name, tt := range map[string]struct {
		command string
		code    int
		want    notify.Class
	}{
		"greylisted":               {"RCPT", 451, notify.ClassRetryable},
		"mailbox unknown":          {"RCPT", 550, notify.ClassPermanent},
		"sender refused":           {"MAIL", 553, notify.ClassPermanent},
		"server busy":              {"MAIL", 421, notify.ClassRetryable},
		"disk full":                {"DATA", 452, notify.ClassRetryable},
		"content refused":          {"DATA", 554, notify.ClassPermanent},
		"password refused":         {"AUTH", 535, notify.ClassPermanent},
		"sign-in fails for a time": {"AUTH", 454, notify.ClassRetryable},
	} {
		t.Run(name, func(t *testing.T) {
			srv := &mailServer{password: "pa55-canary"}
			srv.refuse = func(command string) error {
				if command != tt.command {
					return nil
				}
				return &smtp.SMTPError{Code: tt.code, EnhancedCode: smtp.NoEnhancedCode, Message: "because"}
			}
			addr, _ := srv.serve(t, None)
			cfg := config(addr)
			cfg.Username, cfg.Password = "keepwatch", "env:SMTP"
			_, err := sender(t, cfg, Deps{Secrets: notifytest.Secrets{"env:SMTP": "pa55-canary"}}).Send(t.Context(), notifytest.Told(t, "firing"))
			class, _ := notify.ClassOf(err)
			if err == nil || class != tt.want || !strings.Contains(err.Error(), "because") {
				t.Errorf("%s: %v", class, err)
			}
			if len(srv.mails) != 0 {
				t.Error("a mail was taken")
			}
		})
	}
}

func TestWithoutEncryptionNothingIsSent(t *testing.T) {
	srv := &mailServer{}
	addr, _ := srv.serve(t, None) // offers no STARTTLS
	cfg := config(addr)
	cfg.TLS = STARTTLS
	if _, err := sender(t, cfg, Deps{}).Send(t.Context(), notifytest.Told(t, "firing")); err == nil || len(srv.mails) != 0 {
		t.Errorf("sent in clear: %v", err)
	}
	other := &mailServer{}
	addr, _ = other.serve(t, STARTTLS) // a certificate nobody trusts
	cfg.SMTP = addr
	if _, err := sender(t, cfg, Deps{}).Send(t.Context(), notifytest.Told(t, "firing")); err == nil || len(other.mails) != 0 {
		t.Errorf("sent to a stranger: %v", err)
	}
}

// A server that repeats the password in its answer does not make us repeat it.
func TestLeaksNothing(t *testing.T) {
	const canary = "pa55-canary"
	plain := base64.StdEncoding.EncodeToString([]byte("\x00keepwatch\x00" + canary))
	for name, text := range map[string]string{
		"in clear": "wrong: " + canary, "encoded": "wrong: " + base64.StdEncoding.EncodeToString([]byte(canary)), "the whole response": "cannot parse '" + plain + "'.",
	} {
		t.Run(name, func(t *testing.T) {
			srv := &mailServer{refuse: func(command string) error {
				if command != "AUTH" {
					return nil
				}
				return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.NoEnhancedCode, Message: text}
			}}
			addr, _ := srv.serve(t, None)
			cfg := config(addr)
			cfg.Username, cfg.Password = "keepwatch", "env:SMTP"
			_, err := sender(t, cfg, Deps{Secrets: notifytest.Secrets{"env:SMTP": canary}}).Send(t.Context(), notifytest.Told(t, "firing"))
			if err == nil {
				t.Fatal("no error")
			}
			for e := err; e != nil; e = errors.Unwrap(e) {
				shown := fmt.Sprintf("%v %+v %#v", e, e, e)
				if strings.Contains(shown, canary) || strings.Contains(shown, plain) || strings.Contains(shown, base64.StdEncoding.EncodeToString([]byte(canary))) {
					t.Errorf("leaks: %v", e)
				}
			}
		})
	}
	cfg := config("127.0.0.1:25")
	cfg.Username, cfg.Password = "keepwatch", "env:GONE"
	if _, err := sender(t, cfg, Deps{Secrets: notifytest.Secrets{}}).Send(t.Context(), notifytest.Told(t, "firing")); err == nil || !strings.Contains(err.Error(), "env:GONE") {
		t.Errorf("a reference that cannot be read: %v", err)
	}
}

// Over a pipe in a bubble: a mail server that says nothing ends with the context,
// and one that answers is served without a socket.
func TestOverAPipe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := &mailServer{}
		server := smtp.NewServer(srv)
		server.Domain, server.ErrorLog = "mail.example.com", quiet{}
		pipe := newPipe()
		go func() { _ = server.Serve(pipe) }()
		s := sender(t, config("mail.example.com:25"), Deps{Dial: pipe.dial})
		if _, err := s.Send(t.Context(), notifytest.Told(t, "firing")); err != nil {
			t.Error(err)
		}
		if len(srv.mails) != 1 {
			t.Errorf("%d mails", len(srv.mails))
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}

		silent := sender(t, config("mail.example.com:25"), Deps{Dial: func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			t.Cleanup(func() { _ = theirs.Close() })
			return ours, nil
		}})
		ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
		defer cancel()
		begin := time.Now()
		_, err := silent.Send(ctx, notifytest.Told(t, "firing"))
		if class, _ := notify.ClassOf(err); err == nil || class != notify.ClassRetryable || time.Since(begin) > 8*time.Second {
			t.Errorf("after %s: %v", time.Since(begin), err)
		}
	})
}

// pipe is a listener whose connections stay in memory.
type pipe struct {
	conns chan net.Conn
	done  chan struct{}
}

func newPipe() *pipe { return &pipe{make(chan net.Conn), make(chan struct{})} }

func (p *pipe) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipe) Close() error   { close(p.done); return nil }
func (p *pipe) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipe) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func TestValidate(t *testing.T) {
	good := Config{SMTP: "mail.example.com:587", From: "a@example.com", To: []string{"Ops <b@example.com>"}, Username: "u", Password: "env:P"}
	for name, tt := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"good":                        {func(*Config) {}, ""},
		"good without login":          {func(c *Config) { c.Username, c.Password = "", "" }, ""},
		"a relay on this machine":     {func(c *Config) { c.SMTP, c.TLS = "127.0.0.1:25", None }, ""},
		"no port":                     {func(c *Config) { c.SMTP = "mail.example.com" }, "smtp: is not the address of a mail server; allowed: host:port"},
		"a port that is none":         {func(c *Config) { c.SMTP = "mail.example.com:99999" }, "smtp: "},
		"no sender":                   {func(c *Config) { c.From = "" }, "from: is not a mail address"},
		"a line break in the sender":  {func(c *Config) { c.From = "a@example.com\r\nBcc: x@example.com" }, "from: is not a mail address"},
		"nobody to mail to":           {func(c *Config) { c.To = nil }, "to: is empty"},
		"an address that is none":     {func(c *Config) { c.To = []string{"a@example.com", "ops"} }, "to[1]: is not a mail address"},
		"an unknown way":              {func(c *Config) { c.TLS = "maybe" }, "tls: is unknown; allowed: starttls, tls, none"},
		"a password in the raw":       {func(c *Config) { c.Password = "hunter2" }, "password: is not a reference"},
		"a password without a name":   {func(c *Config) { c.Username = "" }, "username: is missing"},
		"a name without a password":   {func(c *Config) { c.Password = "" }, "password: is missing"},
		"a password over a plain way": {func(c *Config) { c.TLS = None }, "tls: none would send the password in clear"},
	} {
		cfg := good
		tt.change(&cfg)
		err := cfg.Validate()
		if (err == nil) != (tt.want == "") || err != nil && !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
		if strings.Contains(fmt.Sprint(err), "hunter2") {
			t.Errorf("%s shows the secret: %v", name, err)
		}
		if _, newErr := New(cfg, Deps{}); (newErr == nil) != (err == nil) {
			t.Errorf("%s: New says %v", name, newErr)
		}
	}
	if got := (Config{SMTP: "h:465"}).WithDefaults().TLS; got != TLS {
		t.Errorf("port 465 is %s", got)
	}
	if got := (Config{SMTP: "h:587"}).WithDefaults().TLS; got != STARTTLS {
		t.Errorf("port 587 is %s", got)
	}
	if good.References()["password"] != "env:P" || (Config{}).References() != nil {
		t.Error("references")
	}
}

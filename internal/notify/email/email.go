package email

import (
	"context"
	"crypto/tls"
	"fmt"
	"html/template"
	"net"
	"net/mail"
	"strconv"
	"strings"
	"unicode"

	gomail "github.com/wneessen/go-mail"

	"keepwatch"
	"keepwatch/internal/notify"
)

// Deps are what a sender needs from its surroundings.
type Deps struct {
	Secrets notify.Secrets
	// Dial connects to the mail server; nil is the system's way.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// TLS is the trust for the mail server; nil is the system's.
	TLS *tls.Config
}

// Sender mails to the addresses of one receiver.
type Sender struct {
	cfg        Config
	deps       Deps
	host, port string
	domain     string // right side of Message-IDs
	page       *template.Template
}

var _ notify.Sender = (*Sender)(nil)

// New makes a sender. It connects to nothing and reads no secret yet.
func New(cfg Config, deps Deps) (*Sender, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Sender{cfg: cfg.WithDefaults(), deps: deps}
	var err error
	if s.host, s.port, err = net.SplitHostPort(cfg.SMTP); err != nil {
		return nil, err
	}
	from, err := mail.ParseAddress(cfg.From)
	if err != nil {
		return nil, err
	}
	s.domain = from.Address[strings.LastIndex(from.Address, "@")+1:]
	s.page, err = template.New("mail").Parse(page)
	return s, err
}

// Send mails one message. Acceptance by the mail server is all that it can learn.
func (s *Sender) Send(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	msg, err := s.compose(m)
	if err != nil {
		return "", notify.Permanent(err)
	}
	var password keepwatch.Secret
	if s.cfg.Password != "" {
		if password, err = s.deps.Secrets.Resolve(ctx, s.cfg.Password); err != nil {
			return "", notify.Retryable(fmt.Errorf("the password cannot be read: %w", err))
		}
	}
	client, err := s.client(ctx, password)
	if err != nil {
		return "", notify.Permanent(failure(err, password))
	}
	err = client.DialAndSendWithContext(ctx, msg)
	if err != nil && !msg.IsDelivered() {
		return "", classify(err, password)
	}
	// An error after the server took the message is the server's haste to hang up.
	return notify.Receipt("accepted by the mail server: " + scrub(msg.ServerResponse(), password)), nil
}

func (s *Sender) client(ctx context.Context, password keepwatch.Secret) (*gomail.Client, error) {
	port, err := strconv.Atoi(s.port)
	if err != nil {
		return nil, err
	}
	trust := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.deps.TLS != nil {
		trust = s.deps.TLS.Clone()
		trust.MinVersion = max(trust.MinVersion, tls.VersionTLS12)
	}
	trust.ServerName = s.host
	o := []gomail.Option{gomail.WithPort(port), gomail.WithTLSConfig(trust), gomail.WithHELO(s.domain), gomail.WithoutNoop()}
	switch s.cfg.TLS {
	case TLS:
		o = append(o, gomail.WithSSL())
	case STARTTLS:
		// Mandatory: "if possible" lets anybody on the way take the encryption off.
		o = append(o, gomail.WithTLSPolicy(gomail.TLSMandatory))
	default:
		o = append(o, gomail.WithTLSPolicy(gomail.NoTLS))
	}
	if !password.Empty() {
		o = append(o, s.login(), gomail.WithUsername(s.cfg.Username), gomail.WithPassword(string(password.Reveal())))
	}
	return gomail.NewClient(s.host, append(o, gomail.WithDialContextFunc(s.dial(ctx, trust)))...)
}

// login names the ways to sign in, best first. The library's own discovery does not
// see the encryption of a connection that we dialled. Without encryption, which
// Validate allows on a loopback address only, it has to be told that the password
// may be sent.
func (s *Sender) login() gomail.Option {
	if s.cfg.TLS == None {
		return gomail.WithSMTPAuth(gomail.SMTPAuthPlainNoEnc)
	}
	return gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin, gomail.SMTPAuthCramMD5)
}

// dial is ours for every kind of connection, because the library, given a dialler,
// no longer encrypts from the first byte by itself. The library looks at a context
// only while it connects; here the whole exchange ends with life.
func (s *Sender) dial(life context.Context, trust *tls.Config) gomail.DialContextFunc {
	under := s.deps.Dial
	if under == nil {
		under = (&net.Dialer{}).DialContext
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := under(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		context.AfterFunc(life, func() { _ = conn.Close() })
		if s.cfg.TLS != TLS {
			return conn, nil
		}
		secure := tls.Client(conn, trust)
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, err
		}
		return secure, nil
	}
}

// compose makes the mail. Names have no line breaks any more when they come here,
// and the library encodes what is not ASCII: no text can become a header.
func (s *Sender) compose(m notify.Message) (*gomail.Msg, error) {
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent(), gomail.WithBoundary("kw-"+keepwatch.Digest("boundary", string(m.Key))))
	if err := msg.From(s.cfg.From); err != nil {
		return nil, err
	}
	to := s.cfg.To
	if m.To != "" {
		to = []string{m.To}
	}
	if err := msg.To(to...); err != nil {
		return nil, err
	}
	root := s.id("incident", string(m.Incident))
	if m.Kind == keepwatch.Posted {
		root = s.id("letter", m.GroupKey)
	}
	msg.Subject(oneLine(m.Title))
	msg.SetDateWithValue(m.Now)
	msg.SetMessageIDWithValue(s.id("delivery", string(m.Key)))
	// Every mail of an incident refers to one id that no mail has: clients thread
	// by it, and no mail has to be the first.
	msg.SetGenHeader(gomail.HeaderReferences, "<"+root+">")
	msg.SetGenHeader(gomail.HeaderInReplyTo, "<"+root+">")
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader(gomail.HeaderXAutoResponseSuppress, "All")
	msg.SetGenHeader("X-Keepwatch-Status", string(m.Status))
	page, err := html(s.page, m)
	if err != nil {
		return nil, err
	}
	msg.SetBodyString(gomail.TypeTextPlain, plain(m))
	msg.AddAlternativeString(gomail.TypeTextHTML, page)
	return msg, nil
}

// oneLine keeps a subject on one line, also for a reader that decodes it: a name that is
// written like an encoded word (=?utf-8?q?…?=) is plain ASCII, goes out as it is, and would
// be read as what it encodes.
func oneLine(s string) string {
	return strings.ReplaceAll(strings.Join(strings.FieldsFunc(s, unicode.IsControl), " "), "=?", "= ?")
}

func (s *Sender) id(kind, name string) string {
	return keepwatch.Digest(kind, name) + "@" + s.domain
}

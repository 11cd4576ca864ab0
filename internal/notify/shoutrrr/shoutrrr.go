package shoutrrr

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/nicholas-fedor/shoutrrr/pkg/router"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"
	"github.com/nicholas-fedor/shoutrrr/pkg/util/jsonclient"

	"keepwatch/internal/notify"
)

// The library's services send through the client of the standard library, which
// waits for ever and follows redirects; nothing else of this program uses it. The
// few services that bring a client of their own keep that one's ways.
func init() {
	http.DefaultClient.Timeout = 25 * time.Second
	http.DefaultClient.CheckRedirect = neverFollow
}

func neverFollow(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Sender sends to one service.
type Sender struct {
	cfg  Config
	deps notify.Deps
}

var _ notify.Sender = (*Sender)(nil)

// New makes a sender. It connects to nothing and reads no secret yet.
func New(cfg Config, deps notify.Deps) (*Sender, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Sender{cfg, deps.Confined()}, nil
}

// Send sends one message. The library knows no context: an attempt that is cut off
// goes on for its own time-out at most, and its end is not waited for.
func (s *Sender) Send(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	secret, err := s.deps.Read(ctx, s.cfg.URL, "the URL")
	if err != nil {
		return "", err
	}
	address := strings.TrimSpace(string(secret.Reveal()))
	done := make(chan error, 1)
	go func() { done <- s.send(address, words(m)) }()
	select {
	case err := <-done:
		if err != nil {
			return "", classify(err, m.Now)
		}
		return "accepted by the service", nil
	case <-ctx.Done():
		return "", notify.Retryable(errors.New("the service did not answer in time"))
	}
}

var errURL = errors.New("the URL is not one that is understood")

// send turns a panic of the library, which has parsers for two dozen services, into
// an error.
func (s *Sender) send(address, text string) (err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("the library gave up")
		}
	}()
	scheme, _, _ := strings.Cut(address, ":")
	if scheme == "logger" { // it tells nobody
		return errURL
	}
	r, err := router.New(silent{})
	if err != nil {
		return errURL
	}
	service, err := r.Locate(address)
	if err != nil {
		return errURL
	}
	s.confine(service)
	return service.Send(text, &types.Params{})
}

// silent keeps the library's own lines, which hold addresses, from being written.
type silent struct{}

func (silent) Print(...any)          {}
func (silent) Printf(string, ...any) {}
func (silent) Println(...any)        {}

// confine gives a service our way out where it lets one.
func (s *Sender) confine(service types.Service) {
	if c, ok := service.(interface{ SetHTTPClient(client *http.Client) }); ok {
		c.SetHTTPClient(s.deps.Client)
	}
}

// classify keeps nothing of the library's text: it quotes addresses and answers.
func classify(err error, now time.Time) error {
	if errors.Is(err, errURL) {
		return notify.Permanent(err)
	}
	var answer jsonclient.Error
	if errors.As(err, &answer) {
		if err := notify.HTTPStatus(answer.StatusCode, nil, now); err != nil {
			return err
		}
	}
	return notify.Retryable(errors.New("the service did not take the message"))
}

// limitText is below what the strictest services take.
const limitText = 1800

// words are a message as plain text.
func words(m notify.Message) string {
	lines := []string{m.Title, "", m.Text()}
	text := notify.CutBytes(tame(strings.Join(lines, "\n")), limitText)
	for _, a := range m.Acts {
		if len(a.URL) < 500 {
			text += "\n" + a.Name + ": " + a.URL
		}
	}
	for _, l := range m.Links() {
		if len(l.Text) < 500 {
			text += "\n" + tame(l.Name) + ": " + l.Text
		}
	}
	return text
}

var (
	calls    = regexp.MustCompile(`(?i)@(everyone|channel|here|all|room)\b`)
	controls = strings.NewReplacer("<!", "< !", "<@", "< @", "<#", "< #", "](", "] (", "<http", "< http")
)

// tame takes from foreign text what chat services would make a call to everybody or a
// link of. Which service reads it is not known here, so it is done for all of them.
func tame(s string) string {
	return controls.Replace(calls.ReplaceAllString(s, "@ $1"))
}

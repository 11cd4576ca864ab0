package clients

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// process is one run of an integration: what it remembers ends with it.
type process struct {
	spec *Spec
	web  *http.Client
	note func(func(*Tally))

	asking  chan struct{} // filled while a library that shares asks for a token; a mutex would stop a bubble's clock
	mu      sync.Mutex
	token   token
	refresh string // of a web application
	met     bool   // its greetings were made
}

// token is what a client keeps of a token answer.
type token struct {
	access, rest, soap string
	until              time.Time
}

func (t token) good(now time.Time) bool { return t.access != "" && now.Before(t.until) }

var (
	errRefused = errors.New("refused")
	errBroken  = errors.New("the network failed")
)

func newProcess(s *Spec, through http.RoundTripper, note func(func(*Tally))) *process {
	return &process{spec: s, note: note, asking: make(chan struct{}, 1), web: &http.Client{
		Transport: through, Timeout: s.Library.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// do makes one call with everything that the library does about it, and reports
// whether the integration got what it wanted.
func (p *process) do(ctx context.Context, c *Call) error {
	err := p.call(ctx, c)
	if ctx.Err() != nil {
		return ctx.Err() // the load ended: that is no failure
	}
	p.note(func(t *Tally) {
		t.Calls++
		if err != nil {
			t.Failed++
		}
	})
	return err
}

func (p *process) call(ctx context.Context, c *Call) error {
	if p.spec.Login != "" {
		return p.attempts(ctx, c, token{soap: p.spec.SOAP})
	}
	t, err := p.bearer(ctx, c, "")
	if err != nil {
		return err
	}
	if err := p.greet(ctx, t); err != nil {
		return err
	}
	return p.attempts(ctx, c, t)
}

// greet makes the calls that the library makes for itself, once a process.
func (p *process) greet(ctx context.Context, t token) error {
	p.mu.Lock()
	first := !p.met
	p.met = true
	p.mu.Unlock()
	if !first {
		return nil
	}
	for i := range p.spec.Library.Greets {
		if err := p.attempts(ctx, &p.spec.Library.Greets[i], t); err != nil {
			p.mu.Lock()
			p.met = false // it begins with them again
			p.mu.Unlock()
			return err
		}
	}
	return nil
}

// attempts sends a call until the library is content or gives up.
func (p *process) attempts(ctx context.Context, c *Call, t token) error {
	lib, renewed, broken, busy := &p.spec.Library, false, 0, 0
	for {
		a, err := p.send(ctx, c, t)
		switch {
		case err != nil && broken < lib.Broken:
			broken++
			if !pause(ctx, lib.Wait<<(broken-1)) {
				return ctx.Err()
			}
		case err != nil:
			return err
		case a.ok:
			return nil
		case a.refused && !renewed && lib.renewal(c) != RenewNever && (lib.renewal(c) != RenewWhenTold || a.told):
			renewed = true
			if lib.renewal(c) == RepeatOnce {
				continue
			}
			if t, err = p.bearer(ctx, c, t.access); err != nil {
				return err
			}
		case a.busy && busy < lib.Busy:
			busy++
			if !pause(ctx, max(lib.Wait<<(busy-1), min(a.after, lib.Patience))) {
				return ctx.Err()
			}
		default:
			return errRefused
		}
	}
}

// bearer is a token to call with: the one that is kept, unless it is the stale one or
// the library keeps none.
func (p *process) bearer(ctx context.Context, c *Call, stale string) (token, error) {
	lib := &p.spec.Library
	if lib.Shares {
		select {
		case p.asking <- struct{}{}:
			defer func() { <-p.asking }()
		case <-ctx.Done():
			return token{}, ctx.Err()
		}
	}
	p.mu.Lock()
	kept := p.token
	p.mu.Unlock()
	if kept.good(time.Now()) && kept.access != stale && !lib.EachCall {
		return kept, nil
	}
	var t token
	var err error
	for try := range lib.tries(c) {
		if try > 0 && !pause(ctx, lib.Wait<<(try-1)) {
			return t, ctx.Err()
		}
		if t, err = p.ask(ctx); err == nil {
			p.mu.Lock()
			p.token = t
			p.mu.Unlock()
			return t, nil
		}
	}
	return t, err
}

// ask requests a token with each secret in turn until one is granted: most integrations
// have one, some keep the old ones in front of it.
func (p *process) ask(ctx context.Context) (token, error) {
	var t token
	var err error
	for _, secret := range p.spec.Secrets() {
		if t, err = p.request(ctx, secret); err == nil {
			return t, nil
		}
	}
	return t, err
}

func (p *process) request(ctx context.Context, secret string) (token, error) {
	grant, err := p.grant(ctx, secret)
	if err != nil {
		return token{}, err
	}
	body, err := json.Marshal(grant)
	if err != nil {
		return token{}, err
	}
	p.note(func(t *Tally) { t.Tokens++ })
	a, err := p.exchange(ctx, http.MethodPost, p.spec.Auth+"v2/token", string(body), "Content-Type", "application/json")
	if err != nil {
		return token{}, err
	}
	var got struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
		Expires int    `json:"expires_in"`
		REST    string `json:"rest_instance_url"`
		SOAP    string `json:"soap_instance_url"`
	}
	if err := json.Unmarshal(a.body, &got); err != nil || a.status != http.StatusOK || got.Access == "" {
		p.forget()
		return token{}, errRefused
	}
	p.note(func(t *Tally) { t.Granted++ })
	p.mu.Lock()
	defer p.mu.Unlock()
	if got.Refresh != "" {
		p.refresh = got.Refresh
	}
	life := p.spec.Library.keeps(time.Duration(got.Expires) * time.Second)
	return token{got.Access, slashed(got.REST), slashed(got.SOAP), time.Now().Add(life)}, nil
}

// forget drops a refresh token that was refused: it works once, and another copy of the
// application may have used it.
func (p *process) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refresh = ""
}

// grant is the body of a token request.
func (p *process) grant(ctx context.Context, secret string) (map[string]any, error) {
	g := map[string]any{"grant_type": "client_credentials", "client_id": p.spec.ClientID, "client_secret": secret}
	if p.spec.Unit != 0 && !p.spec.Library.NoUnit {
		g["account_id"] = strconv.FormatInt(int64(p.spec.Unit), 10)
	}
	if p.spec.Redirect == "" {
		return g, nil
	}
	p.mu.Lock()
	refresh := p.refresh
	p.mu.Unlock()
	if refresh != "" {
		g["grant_type"], g["refresh_token"] = "refresh_token", refresh
		return g, nil
	}
	code, err := p.signIn(ctx)
	g["grant_type"], g["code"], g["redirect_uri"] = "authorization_code", code, p.spec.Redirect
	return g, err
}

// signIn is the user's part: a browser that is redirected with a code.
func (p *process) signIn(ctx context.Context) (string, error) {
	query := url.Values{"response_type": {"code"}, "client_id": {p.spec.ClientID}, "redirect_uri": {p.spec.Redirect}}
	a, err := p.exchange(ctx, http.MethodGet, p.spec.Auth+"v2/authorize?"+query.Encode(), "")
	if err != nil {
		return "", err
	}
	to, err := url.Parse(a.header.Get("Location"))
	if err != nil || to.Query().Get("code") == "" {
		return "", errRefused
	}
	return to.Query().Get("code"), nil
}

// answer is what a client looks at.
type answer struct {
	status  int
	header  http.Header
	body    []byte
	ok      bool
	refused bool // for its token
	told    bool // and the header says so
	busy    bool
	after   time.Duration
}

func (p *process) exchange(ctx context.Context, method, address, body string, header ...string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	req.Close = true                                   // on a kept connection net/http would repeat a request by itself
	req.Header.Set("User-Agent", p.spec.Library.Agent) // "" sends none
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := p.web.Do(req)
	if err != nil {
		return answer{}, errBroken
	}
	defer func() { _ = res.Body.Close() }()
	content, err := io.ReadAll(io.LimitReader(res.Body, maxBody))
	if err != nil {
		return answer{}, errBroken
	}
	a := answer{status: res.StatusCode, header: res.Header, body: content}
	a.ok = res.StatusCode/100 == 2
	a.refused = res.StatusCode == http.StatusUnauthorized
	a.told = strings.Contains(res.Header.Get("WWW-Authenticate"), "invalid_token")
	a.busy = res.StatusCode == http.StatusTooManyRequests || res.StatusCode >= 500
	if s, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && s > 0 {
		a.after = time.Duration(s) * time.Second
	}
	return a, nil
}

// maxBody bounds what is read of an answer.
const maxBody = 4 << 20

// pause waits as long as d; false when the load ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

func slashed(address string) string { return strings.TrimSuffix(address, "/") + "/" }

package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"keepwatch"
)

// Config is the settings of one receiver, whatever its channel.
type Config interface {
	// Validate finds what is wrong before the first message; its error is Problems.
	Validate() error
	// References lists the secrets that the receiver needs, by key.
	References() map[string]string
	// Where is what somebody connects to who wants to see whether the receiver can
	// be reached: host:port, a web address, or a reference to one; "" where the
	// settings do not tell.
	Where() string
}

// Deps are what a sender over HTTP needs from its surroundings.
type Deps struct {
	Client  *http.Client
	Secrets Secrets
}

// Confined are the same surroundings with redirects off, whatever policy the client
// came with.
func (d Deps) Confined() Deps {
	d.Client = NoRedirects(d.Client)
	return d
}

// Read resolves a reference at the moment of use. A secret that cannot be read now
// may be readable later. what completes "… cannot be read".
func (d Deps) Read(ctx context.Context, ref, what string) (keepwatch.Secret, error) {
	secret, err := d.Secrets.Resolve(ctx, ref)
	if err != nil {
		return keepwatch.Secret{}, Retryable(fmt.Errorf("%s cannot be read: %w", what, err))
	}
	return secret, nil
}

// Address is a setting that is a web address or a reference to one.
func (d Deps) Address(ctx context.Context, setting string) (string, error) {
	if IsReference(setting) {
		secret, err := d.Read(ctx, setting, "the address")
		if err != nil {
			return "", err
		}
		setting = string(secret.Reveal())
	}
	u, err := ParseURL(setting)
	if err != nil {
		return "", err
	}
	return u.String(), nil
}

// Call is one request to a receiver.
type Call struct {
	Method string // "" is POST
	URL    string
	Header http.Header
	Body   []byte
	Now    time.Time
}

const maxAnswer = 256 << 10

// Do makes a call and classifies its answer. The body of the answer is for the
// sender alone: it may repeat what it was sent, so no part of it goes into an error.
func (d Deps) Do(ctx context.Context, c Call) (answer []byte, receipt Receipt, err error) {
	if c.Method == "" {
		c.Method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(ctx, c.Method, c.URL, bytes.NewReader(c.Body))
	if err != nil {
		return nil, "", HTTPFailure(err)
	}
	for name, values := range c.Header {
		req.Header[name] = values
	}
	if len(c.Body) > 0 && req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("User-Agent", "Keepwatch")
	res, err := d.Client.Do(req)
	if err != nil {
		return nil, "", HTTPFailure(err)
	}
	defer res.Body.Close()
	// The connection is reused only when the body was read; a long one is not worth it.
	answer, _ = io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err := HTTPStatus(res.StatusCode, res.Header, c.Now); err != nil {
		return nil, "", err
	}
	return answer, Receipt("accepted: " + strconv.Itoa(res.StatusCode) + " " + http.StatusText(res.StatusCode)), nil
}

// JSON renders what a receiver is sent. Signs that only matter inside HTML stay as
// they are: escaping them takes six bytes each of what a channel allows.
func JSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, Permanent(err)
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// CheckURL finds what is wrong with a setting that is a web address or, where the
// whole address is a secret, a reference to one.
func (ps *Problems) CheckURL(key, value string) {
	switch {
	case value == "":
		ps.Add(key, "is missing", allowedURL)
	case IsReference(value):
	default:
		if u, err := ParseURL(value); err != nil {
			ps.Add(key, "is not a web address", allowedURL)
		} else if u.User != nil {
			ps.Add(key, "holds a name or a password", "an address without them, or a reference to the whole address")
		}
	}
}

// CheckReference finds what is wrong with a setting that must be a secret's reference.
func (ps *Problems) CheckReference(key, value string, must bool) {
	switch {
	case value == "" && must:
		ps.Add(key, "is missing", AllowedReference)
	case value != "" && !IsReference(value):
		ps.Add(key, "is not a reference", AllowedReference)
	}
}

const allowedURL = "an http or https URL, or a reference to one like env:NAME"

// ReferencesOf lists the settings that are references. Others are addresses or
// empty.
func ReferencesOf(settings map[string]string) map[string]string {
	out := map[string]string{}
	for key, value := range settings {
		if IsReference(value) {
			out[key] = value
		}
	}
	return out
}

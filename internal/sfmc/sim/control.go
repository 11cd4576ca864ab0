package sim

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"keepwatch"
)

// ControlPath is where the control API begins, on the same port as all the rest.
const ControlPath = "/control/"

func cutControl(path string) (string, bool) { return strings.CutPrefix(path, ControlPath) }

// clientPatch are the edits of PATCH clients/{client_id}; what is absent stays.
type clientPatch struct {
	Scopes         *[]string        `json:"scopes"`
	BusinessUnits  *[]keepwatch.MID `json:"business_units"`
	Allowlist      *[]string        `json:"allowlist"`
	Secret         *string          `json:"client_secret"`
	Generated      *time.Time       `json:"generated"`
	RatePerMinute  *int             `json:"rate_per_minute"`
	PasswordChange *bool            `json:"must_change_password"`
}

// State is the answer of GET state.
type State struct {
	Now      time.Time  `json:"now"`
	Settings Settings   `json:"settings"`
	Clients  []Client   `json:"clients"`
	Faults   []Fault    `json:"faults"`
	Requests []Recorded `json:"requests"`
	Users    []User     `json:"users"`
}

// State returns everything at once.
func (s *Sim) State() State {
	return State{s.now(), s.Configure(func(*Settings) {}), s.Clients(), s.Faults(), s.Requests(), s.Users()}
}

// control serves the control API. It has no sign-in: a simulator holds no real
// secret, and whoever reaches it may script it.
func (s *Sim) control(w http.ResponseWriter, r *http.Request, path string) {
	body, err := io.ReadAll(io.LimitReader(r.Body, bodyCap))
	if err != nil {
		return
	}
	status, v, err := s.command(r.Method, strings.Split(strings.Trim(path, "/"), "/"), body)
	if err != nil {
		status, v = controlError(err)
	}
	if v == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	jsonAnswer(status, v).write(w)
}

func controlError(err error) (int, any) {
	status, code := http.StatusInternalServerError, "internal"
	switch {
	case errors.Is(err, keepwatch.ErrNotFound):
		status, code = http.StatusNotFound, "not_found"
	case errors.Is(err, keepwatch.ErrInvalid):
		status, code = http.StatusBadRequest, "invalid"
	case errors.Is(err, keepwatch.ErrConflict):
		status, code = http.StatusConflict, "conflict"
	}
	return status, object{"error": object{"code": code, "message": err.Error(), "hint": keepwatch.HintOf(err)}}
}

var errNoRoute = keepwatch.WithHint(fmt.Errorf("no such control: %w", keepwatch.ErrNotFound), "docs/simulator.md lists the control API")

// command runs one control request; a nil value means 204.
func (s *Sim) command(method string, path []string, body []byte) (int, any, error) {
	switch method + " " + path[0] {
	case "GET state":
		return http.StatusOK, s.State(), nil
	case "PATCH settings":
		return s.patchSettings(body)
	case "GET faults":
		return http.StatusOK, object{"items": s.Faults()}, nil
	case "POST faults":
		var f Fault
		if err := strict(body, &f); err != nil {
			return 0, nil, err
		}
		id, err := s.Inject(f)
		return http.StatusCreated, object{"id": id}, err
	case "DELETE faults":
		if len(path) == 1 {
			s.ClearAll()
			return http.StatusNoContent, nil, nil
		}
		return http.StatusNoContent, nil, s.Clear(path[1])
	case "GET clients", "POST clients", "PATCH clients":
		return s.clientCommand(method, path[1:], body)
	}
	if path[0] == "world" {
		return s.worldCommand(method, path[1:], body)
	}
	if status, v, err := s.accountCommand(method, path, body); !errors.Is(err, errNoRoute) {
		return status, v, err
	}
	return 0, nil, errNoRoute
}

func (s *Sim) clientCommand(method string, path []string, body []byte) (int, any, error) {
	var c Client
	var err error
	switch {
	case method == "GET" && len(path) == 0:
		return http.StatusOK, object{"items": s.Clients()}, nil
	case method == "GET" && len(path) == 1:
		c, err = s.Client(path[0])
	case method == "POST" && len(path) == 0:
		var spec ClientSpec
		if err := strict(body, &spec); err != nil {
			return 0, nil, err
		}
		if err := spec.check(); err != nil {
			return 0, nil, err
		}
		return http.StatusCreated, s.AddClient(spec), nil
	case method == "POST" && len(path) == 2:
		verb, ok := s.verbs()[path[1]]
		if !ok {
			return 0, nil, errNoRoute
		}
		c, err = verb(path[0])
	case method == "PATCH" && len(path) == 1:
		c, err = s.patchClient(path[0], body)
	default:
		return 0, nil, errNoRoute
	}
	return http.StatusOK, c, err
}

func (s *Sim) verbs() map[string]func(string) (Client, error) {
	return map[string]func(string) (Client, error){
		"generate": s.Generate, "activate": s.Activate, "expire": s.Expire, "revoke": s.Revoke,
		"enable": s.Enable, "disable": s.Disable, "delete": s.Delete, "lock": s.Lock, "unlock": s.Unlock,
	}
}

func (s *Sim) patchSettings(body []byte) (int, any, error) {
	next := s.Configure(func(*Settings) {})
	if err := strict(body, &next); err != nil {
		return 0, nil, err
	}
	switch next.IPBlockedStatus {
	case 0, 400, 401, 403:
	default:
		return 0, nil, fmt.Errorf("ip_blocked_status %d: %w", next.IPBlockedStatus, keepwatch.ErrInvalid)
	}
	if err := next.check(); err != nil {
		return 0, nil, err
	}
	return http.StatusOK, s.Configure(func(now *Settings) { *now = next }), nil
}

func (s *Sim) patchClient(id string, body []byte) (Client, error) {
	var p clientPatch
	if err := strict(body, &p); err != nil {
		return Client{}, err
	}
	if p.Scopes != nil || p.BusinessUnits != nil || p.Allowlist != nil {
		if _, err := s.edit(id, p.edit); err != nil {
			return Client{}, err
		}
	}
	return s.change(id, func(c *client, now time.Time) error {
		if p.Generated != nil && !datable(*p.Generated) {
			return fmt.Errorf("generated %s: %w", p.Generated, keepwatch.ErrInvalid)
		}
		if p.Secret != nil {
			c.secrets.active = secret{value: *p.Secret, generated: now}
		}
		if p.Generated != nil {
			c.secrets.active.generated = p.Generated.UTC()
		}
		if p.RatePerMinute != nil {
			c.spec.RatePerMinute, c.meter.filled = *p.RatePerMinute, time.Time{}
		}
		if p.PasswordChange != nil {
			c.mustChange = *p.PasswordChange
		}
		return nil
	})
}

func (p *clientPatch) edit(a *access) {
	if p.Scopes != nil {
		a.scopes = *p.Scopes
	}
	if p.BusinessUnits != nil {
		a.units = *p.BusinessUnits
	}
	if p.Allowlist != nil {
		a.allowlist = prefixes(*p.Allowlist)
	}
}

// check refuses what would make the simulator answer nonsense.
func (c *ClientSpec) check() error {
	switch c.Kind {
	case "", keepwatch.ServerToServer, keepwatch.LegacyPackage, keepwatch.APIUser, keepwatch.WebApp, keepwatch.PublicApp:
	default:
		return fmt.Errorf("kind %q: %w", c.Kind, keepwatch.ErrInvalid)
	}
	if !c.Generated.IsZero() && !datable(c.Generated) {
		return fmt.Errorf("generated %s: %w", c.Generated, keepwatch.ErrInvalid)
	}
	if len(c.ClientID) > 64 || strings.ContainsAny(c.ClientID, "/\x00") || c.MID < 0 || c.EID < 0 || len(c.Stack) > 8 {
		return fmt.Errorf("client_id, mid, eid or stack: %w", keepwatch.ErrInvalid)
	}
	return nil
}

// datable keeps dates within what JSON can write, the secret's end included.
func datable(t time.Time) bool { return t.Year() > 0 && t.Year() < 9000 }

// strict reads JSON and refuses unknown keys: a fault with a misspelt scope
// would hit everybody.
func strict(body []byte, into any) error {
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("body: %w: %w", err, keepwatch.ErrInvalid)
	}
	return nil
}

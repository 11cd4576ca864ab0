package sim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"keepwatch"
)

// accountCommand runs a control request about the account itself: users that no
// client stands for, business units, entries of the Audit Trail.
func (s *Sim) accountCommand(method string, path []string, body []byte) (int, any, error) {
	id := ""
	if len(path) > 1 {
		id = path[1]
	}
	if len(path) > 2 || (id == "") != (method == http.MethodGet || method == http.MethodPost) {
		return 0, nil, errNoRoute
	}
	switch method + " " + path[0] {
	case "GET users":
		return http.StatusOK, object{"items": s.Users()}, nil
	case "POST users":
		var u User
		if err := decoded(body, &u, func() error { return u.check() }); err != nil {
			return 0, nil, err
		}
		return http.StatusCreated, s.AddUser(u), nil
	case "PATCH users":
		return s.patchUser(id, body)
	case "DELETE users":
		return http.StatusNoContent, nil, s.RemoveUser(id)
	case "POST units":
		var u BusinessUnit
		if err := decoded(body, &u, func() error { return u.check() }); err != nil {
			return 0, nil, err
		}
		return http.StatusCreated, s.AddBusinessUnit(u), nil
	case "DELETE units":
		mid, _ := strconv.ParseInt(id, 10, 64) // 0 is no unit's number
		return http.StatusNoContent, nil, s.RemoveBusinessUnit(keepwatch.MID(mid))
	case "POST audit":
		var e AuditEntry
		if err := decoded(body, &e, func() error { return e.check() }); err != nil {
			return 0, nil, err
		}
		s.AddAuditEntry(e)
		return http.StatusNoContent, nil, nil
	}
	return 0, nil, errNoRoute
}

// patchUser lays the given fields over the user as it is.
func (s *Sim) patchUser(id string, body []byte) (int, any, error) {
	var bad error
	u, err := s.ChangeUser(id, func(u *User) {
		next := *u
		if bad = decoded(body, &next, func() error { return next.check() }); bad == nil {
			*u = next
		}
	})
	if err == nil {
		err = bad
	}
	return http.StatusOK, u, err
}

func decoded(body []byte, into any, check func() error) error {
	if err := strict(body, into); err != nil {
		return err
	}
	return check()
}

// check refuses what would make the simulator answer nonsense.
func (u User) check() error {
	if u.ID != "" {
		if n, err := strconv.ParseInt(u.ID, 10, 64); err != nil || n <= 0 {
			return fmt.Errorf("user id %q: %w", u.ID, keepwatch.ErrInvalid)
		}
	}
	for _, t := range []json.Marshaler{u.Created, u.LastLogin} {
		if _, err := t.MarshalJSON(); err != nil {
			return fmt.Errorf("created or last_login: %w", keepwatch.ErrInvalid)
		}
	}
	if u.MID < 0 || u.EID < 0 || len(u.Name) > 200 || len(u.Login) > 200 {
		return fmt.Errorf("mid, eid, name or login: %w", keepwatch.ErrInvalid)
	}
	return nil
}

func (u BusinessUnit) check() error {
	if u.MID <= 0 || u.EID < 0 || u.Parent < 0 || len(u.Name) > 200 {
		return fmt.Errorf("mid, eid, parent or name: %w", keepwatch.ErrInvalid)
	}
	return nil
}

func (e AuditEntry) check() error {
	if !e.At.IsZero() && !datable(e.At) || e.Kind == "" || e.MID < 0 || e.EID < 0 {
		return fmt.Errorf("at, kind, mid or eid: %w", keepwatch.ErrInvalid)
	}
	return nil
}

package sim

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/sfmc/sim/world"
)

// WorldState is the answer of GET world.
type WorldState struct {
	Now      time.Time      `json:"now"`
	Subjects []SubjectState `json:"subjects"`
}

// SubjectState sums up what really happened to one subject.
type SubjectState struct {
	Subject    string                      `json:"subject"`
	OnTime     int                         `json:"on_time"`
	Pending    int                         `json:"pending"`
	Late       int                         `json:"late"`
	Waiting    int                         `json:"waiting"`
	Lost       int                         `json:"lost"`
	Rejected   int                         `json:"rejected"`
	ByCause    map[keepwatch.CauseKind]int `json:"by_cause,omitempty"` // of late, waiting and lost
	HoursStale float64                     `json:"hours_stale"`
	MaxQueue   int                         `json:"max_queue,omitempty"`
	Runs       map[string]int              `json:"runs,omitempty"` // of an automation, by status
	Deeds      []DeedState                 `json:"deeds,omitempty"`
}

// DeedState is what was done, and when.
type DeedState struct {
	At   time.Time `json:"at"`
	Verb string    `json:"verb"`
	By   string    `json:"by"`
}

func subjectState(t world.Truth, id string) SubjectState {
	var all time.Time
	until := t.At.AddDate(100, 0, 0)
	s := SubjectState{
		Subject: id, OnTime: t.Count(id, all, until, world.OnTime), Pending: t.Count(id, all, until, world.Pending), Late: t.Count(id, all, until, world.Late),
		Waiting: t.Count(id, all, until, world.Waiting), Lost: t.Count(id, all, until, world.Lost), Rejected: t.Count(id, all, until, world.Rejected),
		ByCause: t.ByCause(id, all, until), HoursStale: t.HoursStale(id, all, until), Runs: map[string]int{},
	}
	s.MaxQueue, _ = t.MaxQueue(id, all, until)
	record := t.Of(id)
	for _, r := range record.Runs {
		s.Runs[r.Status]++
	}
	for _, d := range record.Deeds {
		s.Deeds = append(s.Deeds, DeedState{d.At, d.Verb, d.By})
	}
	return s
}

// clockPatch is the body of PATCH world/clock.
type clockPatch struct {
	Speed float64  `json:"speed"`
	Skip  Duration `json:"skip"`
}

// worldCommand runs a control request about what lives.
func (s *Sim) worldCommand(method string, path []string, body []byte) (int, any, error) {
	switch method + " " + strings.Join(path, "/") {
	case "GET ":
		t := s.Truth()
		state := WorldState{Now: s.now(), Subjects: []SubjectState{}}
		for _, id := range t.Subjects() {
			state.Subjects = append(state.Subjects, subjectState(t, id))
		}
		return http.StatusOK, state, nil
	case "POST ":
		var spec world.Spec
		if err := strict(body, &spec); err != nil {
			return 0, nil, err
		}
		return http.StatusNoContent, nil, s.AddWorld(spec)
	case "POST deeds":
		var d world.Deed
		if err := strict(body, &d); err != nil {
			return 0, nil, err
		}
		return http.StatusNoContent, nil, s.Do(d)
	case "PATCH clock":
		p := clockPatch{Speed: s.clock.pace()}
		if err := strict(body, &p); err != nil {
			return 0, nil, err
		}
		if err := s.Pace(p.Speed, time.Duration(p.Skip)); err != nil {
			return 0, nil, err
		}
		return http.StatusOK, object{"now": s.now(), "speed": p.Speed}, nil
	}
	if method == http.MethodGet && len(path) == 3 && path[0] == "truth" {
		id := path[1] + "/" + path[2]
		t := s.Truth()
		if t.Of(id) == nil {
			return 0, nil, fmt.Errorf("%s: %w", id, keepwatch.ErrNotFound)
		}
		return http.StatusOK, subjectState(t, id), nil
	}
	return 0, nil, errNoRoute
}

func (c *clock) pace() float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.from.IsZero() {
		return 1
	}
	return c.speed
}

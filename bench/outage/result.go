package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"keepwatch"
)

// result is what is left of a play.
type result struct {
	crashes, incidents, notices, messages int
	collapsed, together                   int // notices that another message has told
	lost                                  []string
	late                                  time.Duration  // from the end of the outage to the last message about what was before it
	repeats                               map[string]int // by receiver
	wrong                                 []string       // repeats that no crash explains
}

var errBroken = errors.New("a promise is broken")

// broken says which promise does not hold.
func (r *result) broken() error {
	var err error
	if len(r.lost) > 0 {
		err = errors.Join(err, fmt.Errorf("%d notices are lost, the first: %s: %w", len(r.lost), r.lost[0], errBroken))
	}
	if len(r.wrong) > 0 {
		err = errors.Join(err, fmt.Errorf("%d repeats, the first: %s: %w", len(r.wrong), r.wrong[0], errBroken))
	}
	if r.late > 5*time.Minute {
		err = errors.Join(err, fmt.Errorf("the last message came %s after the outage: %w", r.late, errBroken))
	}
	return err
}

func (r *result) String() string {
	return fmt.Sprintf("%d crashes, %d incidents with %d notices, %d messages at %d receivers; %d times a notice was told by a later message of its incident, "+
		"%d times by one about several; %d lost; the last of what was before the end of the outage was told %s after it; repeats %v",
		r.crashes, r.incidents, r.notices, r.messages, len(kinds), r.collapsed, r.together, len(r.lost), r.late.Round(10*time.Millisecond), r.repeats)
}

// told reports whether a row's receiver really has what it tells: by itself, in a later
// message of its incident, or in one about several.
func (r *result) told(d keepwatch.Delivery, rows []keepwatch.Delivery, came map[string]map[string]bool, back time.Time) bool {
	switch by, said := strings.CutPrefix(d.LastError, "said by "); {
	case d.Status == keepwatch.DeliveryCollapsed && said:
		for _, other := range rows {
			if string(other.ID) == by && other.Receiver == d.Receiver {
				r.collapsed++
				return r.told(other, rows, came, back)
			}
		}
		return false
	case d.Status != keepwatch.DeliverySent:
		return false
	}
	if d.Notice.At.Before(back) {
		r.late = max(r.late, d.SentAt.Sub(back))
	}
	key := string(d.ID)
	if _, by, found := strings.Cut(d.Receipt, "said together with others in "); found && d.Bundle != "" {
		r.together++
		key = by
	}
	return arrived(d, key, came[d.Receiver])
}

// arrived looks for a message's key as its channel spells it.
func arrived(d keepwatch.Delivery, key string, came map[string]bool) bool {
	switch d.Receiver {
	case "pager":
		action := "trigger"
		if d.Notice.Kind == keepwatch.Resolved {
			action = "resolve"
		}
		return came[string(d.Notice.Incident.ID)+" "+action]
	case "mail":
		for id := range came {
			if strings.Contains(id, mailKey(key)) {
				return true
			}
		}
		return false
	}
	return came[key]
}

// countRepeats asks of each repeat for the crash that caused it: the process that had sent
// the message died before it could write that down, and one death may cause one.
func (r *result) countRepeats(kind string, list []arrival) {
	last, caused := map[string]string{}, map[string]bool{}
	for _, a := range list {
		before, known := last[a.key]
		last[a.key] = a.life
		switch {
		case !known:
			continue
		case before == a.life:
			r.wrong = append(r.wrong, fmt.Sprintf("%s got %s twice from process %s", kind, a.key, a.life))
		case caused[before]:
			r.wrong = append(r.wrong, fmt.Sprintf("%s got %s again, and the death of process %s has caused a repeat already", kind, a.key, before))
		}
		r.repeats[kind]++
		caused[before] = true
	}
}

func mailKey(key string) string { return "<" + keepwatch.Digest("delivery", key) + "@" }

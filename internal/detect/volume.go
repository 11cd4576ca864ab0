package detect

import (
	"fmt"
	"regexp"
	"strconv"

	"keepwatch"
)

// volume judges how much is sent by one definition, and what is not sent for
// reasons that are not the contact's.
func (j *judge) volume() {
	r := j.w.Reading.Send
	if r == nil || r.Sent == nil {
		j.w.Verdict = held(j.was, "SFMC shows no count of what this definition sends.")
		return
	}
	unsent := int64(0)
	if j.prev != nil && j.prev.Send != nil {
		before := j.prev.Send
		j.count(before.Sent, r.Sent)
		if before.NotSent != nil && r.NotSent != nil && *r.NotSent >= *before.NotSent && j.w.Reading.Window > 0 {
			unsent = bounded(*r.NotSent - *before.NotSent)
		}
	}
	j.flow()
	if j.w.Reading.Window > 0 {
		j.share(0, bounded(j.delta), unsent)
	}
	worst, failing := j.worstShare()
	if failing && j.mem.Alarm != alarmSilent && (j.mem.Alarm == alarmFailing || !j.w.Reading.Maintenance) {
		j.raise(alarmFailing, keepwatch.VolumeDropped)
		j.failingSince(worst)
		v := &j.w.Verdict
		v.Page = float64(worst.Failed) >= shareHigh*float64(worst.Tried)
		v.Evidence = fmt.Sprintf("%s of %s messages were not sent since %s; up to %.0f %% would be usual.%s", figure(float64(worst.Failed)), figure(float64(worst.Tried)), stamp(worst.From), 100*bound(worst), topError(r.TopError))
		v.Hint = unsentHint(r.TopError)
		return
	}
	if j.mem.Alarm == alarmFailing {
		j.mem.Alarm = ""
	}
	j.flowing(keepwatch.VolumeDropped)
	if v := &j.w.Verdict; v.Outcome == keepwatch.VolumeDropped {
		v.Hint = "Look at what sends its requests: its credential, its log, its last call. A caller that is refused leaves nothing in SFMC's queue."
		if r.Status != "" && !is(r.Status, "active", "running") {
			v.Evidence += fmt.Sprintf(" The definition is %s.", r.Status)
			v.Hint = "Make the definition active again; what waits in its queue for 72 h is dropped."
		}
	}
}

func topError(e string) string {
	if e == "" {
		return ""
	}
	return fmt.Sprintf(" Most often: %s.", e)
}

var number = regexp.MustCompile(`\d+`)

// unsentHint tells whose reason it is: the platform's, the content's, or the
// configuration's.
func unsentHint(e string) string {
	code, _ := strconv.Atoi(number.FindString(e))
	switch code {
	case 26:
		return "The email cannot be built: look at its content and at the fields that it reads."
	case 43, 126, 138, 139:
		return "SFMC took too long, or a limit of messages was reached: look at the queue, the limits and SFMC's status page."
	case 140:
		return "The from-address is not verified: look at the domain's verification."
	}
	return "Look at the not-sent messages of this definition and their reasons."
}

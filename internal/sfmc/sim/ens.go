package sim

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/sfmc/sim/world"
)

// Limits of the Event Notification Service.
const (
	ensProbeTime  = 30 * time.Second
	ensPushTime   = 2 * time.Second
	ensVerifyTime = 4 * time.Hour
	ensTries      = 4 // the first and three more
	ensRetryAfter = time.Second
	ensSuspension = 10 * time.Minute
	ensOutbox     = 10_000
	maxCallbacks  = 50
)

// ens are the callbacks with what waits to be pushed.
type ens struct {
	callbacks []*callback
	pushing   bool
}

type callback struct {
	id, name, url string
	mid           keepwatch.MID
	size          int
	key           string // signs
	proof         string // the verification key
	made          time.Time
	status        string // verified, unverified
	reason        string
	subs          []subscription
	outbox        []object
	lost          int
	failures      []time.Time
	suspended     time.Time // until
	suspension    time.Duration
}

type subscription struct {
	ID       string   `json:"subscriptionId,omitempty"`
	Callback string   `json:"callbackId"`
	Name     string   `json:"subscriptionName"`
	Types    []string `json:"eventCategoryTypes"`
	Filters  []string `json:"filters,omitempty"`
	Status   string   `json:"status"`
}

func (b *callback) item() object {
	return object{"callbackId": b.id, "callbackName": b.name, "url": b.url, "maxBatchSize": b.size, "status": b.status, "statusReason": b.reason}
}

// ensCallback lists callbacks, or makes one: SFMC posts the verification key to the
// address first.
func ensCallback(c *call) (answer, bool) {
	if c.r.Method == http.MethodPost {
		return c.newCallback(), true
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	out := []object{}
	for _, b := range c.s.ens.callbacks {
		if b.mid == c.mid {
			out = append(out, b.item())
		}
	}
	return ok(out)
}

func (c *call) newCallback() answer {
	var list []struct {
		Name string `json:"callbackName"`
		URL  string `json:"url"`
		Size int    `json:"maxBatchSize"`
	}
	if unmarshal(c.body, &list) != nil || len(list) != 1 {
		a, _ := badBody()
		return a
	}
	one := list[0]
	u, err := url.Parse(one.URL)
	if err != nil || u.Scheme != "https" || u.Port() != "" || u.RawQuery != "" || u.Host == "" {
		return restError(http.StatusBadRequest, 10005, "The url must be https, without a port and without a query string.")
	}
	if one.Size == 0 {
		one.Size = 1000
	}
	if one.Size < 100 || one.Size > 1000 {
		return restError(http.StatusBadRequest, 10005, "maxBatchSize is between 100 and 1000.")
	}
	b := &callback{
		id: guidOf("callback", randomText(12)), name: one.Name, url: one.URL, mid: c.mid, size: one.Size, status: "unverified", made: c.now,
		key: base64.StdEncoding.EncodeToString([]byte(randomText(32))), proof: guidOf("verification", randomText(12)),
	}
	body, _ := json.Marshal(object{"callbackId": b.id, "verificationKey": b.proof}) // of strings: cannot fail
	if !c.s.push(b.url, body, "", ensProbeTime, func(status int) bool { return status == http.StatusOK }) {
		return restError(http.StatusBadRequest, 10006, "MCMS_UWH_Runtime_GeneralFailure_probeCallbackLiveness: the callback did not answer.")
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if len(c.s.ens.callbacks) >= maxCallbacks {
		return restError(http.StatusBadRequest, 10005, "There are too many callbacks.")
	}
	c.s.ens.callbacks = append(c.s.ens.callbacks, b)
	out := b.item()
	out["signatureKey"] = b.key // shown this once
	return jsonAnswer(http.StatusCreated, []object{out})
}

func (s *Sim) callback(id string, mid keepwatch.MID) *callback {
	for _, b := range s.ens.callbacks {
		if strings.EqualFold(b.id, id) && b.mid == mid {
			return b
		}
	}
	return nil
}

func ensVerify(c *call) (answer, bool) {
	var v struct{ CallbackID, VerificationKey string }
	if unmarshal(c.body, &v) != nil {
		return badBody()
	}
	b := c.s.callback(v.CallbackID, c.mid)
	if b == nil || b.proof != v.VerificationKey || c.now.Sub(b.made) > ensVerifyTime {
		return restError(http.StatusBadRequest, 10005, "The verification key is not valid."), true
	}
	b.status = "verified"
	return ok(b.item())
}

func ensSubscribe(c *call) (answer, bool) {
	var list []subscription
	if unmarshal(c.body, &list) != nil || len(list) == 0 {
		return badBody()
	}
	for i := range list {
		b := c.s.callback(list[i].Callback, c.mid)
		if b == nil || b.status != "verified" || len(b.subs) >= 200 || len(list[i].Types) == 0 {
			return restError(http.StatusBadRequest, 10005, "The callback is not verified, or the subscription lacks event types."), true
		}
		list[i].ID = guidOf("subscription", randomText(12))
		if list[i].Status == "" {
			list[i].Status = "active"
		}
		b.subs = append(b.subs, list[i])
	}
	return jsonAnswer(http.StatusCreated, list), true
}

func ensSubscriptions(c *call) (answer, bool) {
	b := c.s.callback(c.part(3), c.mid)
	if b == nil {
		return c.notFound(), true
	}
	if b.subs == nil {
		return ok([]object{})
	}
	return ok(b.subs)
}

// fetchNotices puts what happened into the outboxes of those who subscribed to it.
// What falls into a suspension is lost.
func (s *Sim) fetchNotices(now time.Time) {
	notices := s.world.Notices()
	for _, b := range s.ens.callbacks {
		if b.status != "verified" {
			continue
		}
		for _, n := range notices {
			if n.Unit != 0 && n.Unit != b.mid {
				continue
			}
			kind, events := s.eventsOf(n, b)
			if !b.wants(kind, n) {
				continue
			}
			if n.At.Before(b.suspended) {
				b.lost += len(events)
				continue
			}
			b.outbox = append(b.outbox, events...)
		}
		if over := len(b.outbox) - ensOutbox; over > 0 {
			b.outbox, b.lost = b.outbox[over:], b.lost+over
		}
		if now.After(b.suspended) && strings.HasPrefix(b.reason, "suspended") {
			b.reason = ""
		}
	}
}

func (b *callback) wants(kind string, n world.Notice) bool {
	return slices.ContainsFunc(b.subs, func(s subscription) bool {
		if s.Status != "active" || !slices.Contains(s.Types, kind) {
			return false
		}
		for _, f := range s.Filters {
			if key, fine := strings.CutPrefix(f, "definitionKey="); fine && key != n.Send {
				return false
			}
		}
		return true
	})
}

// eventsOf are the events of a notice: one of a run, one for each message of a definition.
func (s *Sim) eventsOf(n world.Notice, b *callback) (string, []object) {
	eid := s.units[b.mid].EID
	if n.Automation != "" {
		kind := "SendEvents.AutomationInstance" + n.Kind
		source := "Schedule"
		if n.Triggered {
			source = "FileDrop"
		}
		return kind, []object{{
			"eventCategoryType": kind, "timestampUTC": n.At.UnixMilli(), "mid": b.mid, "eid": eid, "automationName": n.Name, "automationCustomerKey": n.Automation, "automationType": source,
			"automationInstanceID": n.Run, "automationInstanceStatus": n.Kind, "info": object{"automationInstanceScheduledTimeUTC": n.Planned.Format(time.RFC3339), "automationInstanceFilenameFromTrigger": ""},
		}}
	}
	channel := "Email"
	if n.Channel == keepwatch.SubjectTransactionalSMS {
		channel = "Sms"
	}
	kind := "TransactionalSendEvents." + channel + n.Kind
	if n.Channel == keepwatch.SubjectTriggeredSend || !slices.ContainsFunc(b.subs, func(s subscription) bool { return slices.Contains(s.Types, kind) }) {
		return kind, nil // triggered sends have no such events
	}
	events := make([]object, 0, n.Count)
	for range n.Count {
		events = append(events, object{
			"eventCategoryType": kind, "timestampUTC": n.At.UnixMilli(), "compositeId": "1.2.3.4.5", "composite": object{"jobId": "1", "batchId": "2", "listId": "3", "subscriberId": "4", "emailId": "5"},
			"definitionKey": n.Send, "definitionId": guidOf(string(n.Channel), n.Send), "mid": b.mid, "eid": eid,
			"info": object{"messageKey": guidOf("message", randomText(8)), "subscriberKey": "C-" + randomText(8), "statusCode": n.Code, "statusMessage": sendCodes[n.Code]},
		})
	}
	return kind, events
}

// Tick lives up to now and pushes what is to be pushed before it returns. Without it
// both happen with the next request.
func (s *Sim) Tick() {
	s.lock()
	s.mu.Unlock()
	s.deliver()
}

// pushSoon delivers in the background, once at a time.
func (s *Sim) pushSoon() {
	s.mu.Lock()
	waiting := slices.ContainsFunc(s.ens.callbacks, func(b *callback) bool { return len(b.outbox) > 0 })
	start := waiting && !s.ens.pushing && !s.closed
	if start {
		s.ens.pushing = true
	}
	s.mu.Unlock()
	if start {
		go func() {
			s.deliver()
			s.mu.Lock()
			s.ens.pushing = false
			s.mu.Unlock()
		}()
	}
}

// deliver empties the outboxes, batch by batch.
func (s *Sim) deliver() {
	for {
		b, batch := s.nextBatch()
		if b == nil {
			return
		}
		s.deliverBatch(b, batch)
	}
}

func (s *Sim) nextBatch() (*callback, []object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.ens.callbacks {
		if n := min(len(b.outbox), b.size); n > 0 && !s.closed {
			batch := slices.Clone(b.outbox[:n])
			b.outbox = b.outbox[n:]
			return b, batch
		}
	}
	return nil, nil
}

// deliverBatch tries four times, and then the batch is lost. Two failures within five
// minutes suspend the callback, each time for longer.
func (s *Sim) deliverBatch(b *callback, batch []object) {
	body, err := json.Marshal(batch)
	if err != nil {
		return
	}
	mac := hmac.New(sha256.New, []byte(b.key))
	mac.Write(body)
	signature := base64.StdEncoding.EncodeToString(mac.Sum(nil))
	for try := range ensTries {
		if s.push(b.url, body, signature, ensPushTime, func(status int) bool { return status >= 200 && status <= 204 }) {
			s.mu.Lock()
			defer s.mu.Unlock()
			b.suspension = 0
			return
		}
		if try < ensTries-1 && !s.pause(ensRetryAfter) {
			return
		}
	}
	s.failed(b, len(batch))
}

// failed notes that a batch is lost, and suspends the callback for the second within
// five minutes. What waits then is lost, too.
func (s *Sim) failed(b *callback, n int) {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	b.lost += n
	b.failures = slices.DeleteFunc(append(b.failures, now), func(t time.Time) bool { return now.Sub(t) > 5*time.Minute })
	if len(b.failures) < 2 {
		return
	}
	b.suspension = min(time.Hour, max(ensSuspension, 2*b.suspension))
	b.suspended, b.failures = now.Add(b.suspension), nil
	b.reason = "suspended until " + b.suspended.Format(time.RFC3339)
	b.lost += len(b.outbox)
	b.outbox = nil
}

// pause waits, unless the simulator is closed.
func (s *Sim) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.done:
		return false
	}
}

// push posts a body and reads the status.
func (s *Sim) push(to string, body []byte, signature string, limit time.Duration, good func(int) bool) bool {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	released := make(chan struct{})
	defer close(released)
	go func() {
		select {
		case <-s.done:
			cancel()
		case <-released:
		}
	}()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return false
	}
	request.Header.Set("Content-Type", "application/json")
	if signature != "" {
		request.Header.Set("x-sfmc-ens-signature", signature)
	}
	transport := s.opts.Push
	if transport == nil {
		transport = http.DefaultTransport
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10))
	return good(response.StatusCode)
}

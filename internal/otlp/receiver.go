package otlp

import (
	"context"
	"time"

	"go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"keepwatch"
	"keepwatch/internal/repeats"
)

const (
	// KeysKept and KeysMost are how long, and how many of, the ids of spans are
	// remembered: a batch that is sent again within them counts once.
	KeysKept = 15 * time.Minute
	KeysMost = 200_000

	// MaxBody is the size of a request after it was unpacked. The default batch of an
	// SDK, 512 spans, has some 300 KiB.
	MaxBody = 4 << 20
	// parallel requests are decoded at a time: with MaxBody it bounds the memory that
	// senders can claim.
	parallel = 4
	// patience is how long a request waits for its turn before it is told to come later.
	patience = time.Second
	// retryAfter is what a sender is told then.
	retryAfter = 2 * time.Second
)

// Sink takes calls. It never blocks and never fails.
type Sink interface{ Saw(keepwatch.Call) }

// Options are what a Receiver needs. Rules is asked at each request.
type Options struct {
	Rules func() *Rules
	Calls Sink
	// Count is told how many spans ended alike; nil counts nothing.
	Count func(result Result, n int)
}

// Receiver takes requests with spans. It may be used by many at a time.
type Receiver struct {
	Options
	seen  *repeats.Recent
	slots chan struct{}
}

// New returns a Receiver.
func New(o Options) *Receiver {
	if o.Count == nil {
		o.Count = func(Result, int) {}
	}
	return &Receiver{Options: o, seen: repeats.New(KeysKept, KeysMost), slots: make(chan struct{}, parallel)}
}

// enter waits for a turn; false means that the sender should come later.
func (r *Receiver) enter(ctx context.Context) bool {
	select {
	case r.slots <- struct{}{}:
		return true
	default:
	}
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case r.slots <- struct{}{}:
		return true
	case <-t.C:
	case <-ctx.Done():
	}
	return false
}

func (r *Receiver) leave() { <-r.slots }

// Take hands on the calls of one request and says what could not be read. A span that
// is not meant for us is no failure: the sender shall not hear of it, let alone repeat it.
func (r *Receiver) Take(request *v1.ExportTraceServiceRequest, now time.Time) *v1.ExportTraceServiceResponse {
	rules := r.Rules()
	counts := map[Result]int{}
	for _, rs := range request.GetResourceSpans() {
		for _, ss := range rs.GetScopeSpans() {
			for _, s := range ss.GetSpans() {
				counts[r.one(rules, rs, s, now)]++
			}
		}
	}
	for _, result := range Results {
		if n := counts[result]; n > 0 {
			r.Count(result, n)
		}
	}
	answer := &v1.ExportTraceServiceResponse{}
	if n := counts[Unreadable]; n > 0 {
		answer.PartialSuccess = &v1.ExportTracePartialSuccess{
			RejectedSpans: int64(n),
			ErrorMessage:  "calls of SFMC whose ids are damaged, or whose times lie more than 5 minutes ahead or more than a day back",
		}
	}
	return answer
}

func (r *Receiver) one(rules *Rules, rs *tracepb.ResourceSpans, s *tracepb.Span, now time.Time) Result {
	call, result := r.callOf(rules, rs.GetResource().GetAttributes(), s, now)
	if result == Accepted {
		r.Calls.Saw(call)
	}
	return result
}

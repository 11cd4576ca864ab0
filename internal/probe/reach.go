package probe

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"keepwatch"
	"keepwatch/internal/egress"
	"keepwatch/internal/sfmc"
)

const (
	// answerCounts is how long an answer from anywhere proves our own network.
	answerCounts = 60 * time.Second
	// askAgain is the shortest distance of active questions: when everything is
	// down a thousand runs fail together, and one answer serves them all.
	askAgain = 10 * time.Second
	askLimit = 5 * time.Second
)

// reach knows whether our own network works: because something answered lately,
// or because it asks.
type reach struct {
	egress     *egress.Client
	references []string
	last       atomic.Int64 // unix nanoseconds of the newest answer
	flights    *flights[bool]
}

func newReach(e *egress.Client, references []string) *reach {
	return &reach{egress: e, references: references, flights: newFlights(func(bool) time.Duration { return askAgain })}
}

func (r *reach) answered() { r.last.Store(time.Now().UnixNano()) }

func (r *reach) known() keepwatch.Connectivity {
	if last := r.last.Load(); last != 0 && time.Since(time.Unix(0, last)) <= answerCounts {
		return keepwatch.ConnectivityProven
	}
	return keepwatch.ConnectivityUnproven
}

// ask connects to what else is known: the tenant's other hosts and the
// references. The host that failed proves nothing about us.
func (r *reach) ask(ctx context.Context, pl *plan, failedStep string) keepwatch.Connectivity {
	if r.known() == keepwatch.ConnectivityProven {
		return keepwatch.ConnectivityProven
	}
	others := r.others(pl, failedStep)
	if len(others) == 0 {
		return keepwatch.ConnectivityUnproven
	}
	reached, ok := r.flights.get(ctx, strings.Join(others, " "), func(ctx context.Context) bool { return r.dial(ctx, others) })
	if !ok || !reached {
		return keepwatch.ConnectivityUnproven
	}
	return keepwatch.ConnectivityProven
}

func (r *reach) others(pl *plan, failedStep string) []string {
	failed := hostOf(pl, failedStep)
	var list []string
	for _, t := range targetsOf(pl.endpoints, true, true, true) {
		if t.addr != failed && !r.egress.Proxied(t.url) {
			list = append(list, t.addr)
		}
	}
	for _, ref := range r.references {
		if ref != failed {
			list = append(list, ref)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// hostOf is the address that a step talks to; an integration point is none of the
// others.
func hostOf(pl *plan, step string) string {
	if strings.HasPrefix(step, pointPrefix) {
		return ""
	}
	kind, rest, _ := strings.Cut(step, ":")
	u := pl.endpoints.Auth
	switch {
	case kind == "soap", rest == "soap", step == "identity" && pl.kind == keepwatch.APIUser:
		u = pl.endpoints.SOAP
	case kind == "rest", rest == "rest", step == "identity" && pl.kind == keepwatch.LegacyPackage:
		u = pl.endpoints.REST
	}
	return newTarget("", u).addr
}

// dial asks all at once; one connection is enough.
func (r *reach) dial(ctx context.Context, addrs []string) bool {
	ctx, cancel := context.WithTimeout(ctx, min(askLimit, sfmc.ConnectTimeout))
	defer cancel()
	got := make(chan bool)
	for _, addr := range addrs {
		go func() {
			conn, err := r.egress.Dial(ctx, "tcp", addr)
			if err == nil {
				_ = conn.Close()
			}
			got <- err == nil
		}()
	}
	reached := false
	for range addrs { // wait for all: nothing is left running
		if <-got {
			reached = true
			cancel()
		}
	}
	return reached
}

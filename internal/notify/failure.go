package notify

import (
	"errors"
	"time"
)

// Class says what to do after a failed attempt, apart from what went wrong.
type Class string

const (
	// ClassRetryable may pass: the same message is tried again, with back-off.
	ClassRetryable Class = "retryable"
	// ClassRateLimited may pass, and the receiver said when.
	ClassRateLimited Class = "rate_limited"
	// ClassPermanent will not pass: trying again is of no use.
	ClassPermanent Class = "permanent"
)

type classified struct {
	err   error
	class Class
	after time.Duration
}

func (c *classified) Error() string { return c.err.Error() }
func (c *classified) Unwrap() error { return c.err }

// Permanent marks an error that trying again does not change.
func Permanent(err error) error { return &classified{err: err, class: ClassPermanent} }

// Retryable marks an error that may pass by itself.
func Retryable(err error) error { return &classified{err: err, class: ClassRetryable} }

// RateLimited marks a refusal that named the time to wait.
func RateLimited(err error, after time.Duration) error {
	return &classified{err: err, class: ClassRateLimited, after: min(max(after, time.Second), maxRetryAfter)}
}

// ClassOf reads the class of an error. What nobody classified is retryable: a
// message too many is better than one too few.
func ClassOf(err error) (Class, time.Duration) {
	var c *classified
	if errors.As(err, &c) {
		return c.class, c.after
	}
	return ClassRetryable, 0
}

const (
	// backoffCap keeps the promise that a message arrives at most five minutes
	// after its receiver is back.
	backoffCap  = 5 * time.Minute
	backoffBase = 5 * time.Second
	// maxRetryAfter bounds what a receiver may ask for.
	maxRetryAfter = time.Hour
)

// backoff is the wait after the n-th failure in a row, n from 1. random in [0,1)
// takes off up to a half: the cap is a promise, so jitter never adds.
func backoff(n int, random float64) time.Duration {
	d := backoffCap
	if n < 8 { // 5 s << 7 is past the cap
		d = min(backoffBase<<max(n-1, 0), backoffCap)
	}
	return d - time.Duration(random*float64(d)/2)
}

package sfmc

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxRetryAfter is the longest wait that an answer may ask for. Longer ones are
// taken as this: a broken header must not silence a test for a year.
const maxRetryAfter = 24 * time.Hour

// RetryAfter reads the header's two forms, seconds and date. What cannot be read
// or lies in the past is no wish to wait: 0.
func RetryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if value == "" {
		return 0
	}
	if digits(value) {
		seconds, err := strconv.ParseInt(value, 10, 64)
		if err != nil { // more digits than an int64 holds
			return maxRetryAfter
		}
		return clampWait(time.Duration(min(seconds, int64(maxRetryAfter/time.Second))) * time.Second)
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return clampWait(at.Sub(now))
}

func clampWait(d time.Duration) time.Duration { return max(0, min(d, maxRetryAfter)) }

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

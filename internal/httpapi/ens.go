package httpapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"keepwatch/client"
)

// ensPath is where SFMC's Event Notification Service posts its batches.
const ensPath = "/ens/"

const (
	ensBody    = 4 << 20         // a batch has at most 1,000 events
	ensTimeout = 2 * time.Second // SFMC gives up then, and after a few times for an hour
)

// Notifications takes one request of the Event Notification Service and says with
// which status to answer it.
type Notifications func(ctx context.Context, callback string, header http.Header, body []byte) (status int)

// ens answers without an account: the signature says who asks. An address that nobody
// configured is refused like a bad signature, so that nobody learns which there are.
func (a *api) ens(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	status := http.StatusUnauthorized
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		status = http.StatusRequestEntityTooLarge
	case err != nil:
		return // it is gone
	case a.Notified != nil:
		status = a.Notified(r.Context(), r.PathValue("callback"), r.Header, body)
	}
	switch {
	case status < 300:
		w.WriteHeader(status)
	case status == http.StatusUnauthorized:
		writeError(w, status, client.ErrorDetail{Code: "unauthorized", Message: "the signature of this request is not good", Hint: "name the callback and its signature key in the tenant's effects.ens"})
	case status == http.StatusRequestEntityTooLarge:
		writeError(w, status, client.ErrorDetail{Code: "too_large", Message: "the batch is too large", Hint: "a callback has at most 1,000 events in a batch"})
	case status == http.StatusBadRequest:
		writeError(w, status, client.ErrorDetail{Code: "invalid", Message: "this is no batch of events"})
	default:
		writeError(w, http.StatusServiceUnavailable, client.ErrorDetail{Code: "unavailable", Message: "the batch could not be taken", Hint: "send it again"})
	}
}

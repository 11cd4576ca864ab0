package view

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"

	"keepwatch"
	"keepwatch/client"
)

// failures is the one table from kinds of error to what a caller sees of them.
// The API and the pages both answer from it.
var failures = []struct {
	kind   error
	status int
	code   string
	// fact is shown in place of the error's own words where those may name what
	// is behind us: an address, a file, a driver.
	fact, hint string
}{
	{kind: keepwatch.ErrInvalid, status: http.StatusBadRequest, code: "invalid"},
	{kind: keepwatch.ErrUnauthorized, status: http.StatusUnauthorized, code: "unauthorized"},
	{kind: keepwatch.ErrForbidden, status: http.StatusForbidden, code: "forbidden"},
	{kind: keepwatch.ErrNotFound, status: http.StatusNotFound, code: "not_found"},
	{kind: keepwatch.ErrConflict, status: http.StatusConflict, code: "conflict"},
	{
		kind: keepwatch.ErrUnavailable, status: http.StatusServiceUnavailable, code: "unavailable",
		fact: "Keepwatch cannot do this at the moment", hint: "try again in a moment; /readyz says which part does not work",
	},
	{
		kind: context.DeadlineExceeded, status: http.StatusGatewayTimeout, code: "timeout",
		fact: "this took longer than allowed", hint: "try again in a moment; /readyz says which part does not work",
	},
}

// Failure is what a caller sees of an error. ID is set when the error's own
// words are held back: the log has them under that id.
type Failure struct {
	Status int
	client.ErrorDetail
	ID string
}

// FailureOf looks an error up in the table. What is in no row is our own fault:
// the caller gets an id, never the text.
func FailureOf(err error) Failure {
	for _, row := range failures {
		if !errors.Is(err, row.kind) {
			continue
		}
		f := Failure{Status: row.status, ErrorDetail: client.ErrorDetail{Code: row.code, Message: err.Error(), Hint: keepwatch.HintOf(err)}}
		if row.fact != "" {
			f.Message, f.ID = row.fact, failureID()
			if f.Hint == "" {
				f.Hint = row.hint
			}
		}
		return f
	}
	id := failureID()
	return Failure{Status: http.StatusInternalServerError, ID: id, ErrorDetail: client.ErrorDetail{
		Code: "internal", Message: "something went wrong on our side (" + id + ")",
		Hint: "the daemon's log has the fact under this id",
	}}
}

func failureID() string {
	b := make([]byte, 5)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the process instead
	return hex.EncodeToString(b)
}

package client

import (
	"fmt"
	"strings"
)

// ErrorBody is the body of every answer that is not a success.
type ErrorBody struct {
	Error ErrorDetail `json:"error"`
}

// ErrorDetail says what went wrong and what to do about it.
type ErrorDetail struct {
	Code    string `json:"code" doc:"stable name of the kind of error"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
}

// Error is an answer of the server that is not a success.
type Error struct {
	Status int
	ErrorDetail
}

func (e *Error) Error() string {
	if e.Message == "" {
		return fmt.Sprintf("the server answered %d", e.Status)
	}
	if strings.HasSuffix(e.Message, strings.ReplaceAll(e.Code, "_", " ")) {
		return fmt.Sprintf("%s (%d)", e.Message, e.Status)
	}
	return fmt.Sprintf("%s (%s, %d)", e.Message, e.Code, e.Status)
}

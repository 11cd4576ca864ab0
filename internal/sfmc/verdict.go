package sfmc

import (
	"time"

	"keepwatch"
)

// Verdict is the name of one answer.
type Verdict struct {
	Outcome    keepwatch.Outcome
	Cause      string // name in the Catalogue; "" when ok
	HTTPStatus int    // 0 when no answer came
	Message    string
	Hint       string
	Evidence   string // redacted, at most 300 bytes
	RetryAfter time.Duration
	Ambiguous  bool // a 401 that the identity route has to decide
}

// OK reports whether the answer is what the interface promises.
func (v Verdict) OK() bool { return v.Outcome == keepwatch.OK }

// verdict fills in the words of a cause.
func (c *Cause) verdict(status int, evidence string) Verdict {
	return Verdict{
		Outcome: c.Outcome, Cause: c.Name, HTTPStatus: status,
		Message: c.Message, Hint: c.Hint, Evidence: evidence, Ambiguous: c.Ambiguous,
	}
}

// As renames the verdict after another row of the catalogue, keeping what was seen.
func (v Verdict) As(cause string) Verdict {
	named := mustCause(cause).verdict(v.HTTPStatus, v.Evidence)
	named.RetryAfter, named.Ambiguous = v.RetryAfter, false
	return named
}

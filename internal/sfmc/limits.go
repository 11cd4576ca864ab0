package sfmc

import "time"

// What a call may take. Sources: the client timeouts seen in the field, and the
// sizes of recorded answers, the largest of which is far below the limit.
const (
	ConnectTimeout = 5 * time.Second
	TokenTimeout   = 30 * time.Second
	RESTTimeout    = 30 * time.Second
	SOAPTimeout    = 90 * time.Second

	maxBody = 1 << 20
)

// What Salesforce asks of callers, all soft. Source: Salesforce Help,
// "Marketing Cloud Engagement API limits".
const (
	// TokenGuideline is the distance of token requests of one client machine.
	TokenGuideline = 20 * time.Minute
	// TokenLife is how long a token is advertised to live (1,079 s).
	TokenLife = 1079 * time.Second
	// Propagation is how long an edit of a package takes to reach new tokens.
	Propagation = 5 * time.Minute
	// SOAPPage is the most objects in one answer to Retrieve.
	SOAPPage = 2500
)

// YearlyCalls is the soft yearly allowance of API requests by edition.
var YearlyCalls = []struct {
	Edition string
	Calls   int
}{{"Pro", 2_000_000}, {"Corporate", 6_000_000}, {"Enterprise", 200_000_000}}

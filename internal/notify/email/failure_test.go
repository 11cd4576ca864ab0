package email

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"keepwatch"
)

// A server that repeats what it was sent shows no password, however the library
// quotes its answer.
func TestFailureHidesARepeatedPassword(t *testing.T) {
	for _, password := range []string{"rtm;pUdcYn\"sh9MsH<Gwo6nJ", `back\slash"and\quote`, "plain-Passw0rd-of-24-char"} {
		for name, answer := range map[string]string{
			"as it is": "454 cannot sign in with " + password,
			"quoted":   fmt.Sprintf("454 %q", "cannot sign in with "+password),
			"twice":    fmt.Sprintf("%q", fmt.Sprintf("454 %q", "cannot sign in with "+password)),
		} {
			got := failure(errors.New(answer), keepwatch.NewSecret([]byte(password))).Error()
			if strings.Contains(unquoted(got), unquoted(password)) {
				t.Errorf("%s: %s", name, got)
			}
		}
	}
	if got := failure(errors.New("454 try again later"), keepwatch.NewSecret([]byte("secret"))).Error(); !strings.HasSuffix(got, "454 try again later") {
		t.Errorf("an ordinary answer reads %q", got)
	}
}

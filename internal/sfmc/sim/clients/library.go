package clients

import "time"

// Renewal is what a library does when a call is refused with 401.
type Renewal int

// What libraries do.
const (
	RenewNever    Renewal = iota // hands the refusal on
	RenewOnce                    // a new token, and the call once more
	RenewWhenTold                // the same, where WWW-Authenticate says invalid_token
	RepeatOnce                   // the same call with the same token: a fault of fuel-soap
)

// Library is how an SDK treats tokens and failures. The zero value keeps a token until
// it ends and hands every failure on.
type Library struct {
	Name  string
	Agent string // User-Agent; none where the library sends none

	// Of tokens.
	Margin   time.Duration // renewed so long before its end
	Shares   bool          // calls at the same time wait for one token request
	EachCall bool          // keeps no token
	NoUnit   bool          // asks without account_id
	// Tries is how many times a token is asked for when a REST call or a SOAP call needs one; 0 is once.
	// Wait stands between two tries and doubles.
	Tries, TriesSOAP int
	Wait             time.Duration

	// Of calls.
	Renews, RenewsSOAP Renewal
	Busy               int           // further tries after 429 and 5xx
	Broken             int           // further tries after the network failed
	Patience           time.Duration // the longest Retry-After that is obeyed
	Timeout            time.Duration // 0: waits for ever
	Lower              bool          // sends paths in lower case
	Service            string        // of SOAP; "" is Service.asmx

	Greets  []Call // after the first token of a process
	GivesUp bool   // a refused credential ends the run
}

// The libraries, as docs/simulator.md lists them.
var (
	SFMCSDK = Library{
		Name: "sfmc-sdk", Agent: "axios/1.7", Tries: 2, Renews: RenewNever, RenewsSOAP: RenewNever, Patience: noPatience,
	}
	MCDev = Library{
		Name: "mcdev", Agent: "axios/1.7", Tries: 2, Renews: RenewOnce, RenewsSOAP: RenewOnce, Broken: 3, Wait: time.Second, Patience: noPatience, GivesUp: true,
		Greets: []Call{{SOAP: "BusinessUnit"}},
	}
	Fuel = Library{
		Name: "fuel", Renews: RenewWhenTold, RenewsSOAP: RepeatOnce, Patience: noPatience, Lower: true,
	}
	Python = Library{
		Name: "FuelSDK-Python", Agent: "FuelSDK-Python-v1.3.0", Margin: 5 * time.Minute, Service: "service.asmx", Patience: noPatience,
		Greets: []Call{{WSDL: true}},
	}
	PHP  = Library{Name: "FuelSDK-PHP", Margin: 5 * time.Minute, Patience: noPatience}
	Ruby = Library{Name: "FuelSDK-Ruby", Margin: 5 * time.Minute, Timeout: 180 * time.Second, Service: "service.asmx", Patience: noPatience}
	Java = Library{
		Name: "FuelSDK-Java", Margin: 5 * time.Minute, Patience: noPatience, Greets: []Call{{Path: "platform/v1/endpoints/soap"}},
	}
	CSharp = Library{
		Name: "FuelSDK-CSharp", Margin: 5 * time.Minute, Patience: noPatience, Greets: []Call{{SOAP: "BusinessUnit"}, {Identity: true}},
	}
	Tap = Library{
		Name: "tap-exacttarget", Margin: 800 * time.Second, Tries: 5, TriesSOAP: 5, Wait: 2 * time.Second, NoUnit: true, Patience: noPatience,
		Greets: []Call{{WSDL: true}},
	}
	MCECLI = Library{
		Name: "mcecli", Agent: "mcecli", Margin: 2 * time.Minute, Shares: true, Renews: RenewOnce, Busy: 4, Broken: 4,
		Wait: time.Second, Patience: 10 * time.Second, Timeout: 90 * time.Second,
	}
	// What people write without a library.
	Careful = Library{
		Name: "careful", Agent: "shop-backend/4.2", Margin: time.Minute, Shares: true, Tries: 3, TriesSOAP: 3, Wait: time.Second,
		Renews: RenewOnce, RenewsSOAP: RenewOnce, Busy: 3, Broken: 3, Patience: time.Minute, Timeout: 30 * time.Second,
	}
	Wasteful = Library{ // the token for each call that guides warn of
		Name: "wasteful", Agent: "python-requests/2.32", EachCall: true, Timeout: 60 * time.Second, Patience: noPatience,
	}
	Stubborn = Library{ // asks again at once, again and again
		Name: "stubborn", Agent: "okhttp/4.12", Tries: 5, TriesSOAP: 5, Renews: RenewOnce, Busy: 5, Broken: 5, Patience: noPatience, Timeout: 10 * time.Second,
	}
)

// noPatience marks a library that does not look at Retry-After.
const noPatience = 0

// Libraries are all of them, in the order of the manual.
func Libraries() []Library {
	return []Library{SFMCSDK, MCDev, Fuel, Python, PHP, Ruby, Java, CSharp, Tap, MCECLI, Careful, Wasteful, Stubborn}
}

// keeps is how long a token of a life is used: what its margin leaves, and a tenth less
// than all of it where the margin is longer than the life.
func (l *Library) keeps(life time.Duration) time.Duration {
	if l.Margin >= life {
		return life - life/10
	}
	return life - l.Margin
}

// tries is how many times a call's token is asked for.
func (l *Library) tries(c *Call) int {
	if c.SOAP != "" {
		return max(l.TriesSOAP, 1)
	}
	return max(l.Tries, 1)
}

func (l *Library) renewal(c *Call) Renewal {
	if c.SOAP != "" {
		return l.RenewsSOAP
	}
	return l.Renews
}

package cli

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/scenario"
	"keepwatch/internal/sfmc/sim/clients"
)

// demoListener is the gateway that the demo's integrations stand behind.
const demoListener = "integrations"

// demoLearns is how long mulesoft-prod takes to be told of a new secret: long enough that
// the page shows who still uses the old one.
const demoLearns = 3 * time.Minute

// habits is how one holder works with its credential.
type habits struct {
	credential keepwatch.CredentialID
	holder     string
	library    clients.Library
	pause      time.Duration // of a service
	every      time.Duration // of a job
	old        int           // secrets of long ago that it tries first
	learns     time.Duration // after a rotation
}

// demoHolders are a good part of the estate's holders. A job asks for a token each time
// it runs, which makes minutes of what takes hours with tokens of 20 minutes.
var demoHolders = []habits{
	{credential: scenario.DemoDies, holder: "shop-backend", library: clients.Careful, every: 15 * time.Second},
	{credential: scenario.DemoDies, holder: "mulesoft-prod", library: clients.Java, every: 20 * time.Second, learns: demoLearns},
	{credential: "loyalty-points", holder: "loyalty-service", library: clients.Careful, pause: 3 * time.Second},
	{credential: "webshop-carts", holder: "shop-backend", library: clients.SFMCSDK, pause: 4 * time.Second},
	{credential: "bi-export-de", holder: "airflow", library: clients.Tap, every: 40 * time.Second},
	{credential: "password-reset", holder: "auth-service", library: clients.Wasteful, pause: 10 * time.Second},
	{credential: "invoice-mail-fr", holder: "erp", library: clients.CSharp, pause: 5 * time.Second},
	{credential: "segment-feed-fr", holder: "segment", library: clients.Careful, every: 25 * time.Second, old: 2},
	{credential: "shipping-updates", holder: "tms", library: clients.Ruby, pause: 4 * time.Second},
	{credential: "us-orders", holder: "mulesoft-us", library: clients.Java, pause: 3 * time.Second},
	{credential: "us-otp", holder: "auth-service", library: clients.SFMCSDK, pause: 2 * time.Second},
	{credential: "us-tracking", holder: "databricks", library: clients.Python, every: 45 * time.Second},
	{credential: "br-loyalty", holder: "loyalty-br", library: clients.PHP, pause: 6 * time.Second},
	{credential: "jp-orders", holder: "mulesoft-apac", library: clients.MCECLI, pause: 4 * time.Second},
	{credential: "au-carts", holder: "shop-au", library: clients.Stubborn, every: 20 * time.Second},
	{credential: "apac-connect", holder: "mc-connect", library: clients.CSharp, pause: 15 * time.Second},
}

// traffic lets the holders work through the daemon's gateway until the context ends.
func (d *demo) traffic(ctx context.Context, gateway string) error {
	specs := []clients.Spec{d.stranger("http://" + gateway + "/emea/auth/")}
	for _, h := range demoHolders {
		specs = append(specs, d.integration(h, "http://"+gateway+"/"))
	}
	through := &http.Transport{}
	load, err := clients.New(uint64(time.Now().UnixNano()), through, specs...)
	if err != nil {
		return err
	}
	load.Run(ctx)
	return nil
}

func (d *demo) integration(h habits, gateway string) clients.Spec {
	i := slices.IndexFunc(d.estate.Credentials, func(c keepwatch.Credential) bool { return c.ID == h.credential })
	c := d.estate.Credentials[i]
	at := gateway + string(c.Tenant) + "/" + h.holder + "/"
	s := clients.Spec{
		Name: string(c.ID) + " of " + h.holder, Library: h.library, Auth: at + "auth/", ClientID: c.ClientID, Unit: c.BusinessUnit,
		Secrets: d.knows(h), Calls: callsOf(c), Pause: h.pause, Every: h.every, PerRun: 3,
	}
	if c.Kind == keepwatch.APIUser {
		s.Login, s.SOAP = c.Username, at+"soap/Service.asmx"
	}
	return s
}

// knows are the secrets that a holder is configured with: what the demo keeps, in front
// of it what the holder never took out, and a new one only once the holder was told.
func (d *demo) knows(h habits) func() []string {
	var known, fresh string
	var since time.Time
	return func() []string {
		now, _ := d.lookup(scenario.SecretVariable(h.credential))
		if now != fresh {
			fresh, since = now, time.Now()
		}
		if known == "" || time.Since(since) >= h.learns {
			known = fresh
		}
		return append([]string{"of-last-year", "of-last-spring"}[:h.old:h.old], known)
	}
}

// callsOf are what a credential is tested with: that is what it is for.
func callsOf(c keepwatch.Credential) []clients.Call {
	var calls []clients.Call
	for _, test := range c.Tests {
		if path, ok := strings.CutPrefix(test, "rest:/"); ok {
			calls = append(calls, clients.Call{Path: path})
		}
	}
	if len(calls) == 0 {
		return []clients.Call{{SOAP: "DataFolder"}}
	}
	return calls
}

// stranger works with the package that is in no inventory.
func (d *demo) stranger(auth string) clients.Spec {
	spec := forgotten(time.Now())
	secret := ""
	if c, err := d.sim.Client(spec.ClientID); err == nil {
		secret = c.Secret
	}
	return clients.Spec{
		Name: spec.Name, Library: clients.Python, Auth: auth, ClientID: spec.ClientID, Unit: spec.MID, Secrets: clients.Static(secret),
		Calls: []clients.Call{{Path: "asset/v1/content/categories"}}, Every: time.Minute, PerRun: 2, Pause: time.Second,
	}
}

package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"keepwatch/client"
)

type discoverCmd struct {
	Inventory
	Tenant string `arg:"" help:"The tenant to look at."`
}

// Run looks at an account with the credential that is marked for it. It reads only.
func (c discoverCmd) Run(e *env) error {
	daemon, end, err := c.open(e)
	if err != nil {
		return err
	}
	defer end()
	e.progress("looking at %s", c.Tenant)
	d, err := daemon.Discover(e.ctx, c.Tenant)
	if err != nil {
		return explained(err)
	}
	switch e.Output {
	case "json":
		err = e.printJSON(struct {
			SchemaVersion int `json:"schema_version"`
			client.Discovery
		}{1, d})
	case "ndjson":
		err = printItems(e, d.Findings)
	default:
		err = printDiscovery(e, d)
	}
	if err != nil {
		return err
	}
	return findingsExit(d.Findings)
}

func printDiscovery(e *env, d client.Discovery) error {
	var seen []string
	for _, what := range slices.Sorted(maps.Keys(d.Seen)) {
		seen = append(seen, fmt.Sprintf("%d %s", d.Seen[what], strings.ReplaceAll(what, "_", " ")))
	}
	e.progress("%s with %s: %s; %s", d.Tenant, d.Credential, strings.Join(seen, ", "), counted(d.Calls, "call"))
	for _, n := range d.Notes {
		e.progress("note: %s", n)
	}
	return printFindings(e, d.Findings)
}

package cli

import (
	"encoding/json"
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
		seen = append(seen, fmt.Sprintf("%s %d", strings.ReplaceAll(what, "_", " "), d.Seen[what]))
	}
	e.progress("%s with %s: %s; %s", d.Tenant, d.Credential, strings.Join(seen, ", "), counted(d.Calls, "call"))
	for _, n := range d.Notes {
		e.progress("note: %s", n)
	}
	if err := printFindings(e, d.Findings); err != nil || len(d.Unlisted) == 0 {
		return err
	}
	return printUnlisted(e, d)
}

// printUnlisted writes the business units as they stand in a configuration file.
func printUnlisted(e *env, d client.Discovery) error {
	fmt.Fprintf(e.stdout, "\nBusiness units that tenant %s does not list, to take over:\n\n    business_units:\n", d.Tenant)
	for _, u := range d.Unlisted {
		name, err := json.Marshal(u.Name) // a JSON string is a YAML string
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(e.stdout, "      - {mid: %d, name: %s}\n", u.MID, name); err != nil {
			return err
		}
	}
	return nil
}

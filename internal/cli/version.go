package cli

import (
	_ "embed"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// version is embedded because `go run` leaves no VCS stamp in the binary.
//
//go:embed VERSION
var version string

// Version is the version of this build.
func Version() string { return strings.TrimSpace(version) }

type versionCmd struct{}

func (versionCmd) Run(e *env) error {
	revision := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = s.Value
			}
		}
	}
	if e.Output != "table" {
		return e.printJSON(map[string]any{
			"schema_version": 1, "version": Version(), "revision": revision, "go": runtime.Version(),
		})
	}
	_, err := fmt.Fprintf(e.stdout, "keepwatch %s (revision %s, %s)\n", Version(), revision, runtime.Version())
	return err
}

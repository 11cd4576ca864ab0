// Command keepwatch monitors the credentials that integrate with Salesforce
// Marketing Cloud Engagement. See docs/ and `keepwatch --help`.
package main

import (
	"os"

	"keepwatch/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr))
}

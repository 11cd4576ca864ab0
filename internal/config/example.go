package config

import _ "embed"

//go:embed example.yaml
var example string

// Example is the commented file that `keepwatch init` writes. It loads as it
// stands once the variables that it names are set.
func Example() string { return example }

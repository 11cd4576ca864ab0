package config

import "encoding/json"

// Schema is the JSON Schema of the file, for editors. It is made from the table
// that the loader reads by.
func Schema() []byte {
	root := schema{
		"$schema":     "https://json-schema.org/draft/2020-12/schema",
		"title":       "Keepwatch configuration",
		"description": "One file, or one of a folder of files that are read as a whole.",
	}
	for k, v := range fileKind().schema {
		root[k] = v
	}
	b, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic(err) // maps, slices and strings only: cannot fail
	}
	return append(b, '\n')
}

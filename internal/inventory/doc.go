// Package inventory is the way of records into Keepwatch and out of it: it reads
// sheets (the pasted table of Installed Packages, CSV, XLSX, mcdev's
// authentication file, YAML), compares them with what is known, says what would
// change, writes it after that, and says what is missing in the estate.
//
// Read and Write know formats and nothing of the estate. Book knows the records
// and who owns them. Findings is pure. The HTTP interface and the commands call
// them; nothing here reads a file, the environment or a secret.
//
// Every field of a record stands once, in the table in fields.go: columns, YAML
// keys, the preview and the history of changes follow from it.
package inventory

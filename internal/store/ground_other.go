//go:build !linux && !darwin

package store

// freeSpace is not asked for on this system: its call has another form.
func freeSpace(string) (bytes uint64, known bool) { return 0, false }

package app

import "net/http"

// Handler is the daemon's whole face. A command that finds no daemon asks it
// directly, in its own process and without Start: one way to the inventory, whoever
// runs it.
func (a *App) Handler() http.Handler { return a.server.Handler }

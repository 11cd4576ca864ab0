// Package report writes what incidents cost: one incident, or one month, as Markdown,
// HTML, CSV or JSON.
//
// It is called by view, which gathers the facts, and is pure. Everything that it is
// given may hold foreign text, such as a name that somebody chose in SFMC: in each
// format that stays text.
package report

// Package client holds the wire types of Keepwatch's HTTP API and a small Go
// client for it. The server answers with these very types, so the two cannot
// drift apart. It imports nothing else of Keepwatch: a program that speaks to a
// daemon needs this package alone.
//
//	c, err := client.New("https://keepwatch.example.com", os.Getenv("KEEPWATCH_TOKEN"))
//	for incident, err := range c.Incidents(ctx, client.IncidentFilter{Status: "open"}) { … }
//
// Times are RFC 3339 in UTC; a time that is not known is null, never a zero date.
package client

// Package sfmc is the only home of what Keepwatch knows about Salesforce
// Marketing Cloud Engagement: hosts, token, REST and SOAP calls, the catalogue
// of causes and the naming of every answer (Classify).
//
// A call makes exactly one HTTP request and never retries by itself: a test
// that heals its own failures proves nothing. What comes back is a [Verdict],
// which is ok only when the fields that the interface promises are there.
//
// Secrets go into a request and nowhere else. Of an answer only recognised
// fields are shown, short, and withheld when they repeat a secret of the request.
package sfmc

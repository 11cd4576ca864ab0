package client

import "time"

// ScanReport is what a look from outside found.
type ScanReport struct {
	SchemaVersion int           `json:"schema_version"`
	Target        string        `json:"target" doc:"all targets, joined"`
	Targets       []string      `json:"targets" nullable:"false"`
	At            time.Time     `json:"at"`
	TookMS        float64       `json:"took_ms"`
	Partial       bool          `json:"partial" doc:"time was up before everything had been looked at"`
	Summary       ScanSummary   `json:"summary"`
	Findings      []ScanFinding `json:"findings" nullable:"false" doc:"the loudest first"`
	Since         *time.Time    `json:"since,omitempty" doc:"when the scan was made that the changes compare with"`
	Changes       []ScanChange  `json:"changes,omitempty"`
	Cannot        []string      `json:"cannot" nullable:"false" doc:"what nobody learns from outside"`
}

// ScanSummary counts the findings.
type ScanSummary struct {
	Critical int `json:"critical"`
	Warning  int `json:"warning"`
	Unknown  int `json:"unknown"`
	Info     int `json:"info"`
	OK       int `json:"ok"`
}

// ScanFinding is one thing that was looked at, and how it is.
type ScanFinding struct {
	Check    string         `json:"check"`
	Subject  string         `json:"subject"`
	Severity string         `json:"severity" enum:"ok,info,warning,critical,unknown" doc:"unknown: it could not be looked at, which is no all-clear"`
	Message  string         `json:"message"`
	Hint     string         `json:"hint,omitempty"`
	Evidence map[string]any `json:"evidence" nullable:"false"`
}

// ScanChange is a difference between two scans.
type ScanChange struct {
	Check   string `json:"check"`
	Subject string `json:"subject"`
	What    string `json:"what" enum:"new,worse,better,gone,changed"`
	Before  string `json:"before,omitempty"`
	After   string `json:"after,omitempty"`
	Message string `json:"message"`
}

// NewScan asks for a look from outside.
type NewScan struct {
	Targets   []string `json:"targets" minItems:"1" maxItems:"20" nullable:"false" doc:"a tenant's subdomain, a sending domain, a host, the address of a page"`
	Generated string   `json:"generated,omitempty" doc:"YYYY-MM-DD on which somebody clicked Generate, to see when that secret ends"`
}

// Scan is one look from outside that the daemon made or makes.
type Scan struct {
	ID        string     `json:"id"`
	Status    string     `json:"status" enum:"running,done,lost" doc:"lost: the daemon ended before it was done"`
	By        string     `json:"by" doc:"who asked for it; empty: the schedule"`
	StartedAt time.Time  `json:"started_at"`
	Report    ScanReport `json:"report" doc:"while it runs, what was found so far"`
}

// ScanBrief is one line of the list of scans.
type ScanBrief struct {
	ID        string      `json:"id"`
	Status    string      `json:"status" enum:"running,done,lost"`
	By        string      `json:"by"`
	StartedAt time.Time   `json:"started_at"`
	Target    string      `json:"target"`
	Summary   ScanSummary `json:"summary"`
}

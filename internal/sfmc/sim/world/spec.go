// Package world is the living part of the simulator: contacts that arrive,
// journeys that take them in, automations that load files, definitions that
// queue and send, and the integrations outside of SFMC that all of it hangs on.
//
// A [World] has no clock and no lock of its own. Its owner advances it to the
// present before anything is read or changed, and answers its one question:
// would this caller's credential be granted right now? Time goes in whole
// minutes, whatever the pace of the requests, so the same seed and the same
// deeds give the same world. [Truth] says what really happened, contact by
// contact: what a monitor's figures are held against.
package world

import (
	"time"

	"keepwatch"
)

// Spec describes what lives. Subjects are known by kind and key, callers by name.
type Spec struct {
	Seed uint64 `json:"seed,omitempty"`
	// Since is when the world began; zero: when it is added. A world that began
	// four weeks ago has four weeks of history from its first moment.
	Since time.Time `json:"since,omitzero"`
	// Unit is the business unit of what names none; 0: it shows in every one.
	Unit keepwatch.MID `json:"unit,omitempty"`
	Zone string        `json:"zone,omitempty"` // of volumes and schedules that name none; UTC

	Callers     []Caller     `json:"callers,omitempty"`
	Journeys    []Journey    `json:"journeys,omitempty"`
	Extensions  []Extension  `json:"extensions,omitempty"`
	Automations []Automation `json:"automations,omitempty"`
	Sends       []Send       `json:"sends,omitempty"`
}

// Caller is an integration outside of SFMC: the holder of a credential that posts
// events, writes rows and asks for sends.
type Caller struct {
	Name     string        `json:"name"`
	ClientID string        `json:"client_id"`
	Unit     keepwatch.MID `json:"mid,omitempty"` // the account_id it asks for; 0: the package's own
	// Secret is what it sends; "": what the client has when the caller is added. A
	// secret that is changed later is not known to it until the deed "learn".
	Secret string `json:"client_secret,omitempty"`
	From   string `json:"from,omitempty"` // its address, for allowlists
	// OnFailure says what becomes of what it cannot deliver: OnFailureLate keeps it
	// and sends it later, OnFailureLost forgets it. "" is late.
	OnFailure string `json:"on_failure,omitempty"`
	// ReplayPerMinute is how fast each of its streams sends what it kept; 0: all at once.
	ReplayPerMinute float64 `json:"replay_per_minute,omitempty"`
	// Retry is how long it waits after a refusal until it tries again; 0: a minute.
	Retry Duration `json:"retry,omitempty"`
	// GiveUp is the age at which it forgets what it kept; 0: never.
	GiveUp Duration `json:"give_up,omitempty"`
	// Async posts events by the asynchronous route, where bad ones are found later.
	Async bool `json:"async,omitempty"`
	// Silent callers do not call from the start.
	Silent bool `json:"silent,omitempty"`
}

// What becomes of what a caller cannot deliver.
const (
	OnFailureLate = "late"
	OnFailureLost = "lost"
)

// Volume is how much comes in a day, and when.
type Volume struct {
	PerDay float64 `json:"per_day"`
	// Shape names a rhythm: ShapeFlat (""), ShapeDay, ShapeOffice. Week and Day
	// replace its parts.
	Shape string    `json:"shape,omitempty"`
	Week  []float64 `json:"week,omitempty"` // seven weights, Monday first
	Day   []float64 `json:"day,omitempty"`  // twenty-four weights, local hours
	// Dates multiply single days: {"2026-12-25": 0}.
	Dates map[string]float64 `json:"dates,omitempty"`
	// Noise is NoisePoisson (""), NoiseNB (bursts: an hour's rate has a gamma
	// factor of variance Spread, 0.1 when 0), or NoiseNone (evenly, by carrying).
	Noise  string  `json:"noise,omitempty"`
	Spread float64 `json:"spread,omitempty"`
	Zone   string  `json:"zone,omitempty"`
}

// Shapes and noises.
const (
	ShapeFlat    = "flat"
	ShapeDay     = "day"    // people: little at night, a peak in the evening, a fuller weekend
	ShapeOffice  = "office" // work: Monday to Friday, eight to six
	NoisePoisson = "poisson"
	NoiseNB      = "nb"
	NoiseNone    = "none"
)

// Schedule is a recurrence in local time.
type Schedule struct {
	// Rule is an iCal rule: FREQ=MINUTELY, HOURLY, DAILY, WEEKLY or MONTHLY with
	// INTERVAL, BYDAY and BYMONTHDAY. "" with an At is daily.
	Rule string `json:"rule,omitempty"`
	At   string `json:"at,omitempty"` // "06:00"; the first run of a day
	Zone string `json:"zone,omitempty"`
}

// Journey is one journey. Its contacts come from one source.
type Journey struct {
	Key       string        `json:"key"`
	Name      string        `json:"name,omitempty"`
	Unit      keepwatch.MID `json:"mid,omitempty"`
	Status    string        `json:"status,omitempty"`     // Published
	Kind      string        `json:"kind,omitempty"`       // Multistep; Quicksend, Transactional
	EntryMode string        `json:"entry_mode,omitempty"` // MultipleEntries; OnceAndDone, SingleEntryAcrossAllVersions
	Version   int           `json:"version,omitempty"`    // the running one; earlier ones are Stopped. 1
	Entry     Entry         `json:"entry"`
	Steps     []Step        `json:"steps,omitempty"`
}

// Entry is where a journey's contacts come from: from a caller's events (the
// default), from rows of an extension when an automation has run, or from rows of
// an extension by a schedule.
type Entry struct {
	Event  string `json:"event,omitempty"` // event definition key; made of the journey's key
	Caller string `json:"caller,omitempty"`
	Volume Volume `json:"volume,omitzero"` // of a caller's events
	// Extension is the entry data extension. With Automation or Schedule its new
	// rows enter; with a caller each event leaves a row in it.
	Extension  string   `json:"extension,omitempty"`
	Automation string   `json:"automation,omitempty"`
	Schedule   Schedule `json:"schedule,omitzero"`
	// Meets is the share of contacts that meet the entry criteria; 0 means all.
	Meets float64 `json:"meets,omitempty"`
	// Repeats is the share that was in the journey before. Where the entry mode
	// allows one entry, they do not get in.
	Repeats float64 `json:"repeats,omitempty"`
}

// Step is one activity inside a journey.
type Step struct {
	Name  string   `json:"name"`
	Kind  string   `json:"kind,omitempty"` // waitactivity, rest, emailv2, smssync, salescloudactivity, multicriteriadecision …
	Dwell Duration `json:"dwell,omitempty"`
	Send  string   `json:"send,omitempty"` // the triggered send by which an e-mail goes
	// Caller is whose credential the step needs: a Sales Cloud activity acts as the
	// connected API user.
	Caller string `json:"caller,omitempty"`
	// Fails is the share of contacts for which it fails on a good day.
	Fails float64 `json:"fails,omitempty"`
}

// Extension is one data extension.
type Extension struct {
	Key       string        `json:"key"`
	Name      string        `json:"name,omitempty"`
	Unit      keepwatch.MID `json:"mid,omitempty"`
	Rows      int64         `json:"rows,omitempty"`      // at the beginning
	Timestamp string        `json:"timestamp,omitempty"` // the field that says when a row was written; "" has none
	// Retention deletes rows of that age, in a nightly job.
	Retention Duration `json:"retention,omitempty"`
	// Writer is the caller that upserts Volume rows a day, once per Every (0: as they come).
	Writer string   `json:"writer,omitempty"`
	Volume Volume   `json:"volume,omitzero"`
	Every  Duration `json:"every,omitempty"`
	// Updates is the share of written rows that replace one.
	Updates  float64 `json:"updates,omitempty"`
	Sendable bool    `json:"sendable,omitempty"`
}

// Automation is one automation.
type Automation struct {
	Key      string        `json:"key"`
	Name     string        `json:"name,omitempty"`
	Unit     keepwatch.MID `json:"mid,omitempty"`
	Status   string        `json:"status,omitempty"`  // Scheduled, or AwaitingTrigger
	Schedule Schedule      `json:"schedule,omitzero"` // zero: it starts when a file comes
	Steps    []Activity    `json:"steps"`
	Notify   []string      `json:"notify,omitempty"` // Complete, Error, Skip: who gets e-mail for what
}

// Activity is one step of an automation.
type Activity struct {
	Key      string   `json:"key,omitempty"`
	Name     string   `json:"name,omitempty"`
	Kind     string   `json:"kind"`               // import, query, transfer, script, verification, extract, wait
	Duration Duration `json:"duration,omitempty"` // 5m
	Target   string   `json:"target,omitempty"`   // data extension, of import and query
	Source   string   `json:"source,omitempty"`   // data extension that a query reads
	Mode     string   `json:"mode,omitempty"`     // add_update, add, update, overwrite
	// Blank is what an import does with an empty file: fail, process, skip.
	Blank       string `json:"blank,omitempty"`
	AllowErrors bool   `json:"allow_errors,omitempty"`
	// Rejects is the share of rows that an import cannot read.
	Rejects float64 `json:"rejects,omitempty"`
	// OldFiles lets an import take the former file when no new one came
	// (maxFileAgeHours 0).
	OldFiles bool `json:"old_files,omitempty"`
	// SameSize: an overwrite leaves as many rows as before.
	SameSize bool `json:"same_size,omitempty"`
	File     File `json:"file,omitzero"`
}

// File is what an import reads: all that came in the source since the last file.
type File struct {
	Volume   Volume   `json:"volume"`
	Schedule Schedule `json:"schedule,omitzero"` // when it is dropped; zero: just in time for each run
	// Caller drops it; without its credential it does not.
	Caller string `json:"caller,omitempty"`
	// Lost: what a bad file lacked is not in the next one either.
	Lost bool `json:"lost,omitempty"`
}

// Send is a definition by which messages go: a triggered send, or a transactional
// definition for e-mail or SMS.
type Send struct {
	Kind   keepwatch.SubjectKind `json:"kind"`
	Key    string                `json:"key"`
	Name   string                `json:"name,omitempty"`
	Unit   keepwatch.MID         `json:"mid,omitempty"`
	Status string                `json:"status,omitempty"` // Active
	Caller string                `json:"caller,omitempty"`
	Volume Volume                `json:"volume,omitzero"`
	// PerMinute is how fast it works off its queue; 0: at once.
	PerMinute float64 `json:"per_minute,omitempty"`
	// CapPerDay is a volume limit; what exceeds it is not sent (code 126).
	CapPerDay int `json:"cap_per_day,omitempty"`
	// BadContacts is the share that is not sent for the contact's own sake (code 5).
	BadContacts float64 `json:"bad_contacts,omitempty"`
}

// Deed is something that a person does, or that goes wrong inside: the verbs of
// docs/simulator.md.
type Deed struct {
	Subject string `json:"subject"` // "journey/welcome", "automation/nightly", "caller/shop" …
	Verb    string `json:"verb"`
	By      string `json:"by,omitempty"`

	Drop     bool     `json:"drop,omitempty"`          // pause a journey: contacts that arrive meanwhile are dropped
	Days     int      `json:"days,omitempty"`          // pause a journey: for so long; 14
	Then     string   `json:"then,omitempty"`          // after that: Stop or Resume
	Step     int      `json:"step,omitempty"`          // break: which step, from 1
	Mode     string   `json:"mode,omitempty"`          // break: how
	Files    int      `json:"files,omitempty"`         // empty, truncate, withhold: so many; 0 until "mend"
	Share    float64  `json:"share,omitempty"`         // truncate: what remains; reject: what cannot be read
	Duration Duration `json:"duration,omitempty"`      // hang: how long a run takes
	Rows     int64    `json:"rows,omitempty"`          // purge: so many; 0 all
	Secret   string   `json:"client_secret,omitempty"` // learn: this one instead of the client's
}

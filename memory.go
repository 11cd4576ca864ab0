package keepwatch

import "time"

// Memory is what the judges of effects carry from one reading to the next. It is
// kept in the series' document; which fields an aspect uses, package detect says.
type Memory struct {
	Since    time.Time `json:"since,omitzero"`     // first reading
	Events   int64     `json:"events,omitzero"`    // counted since, learning included
	LastSign time.Time `json:"last_sign,omitzero"` // newest instant at which an event is known

	// Of the silence since LastSign.
	Span  time.Duration `json:"span,omitzero"`  // of the window that held the last sign
	Quiet time.Duration `json:"quiet,omitzero"` // how much of the silence was watched
	Due   float64       `json:"due,omitzero"`   // events that should have come in it
	Score float64       `json:"score,omitzero"` // of its days that are over
	Day   float64       `json:"day,omitzero"`   // of the hours of this day that are over
	Hour  float64       `json:"hour,omitzero"`  // of this hour, as far as it was watched
	Looks int           `json:"looks,omitzero"` // that were short and should have seen several events …
	Empty int           `json:"empty,omitzero"` // … and did not see one

	// Of a flow that grows thin: one for each fraction, and what is not in them yet.
	Drops   []Drop        `json:"drops,omitempty"`
	Counted int64         `json:"counted,omitzero"`
	Awaited float64       `json:"awaited,omitzero"`
	Watched time.Duration `json:"watched,omitzero"`

	Alarm string    `json:"alarm,omitzero"` // what the open alarm is about
	Back  int64     `json:"back,omitzero"`  // good signs since it was raised
	Bad   int       `json:"bad,omitzero"`   // bad looks, or runs, in a row
	State string    `json:"state,omitzero"` // SFMC's word that the silence is counted under …
	Moved time.Time `json:"moved,omitzero"` // … and since when
	Tried int64     `json:"tried,omitzero"` // events that had arrived at LastSign, let in or not

	// Of what runs by a plan.
	RunAt  time.Time     `json:"run,omitzero"`     // the newest planned or seen run
	RunSum int64         `json:"run_sum,omitzero"` // what it brought so far
	Runs   int           `json:"runs,omitzero"`    // runs that came
	Delay  time.Duration `json:"delay,omitzero"`   // the longest that a good run took to come, or the longest gap between two
	Sizes  []int64       `json:"sizes,omitempty"`  // of the newest good runs

	Shares  []Share `json:"shares,omitempty"`  // what fails beside what works
	Imports []Past  `json:"imports,omitempty"` // what imports brought before
	Ages    []int   `json:"ages,omitempty"`    // looks at a queue, by the binary logarithm of its age in seconds
	Depths  []int64 `json:"depths,omitempty"`  // of the newest looks at a queue
}

// Drop is the evidence that a flow has fallen to one fraction of its baseline.
type Drop struct {
	From   time.Time `json:"t,omitzero"` // since when there is any
	Base   float64   `json:"b,omitzero"` // of the blocks that are over
	N      int64     `json:"n,omitzero"` // events of this block …
	Mean   float64   `json:"m,omitzero"` // … how many were expected …
	Square float64   `json:"q,omitzero"` // … and the sum of the squares of that
	Well   float64   `json:"w,omitzero"` // evidence that the flow is back
}

// Share is one thing that fails now and then: an activity, or the messages that
// were not sent.
type Share struct {
	Name   uint32    `json:"k,omitzero"` // a hash of the name
	Tried  int64     `json:"n,omitzero"` // since it began to fail
	Failed int64     `json:"f,omitzero"`
	Sum    float64   `json:"c,omitzero"` // of the evidence
	Usual  float64   `json:"u,omitzero"` // share that fails as a rule …
	Of     int64     `json:"o,omitzero"` // … out of so many
	Good   int64     `json:"g,omitzero"` // in a row since the last failure
	From   time.Time `json:"t,omitzero"` // when it began to fail
}

// Past is what one import brought before.
type Past struct {
	Name  uint32    `json:"k"` // a hash of its key
	At    time.Time `json:"at,omitzero"`
	Good  time.Time `json:"good,omitzero"` // newest result without fault
	Sizes []int64   `json:"s,omitempty"`   // rows that the newest good results brought
	Fault string    `json:"f,omitzero"`    // what is wrong with the newest, in a word …
	Last  int64     `json:"l,omitzero"`    // … and the rows that it brought
}

// Model is the weekly baseline of one count, fitted once a day from its hours.
type Model struct {
	Series   SeriesID  `json:"-"`
	FittedAt time.Time `json:"fitted"`

	Zone   string    `json:"zone,omitzero"` // whose hours the cells are
	Weeks  float64   `json:"weeks"`         // that were watched
	Events int64     `json:"events"`        // in them
	Cells  []float64 `json:"cells"`         // expected in each hour of the local week, Sunday 00:00 first
	Clump  float64   `json:"clump"`         // 1/r: how events come together within an hour; 0 is Poisson
	Slow   float64   `json:"slow"`          // 1/a: how whole days differ
	Starts float64   `json:"starts"`        // hours with events in a month: silences that begin

	// Budget is how many false alarms a month this series may raise; 0 is the default
	// of package detect. Whoever fits many series shares a total among them.
	Budget float64 `json:"budget,omitzero"`
	// Tail is how much heavier than promised the silences of the training were, 1 to 3, and
	// Spare how much less evidence than promised the common ones among them held.
	Tail  float64 `json:"tail"`
	Spare float64 `json:"spare,omitzero"`
	// Thin are the same factors for a flow that falls to the fractions of detect.Fractions.
	Thin    []float64 `json:"thin,omitempty"`
	Longest float64   `json:"longest"`          // expected events in the longest silence of the training
	Needs   float64   `json:"needs"`            // events that must stay away until a stop is sure …
	Wait    float64   `json:"wait"`             // … and how many days that takes
	Holiday float64   `json:"holiday,omitzero"` // share of the usual that comes on a holiday

	Batch *Batch `json:"batch,omitempty"` // of a flow that comes by the batch
}

// Batch is the rhythm of a flow whose events come in few hours.
type Batch struct {
	Empty    []float64 `json:"empty"`    // evidence of each hour of the week, where it brings nothing
	Deadline [7]int    `json:"deadline"` // local hour by which the day's first batch was always there; 0: the day has none
	Miss     float64   `json:"miss"`     // evidence of a day whose deadline passes
	Least    float64   `json:"least"`    // lower bound of what a day with batches brings
}

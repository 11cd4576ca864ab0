package scenario

import (
	"fmt"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/sfmc/sim/world"
)

// Turn is one line of an effect story's script: something that happens to a
// credential or to the platform, or something that people do in SFMC.
type Turn struct {
	At   time.Duration // since the story's start
	Do   Event         // its own At is not used; zero: nothing
	Deed world.Deed    // zero: nothing
}

// String is the turn as docs/silent-failures.md lists it.
func (t Turn) String() string {
	if t.Deed.Verb == "" {
		e := t.Do
		e.At = t.At
		return e.String()
	}
	at := Event{At: t.At}.String()
	words := []string{strings.TrimSpace(at), t.Deed.Verb, t.Deed.Subject}
	for _, detail := range []struct {
		word string
		said bool
	}{
		{"by " + t.Deed.By, !strings.HasPrefix(t.Deed.Subject, "caller/")}, {"dropping who arrives", t.Deed.Drop}, {"mode " + t.Deed.Mode, t.Deed.Mode != ""},
		{fmt.Sprintf("step %d", t.Deed.Step), t.Deed.Step > 0}, {fmt.Sprintf("%d files", t.Deed.Files), t.Deed.Files > 0},
		{fmt.Sprintf("share %g", t.Deed.Share), t.Deed.Share > 0}, {fmt.Sprintf("for %s", time.Duration(t.Deed.Duration)), t.Deed.Duration > 0}, {fmt.Sprintf("%d rows", t.Deed.Rows), t.Deed.Rows > 0},
	} {
		if detail.said {
			words = append(words, detail.word)
		}
	}
	return strings.Join(words, " ")
}

// Amount is one figure of an incident that is held against what really happened.
type Amount struct {
	Name    string // of the figure
	Subject string // ID
	Truth   Measure
}

// Share is what one of several incidents carries of a figure: what really happened by one
// cause.
type Share struct {
	Incident string // key
	Amount
	Cause keepwatch.CauseKind
}

// Measure says what the simulator's log is asked for.
type Measure string

// The measures, each from the first turn of the story to its end.
const (
	Missed   Measure = "missed"   // contacts that came late or never
	Unsynced Measure = "unsynced" // hours between writes that lie too far apart
	Still    Measure = "still"    // the most hours from one good run to the next
	Outdated Measure = "outdated" // contacts that came in while a data extension that they read was behind
	Deepest  Measure = "deepest"  // messages in the queue, at most
	Short    Measure = "short"    // rows that an import should have brought and did not
	Refused  Measure = "refused"  // hours in which a credential was refused
	Failing  Measure = "failing"  // hours in which an activity failed
)

// meanings are the measures in words, for docs/silent-failures.md.
var meanings = map[Measure]string{
	Missed: "contacts that came late or never", Unsynced: "hours from the last write to the next that brought rows",
	Still: "hours from the last good run to the next", Outdated: "contacts that came in while what they read was behind", Deepest: "messages in the queue, at most",
	Short: "rows that were in no file when they were due", Refused: "hours in which it was refused", Failing: "hours from the first to the last time that an activity failed",
}

// EffectStory is a script of days about what a credential feeds, and what Keepwatch
// must say to it. It begins on a Monday at midnight UTC, in an account that has been
// watched for six weeks.
type EffectStory struct {
	Name    string
	Summary string
	For     time.Duration
	Turns   []Turn
	// Incidents in the order they opened:
	// "key outcome severity status: effects; likeliest cause".
	Incidents []string
	// Messages in the order they were sent: "firing|resolved outcome key".
	Messages []string
	// Amounts over all incidents: contacts are added up, of the rest the newest counts.
	Amounts []Amount
	Shares  []Share
	// Absent are figures that must not be there, because the log has none of it.
	Absent []Amount
	// Calm: nothing was late or lost, and no report says so.
	Calm bool
	// Unmeasured says why there are no figures where something was.
	Unmeasured string
	// Blind: that the counters cannot be read is part of the story, and not judged.
	Blind bool
	// Notice bounds the time from the first turn to the first incident; 0 does not.
	Notice time.Duration
}

// Slug is the name as a file's.
func (s EffectStory) Slug() string { return Story{Name: s.Name}.Slug() }

func deed(at time.Duration, subject, verb string, more ...func(*world.Deed)) Turn {
	t := Turn{At: at, Deed: world.Deed{Subject: subject, Verb: verb, By: "m.weber"}}
	for _, m := range more {
		m(&t.Deed)
	}
	return t
}

func event(at time.Duration, e Event) Turn { return Turn{At: at, Do: e} }

// EffectStories is the table of silent failures: those of product.md E and of the
// catalogue of how "Completed" hides a dead load, and the quiet days between them.
func EffectStories() []EffectStory {
	var all []EffectStory
	for _, part := range [][]EffectStory{quiet(), died(), deeds(), loads(), sends()} {
		all = append(all, part...)
	}
	return all
}

// quiet: nothing is wrong, and nothing may be said.
func quiet() []EffectStory {
	return []EffectStory{
		{Name: "a quiet week", Summary: "Seven days with nights and a weekend: nothing is said.", For: 7 * day, Calm: true},
		{Name: "a new version", Summary: "A new version of a journey is published and counts from nothing.", For: 2 * day, Calm: true,
			Turns: []Turn{deed(10*hour, welcome, "publish"), deed(30*hour, points, "publish")}},
		{Name: "a pause that keeps arrivals", Summary: "A journey is paused for three hours and keeps who arrives.", For: day, Unmeasured: "Who arrives waits for what a person decided, and goes on afterwards: there is no incident to have a figure.",
			Turns: []Turn{deed(10*hour, welcome, "pause"), deed(13*hour, welcome, "resume")}},
		{Name: "half of the polls are lost", Summary: "Every second answer of the REST host is an error for two days: no stall is seen where none is.", For: 2 * day, Blind: true,
			Turns:     []Turn{event(2*hour, Event{Do: Inject, Fault: "rest_server_error", Credential: "watcher", Probability: 0.5}), event(44*hour, Event{Do: Clear})},
			Calm:      true,
			Incidents: []string{},
			Messages:  []string{"firing monitor_fault ", "resolved monitor_fault ", "firing monitor_fault ", "resolved monitor_fault ", "firing monitor_fault ", "resolved monitor_fault ", "firing monitor_fault ", "resolved monitor_fault ", "firing monitor_fault ", "resolved monitor_fault ", "firing monitor_fault ", "resolved monitor_fault ", "firing monitor_fault ", "resolved monitor_fault ", "firing monitor_fault ", "resolved monitor_fault "},
		},
		{Name: "rows are deleted by retention", Summary: "The nightly retention job deletes rows, and a person purges half of them.", For: 2 * day, Calm: true,
			Turns: []Turn{deed(9*hour, clicks, "purge", func(d *world.Deed) { d.Rows = 20_000 })}},
	}
}

// died: the credential itself.
func died() []EffectStory {
	kill := func(id keepwatch.CredentialID, at, until time.Duration) []Turn {
		return []Turn{event(at, Event{Do: Inject, Credential: id, Fault: "bad_secret"}), event(until, Event{Do: Clear})}
	}
	return []EffectStory{
		{Name: "four hours without the shop's secret", Summary: "The secret of the web shop dies in the morning and works again after four hours.", For: day,
			Turns: kill("shop", 9*hour, 13*hour), Notice: 12 * min,
			Amounts: []Amount{{"contacts_delayed", welcome, Missed}, {"contacts_lost", welcome, Missed}, {"contacts_delayed", reset, Missed}, {"hours_stale", orders, Unsynced}},
			Incidents: []string{
				"credential:shop bad_secret_or_package critical resolved: data_extension/Orders data_stale, journey/welcome journey_stalled, triggered_send/password-reset volume_dropped",
			},
			Messages: []string{"firing bad_secret_or_package credential:shop", "resolved bad_secret_or_package credential:shop"},
		},
		{Name: "a night without the shop's secret", Summary: "It dies at ten in the evening and nobody looks until seven.", For: 36 * hour, Turns: kill("shop", 22*hour, 31*hour),
			Amounts: []Amount{{"contacts_delayed", welcome, Missed}, {"contacts_lost", welcome, Missed}, {"contacts_delayed", reset, Missed}, {"hours_stale", orders, Unsynced}},
			Incidents: []string{
				"credential:shop bad_secret_or_package critical resolved: data_extension/Orders data_stale, journey/welcome journey_stalled, triggered_send/password-reset volume_dropped",
			},
			Messages: []string{"firing bad_secret_or_package credential:shop", "resolved bad_secret_or_package credential:shop"},
		},
		{Name: "late and not lost", Summary: "The loyalty app keeps what it could not deliver and sends it afterwards: restored is not caught up.", For: day, Turns: kill("loyalty", 9*hour, 14*hour),
			Amounts: []Amount{{"contacts_delayed", points, Missed}, {"contacts_late", points, Missed}, {"caller_backlog", points, Missed}, {"hours_stale", clicks, Unsynced}},
			Incidents: []string{
				"credential:loyalty bad_secret_or_package critical resolved: data_extension/Clicks data_stale, journey/points journey_stalled",
			},
			Messages: []string{"firing bad_secret_or_package credential:loyalty", "resolved bad_secret_or_package credential:loyalty"},
		},
		{Name: "the middleware cannot drop its files", Summary: "The credential that drops files dies before the night: automations run, load nothing.", For: 54 * hour, Turns: kill("middleware", 20*hour, 32*hour),
			Amounts: []Amount{{"contacts_late", winback, Missed}, {"contacts_on_stale_data", welcome, Outdated}, {"hours_stale", customers, Unsynced}, {"hours_stale", stock, Unsynced}},
			Absent:  []Amount{{"contacts_on_stale_data", winback, Outdated}},
			Incidents: []string{
				"credential:middleware bad_secret_or_package warning resolved: automation/drop-prices automation_missed, automation/hourly-stock automation_failed, automation/hourly-stock import_empty, automation/nightly-customers automation_failed, automation/nightly-customers import_empty, data_extension/Customers data_stale, data_extension/Stock data_stale, journey/winback journey_stalled",
			},
			Messages: []string{"firing bad_secret_or_package credential:middleware", "firing bad_secret_or_package credential:middleware", "resolved bad_secret_or_package credential:middleware"},
		},
		{Name: "the platform is down", Summary: "SFMC answers 503 for an hour: one incident of the platform.", For: day,
			Turns:   []Turn{event(10*hour, Event{Do: Inject, Fault: "token_unavailable"}), event(11*hour, Event{Do: Clear})},
			Amounts: []Amount{{"contacts_lost", welcome, Missed}, {"contacts_late", points, Missed}, {"hours_stale", stock, Unsynced}},
			Incidents: []string{
				"platform platform_error warning resolved: automation/hourly-stock automation_failed, automation/hourly-stock import_empty, data_extension/Stock data_stale",
			},
			Messages: []string{"firing platform_error platform", "firing platform_error platform", "resolved platform_error platform"},
		},
		{Name: "the reader dies", Summary: "The credential that reads the counters dies: its own incident, and what it read is unknown, not broken.", For: day,
			Turns:   kill("watcher", 9*hour, 15*hour),
			Calm:    true,
			Amounts: []Amount{{"outage_hours", "credential/watcher", Refused}},
			Incidents: []string{
				"credential:watcher bad_secret_or_package critical resolved: ",
			},
			Messages: []string{"firing bad_secret_or_package credential:watcher", "resolved bad_secret_or_package credential:watcher"},
		},
		{Name: "stopped while the credential was dead", Summary: "Somebody stops the journey during the outage, so that it does not come back with the credential.", For: 40 * hour,
			Turns: []Turn{
				event(9*hour, Event{Do: Inject, Credential: "shop", Fault: "bad_secret"}), deed(10*hour, welcome, "stop"), event(12*hour, Event{Do: Clear}),
			},
			Amounts: []Amount{{"contacts_lost", welcome, Missed}},
			Shares: []Share{
				{"credential:shop", Amount{"contacts_lost", welcome, Missed}, keepwatch.CauseCredential},
				{"effect:emea:journey/welcome@510000123", Amount{"contacts_lost", welcome, Missed}, keepwatch.CauseStopped},
			},
			Incidents: []string{
				"credential:shop bad_secret_or_package warning resolved: data_extension/Orders data_stale, journey/welcome journey_stalled, triggered_send/password-reset volume_dropped",
				"effect:emea:journey/welcome@510000123 journey_stalled critical open: journey/welcome journey_stalled; stopped_by_person journey/welcome m.weber",
			},
			Messages: []string{"firing bad_secret_or_package credential:shop", "firing bad_secret_or_package credential:shop", "firing journey_stalled effect:emea:journey/welcome@510000123", "resolved bad_secret_or_package credential:shop"},
		},
	}
}

// deeds: people, and the systems outside.
func deeds() []EffectStory {
	return []EffectStory{
		{Name: "the shop does not call", Summary: "The credential works; the shop's backend has stopped to call.", For: day,
			Turns:   []Turn{deed(9*hour, "caller/shop-backend", "silence"), deed(17*hour, "caller/shop-backend", "resume")},
			Amounts: []Amount{{"contacts_delayed", welcome, Missed}, {"contacts_lost", welcome, Missed}, {"contacts_delayed", reset, Missed}, {"hours_stale", orders, Unsynced}},
			Incidents: []string{
				"effect:emea:credential:shop volume_dropped critical resolved: data_extension/Orders data_stale, journey/welcome journey_stalled, triggered_send/password-reset volume_dropped; holder_silent shop",
			},
			Messages: []string{"firing volume_dropped effect:emea:credential:shop", "firing volume_dropped effect:emea:credential:shop", "resolved volume_dropped effect:emea:credential:shop"},
		},
		{Name: "a person stops a journey", Summary: "Somebody stops the journey by mistake; others publish it again the next day.", For: 2 * day,
			Turns:   []Turn{deed(9*hour, welcome, "stop"), deed(33*hour, welcome, "publish")},
			Amounts: []Amount{{"contacts_delayed", welcome, Missed}, {"contacts_lost", welcome, Missed}},
			Incidents: []string{
				"effect:emea:journey/welcome@510000123 journey_stalled warning resolved: journey/welcome journey_stalled; stopped_by_person journey/welcome m.weber",
			},
			Messages: []string{"firing journey_stalled effect:emea:journey/welcome@510000123", "resolved journey_stalled effect:emea:journey/welcome@510000123"},
		},
		{Name: "a pause that drops arrivals", Summary: "A journey is paused without keeping who arrives.", For: day,
			Turns:   []Turn{deed(9*hour, welcome, "pause", func(d *world.Deed) { d.Drop = true }), deed(20*hour, welcome, "resume")},
			Amounts: []Amount{{"contacts_delayed", welcome, Missed}, {"contacts_lost", welcome, Missed}},
			Incidents: []string{
				"effect:emea:journey/welcome@510000123 journey_stalled warning resolved: journey/welcome journey_stalled; stopped_by_person journey/welcome m.weber",
			},
			Messages: []string{"firing journey_stalled effect:emea:journey/welcome@510000123", "resolved journey_stalled effect:emea:journey/welcome@510000123"},
		},
		{Name: "payloads are refused", Summary: "A release of the shop sends events that the journey refuses.", For: day,
			Turns:   []Turn{deed(9*hour, welcome, "break", func(d *world.Deed) { d.Mode = "payload" }), deed(21*hour, welcome, "mend")},
			Amounts: []Amount{{"contacts_delayed", welcome, Missed}, {"contacts_lost", welcome, Missed}},
			Incidents: []string{
				"effect:emea:credential:shop journey_stalled critical resolved: journey/welcome journey_stalled; events_refused journey/welcome",
			},
			Messages: []string{"firing journey_stalled effect:emea:credential:shop", "resolved journey_stalled effect:emea:credential:shop"},
		},
		{Name: "nobody meets the criteria", Summary: "Events arrive, and none meets the entry criteria any more.", For: day,
			Turns:   []Turn{deed(9*hour, welcome, "break", func(d *world.Deed) { d.Mode = "criteria" }), deed(21*hour, welcome, "mend")},
			Amounts: []Amount{{"contacts_delayed", welcome, Missed}, {"contacts_lost", welcome, Missed}},
			Incidents: []string{
				"effect:emea:credential:shop journey_stalled critical resolved: journey/welcome journey_stalled; events_refused journey/welcome",
			},
			Messages: []string{"firing journey_stalled effect:emea:credential:shop", "resolved journey_stalled effect:emea:credential:shop"},
		},
		{Name: "an activity is refused", Summary: "What a custom activity calls answers 4xx; the journey counts it as done and goes on.", For: 36 * hour,
			Turns:   []Turn{deed(9*hour, welcome, "break", func(d *world.Deed) { d.Step, d.Mode = 2, "failing" }), deed(21*hour, welcome, "mend")},
			Amounts: []Amount{{"outage_hours", welcome, Failing}},
			Incidents: []string{
				"effect:emea:journey/welcome@510000123 journey_activity_failing warning resolved: journey/welcome journey_activity_failing; activity_failing journey/welcome",
			},
			Messages: []string{"firing journey_activity_failing effect:emea:journey/welcome@510000123", "resolved journey_activity_failing effect:emea:journey/welcome@510000123"},
		},
		{Name: "a quarter is left", Summary: "Three of four of the shop's events are invalid.", For: 36 * hour,
			Turns:   []Turn{deed(9*hour, welcome, "break", func(d *world.Deed) { d.Mode, d.Share = "payload", 0.75 }), deed(30*hour, welcome, "mend")},
			Amounts: []Amount{{"contacts_delayed", welcome, Missed}, {"contacts_lost", welcome, Missed}},
			Incidents: []string{
				"effect:emea:credential:shop volume_dropped warning resolved: journey/welcome volume_dropped; events_refused journey/welcome",
			},
			Messages: []string{"firing volume_dropped effect:emea:credential:shop", "resolved volume_dropped effect:emea:credential:shop"},
		},
	}
}

// loads: how "Completed" hides that nothing came.
func loads() []EffectStory {
	return []EffectStory{
		{Name: "an empty file is skipped", Summary: "The nightly file is empty; the import succeeds and brings nothing.", For: 30 * hour,
			Turns:   []Turn{deed(1*hour, nightly, "empty", func(d *world.Deed) { d.Files = 1 })},
			Amounts: []Amount{{"contacts_late", winback, Missed}, {"hours_stale", customers, Unsynced}, {"rows_not_imported", nightly, Short}},
			Absent:  []Amount{{"contacts_on_stale_data", winback, Outdated}},
			Incidents: []string{
				"effect:emea:automation/nightly-customers@510000123 import_empty warning resolved: automation/nightly-customers import_empty, data_extension/Customers data_stale, journey/winback journey_stalled; import_empty automation/nightly-customers",
			},
			Messages: []string{"firing import_empty effect:emea:automation/nightly-customers@510000123", "resolved import_empty effect:emea:automation/nightly-customers@510000123"},
		},
		{Name: "an empty file empties the target", Summary: "An empty file is processed with overwrite: the target has no rows.", For: day,
			Turns:   []Turn{deed(9*hour, hourly, "empty", func(d *world.Deed) { d.Files = 3 })},
			Amounts: []Amount{{"rows_not_imported", hourly, Short}, {"hours_stale", stock, Unsynced}},
			Incidents: []string{
				"effect:emea:automation/hourly-stock@510000123 import_empty warning resolved: automation/hourly-stock import_empty, data_extension/Stock data_stale; import_empty automation/hourly-stock",
			},
			Messages: []string{"firing import_empty effect:emea:automation/hourly-stock@510000123", "resolved import_empty effect:emea:automation/hourly-stock@510000123"},
		},
		{Name: "a truncated file", Summary: "The file has 45 rows instead of 9,000.", For: 30 * hour,
			Turns:   []Turn{deed(1*hour, nightly, "truncate", func(d *world.Deed) { d.Files = 1 })},
			Amounts: []Amount{{"rows_not_imported", nightly, Short}},
			Incidents: []string{
				"effect:emea:automation/nightly-customers@510000123 import_empty warning resolved: automation/nightly-customers import_empty; import_empty automation/nightly-customers",
			},
			Messages: []string{"firing import_empty effect:emea:automation/nightly-customers@510000123", "resolved import_empty effect:emea:automation/nightly-customers@510000123"},
		},
		{Name: "the file never came", Summary: "A file comes every six hours; for a day it does not, and what it starts is not started.", For: 36 * hour,
			Turns:   []Turn{deed(1*hour, prices, "withhold", func(d *world.Deed) { d.Files = 4 })},
			Amounts: []Amount{{"outage_hours", prices, Still}},
			Incidents: []string{
				"effect:emea:automation/drop-prices@510000123 automation_missed warning resolved: automation/drop-prices automation_missed; automation_late automation/drop-prices",
			},
			Messages: []string{"firing automation_missed effect:emea:automation/drop-prices@510000123", "resolved automation_missed effect:emea:automation/drop-prices@510000123"},
		},
		{Name: "an automation is paused", Summary: "Somebody pauses the nightly automation and forgets it.", For: 56 * hour,
			Turns:   []Turn{deed(10*hour, nightly, "pause"), deed(44*hour, nightly, "resume")},
			Amounts: []Amount{{"hours_stale", customers, Unsynced}},
			Incidents: []string{
				"effect:emea:data_extension/Customers@510000123 data_stale warning resolved: data_extension/Customers data_stale; stopped_by_person automation/nightly-customers m.weber",
			},
			Messages: []string{"firing data_stale effect:emea:data_extension/Customers@510000123", "resolved data_stale effect:emea:data_extension/Customers@510000123"},
		},
		{Name: "an automation ends in an error", Summary: "A step of the hourly automation fails from nine to twelve.", For: day,
			Turns:   []Turn{deed(9*hour, hourly, "break", func(d *world.Deed) { d.Step = 1 }), deed(12*hour, hourly, "mend")},
			Amounts: []Amount{{"outage_hours", hourly, Still}, {"hours_stale", stock, Unsynced}},
			Incidents: []string{
				"effect:emea:automation/hourly-stock@510000123 automation_failed warning resolved: automation/hourly-stock automation_failed, data_extension/Stock data_stale; automation_late automation/hourly-stock",
			},
			Messages: []string{"firing automation_failed effect:emea:automation/hourly-stock@510000123", "resolved automation_failed effect:emea:automation/hourly-stock@510000123"},
		},
		{Name: "runs are skipped", Summary: "A run hangs for five hours, and those after it are skipped.", For: day,
			Turns:   []Turn{deed(9*hour, hourly, "hang", func(d *world.Deed) { d.Duration = world.Duration(5 * hour) }), deed(11*hour, hourly, "mend")},
			Amounts: []Amount{{"hours_stale", stock, Unsynced}},
			Incidents: []string{
				"effect:emea:data_extension/Stock@510000123 data_stale warning resolved: automation/hourly-stock automation_missed, data_extension/Stock data_stale; automation_late automation/hourly-stock",
			},
			Messages: []string{"firing data_stale effect:emea:data_extension/Stock@510000123", "resolved data_stale effect:emea:data_extension/Stock@510000123"},
		},
	}
}

// sends: definitions and their queues.
func sends() []EffectStory {
	return []EffectStory{
		{Name: "a definition is inactive", Summary: "Somebody pauses the order confirmation: SFMC accepts, and queues.", For: day,
			Turns:   []Turn{deed(9*hour, confirm, "inactivate"), deed(13*hour, confirm, "activate")},
			Amounts: []Amount{{"queue_depth", confirm, Deepest}},
			Incidents: []string{
				"effect:emea:transactional_email/order-confirmation@510000123 queue_backing_up critical resolved: transactional_email/order-confirmation queue_backing_up; definition_inactive transactional_email/order-confirmation",
			},
			Messages: []string{"firing queue_backing_up effect:emea:transactional_email/order-confirmation@510000123", "resolved queue_backing_up effect:emea:transactional_email/order-confirmation@510000123"},
		},
		{Name: "a triggered send is inactive", Summary: "Somebody pauses the password mail.", For: day,
			Turns:   []Turn{deed(9*hour, reset, "inactivate"), deed(13*hour, reset, "activate")},
			Amounts: []Amount{{"contacts_delayed", reset, Missed}, {"queue_depth", reset, Deepest}},
			Incidents: []string{
				"effect:emea:triggered_send/password-reset@510000123 volume_dropped critical resolved: triggered_send/password-reset queue_backing_up, triggered_send/password-reset volume_dropped; definition_inactive triggered_send/password-reset",
			},
			Messages: []string{"firing volume_dropped effect:emea:triggered_send/password-reset@510000123", "firing volume_dropped effect:emea:triggered_send/password-reset@510000123", "resolved volume_dropped effect:emea:triggered_send/password-reset@510000123"},
		},
	}
}

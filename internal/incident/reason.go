package incident

// The named reasons of transitions. They go to the timeline, the API and the log
// as they are; docs/incident-states.md explains each.
const (
	ReasonFirstRefusal     = "first_refusal"           // opened: asking again would lock the user
	ReasonConfirmedRefusal = "confirmed_refusal"       // opened, joined: refused twice with no proof between
	ReasonBurst            = "burst_confirmed"         // opened: three failures over two minutes
	ReasonRuns             = "runs_confirmed"          // opened: enough scheduled runs ended in a burst
	ReasonNeighbours       = "neighbours_confirmed"    // opened: failures of several credentials make the burst
	ReasonCannotLook       = "cannot_look"             // opened: Keepwatch could not look twice in a row
	ReasonReported         = "reported"                // opened: the observer itself had waited long enough
	ReasonSameCause        = "same_cause"              // joined: the cause is open already
	ReasonOutcomeChanged   = "outcome_changed"         // changed: the same credential, refused in another way
	ReasonSeverityRaised   = "severity_raised"         // changed: a member fails in a graver way
	ReasonEverywhere       = "same_refusal_everywhere" // opened, merged_into: all credentials of a place at once
	ReasonProven           = "proven"                  // left, resolved
	ReasonProvenSteadily   = "proven_steadily"         // left, resolved: three proofs in a row, after flapping
	ReasonLooked           = "looked_again"            // resolved: Keepwatch can look again
	ReasonSuperseded       = "superseded"              // left, resolved, merged_into: another cause is confirmed
	ReasonRung             = "rung_reached"            // opened, warning: a rung of the ladder
	ReasonDateMoved        = "date_moved"              // warning: another date, which has rungs behind it, too
	ReasonDatePassed       = "date_passed"             // warning: a refusal is explained by a date
	ReasonRenewed          = "renewed"                 // resolved: the date has moved away
	ReasonContradicted     = "date_contradicted"       // changed: a proof after the date
	ReasonDrift            = "drift"                   // opened: something changed by itself
	ReasonDriftKnown       = "drift_acknowledged"      // resolved: somebody knows of the change
	ReasonDriftAged        = "drift_aged"              // resolved: it was said a week ago
	ReasonMended           = "mended"                  // resolved: a scan finds it as it should be
	ReasonRemoved          = "removed"                 // left, relieved, resolved: the check is no longer configured
	ReasonEffect           = "effect_judged"           // opened: something stopped, and no open incident explains it
	ReasonHangs            = "hangs_on_cause"          // affected: it hangs on what the incident is about
	ReasonCauseFound       = "cause_found"             // affected: the root is seen last; relieved, merged_into: another incident explains it
	ReasonCaughtUp         = "caught_up"               // relieved, resolved: it works again
	ReasonUnjudged         = "not_judged"              // relieved, resolved: for a day nothing could be said of it
	ReasonStopped          = "stopped_otherwise"       // relieved, resolved: the cause is gone, and SFMC says what else holds it
	ReasonOutlived         = "effects_outlive"         // relieved, resolved: it lasts though its cause is long gone
	ReasonHolderRefused    = "holder_refused"          // opened: a holder is refused, though the credential works
	ReasonHolderDenied     = "holder_denied"           // opened: a holder's calls are refused for lack of a right
	ReasonMasked           = "retries_mask"            // opened: a holder gets its tokens only by trying again
	ReasonBurn             = "objective_burns"         // opened: more token requests fail than the objective allows
	ReasonTraffic          = "seen_in_traffic"         // resolved: the holder's own calls show it
	ReasonQuiet            = "holder_quiet"            // resolved: the holder has not called for a day
	ReasonFailsAgain       = "fails_again"             // changed: the cause is back before its effects had caught up
)

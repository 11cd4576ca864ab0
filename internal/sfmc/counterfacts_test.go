package sfmc

import (
	"fmt"
	"strings"
)

// counterFacts is what is known of each read of counters, and how well: D documented by
// Salesforce, C seen in a client's code or in what it recorded, R reported from a live
// tenant by others, I inferred. Nothing was tried on a live tenant for Keepwatch.
var counterFacts = []struct{ read, scope, mark, fact, source string }{
	{"journeys", "journeys_read", "D", "At most 50 on a page, whatever is asked for; without entries `items` is left out.", `Salesforce, "GET /interaction/v1/interactions"; mcdev test/resources`},
	{"journeys", "journeys_read", "D C", "The newest version alone may be a draft beside one that runs, so versions are listed by status with `mostRecentVersionOnly=false`. A detail without a version is version 1.", `Salesforce, "GET /interaction/v1/interactions"; mcdev`},
	{"journeys", "journeys_read", "C I", "`cumulativePopulation` counts one version; transactional journeys have no stats. Keepwatch sums versions that are Published, Paused or Unpublished.", "mcdev test/resources; the meaning is inferred"},
	{"journeys", "journeys_read", "C", "Running is `Published`, Finishing is `Unpublished`. Times have no offset: US Central Standard Time; the year 1 is never.", "mcdev lib/metadataTypes/Journey.js"},
	{"event definitions", "journeys_read", "C", "`category` Audience comes in batches by `schedule` or `automationId`, Event streams. A schedule is read on the clock of its `timeZone`, a Windows name.", "mcdev test/resources"},
	{"trigger stats", "journeys_read", "C", "Attempted, met and failed entries of the last 30 days. Undocumented.", "clients' code"},
	{"history: freshness, estimate", "list_and_subscribers_read", "D I", "Seconds behind, and rows of a query. The names of the fields are not in the text that was found: the one number, or the one whose name fits, is taken.", `Salesforce, "journeyhistory/freshness" and "/estimate"`},
	{"history: search", "list_and_subscribers_read", "C", "Rows with status and activity; statuses are a list of clients. Undocumented. Of contacts nothing is kept.", "clients' code"},
	{"events of the batch interface", "list_and_subscribers_read", "D", "Failed events of one entry source in a time, without a request's id.", `Salesforce, "GET /interaction/v1/async/events/status"`},
	{"journey audit", "journeys_read", "D C", "The documentation writes names with capitals, recordings in small letters: both are read. There is no entry for a pause.", "mcdev test/resources"},
	{"rows of a data extension", "data_extensions_read", "C", "`count` is of all rows; without rows `items` is left out; columns come in small letters. By external key. Undocumented.", "mcdev test/resources; clients' code"},
	{"newest row", "data_extensions_read", "C", "`$orderBy=column DESC` is used by one client, and no document defines it. Where it is refused or does not bring the column, SOAP is asked for rows that are newer.", "clients' code"},
	{"list of data extensions", "data_extensions_read", "R", "25 on a page in one tenant; `$search` is required there and left out elsewhere: Keepwatch asks without, then with `%`. Undocumented.", "third-party notes of a live tenant (mcecli)"},
	{"retention", "data_extensions_read", "D C", "SOAP knows retention and not the rows; its ModifiedDate does not move with rows.", "mcdev test/resources; the latter is inferred"},
	{"automations of the old interface", "automations_read", "C", "Newest run, its status and steps, and the next planned time. `status` is of the schedule, `lastRunStatus` of the run. Times have an offset. Undocumented.", "mcdev test/resources"},
	{"automations of the old interface", "automations_read", "C", "The id is base64 of the GUID's 16 bytes in base64 and `:25:0`, so the newer interface's id follows without a call.", "mcdev test/resources (id beside guidId)"},
	{"automation detail", "automations_read", "C R", "Activities with their targets. `startDate` and `scheduledTime` are the schedule's clock. Many in a burst are answered with HTTP 500.", "mcdev test/resources, issue 2199"},
	{"status of an automation", "automations_read", "D C", "-1 Error, 0 BuildingError, 1 Building, 2 Ready, 3 Running, 4 PausedSchedule, 5 Stopped, 6 Scheduled, 7 AwaitingTrigger, 8 InactiveTrigger. Other tables that go round are wrong.", `Salesforce, "Automation" (SOAP); mcdev`},
	{"health report", "automations_read", "R", "CSV with a byte-order mark, runs of the last 30 days by name. Undocumented.", "third-party notes of a live tenant (mcecli)"},
	{"definitions of imports", "automations_read", "C", "`blankFileProcessingType` (0 fail, 1 process, 2 skip) comes with one definition, not in the list. `updateTypeId` 4 overwrites. Undocumented.", "mcdev ImportFile.definition.js"},
	{"results of imports", "automations_read", "D", "Completed says nothing about rows. Only the filter by task number is documented; by start or key may be refused, then all are read. Results lag behind the run.", `Salesforce, "ImportResultsSummary"; WSDL`},
	{"transactional definitions", "email_read, sms_read", "D C", "`count` is of the page.", "SFMC-SDK, comment; mcdev test/resources"},
	{"queue of a definition", "email_read, sms_read", "D", "Messages accepted and not processed, and the age of the oldest; both grow while a definition is inactive.", `Salesforce, "GET …/definitions/{definitionKey}/queue"`},
	{"messages that were not sent", "email_read, tracking_events_read", "D", "A feed with a cursor, the oldest first. Codes 1 to 14 are the contact's.", `Salesforce, "GET …/messages/?type=notSent"`},
	{"triggered sends", "email_read", "D C", "Inactive accepts and queues. All counters grow but Queued.", "WSDL; mcdev test/resources (9.0.3)"},
	{"event notifications", "", "D", "Base64 of HMAC-SHA256 over the body as it came; at least once, unordered, lost after three tries. Automations and messages only.", `Salesforce, "Event Notification Service"`},
	{"event notifications", "event_notification_callback_create", "I", "The scope of the verification; what a good answer to it holds is not documented.", "inferred"},
}

// counterText writes the section of docs/sfmc-facts.md.
func counterText(b *strings.Builder) {
	b.WriteString("\n## What the reads of counters rest on\n\nD: documented by Salesforce. C: in a client's code, or in what it recorded. R: reported from a live tenant by others. I: inferred. Nothing was\n" +
		"tried on a live tenant for Keepwatch. What mcdev recorded is parsed in conformance/recorded_test.go. How often each is read stands in [effects.md](effects.md).\n\n" +
		"| read | scope | mark | what is known | source |\n|---|---|---|---|---|\n")
	for _, f := range counterFacts {
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", f.read, code(f.scope), f.mark, cell(f.fact), cell(f.source))
	}
	fmt.Fprintf(b, "\nA page may have %d journeys, %d automations, %d definitions; %d data extensions are asked for on one. The health report may have %d bytes, a batch of\n"+
		"events %d, a search of history %d rows, a page of unsent messages %d. Zones with Windows names: %d of them, as CLDR translates them.\n",
		JourneyPage, AutomationPage, DefinitionPage, ExtensionPage, maxReport, MaxENSBatch, HistoryPage, NotSentPage, len(windowsZones)+3)
}

package collect

import "keepwatch"

// Route is a read that may be switched off by its name.
type Route struct {
	Name       string
	Family     keepwatch.Family
	Path       string
	Scope      string // that the reader's package needs
	Documented bool   // by Salesforce
	For        string // what is unknown without it
}

// Names of the routes.
const (
	RouteJourneyList      = "journeys"
	RouteJourneyDetail    = "journey_detail"
	RouteEventDefinitions = "event_definitions"
	RouteTriggerStats     = "trigger_stats"
	RouteHistory          = "journey_history"
	RouteFreshness        = "history_freshness"
	RouteActivities       = "journey_activities"
	RouteAsyncEvents      = "async_events"
	RouteJourneyAudit     = "journey_audit"
	RouteExtensionList    = "extension_list"
	RouteRows             = "rows"
	RouteNewestRow        = "newest_row"
	RouteNewestBySOAP     = "newest_row_soap"
	RouteRetention        = "retention"
	RouteAutomationList   = "automation_list"
	RouteSchedule         = "automation_schedule"
	RouteAutomationDetail = "automation_detail"
	RouteHealthReport     = "health_report"
	RouteImports          = "imports"
	RouteImportResults    = "import_results"
	RouteEmailDefinitions = "email_definitions"
	RouteSMSDefinitions   = "sms_definitions"
	RouteEmailQueue       = "email_queue"
	RouteSMSQueue         = "sms_queue"
	RouteNotSent          = "not_sent"
	RouteSMSNotSent       = "sms_not_sent"
	RouteTriggeredSends   = "triggered_sends"
	RouteSendSummary      = "send_summary"
)

// Routes are all of them, in the order in which a look asks.
var Routes = []Route{
	{RouteJourneyList, keepwatch.FamilyJourneys, "GET /interaction/v1/interactions", "journeys_read", true, "everything about journeys"},
	{RouteJourneyDetail, keepwatch.FamilyJourneys, "GET /interaction/v1/interactions/{id}", "journeys_read", true, "the entry source of a journey"},
	{RouteEventDefinitions, keepwatch.FamilyJourneys, "GET /interaction/v1/eventDefinitions/key:{key}", "journeys_read", true, "which data extension or automation feeds a journey, and when batches are due"},
	{RouteTriggerStats, keepwatch.FamilyJourneys, "GET /interaction/v1/triggerstats/{id}", "journeys_read", false, "whether nobody came or all were turned away"},
	{RouteHistory, keepwatch.FamilyJourneys, "POST /interaction/v1/interactions/journeyhistory/estimate", "list_and_subscribers_read", true, "whether contacts inside still move"},
	{RouteFreshness, keepwatch.FamilyJourneys, "GET /interaction/v1/interactions/journeyhistory/freshness", "list_and_subscribers_read", true, "how far the history lies behind"},
	{RouteActivities, keepwatch.FamilyJourneys, "POST /interaction/v1/interactions/journeyhistory/search", "list_and_subscribers_read", false, "which activities inside a journey fail"},
	{RouteAsyncEvents, keepwatch.FamilyJourneys, "GET /interaction/v1/async/events/status", "list_and_subscribers_read", true, "events of the batch interface that failed"},
	{RouteJourneyAudit, keepwatch.FamilyJourneys, "GET /interaction/v1/interactions/{id}/audit/all", "journeys_read", true, "who stopped or changed a journey"},
	{RouteExtensionList, keepwatch.FamilyDataExtensions, "GET /data/v1/customobjects", "data_extensions_read", false, "the rows of all data extensions (watch: all)"},
	{RouteRows, keepwatch.FamilyDataExtensions, "GET /data/v1/customobjectdata/key/{key}/rowset", "data_extensions_read", false, "the rows of a wanted data extension"},
	{RouteNewestRow, keepwatch.FamilyDataExtensions, "GET /data/v1/customobjectdata/key/{key}/rowset?$orderBy", "data_extensions_read", false, "the newest row in one call"},
	{RouteNewestBySOAP, keepwatch.FamilyDataExtensions, "SOAP DataExtensionObject[key]", "data_extensions_read", true, "the newest row where $orderBy is not taken"},
	{RouteRetention, keepwatch.FamilyDataExtensions, "SOAP DataExtension", "data_extensions_read", true, "which data extensions delete rows by age"},
	{RouteAutomationList, keepwatch.FamilyAutomations, "GET /legacy/v1/beta/bulk/automations/automation/definition/", "automations_read", false, "everything about automations"},
	{RouteSchedule, keepwatch.FamilyAutomations, "GET /legacy/v1/beta/bulk/automations/automation/definition/{id}", "automations_read", false, "planned runs, and who paused an automation"},
	{RouteAutomationDetail, keepwatch.FamilyAutomations, "GET /automation/v1/automations/{id}", "automations_read", false, "the imports of an automation and what it fills"},
	{RouteHealthReport, keepwatch.FamilyAutomations, "GET /automation/v1/automations/healthreport", "automations_read", false, "runs, errors and skips of the last 30 days"},
	{RouteImports, keepwatch.FamilyAutomations, "GET /automation/v1/imports/{id}", "automations_read", false, "what an import does with an empty file"},
	{RouteImportResults, keepwatch.FamilyAutomations, "SOAP ImportResultsSummary", "automations_read", true, "how many rows an import brought"},
	{RouteEmailDefinitions, keepwatch.FamilyQueues, "GET /messaging/v1/email/definitions", "email_read", true, "states of e-mail definitions"},
	{RouteSMSDefinitions, keepwatch.FamilyQueues, "GET /messaging/v1/sms/definitions", "sms_read", true, "states of SMS definitions"},
	{RouteEmailQueue, keepwatch.FamilyQueues, "GET /messaging/v1/email/definitions/{key}/queue", "email_read", true, "what waits in an e-mail definition"},
	{RouteSMSQueue, keepwatch.FamilyQueues, "GET /messaging/v1/sms/definitions/{key}/queue", "sms_read", true, "what waits in an SMS definition"},
	{RouteNotSent, keepwatch.FamilyQueues, "GET /messaging/v1/email/messages/?type=notSent", "email_read", true, "why e-mails were not sent"},
	{RouteSMSNotSent, keepwatch.FamilyQueues, "GET /messaging/v1/sms/messages/?type=notSent", "tracking_events_read", true, "why text messages were not sent"},
	{RouteTriggeredSends, keepwatch.FamilySends, "SOAP TriggeredSendDefinition", "email_read", true, "everything about triggered sends"},
	{RouteSendSummary, keepwatch.FamilySends, "SOAP TriggeredSendSummary", "email_read", true, "what triggered sends sent, and what waits"},
}

var routeByName = func() map[string]Route {
	m := make(map[string]Route, len(Routes))
	for _, r := range Routes {
		m[r.Name] = r
	}
	return m
}()

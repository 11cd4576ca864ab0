package collect

import "keepwatch"

// Route is a read that may be switched off by its name.
type Route struct {
	Name       string
	Family     keepwatch.Family
	Path       string
	Scope      string
	Documented bool
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
	RouteRetention        = "retention"
	RouteAutomationList   = "automation_list"
	RouteAutomationDetail = "automation_detail"
	RouteSchedule         = "automation_schedule"
	RouteHealthReport     = "health_report"
	RouteImports          = "imports"
	RouteImportResults    = "import_results"
	RouteEmailDefinitions = "email_definitions"
	RouteSMSDefinitions   = "sms_definitions"
	RouteEmailQueue       = "email_queue"
	RouteSMSQueue         = "sms_queue"
	RouteNotSent          = "not_sent"
	RouteTriggeredSends   = "triggered_sends"
	RouteSendSummary      = "send_summary"
)

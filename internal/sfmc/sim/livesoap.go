package sim

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/sfmc/sim/world"
)

// liveKinds are the SOAP objects that a world adds or replaces.
var liveKinds = map[string]objectKind{
	"DataExtension": {"data_extensions_read",
		objectKinds["DataExtension"].fields + " DataRetentionPeriodLength DataRetentionPeriodUnitOfMeasure RowBasedRetention ResetRetentionPeriodOnImport DeleteAtEndOfRetentionPeriod RetainUntil Template.CustomerKey",
		liveDataExtensions},
	"Program": {"automations_read", "ObjectID CustomerKey Name Description Client Client.ID CreatedDate ModifiedDate", livePrograms},
	"Automation": {"automations_read",
		"ObjectID ProgramID Name Description RecurrenceID CustomerKey IsActive CreatedDate CreatedBy ModifiedDate LastSaveDate LastSavedBy Status CategoryID Client Client.ID",
		livePrograms},
	"QueryDefinition": {"automations_read", "ObjectID CustomerKey Name Status Client Client.ID CreatedDate ModifiedDate", liveQueries},
	"ImportResultsSummary": {"automations_read",
		"ImportDefinitionCustomerKey TaskResultID ImportStatus ImportType StartDate EndDate DestinationID NumberSuccessful NumberDuplicated NumberErrors TotalRows ID ObjectID RowID Client Client.ID",
		importResults},
	"TriggeredSendDefinition": {"email_read",
		"ObjectID CustomerKey Name Description CategoryID TriggeredSendStatus TriggeredSendType Email.ID FromAddress FromName EmailSubject Priority AutoAddSubscribers AllowedSlots NewSlotTrigger SendClassification.CustomerKey SenderProfile.CustomerKey CreatedDate ModifiedDate Client Client.ID",
		triggeredSends},
	"TriggeredSendSummary": {"email_read",
		"CustomerKey Sent NotSentDueToOptOut NotSentDueToUndeliverable NotSentDueToError Bounces Opens Clicks UniqueOpens UniqueClicks OptOuts SurveyResponses FTAFRequests FTAFEmailsSent FTAFOptIns Conversions UniqueConversions InProcess Queued ObjectID Client Client.ID",
		triggeredSummaries},
}

// rowObject is the object whose name holds a data extension's key.
const rowObject = "DataExtensionObject["

// objectKind finds an object, those that live first. One that is switched off is
// not there.
func (c *call) objectKind(name string) (objectKind, bool) {
	bare, _, _ := strings.Cut(name, "[")
	if status := c.settings.RoutesOff["soap:"+bare]; status == http.StatusNotFound {
		return objectKind{}, false
	} else if status == http.StatusForbidden {
		return objectKind{scope: "switched off"}, true
	}
	if c.s.world == nil {
		kind, ok := objectKinds[name]
		return kind, ok
	}
	if strings.HasPrefix(name, rowObject) {
		return c.rowKind(strings.TrimSuffix(name[len(rowObject):], "]"))
	}
	if kind, ok := liveKinds[name]; ok {
		return kind, true
	}
	kind, ok := objectKinds[name]
	return kind, ok
}

// maxSOAPRows is how far back rows of a data extension can be read; the newest come first.
const maxSOAPRows = 5000

func (c *call) rowKind(key string) (objectKind, bool) {
	e, known := c.s.world.Extension(c.mid, key)
	if !known {
		return objectKind{}, false
	}
	return objectKind{"data_extensions_read", "Id Status " + e.Timestamp, func(*call, bool) []row {
		var out []row
		for i := range min(e.Count, maxSOAPRows) {
			r := row{"Id": strconv.FormatInt(e.Count-i, 10), "Status": "ok"}
			if e.Timestamp != "" {
				r[e.Timestamp] = centralTime(e.Written(i))
			}
			out = append(out, r)
		}
		return out
	}}, true
}

// writeRow renders a row of a data extension: its columns are pairs of name and value.
func (r row) writeRow(b *strings.Builder, properties []string) {
	b.WriteString(`<Results xsi:type="DataExtensionObject"><PartnerKey xsi:nil="true"/><ObjectID xsi:nil="true"/><Type>DataExtensionObject</Type><Properties>`)
	for _, p := range properties {
		fmt.Fprintf(b, "<Property><Name>%s</Name><Value>%s</Value></Property>", xmlText(p), xmlText(r[p]))
	}
	b.WriteString("</Properties></Results>")
}

// unfilterable refuses filters that a tenant does not take.
func (c *call) unfilterable(q query) (string, bool) {
	if q.object != "ImportResultsSummary" || q.filter == nil || !c.settings.ImportByTask || q.filter.child("Property").value() == "TaskResultID" {
		return "", false
	}
	return "Error: The Filter Property " + q.filter.child("Property").value() + " is not supported for ImportResultsSummary retrieve", true
}

// seenBy tells whether a subject shows to the request, and in which business unit.
func (c *call) seenBy(all bool) func(keepwatch.MID) (keepwatch.MID, bool) {
	seen := c.seen(all)
	return func(own keepwatch.MID) (keepwatch.MID, bool) {
		return cmp.Or(own, c.mid), own == 0 || seen[own]
	}
}

func liveDataExtensions(c *call, all bool) []row {
	seen := c.seenBy(all)
	var out []row
	for _, e := range c.s.world.Extensions(0) {
		mid, ok := seen(e.Unit)
		if !ok {
			continue
		}
		// Neither date says anything of the rows.
		made := soapTime(c.s.world.Began().Add(-8000 * time.Hour))
		r := row{
			"ObjectID": e.ID, "CustomerKey": e.Key, "Name": e.Name, "Client.ID": number(mid), "IsSendable": flag(e.Sendable), "IsTestable": "false",
			"CategoryID": "6298", "Status": "Normal", "CreatedDate": made, "ModifiedDate": made, "RowBasedRetention": "false",
		}
		if e.Retention > 0 {
			r["RowBasedRetention"], r["DataRetentionPeriodUnitOfMeasure"] = "true", "3"
			r["DataRetentionPeriodLength"] = strconv.Itoa(int(time.Duration(e.Retention) / (24 * time.Hour)))
		}
		out = append(out, r)
	}
	return out
}

func livePrograms(c *call, all bool) []row {
	seen := c.seenBy(all)
	var out []row
	for _, a := range c.s.world.Automations(0) {
		if mid, ok := seen(a.Unit); ok {
			status := shownStatus(a)
			out = append(out, row{
				"ObjectID": a.ID, "ProgramID": a.ID, "CustomerKey": a.Key, "Name": a.Name, "Client.ID": number(mid), "IsActive": flag(a.Status == world.Scheduled || a.Status == world.AwaitingTrigger),
				"Status": strconv.Itoa(statusIDs[status]), "CreatedDate": soapTime(a.Created), "ModifiedDate": soapTime(a.Modified), "LastSaveDate": soapTime(a.Modified), "CategoryID": "290937",
			})
		}
	}
	return out
}

func liveQueries(c *call, all bool) []row {
	seen := c.seenBy(all)
	var out []row
	for _, a := range c.s.world.Automations(0) {
		mid, ok := seen(a.Unit)
		for _, s := range a.Steps {
			if ok && s.Kind == "query" {
				out = append(out, row{"ObjectID": objectID(s), "CustomerKey": s.Key, "Name": s.Name, "Status": "Active", "Client.ID": number(mid), "CreatedDate": soapTime(a.Created), "ModifiedDate": soapTime(a.Modified)})
			}
		}
	}
	return out
}

// importResults are what imports brought, the newest first; a fresh one shows late.
func importResults(c *call, _ bool) []row {
	var out []row
	targets := map[string]string{} // thousands of imports go to a few
	for _, i := range slices.Backward(c.s.world.Imports(c.mid)) {
		if i.Ended.Add(time.Duration(c.settings.ImportLag)).After(c.now) {
			continue
		}
		target, known := targets[i.Target]
		if !known {
			target = guidOf("de", i.Target)
			targets[i.Target] = target
		}
		out = append(out, row{
			"ImportDefinitionCustomerKey": i.Definition, "TaskResultID": strconv.Itoa(i.TaskID), "ImportStatus": i.Status, "ImportType": "Object", "StartDate": centralTime(i.Started), "EndDate": centralTime(i.Ended),
			"DestinationID": target, "NumberSuccessful": strconv.Itoa(i.Successful), "NumberDuplicated": "0", "NumberErrors": strconv.Itoa(i.Errors), "TotalRows": strconv.Itoa(i.Total),
			"ID": strconv.Itoa(i.TaskID), "ObjectID": guidOf("import result", strconv.Itoa(i.TaskID)), "Client.ID": number(c.mid),
		})
	}
	slices.SortStableFunc(out, func(a, b row) int { return cmp.Compare(atoi(b["TaskResultID"]), atoi(a["TaskResultID"])) })
	return out
}

func triggeredSends(c *call, all bool) []row {
	seen := c.seenBy(all)
	var out []row
	for _, d := range c.s.world.Sends(0, keepwatch.SubjectTriggeredSend) {
		if mid, ok := seen(d.Unit); ok {
			out = append(out, row{
				"ObjectID": d.ID, "CustomerKey": d.Key, "Name": d.Name, "Client.ID": number(mid), "TriggeredSendStatus": d.Status, "TriggeredSendType": "Continuous", "CategoryID": "6298", "Priority": "Medium",
				"AutoAddSubscribers": "true", "FromAddress": "team@example.com", "FromName": "Team", "EmailSubject": d.Name, "CreatedDate": soapTime(d.Created), "ModifiedDate": soapTime(d.Modified),
			})
		}
	}
	return out
}

// triggeredSummaries are cumulative, but for Queued.
func triggeredSummaries(c *call, all bool) []row {
	seen := c.seenBy(all)
	var out []row
	for _, d := range c.s.world.Sends(0, keepwatch.SubjectTriggeredSend) {
		mid, ok := seen(d.Unit)
		if !ok {
			continue
		}
		r := row{"CustomerKey": d.Key, "ObjectID": d.ID, "Client.ID": number(mid), "Sent": strconv.FormatInt(d.Sent, 10), "Queued": strconv.Itoa(d.Queued), "NotSentDueToError": strconv.FormatInt(d.Failed, 10), "NotSentDueToUndeliverable": strconv.FormatInt(d.BadAddress, 10), "InProcess": "0"}
		for _, zero := range strings.Fields("NotSentDueToOptOut Bounces Opens Clicks UniqueOpens UniqueClicks OptOuts SurveyResponses FTAFRequests FTAFEmailsSent FTAFOptIns Conversions UniqueConversions") {
			r[zero] = "0"
		}
		out = append(out, r)
	}
	return out
}

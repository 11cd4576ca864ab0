package sim

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"keepwatch/internal/sfmc/sim/world"
)

// historyLag is how far history lies behind.
func (c *call) historyLag() time.Duration {
	return cmp.Or(time.Duration(c.settings.HistoryLag), 20*time.Minute)
}

func historyFreshness(c *call) (answer, bool) {
	return ok(object{"freshness": int(c.historyLag() / time.Second)})
}

// historyFilter reads the body that all history routes share.
func (c *call) historyFilter() (world.HistoryFilter, bool) {
	var q struct {
		Start, End                             string
		DefinitionIDs, ActivityTypes, Statuses []string
	}
	if len(c.body) > 0 && unmarshal(c.body, &q) != nil {
		return world.HistoryFilter{}, false
	}
	visible := c.now.Add(-c.historyLag())
	f := world.HistoryFilter{Unit: c.mid, From: c.now.AddDate(0, 0, -30), To: visible, Definitions: q.DefinitionIDs, Statuses: q.Statuses}
	for _, kind := range q.ActivityTypes {
		f.Types = append(f.Types, strings.ToLower(kind))
	}
	for _, limit := range []struct {
		text string
		into *time.Time
	}{{q.Start, &f.From}, {q.End, &f.To}} {
		if t, err := time.Parse(time.RFC3339, limit.text); err == nil {
			*limit.into = t
		} else if t, err := time.ParseInLocation("2006-01-02T15:04:05", limit.text, centralZone); err == nil {
			*limit.into = t
		}
	}
	if f.To.After(visible) {
		f.To = visible
	}
	return f, true
}

func historyEstimate(c *call) (answer, bool) {
	f, fine := c.historyFilter()
	if !fine {
		return badBody()
	}
	n := c.s.world.CountHistory(f)
	return ok(object{"rowCount": n, "fileSize": n * 180, "compressedFileSize": n * 25})
}

// historyMost is where the search stops.
const historyMost = 10_000

func (c *call) historyRows(f world.HistoryFilter, most int) []world.HistoryRow {
	f.Most = most
	rows := slices.Collect(c.s.world.History(f))
	slices.SortStableFunc(rows, func(a, b world.HistoryRow) int { return b.At.Compare(a.At) })
	return rows[:min(most, len(rows))]
}

func historySearch(c *call) (answer, bool) {
	f, fine := c.historyFilter()
	if !fine {
		return badBody()
	}
	rows := c.historyRows(f, historyMost)
	page, size := c.pagingUpTo(500)
	from := min(min(page-1, historyMost)*size, len(rows))
	items := []object{}
	for i, r := range rows[from:min(from+size, len(rows))] {
		items = append(items, object{
			"id": guidOf("history", r.ContactKey+r.Activity+strconv.Itoa(from+i)), "mid": c.mid, "eventId": guidOf("event", r.ContactKey), "eventName": r.ActivityName,
			"definitionId": r.DefinitionID, "definitionName": r.Name, "contactKey": r.ContactKey, "transactionTime": centralTime(r.At), "status": r.Status, "clientStatus": r.Status,
			"activityId": r.Activity, "activityName": r.ActivityName, "activityType": r.ActivityType, "result": object{"status": r.Status}, "message": r.Message,
		})
	}
	return ok(object{"count": len(rows), "page": page, "pageSize": size, "links": object{}, "items": items})
}

// historyDownload is a file of rows, the newest of each journey first.
func historyDownload(c *call) (answer, bool) {
	f, fine := c.historyFilter()
	if !fine {
		return badBody()
	}
	columns := strings.Split(cmp.Or(c.query("columns"), "TransactionTime,ContactKey,Status,DefinitionId,DefinitionName,ActivityId,ActivityName,ActivityType"), ",")
	var b bytes.Buffer
	out := csv.NewWriter(&b)
	if strings.EqualFold(c.query("format"), "tsv") {
		out.Comma = '\t'
	}
	_ = out.Write(columns) // a Buffer does not fail
	for _, r := range c.historyRows(f, 50_000) {
		values := map[string]string{
			"transactiontime": centralTime(r.At), "contactkey": r.ContactKey, "status": r.Status, "definitionid": r.DefinitionID, "definitionname": r.Name,
			"activityid": r.Activity, "activityname": r.ActivityName, "activitytype": strings.ToUpper(r.ActivityType), "message": r.Message, "result.messages": r.Message, "result.status": r.Status,
		}
		record := make([]string, len(columns))
		for i, name := range columns {
			record[i] = values[strings.ToLower(strings.TrimSpace(name))]
		}
		_ = out.Write(record)
	}
	out.Flush()
	return answer{status: http.StatusOK, kind: "text/csv; charset=utf-8", body: b.Bytes()}, true
}

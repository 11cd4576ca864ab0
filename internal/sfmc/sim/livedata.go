package sim

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"
	"time"

	"keepwatch/internal/sfmc/sim/world"
)

// maxRowset is how many rows one page of a rowset holds at most.
const maxRowset = 2500

// liveRowset pages through rows: the oldest first, unless asked otherwise. A later
// page goes by the token of the first.
func liveRowset(c *call) (answer, bool) {
	extensions := c.s.world.Extensions(c.mid)
	if len(extensions) == 0 {
		return answer{}, false
	}
	byToken := strings.Contains(c.route.family.route, "/token/")
	for _, e := range extensions {
		token := guidOf("rowset", e.Key)
		if byToken && strings.EqualFold(token, c.part(4)) || !byToken && strings.EqualFold(e.Key, c.part(4)) {
			return c.rowsOf(e, token)
		}
	}
	return restError(http.StatusNotFound, 30003, "Unable to find a data extension with the given key."), true
}

func (c *call) rowsOf(e world.ExtensionView, token string) (answer, bool) {
	page, size := c.pagingUpTo(maxRowset)
	count, newestFirst := e.Count, false
	if order := strings.Fields(c.query("orderBy")); len(order) > 0 {
		if e.Timestamp == "" || !strings.EqualFold(order[0], e.Timestamp) {
			return restError(http.StatusBadRequest, 10005, "The field in $orderBy does not exist."), true
		}
		newestFirst = len(order) > 1 && strings.EqualFold(order[1], "desc")
	}
	if filter := c.query("filter"); filter != "" {
		n, fine := filtered(e, filter)
		if !fine {
			return restError(http.StatusBadRequest, 10005, "The $filter is not valid."), true
		}
		count, newestFirst = n, true
	}
	out := object{
		"links": object{"self": "/v1/customobjectdata/token/" + token + "/rowset?$page=" + strconv.Itoa(page)}, "requestToken": token,
		"tokenExpireDateUtc": c.now.Add(24 * time.Hour).Format("2006-01-02T15:04:05.000"),
		"customObjectId":     e.ID, "customObjectKey": e.Key, "pageSize": size, "page": page, "count": count, "top": 0,
	}
	var items []object
	from := int64(page-1) * int64(size)
	for i := from; i < min(from+int64(size), count) && page < 1<<20; i++ {
		nth := i // of the newest
		if !newestFirst {
			nth = count - 1 - i
		}
		values := object{"status": "ok"}
		if e.Timestamp != "" {
			values[strings.ToLower(e.Timestamp)] = americanTime(e.Written(nth))
		}
		items = append(items, object{"keys": object{"id": strconv.FormatInt(e.Count-nth, 10)}, "values": values})
	}
	if items != nil {
		out["items"] = items
	}
	if from+int64(size) < count {
		out["links"].(object)["next"] = "/v1/customobjectdata/token/" + token + "/rowset?$page=" + strconv.Itoa(page+1)
	}
	return ok(out)
}

// filtered counts the rows that are newer than an instant: the one filter that is
// simulated, on the timestamp.
func filtered(e world.ExtensionView, filter string) (int64, bool) {
	parts := strings.Fields(strings.NewReplacer("'", "", `"`, "").Replace(filter))
	if len(parts) != 3 || e.Timestamp == "" || !strings.EqualFold(parts[0], e.Timestamp) || (parts[1] != "ge" && parts[1] != "gt") {
		return 0, false
	}
	since, err := time.Parse(time.RFC3339, parts[2])
	if err != nil {
		if since, err = time.ParseInLocation("2006-01-02T15:04:05", parts[2], centralZone); err != nil {
			return 0, false
		}
	}
	low, high := int64(0), e.Count // rows are ordered by time
	for low < high {
		if mid := (low + high) / 2; e.Written(mid).Before(since) {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return low, true
}

func extensionItem(e world.ExtensionView) object {
	return object{"id": e.ID, "name": e.Name, "key": e.Key, "description": "", "rowCount": e.Count, "categoryId": 6298, "isSendable": e.Sendable, "isActive": true}
}

// customObjects is the list, 25 to a page.
func customObjects(c *call) (answer, bool) {
	search := strings.ToLower(c.query("search"))
	if search == "" && c.settings.SearchRequired {
		return restError(http.StatusBadRequest, 10002, "$search is a required parameter"), true
	}
	var items []object
	for _, e := range c.s.world.Extensions(c.mid) {
		if search == "" || strings.Contains(strings.ToLower(e.Name), search) || strings.Contains(strings.ToLower(e.Key), search) {
			items = append(items, extensionItem(e))
		}
	}
	page, size := c.pagingUpTo(25)
	return ok(pageOf(items, page, size))
}

func customObject(c *call) (answer, bool) {
	e, known := c.s.world.Extension(c.mid, c.part(3))
	if !known {
		return c.notFound(), true
	}
	return ok(extensionItem(e))
}

func customObjectFields(c *call) (answer, bool) {
	e, known := c.s.world.Extension(c.mid, c.part(3))
	if !known {
		return c.notFound(), true
	}
	fields := []object{{"name": "Id", "type": "Text", "isPrimaryKey": true}, {"name": "Status", "type": "Text", "isPrimaryKey": false}}
	if e.Timestamp != "" {
		fields = append(fields, object{"name": e.Timestamp, "type": "Date", "isPrimaryKey": false})
	}
	return ok(object{"id": e.ID, "fields": fields})
}

// jobs are the asynchronous upserts of late.
type jobs struct {
	byID  map[string]job
	order []string
}

type job struct {
	at   time.Time
	rows int
}

// maxJobs bounds what is remembered; the oldest go.
const maxJobs = 4096

func (j *jobs) put(id string, one job) {
	if j.byID == nil {
		j.byID = map[string]job{}
	}
	j.byID[id] = one
	if j.order = append(j.order, id); len(j.order) > maxJobs {
		delete(j.byID, j.order[0])
		j.order = j.order[1:]
	}
}

func countRows(body []byte) (int, bool) {
	var b struct{ Items []map[string]any }
	if unmarshal(body, &b) != nil || len(b.Items) == 0 {
		return 0, false
	}
	return len(b.Items), true
}

// upsertRows accepts rows. A data extension that is not there is refused with 200.
func upsertRows(c *call) (answer, bool) {
	n, fine := countRows(c.body)
	if !fine {
		return badBody()
	}
	key, _ := keyed(c.part(4))
	id := guidOf("upsert", randomText(12))
	if !c.s.world.Write(c.mid, key, n) {
		return ok(object{"requestId": id, "resultMessages": []object{{
			"resultType": "Operational", "resultClass": "Error", "resultCode": "CustomObjectNotFound", "message": "Unable to find the data extension " + key + ".",
		}}})
	}
	c.s.jobs.put(id, job{c.now, n})
	return jsonAnswer(http.StatusAccepted, object{"requestId": id, "resultMessages": []object{}}), true
}

// upsertStatus goes through the states of a job: no status at all, Executing, perhaps
// an Error that is none, Complete.
func upsertStatus(c *call) (answer, bool) {
	id := c.part(3)
	j, known := c.s.jobs.byID[id]
	if !known {
		return answer{}, false
	}
	out := object{"requestId": id, "resultMessages": []object{}}
	age := c.now.Sub(j.at)
	if age < 2*time.Second {
		return ok(out)
	}
	status := object{
		"callDateTime": centralTime(j.at), "pickupDateTime": centralTime(j.at.Add(2 * time.Second)), "hasErrors": false,
		"requestStatus": "Executing", "resultStatus": "OK", "requestId": id,
	}
	switch {
	case age < 4*time.Second:
	case age < 5*time.Second && c.settings.AsyncFlaps:
		status["requestStatus"] = "Error"
	default:
		status["requestStatus"], status["completionDateTime"] = "Complete", centralTime(j.at.Add(4*time.Second))
		if c.deadlocks(j) > 0 {
			status["hasErrors"], status["resultStatus"] = true, "Has Errors"
		}
	}
	out["status"] = status
	return ok(out)
}

// deadlocks are how many rows of a job say that they failed.
func (c *call) deadlocks(j job) int { return int(float64(j.rows) * c.settings.AsyncDeadlocks) }

func upsertResults(c *call) (answer, bool) {
	id := c.part(3)
	j, known := c.s.jobs.byID[id]
	if !known {
		return ok(asyncStatus(c))
	}
	page, size := c.paging()
	items := []object{}
	for i := (page - 1) * size; i < min(page*size, j.rows); i++ {
		item := object{"message": "Success", "status": "OK"}
		if i < c.deadlocks(j) {
			item = object{"errorCode": "InsertFailed", "message": "Transaction was deadlocked on lock resources with another process. Rerun the transaction.", "status": "Error"}
		}
		items = append(items, item)
	}
	out := object{"count": j.rows, "page": page, "pageSize": size, "requestId": id, "resultMessages": []object{}}
	if len(items) > 0 {
		out["items"] = items
	}
	return ok(out)
}

// dataEvents is the synchronous upsert: it echoes the rows.
func dataEvents(c *call) (answer, bool) {
	var rows []map[string]any
	if unmarshal(c.body, &rows) != nil || len(rows) == 0 {
		return badBody()
	}
	key, _ := keyed(c.part(3))
	if !c.s.world.Write(c.mid, key, len(rows)) {
		return restError(http.StatusBadRequest, 10005, "Unable to save rows for data extension "+cmp.Or(key, "?")), true
	}
	return ok(rows)
}

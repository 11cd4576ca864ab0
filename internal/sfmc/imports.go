package sfmc

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"keepwatch"
)

// Import is the definition of an import activity.
type Import struct {
	ID, Key, Name string
	Target        string // id of the data extension; "" for lists and others
	TargetName    string
	Update        string // AddUpdate, Add, Update, Overwrite
	AllowErrors   bool
	BlankFile     string // fail, process, skip; "" where SFMC does not say, as in the list
	Mails         bool   // it sends a mail when it is done
	MaxFileAge    time.Duration
}

// ImportPage is how many definitions are asked for on a page.
const ImportPage = 50

// Imports lists definitions of imports. The list does not say what an empty file does.
// Undocumented; shape: mcdev test/resources/…/imports.
func (c *Client) Imports(ctx context.Context, e Endpoints, access keepwatch.Secret, page int) (Paged[Import], Verdict) {
	names := veilOf(ctx, access)
	var p Paged[Import]
	v := c.read(ctx, e, access, Reply{}, paging(page, ImportPage), func(r Reply) (v Verdict) {
		p, v = pageOf(r, ImportPage, func(entry []byte) (Import, bool) { return importOf(entry, names) }, "items")
		return v
	}, "automation/v1/imports/")
	return p, v
}

// Import reads one definition, with what an empty file does.
func (c *Client) Import(ctx context.Context, e Endpoints, access keepwatch.Secret, id string) (Import, Verdict) {
	names := veilOf(ctx, access)
	var i Import
	v := c.read(ctx, e, access, Reply{Promise: []string{"importDefinitionId", "customerKey"}}, nil, func(r Reply) Verdict {
		v := classifyREST(r)
		if !v.OK() {
			return v
		}
		var ok bool
		if i, ok = importOf(r.trimmed(), names); !ok {
			return r.wire("missing_fields", "importDefinitionId, customerKey")
		}
		return v
	}, "automation/v1/imports/%s", id)
	return i, v
}

func importOf(entry []byte, names veil) (Import, bool) {
	var item struct {
		ID          string          `json:"importDefinitionId"`
		Key         string          `json:"customerKey"`
		Name        string          `json:"name"`
		Target      string          `json:"destinationObjectId"`
		TargetName  string          `json:"destinationName"`
		TargetType  json.RawMessage `json:"destinationObjectTypeId"`
		Update      json.RawMessage `json:"updateTypeId"`
		AllowErrors truth           `json:"allowErrors"`
		BlankFile   json.RawMessage `json:"blankFileProcessingType"`
		Mails       truth           `json:"sendEmailNotification"`
		MaxFileAge  json.RawMessage `json:"maxFileAgeHours"`
	}
	fill(entry, &item)
	i := Import{
		ID: names.key(item.ID), Key: names.key(item.Key), Name: names.name(item.Name), AllowErrors: bool(item.AllowErrors), Mails: bool(item.Mails),
		TargetName: names.name(item.TargetName), MaxFileAge: time.Duration(min(number(item.MaxFileAge), 100_000)) * time.Hour,
	}
	if kind := number(item.TargetType); kind == 310 || kind == 0 {
		i.Target = guidOf(names.key(item.Target))
	}
	if n := count(item.Update); n != nil {
		i.Update = map[int64]string{0: "AddUpdate", 1: "Add", 2: "Update", 4: "Overwrite"}[*n]
	}
	if n := count(item.BlankFile); n != nil {
		i.BlankFile = map[int64]string{0: "fail", 1: "process", 2: "skip"}[*n]
	}
	return i, i.ID != "" && i.Key != ""
}

// ImportResult is one run of an import.
type ImportResult struct {
	Import     string // key of the definition
	Task       string
	Status     string // Completed says nothing about rows
	Start, End time.Time
	Target     string // id of a data extension, or a number for a list
	Imported   int64
	Duplicates int64
	Errors     int64
	Total      *int64
}

// ImportFilter is a way to ask for the results that are wanted. Only one by the task's
// number is documented, which a watcher does not have.
type ImportFilter int

// The filters, the most sparing first.
const (
	ByStart ImportFilter = iota // since an instant
	ByKey                       // of some imports
	ByNone                      // all, some pages of it
)

const (
	importBatch = 500
	importPages = 4
)

// ImportResults reads what imports brought. Which filter a tenant takes has to be found
// out: one that it does not take is refused with keepwatch.BadRequest. Source: WSDL and
// Salesforce, "ImportResultsSummary".
func (c *Client) ImportResults(ctx context.Context, e Endpoints, l Login, by ImportFilter, since time.Time, keys []string) ([]ImportResult, Listing, Verdict) {
	ask := Retrieve{
		Object: "ImportResultsSummary", BatchSize: importBatch, MaxPages: importPages,
		Properties: []string{"ImportDefinitionCustomerKey", "TaskResultID", "ImportStatus", "StartDate", "EndDate", "DestinationID", "NumberSuccessful", "NumberDuplicated", "NumberErrors", "TotalRows"},
	}
	switch by {
	case ByStart:
		ask.Filter = &Filter{Property: "StartDate", Operator: "greaterThan", Date: since}
	case ByKey:
		ask.Filter = anyOf("ImportDefinitionCustomerKey", keys)
	case ByNone:
	}
	rows, done, v := c.list(ctx, e, l, ask)
	names := l.veil(ctx)
	out := make([]ImportResult, 0, len(rows))
	for _, row := range rows {
		if r, ok := resultOf(row, names); ok {
			out = append(out, r)
		} else {
			done.Unread++
		}
	}
	return out, done, v
}

func resultOf(row map[string]string, names veil) (ImportResult, bool) {
	figure := func(name string) int64 {
		if n := countText(row[name]); n != nil {
			return *n
		}
		return 0
	}
	r := ImportResult{
		Import: names.key(row["ImportDefinitionCustomerKey"]), Task: userNumber(row["TaskResultID"]), Status: names.name(row["ImportStatus"]),
		Start: moment(row["StartDate"]), End: moment(row["EndDate"]), Target: strings.ToLower(names.key(row["DestinationID"])),
		Imported: figure("NumberSuccessful"), Duplicates: figure("NumberDuplicated"), Errors: figure("NumberErrors"), Total: countText(row["TotalRows"]),
	}
	return r, r.Import != "" && r.Status != ""
}

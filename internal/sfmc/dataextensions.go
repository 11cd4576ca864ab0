package sfmc

import (
	"bytes"
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"keepwatch"
)

// Rowset is what the cheapest read of a data extension's rows tells.
type Rowset struct {
	ID    string
	Key   string
	Count *int64    // of all rows
	First time.Time // the asked column of the first row, where one was asked for
	Found bool      // the first row has that column
}

// Rows counts the rows of a data extension: one row is asked for, and of it nothing is
// kept. Undocumented, used by many clients; shape: mcdev test/resources.
func (c *Client) Rows(ctx context.Context, e Endpoints, access keepwatch.Secret, key string) (Rowset, Verdict) {
	return c.rowset(ctx, e, access, key, paging(1, 1), "")
}

// NewestRow asks for the row with the newest value of a column, and of it for that
// column. Whether $orderBy is taken differs by tenant: no document defines it.
func (c *Client) NewestRow(ctx context.Context, e Endpoints, access keepwatch.Secret, key, column string) (Rowset, Verdict) {
	query := paging(1, 1)
	query.Set("$orderBy", column+" DESC")
	return c.rowset(ctx, e, access, key, query, column)
}

func (c *Client) rowset(ctx context.Context, e Endpoints, access keepwatch.Secret, key string, query url.Values, column string) (Rowset, Verdict) {
	names := veilOf(ctx, access)
	var s Rowset
	v := c.read(ctx, e, access, Reply{Promise: []string{"count", "customObjectId", "items"}}, query, func(r Reply) (v Verdict) {
		s, v = parseRowset(r, column, names)
		return v
	}, "data/v1/customobjectdata/key/%s/rowset", key)
	return s, v
}

// parseRowset reads a page of rows. Names of columns come in small letters, whatever
// they are in the data extension; without rows items are left out.
func parseRowset(r Reply, column string, names veil) (Rowset, Verdict) {
	v := classifyREST(r)
	if !v.OK() {
		return Rowset{}, v
	}
	var body struct {
		ID    string          `json:"customObjectId"`
		Key   string          `json:"customObjectKey"`
		Count json.RawMessage `json:"count"`
		Items []struct {
			Keys   map[string]json.RawMessage `json:"keys"`
			Values map[string]json.RawMessage `json:"values"`
		} `json:"items"`
	}
	fill(r.trimmed(), &body)
	s := Rowset{ID: names.key(body.ID), Key: names.key(body.Key), Count: count(body.Count)}
	if s.Count == nil {
		return Rowset{}, r.wire("missing_fields", "count")
	}
	if column == "" || len(body.Items) == 0 {
		return s, v
	}
	for _, columns := range []map[string]json.RawMessage{body.Items[0].Keys, body.Items[0].Values} {
		for name, value := range columns {
			if strings.EqualFold(name, column) {
				s.First, s.Found = moment(text(value)), true
			}
		}
	}
	return s, v
}

// moment is instant, and reads the way in which a server of US English writes times.
func moment(s string) time.Time {
	s = strings.TrimSpace(s)
	if t := instant(s); !t.IsZero() || len(s) > 40 {
		return t
	}
	for _, layout := range []string{"1/2/2006 3:04:05 PM", "1/2/2006 3:04 PM", "1/2/2006 15:04:05", "2006-01-02 15:04:05.999", "2006-01-02 15:04", "2006-01-02", "1/2/2006"} {
		if t, err := time.ParseInLocation(layout, s, central); err == nil && t.Year() > 1998 && t.Year() < 2200 {
			return t.UTC()
		}
	}
	return time.Time{}
}

// Extension is one data extension of the list.
type Extension struct {
	ID, Key, Name string
	Rows          *int64
}

// ExtensionPage is asked for; one tenant is known to cap it at 25.
const ExtensionPage = 100

// Extensions lists data extensions with their number of rows. Undocumented. One tenant
// refuses a request without $search, others are asked without it; "" leaves it out.
func (c *Client) Extensions(ctx context.Context, e Endpoints, access keepwatch.Secret, search string, page int) (Paged[Extension], Verdict) {
	query := paging(page, ExtensionPage)
	if search != "" {
		query.Set("$search", search)
	}
	names := veilOf(ctx, access)
	var p Paged[Extension]
	v := c.read(ctx, e, access, Reply{}, query, func(r Reply) (v Verdict) {
		p, v = pageOf(r, ExtensionPage, func(entry []byte) (Extension, bool) { return extensionOf(entry, names) }, "items")
		return v
	}, "data/v1/customobjects")
	return p, v
}

func extensionOf(entry []byte, names veil) (Extension, bool) {
	var item struct {
		ID   string          `json:"id"`
		Key  string          `json:"key"`
		Name string          `json:"name"`
		Rows json.RawMessage `json:"rowCount"`
	}
	fill(entry, &item)
	x := Extension{ID: names.key(item.ID), Key: names.key(item.Key), Name: names.name(item.Name), Rows: count(item.Rows)}
	return x, x.Key != ""
}

// ExtensionDefinition is what SOAP says of a data extension. It does not know the rows.
type ExtensionDefinition struct {
	ID, Key, Name string
	Retention     bool // rows are deleted by age
}

const extensionBatch = 500

// ExtensionDefinitions reads the definitions of some data extensions. Source: mcdev
// test/resources/…/dataExtension.
func (c *Client) ExtensionDefinitions(ctx context.Context, e Endpoints, l Login, keys []string) ([]ExtensionDefinition, Listing, Verdict) {
	ask := Retrieve{
		Object: "DataExtension", BatchSize: extensionBatch, MaxPages: 1 + len(keys)/extensionBatch,
		Properties: []string{"ObjectID", "CustomerKey", "Name", "RowBasedRetention", "DataRetentionPeriodLength", "RetainUntil"},
		Filter:     anyOf("CustomerKey", keys),
	}
	rows, done, v := c.list(ctx, e, l, ask)
	names := l.veil(ctx)
	out := make([]ExtensionDefinition, 0, len(rows))
	for _, row := range rows {
		d := ExtensionDefinition{ID: names.key(row["ObjectID"]), Key: names.key(row["CustomerKey"]), Name: names.name(row["Name"])}
		d.Retention = yes(row["RowBasedRetention"], false) || number(json.RawMessage(row["DataRetentionPeriodLength"])) > 0 || row["RetainUntil"] != ""
		if d.Key == "" {
			done.Unread++
			continue
		}
		out = append(out, d)
	}
	return out, done, v
}

// anyOf is a filter for some values; IN wants at least two of them.
func anyOf(property string, values []string) *Filter {
	if len(values) == 1 {
		return &Filter{Property: property, Operator: "equals", Values: values}
	}
	return &Filter{Property: property, Operator: "IN", Values: values}
}

const newestBatch = 200

// NewestBySOAP looks for rows whose column is later than an instant, and tells the
// newest of those that come first. It is the documented way, and reads rows: only the
// one column, and one page.
func (c *Client) NewestBySOAP(ctx context.Context, e Endpoints, l Login, key, column string, since time.Time) (time.Time, Verdict) {
	page, v := c.soap(ctx, e, l, "Retrieve", Retrieve{
		Object: "DataExtensionObject[" + key + "]", Properties: []string{column}, BatchSize: newestBatch,
		Filter: &Filter{Property: column, Operator: "greaterThan", Date: since},
	}.open())
	var newest time.Time
	for _, row := range page.results {
		if t := moment(row["Properties.Property."+strings.ToLower(column)]); v.OK() && t.After(newest) {
			newest = t
		}
	}
	return newest, v
}

// trimmed is a body as data.
func (r Reply) trimmed() []byte { return trimBOM(bytes.TrimSpace(r.Body)) }

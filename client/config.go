package client

import (
	"context"
	"net/http"
	"time"
)

// Configuration is what is in force, and where each setting stands. No secret is in it.
type Configuration struct {
	Files       []string        `json:"files" nullable:"false" doc:"that it was read from"`
	Problem     string          `json:"problem" doc:"why the newest files are not in force; empty when they are"`
	Sections    []ConfigSection `json:"sections" nullable:"false" doc:"without credentials, which have records of their own"`
	Credentials []ConfigSource  `json:"credentials" nullable:"false" doc:"how many credentials each file defines; those of the interface have no file"`
	Calendars   []Calendar      `json:"calendars" nullable:"false"`
	Warnings    []ConfigWarning `json:"warnings" nullable:"false" doc:"what is allowed and unwise"`
	Retention   []Retention     `json:"retention" nullable:"false" doc:"how long what is kept"`
}

// ConfigSection is one part of the file.
type ConfigSection struct {
	Name   string        `json:"name"`
	Doc    string        `json:"doc"`
	Values []ConfigValue `json:"values" nullable:"false"`
}

// ConfigValue is one setting.
type ConfigValue struct {
	Key     string `json:"key" doc:"dotted path; items of lists by their id or name"`
	Value   string `json:"value" doc:"as it is written: ${env:NAME} is not expanded; empty where it is hidden"`
	File    string `json:"file"`
	Line    int    `json:"line"`
	Default bool   `json:"default" doc:"no file says it"`
	Hidden  bool   `json:"hidden" doc:"it is set and may be a secret, so it is not shown"`
}

// ConfigSource counts the credentials of one file.
type ConfigSource struct {
	File        string `json:"file" doc:"empty: the interface"`
	Credentials int    `json:"credentials"`
}

// Calendar is a calendar of the configuration.
type Calendar struct {
	Name      string      `json:"name"`
	Timezone  string      `json:"timezone"`
	Hours     string      `json:"hours"`
	Words     string      `json:"words" doc:"the hours as people say them"`
	Holidays  string      `json:"holidays" doc:"codes of the public holidays; empty: none"`
	Open      bool        `json:"open" doc:"it is business hours now"`
	ChangesAt *time.Time  `json:"changes_at" doc:"when that changes next; null: never"`
	Closed    []ClosedDay `json:"closed" nullable:"false" doc:"the next closed days, at most eight"`
	UsedBy    []string    `json:"used_by" nullable:"false"`
}

// ClosedDay is a day without business hours.
type ClosedDay struct {
	Date string `json:"date"`
	Name string `json:"name" doc:"of the holiday; empty of an own date"`
}

// ConfigWarning is something that is allowed and unwise.
type ConfigWarning struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Key     string `json:"key"`
	Message string `json:"message"`
}

// Retention is how long something is kept.
type Retention struct {
	What  string `json:"what"`
	Kept  string `json:"kept" doc:"a duration, or for good"`
	Notes string `json:"notes"`
}

// Configuration reads what is in force.
func (c *Client) Configuration(ctx context.Context) (Configuration, error) {
	return call[Configuration](ctx, c, http.MethodGet, "/api/v1/config", nil, nil)
}

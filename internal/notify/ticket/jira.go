package ticket

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"keepwatch/internal/notify"
)

// jira speaks version 2 of Jira's REST interface, which Cloud and Data Center share but
// for the search.
type jira struct{ cfg Config }

const (
	jiraSummary = 255
	jiraLabel   = 255
	jiraText    = 32000 // of 32,767
)

func (j jira) find(ctx context.Context, d dialogue, m notify.Message) (string, error) {
	path := "/rest/api/2/search"
	if strings.HasSuffix(hostOf(d.base), ".atlassian.net") {
		path = "/rest/api/3/search/jql" // Cloud has taken the other one away
	}
	query := url.Values{
		"jql":    {`project = "` + j.cfg.Project + `" AND labels = "` + mark(m) + `" AND statusCategory != Done ORDER BY created DESC`},
		"fields": {"status"}, "maxResults": {"1"},
	}
	var found struct {
		Issues []struct {
			Key string `json:"key"`
		} `json:"issues"`
	}
	if err := d.ask(ctx, http.MethodGet, path+"?"+query.Encode(), nil, &found); err != nil || len(found.Issues) == 0 {
		return "", err
	}
	return found.Issues[0].Key, nil
}

func hostOf(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

func (j jira) open(ctx context.Context, d dialogue, m notify.Message, own map[string]any) (string, error) {
	var made struct {
		Key string `json:"key"`
	}
	if err := d.ask(ctx, http.MethodPost, "/rest/api/2/issue", map[string]any{"fields": j.issue(m, own)}, &made); err != nil {
		return "", err
	}
	if made.Key == "" {
		return "", notify.Retryable(errors.New("jira did not say which issue it made"))
	}
	return made.Key, nil
}

// issue are the fields of a new issue. Its own labels come beside ours: by ours it is
// found again.
func (j jira) issue(m notify.Message, own map[string]any) map[string]any {
	fields := map[string]any{
		"project": map[string]string{"key": j.cfg.Project}, "issuetype": map[string]string{"name": j.cfg.IssueType},
		"summary": notify.CutRunes(m.Title, jiraSummary), "description": wiki(m, ""),
	}
	maps.Copy(fields, own)
	labels := []any{"keepwatch", mark(m)}
	more, _ := own["labels"].([]any)
	for _, l := range more {
		if label := strings.Join(strings.Fields(fmt.Sprint(l)), "-"); label != "" {
			labels = append(labels, notify.CutRunes(label, jiraLabel)) // a label is one word
		}
	}
	fields["labels"] = labels
	return fields
}

// wiki is a text in Jira's markup: the story as it is, and below it the links, which
// would not be links there. One that could end its place is left in the text.
func wiki(m notify.Message, head string) string {
	text, links := head+m.Text(), ""
	for _, l := range m.Links() {
		switch {
		case len(l.Text) > 2000:
		case strings.ContainsAny(l.Text, "[]{}|\\! "):
			text += "\n" + l.Name + ": " + l.Text
		default:
			links += "\n" + l.Name + ": " + l.Text
		}
	}
	return verbatim(notify.CutRunes(text, jiraText-len(links)-100)) + links
}

// verbatim keeps Jira from reading its markup in foreign text.
func verbatim(s string) string {
	return "{noformat}\n" + strings.ReplaceAll(s, "{noformat}", "{ noformat}") + "\n{noformat}"
}

func (j jira) add(ctx context.Context, d dialogue, m notify.Message, id string) error {
	return d.ask(ctx, http.MethodPost, "/rest/api/2/issue/"+url.PathEscape(id)+"/comment", map[string]string{"body": wiki(m, m.Title+"\n\n")}, nil)
}

// end moves the issue by the transition of the configured name. Which transitions
// there are depends on where it stands.
func (j jira) end(ctx context.Context, d dialogue, _ notify.Message, id string) error {
	path := "/rest/api/2/issue/" + url.PathEscape(id) + "/transitions"
	var can struct {
		Transitions []struct {
			ID   string `json:"id"`
			Name string `json:"name"`
			To   struct {
				Name string `json:"name"`
			} `json:"to"`
		} `json:"transitions"`
	}
	if err := d.ask(ctx, http.MethodGet, path, nil, &can); err != nil {
		return err
	}
	for _, t := range can.Transitions {
		if strings.EqualFold(t.Name, j.cfg.Done) || strings.EqualFold(t.To.Name, j.cfg.Done) {
			return d.ask(ctx, http.MethodPost, path, map[string]any{"transition": map[string]string{"id": t.ID}}, nil)
		}
	}
	return notify.Permanent(errors.New("the issue has no transition of the configured name from where it stands"))
}

package teams

import (
	"strings"
	"unicode/utf16"

	"keepwatch"
	"keepwatch/internal/notify"
)

// Teams refuses a message over 28 KB, and in places counts two bytes for each
// character. These stay below both.
const (
	limitMessage = 27 << 10
	limitTitle   = 500
	limitLine    = 1000
)

type message struct {
	Type        string       `json:"type"`
	Attachments []attachment `json:"attachments"`
}

type attachment struct {
	ContentType string `json:"contentType"`
	ContentURL  any    `json:"contentUrl"`
	Content     card   `json:"content"`
}

type card struct {
	Schema       string   `json:"$schema"`
	Type         string   `json:"type"`
	Version      string   `json:"version"`
	FallbackText string   `json:"fallbackText"`
	Body         []block  `json:"body"`
	Actions      []action `json:"actions,omitempty"`
	Teams        any      `json:"msteams"`
}

// block is a container or a rich text. Rich text has no markup: a TextBlock or a
// fact would read some, and a name could make a link of it.
type block struct {
	Type    string  `json:"type"`
	Style   string  `json:"style,omitempty"`
	Bleed   bool    `json:"bleed,omitempty"`
	Items   []block `json:"items,omitempty"`
	Inlines []run   `json:"inlines,omitempty"`
}

type run struct {
	Type   string `json:"type"`
	Text   string `json:"text"`
	Weight string `json:"weight,omitempty"`
	Size   string `json:"size,omitempty"`
}

type action struct {
	Type  string `json:"type"`
	Title string `json:"title"`
	URL   string `json:"url"`
}

// render makes the card. What does not fit is left out from the end: what matters
// most comes first.
func render(m notify.Message) ([]byte, error) {
	title := block{Type: "Container", Style: style(m), Bleed: true, Items: []block{
		text(run{Text: plain(m.Title, limitTitle), Weight: "Bolder", Size: "Medium"}),
	}}
	var story []block
	for _, l := range m.Lines {
		story = append(story, text(run{Text: l.Name + ": ", Weight: "Bolder"}, run{Text: plain(l.Text, limitLine)}))
	}
	for _, paragraph := range m.Paragraphs() {
		story = append(story, text(run{Text: plain(strings.Join(paragraph, "\n"), 4*limitLine)}))
	}
	c := card{
		Schema: "http://adaptivecards.io/schemas/adaptive-card.json", Type: "AdaptiveCard", Version: "1.4",
		FallbackText: plain(m.Title, limitTitle), Teams: map[string]string{"width": "Full"},
	}
	for _, a := range m.Acts {
		if len(a.URL) < 2000 {
			c.Actions = append(c.Actions, action{"Action.OpenUrl", a.Name, a.URL})
		}
	}
	for _, l := range m.Links() {
		if len(l.Text) < 2000 {
			c.Actions = append(c.Actions, action{"Action.OpenUrl", plain(l.Name, 100), l.Text})
		}
	}
	for {
		c.Body = append([]block{title}, story...)
		body, err := notify.JSON(message{"message", []attachment{{ContentType: "application/vnd.microsoft.card.adaptive", Content: c}}})
		if err != nil || size(body) <= limitMessage || len(story) == 0 {
			return body, err
		}
		story = story[:len(story)-1]
	}
}

// size is what Teams may count: bytes, or two for each character.
func size(body []byte) int {
	return max(len(body), 2*len(utf16.Encode([]rune(string(body)))))
}

func text(runs ...run) block {
	for i := range runs {
		runs[i].Type = "TextRun"
	}
	return block{Type: "RichTextBlock", Inlines: runs}
}

// plain cuts a text and takes the meaning from what clients fill in: {{DATE(…)}}.
func plain(s string, limit int) string {
	for s = notify.CutRunes(s, limit); strings.Contains(s, "{{"); {
		s = strings.ReplaceAll(s, "{{", "{ {") // again: "{{{" holds two
	}
	if s == "" {
		return " " // an empty run makes a client refuse the card
	}
	return s
}

// style is colour for the eye; the word in the title says the same.
func style(m notify.Message) string {
	switch {
	case m.Status == notify.Over:
		return "good"
	case m.Kind == notify.KindTest, m.Kind == keepwatch.Posted && m.Severity != keepwatch.SeverityCritical:
		return "emphasis"
	case m.Severity == keepwatch.SeverityCritical:
		return "attention"
	}
	return "warning"
}

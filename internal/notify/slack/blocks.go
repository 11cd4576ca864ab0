package slack

import (
	"strings"

	"github.com/slack-go/slack"

	"keepwatch"
	"keepwatch/internal/notify"
)

// Slack refuses a whole message when one text is too long; these stay below its limits.
const (
	limitText     = 2900 // of a section's text: 3000
	limitField    = 1900 // of a field: 2000
	limitFallback = 3000
	limitBlocks   = 40   // of a message: 50
	limitURL      = 2900 // of a button: 3000
)

// render makes Block Kit and, for notifications and screen readers, the text that
// stands for it.
func render(m notify.Message) *slack.WebhookMessage {
	blocks := slack.Blocks{BlockSet: []slack.Block{
		slack.NewSectionBlock(text(sign(m)+" *"+escape(m.Title, limitText-100)+"*"), nil, nil),
	}}
	var long []string
	var fields []*slack.TextBlockObject
	for _, l := range m.Lines {
		switch l.Name {
		case "Since", "Until", "Owner", "Acknowledged":
			fields = append(fields, text("*"+l.Name+"*\n"+escape(l.Text, limitField-50)))
		default:
			long = append(long, "*"+l.Name+"*: "+escape(l.Text, 700))
		}
	}
	if len(long) > 0 {
		blocks.BlockSet = append(blocks.BlockSet, slack.NewSectionBlock(text(fit(long, limitText)), nil, nil))
	}
	for _, paragraph := range m.Paragraphs() {
		if len(blocks.BlockSet) == limitBlocks {
			break
		}
		blocks.BlockSet = append(blocks.BlockSet, slack.NewSectionBlock(text(escape(strings.Join(paragraph, "\n"), limitText)), nil, nil))
	}
	if len(fields) > 0 {
		blocks.BlockSet = append(blocks.BlockSet, slack.NewSectionBlock(nil, fields, nil))
	}
	if buttons := buttons(m); len(buttons) > 0 {
		blocks.BlockSet = append(blocks.BlockSet, slack.NewActionBlock("", buttons...))
	}
	if footer := links(m); footer != "" {
		blocks.BlockSet = append(blocks.BlockSet, slack.NewContextBlock("", text(footer)))
	}
	no := false
	return &slack.WebhookMessage{
		Text: escape(m.Title+" "+m.Annotations["hint"], limitFallback), Parse: "none", Blocks: &blocks,
		UnfurlLinks: &no, UnfurlMedia: &no,
	}
}

// text is mrkdwn taken literally: Slack makes no links, channels or mentions of
// what only looks like one.
func text(s string) *slack.TextBlockObject {
	t := slack.NewTextBlockObject(slack.MarkdownType, s, false, true)
	return t
}

// sign is colour for the eye; the word in the title says the same.
func sign(m notify.Message) string {
	switch {
	case m.Status == notify.Over:
		return ":large_green_circle:"
	case m.Kind == notify.KindTest, m.Kind == keepwatch.Posted && m.Severity != keepwatch.SeverityCritical:
		return ":white_circle:"
	case m.Severity == keepwatch.SeverityCritical:
		return ":red_circle:"
	}
	return ":large_yellow_circle:"
}

// fit joins as many lines as there is room for.
func fit(lines []string, limit int) string {
	var b strings.Builder
	for _, l := range lines {
		if b.Len()+len(l)+1 > limit {
			break
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(l)
	}
	return b.String()
}

func links(m notify.Message) string {
	var out []string
	name := "Open the incident"
	if m.Button != "" {
		name = escape(m.Button, 200)
	}
	for _, l := range []struct{ url, name string }{{m.URL, name}, {m.RunbookURL, "Runbook"}} {
		if l.url != "" && len(l.url) < 1000 {
			out = append(out, "<"+address.Replace(l.url)+"|"+l.name+">")
		}
	}
	return strings.Join(out, "  ·  ")
}

// buttons open the pages that act; Slack itself does nothing. The first is the one that
// is asked for.
func buttons(m notify.Message) []slack.BlockElement {
	var out []slack.BlockElement
	for _, a := range m.Acts {
		if len(a.URL) > limitURL {
			continue
		}
		b := slack.NewButtonBlockElement(string(a.Action), "", slack.NewTextBlockObject(slack.PlainTextType, a.Name, false, false)).WithURL(a.URL)
		if a.Action == keepwatch.LinkAcknowledge {
			b = b.WithStyle(slack.StylePrimary)
		}
		out = append(out, b)
	}
	return out
}

// address keeps a URL inside its link: the signs that end one are percent-encoded.
var address = strings.NewReplacer("<", "%3C", ">", "%3E", "|", "%7C", "&", "&amp;", " ", "%20")

// escape makes text harmless to Slack, whose control sequences all begin with one
// of three signs, and cuts it to limit bytes without cutting an entity in two.
func escape(s string, limit int) string {
	var b strings.Builder
	for _, r := range s {
		part := string(r)
		switch r {
		case '&':
			part = "&amp;"
		case '<':
			part = "&lt;"
		case '>':
			part = "&gt;"
		}
		if b.Len()+len(part) > limit-len("…") {
			b.WriteString("…")
			break
		}
		b.WriteString(part)
	}
	return b.String()
}

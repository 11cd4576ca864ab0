package slack

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/slack-go/slack"

	"keepwatch"
	"keepwatch/internal/notify"
)

// asBot posts the first message of an incident to the channel. Later ones rewrite
// that message, so that whoever reads the channel sees how it stands now, and
// follow in its thread, so that nothing that was said is lost.
//
// The first message is found by its receipt, which is a row: a restart or another
// node goes on with the same thread. It is rewritten before the thread is added to:
// rewriting twice does no harm, so a repeat after half the work is done adds one line
// and no more.
func (s *Sender) asBot(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	token, err := s.deps.Read(ctx, s.cfg.Token, "the token")
	if err != nil {
		return "", err
	}
	api, err := s.deps.Address(ctx, s.cfg.APIURL)
	if err != nil {
		return "", err
	}
	bot := slack.New(string(token.Reveal()), slack.OptionHTTPClient(s.deps.Client), slack.OptionAPIURL(strings.TrimRight(api, "/")+"/"))
	channel, root := firstMessage(m.Thread)
	if root == "" {
		return s.say(ctx, bot, m, s.cfg.Channel, "")
	}
	whole := options(render(m))
	if _, _, _, err := bot.UpdateMessageContext(ctx, channel, root, whole...); err != nil {
		switch problem := code(err); {
		case slices.Contains(gone, problem):
			return s.say(ctx, bot, m, s.cfg.Channel, "") // somebody has deleted it: begin anew
		case problem == "" || slices.Contains(passing, problem):
			return "", classify(err, m.Now)
		}
		// It may be too old to be rewritten. What counts is that the news is told.
	}
	return s.say(ctx, bot, m, channel, root)
}

// say posts, in a thread where one is given. A change is shown in the channel, too:
// rewriting the first message makes no sound, and it may be worse now.
func (s *Sender) say(ctx context.Context, bot *slack.Client, m notify.Message, channel, root string) (notify.Receipt, error) {
	words := options(render(m))
	if root != "" {
		words = append(options(reply(m)), slack.MsgOptionTS(root))
		if m.Kind == keepwatch.Changed {
			words = append(words, slack.MsgOptionBroadcast())
		}
	}
	channel, at, err := bot.PostMessageContext(ctx, channel, words...)
	if err != nil {
		return "", classify(err, m.Now)
	}
	return notify.Receipt("accepted by Slack as " + channel + "/" + at), nil
}

func options(m *slack.WebhookMessage) []slack.MsgOption {
	out := []slack.MsgOption{slack.MsgOptionText(m.Text, false), slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl()}
	if m.Blocks != nil {
		out = append(out, slack.MsgOptionBlocks(m.Blocks.BlockSet...))
	}
	return out
}

// reply is what stands in the thread: what is new, without what the first message
// says already.
func reply(m notify.Message) *slack.WebhookMessage {
	short := m
	short.Lines = nil
	for _, l := range m.Lines {
		switch l.Name {
		case "What", "Until", "Acknowledged", "Next":
			short.Lines = append(short.Lines, l)
		}
	}
	short.URL, short.RunbookURL, short.Acts = "", "", nil
	return render(short)
}

var receiptPattern = regexp.MustCompile(`^accepted by Slack as ([A-Z0-9]{3,})/([0-9]{1,12}\.[0-9]{1,9})$`)

// firstMessage reads the receipt of the first message; nothing when it was posted by
// a webhook.
func firstMessage(r notify.Receipt) (channel, at string) {
	found := receiptPattern.FindStringSubmatch(string(r))
	if found == nil {
		return "", ""
	}
	return found[1], found[2]
}

// Slack's own names of errors. It answers them with status 200.
var (
	// gone: there is no such message, or it can not be added to, any more.
	gone = []string{"message_not_found", "thread_not_found", "channel_not_found", "is_archived", "cannot_reply_to_message"}
	// passing errors end by themselves.
	passing = []string{"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org", "org_login_required"}
	// known refusals may be shown: they are words of Slack's documentation.
	known = []string{
		"not_authed", "invalid_auth", "token_revoked", "token_expired", "account_inactive", "missing_scope", "not_in_channel", "channel_not_found", "is_archived",
		"msg_too_long", "no_text", "invalid_blocks", "restricted_action", "ekm_access_denied", "access_denied", "no_permission",
	}
)

func code(err error) string {
	var refused slack.SlackErrorResponse
	if errors.As(err, &refused) {
		return refused.Err
	}
	return ""
}

// refusal classifies an error by Slack's name for it. A name that is not known is
// not shown: it came from outside.
func refusal(name string) error {
	switch {
	case slices.Contains(passing, name):
		return notify.Retryable(fmt.Errorf("slack answered %s", name))
	case slices.Contains(known, name):
		return notify.Permanent(fmt.Errorf("slack answered %s", name))
	}
	return notify.Retryable(errors.New("slack refused the message for a reason that is not known here"))
}

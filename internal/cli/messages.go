package cli

import (
	"cmp"
	"time"

	"keepwatch"
	"keepwatch/client"
)

type messagesCmd struct {
	Inventory
	Incident string `placeholder:"ID" help:"Only those about this incident."`
	Receiver string `placeholder:"NAME" help:"Only those to this receiver."`
	Status   string `enum:",pending,gathered,sent,collapsed,dead" default:"" placeholder:"STATUS" help:"Only those that are pending, gathered, sent, collapsed or dead."`
	Since    string `placeholder:"TIME" help:"Only those made since then: an instant, a day, or how long ago, such as 2d."`
	Limit    int    `default:"50" help:"At most so many, the newest."`
}

// Run lists what was told to whom, the newest first.
func (c messagesCmd) Run(e *env) error {
	if c.Limit < 1 {
		return misused("leave it out for 50", "--limit %d: at least 1 is needed", c.Limit)
	}
	since, err := sinceOf(c.Since, time.Now())
	if err != nil {
		return err
	}
	daemon, end, err := c.open(e)
	if err != nil {
		return err
	}
	defer end()
	list, err := c.list(e, daemon, since)
	if err != nil {
		return explained(err)
	}
	if e.Output != "table" {
		return printItems(e, list)
	}
	if len(list) == 0 {
		e.progress("no message")
		return nil
	}
	return e.printMessages(list)
}

// list reads page after page, until there are enough or they are too old.
func (c messagesCmd) list(e *env, daemon *client.Client, since time.Time) ([]client.LoggedDelivery, error) {
	list := []client.LoggedDelivery{}
	for cursor := ""; ; {
		page, err := daemon.Deliveries(e.ctx, c.Incident, c.Receiver, c.Status, cursor)
		if err != nil {
			return nil, err
		}
		for _, d := range page.Items {
			if len(list) == c.Limit || d.CreatedAt != nil && d.CreatedAt.Before(since) {
				return list, nil
			}
			list = append(list, d)
		}
		if page.Next == nil {
			return list, nil
		}
		cursor = *page.Next
	}
}

// sinceOf reads a moment in the past. Empty is the zero time.
func sinceOf(text string, now time.Time) (time.Time, error) {
	if d, err := keepwatch.ParseDuration(text); err == nil {
		return now.Add(-d), nil
	}
	return instantOf("--since", text, now)
}

func (e *env) printMessages(list []client.LoggedDelivery) error {
	rows := make([][]string, len(list))
	for i, d := range list {
		rows[i] = []string{since(d.CreatedAt), d.Receiver, d.Status, d.About, cmp.Or(d.Incident, "-"), d.Title, cmp.Or(d.LastError, d.Receipt)}
	}
	return e.printTable([]string{"MADE", "RECEIVER", "STATUS", "TELLS", "INCIDENT", "ABOUT", "RECEIPT"}, rows)
}

type linksCmd struct {
	End linksEndCmd `cmd:"" help:"End every link that was sent in a message, such as after one went where it should not have gone."`
}

type linksEndCmd struct {
	Inventory
}

func (c linksEndCmd) Run(e *env) error {
	daemon, end, err := c.open(e)
	if err != nil {
		return err
	}
	defer end()
	if err := daemon.EndLinks(e.ctx); err != nil {
		return explained(err)
	}
	e.progress("every link in a message that was sent so far has ended; new messages have new ones")
	return nil
}

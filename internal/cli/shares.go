package cli

import (
	"cmp"
	"fmt"
	"strings"

	"keepwatch/client"
)

type noteCmd struct {
	Inventory
	Incident string   `arg:"" help:"The incident's id."`
	Text     []string `arg:"" help:"What is written down in its timeline."`
}

func (c noteCmd) Run(e *env) error {
	daemon, end, err := c.open(e)
	if err != nil {
		return err
	}
	defer end()
	d, err := daemon.AddNote(e.ctx, c.Incident, client.NewNote{Text: strings.Join(c.Text, " ")})
	if err != nil {
		return explained(err)
	}
	if e.Output != "table" {
		return e.printJSON(struct {
			SchemaVersion int `json:"schema_version"`
			client.IncidentDetail
		}{1, d})
	}
	_, err = fmt.Fprintf(e.stdout, "noted in %s: %s\n", d.ID, d.Title)
	return err
}

type shareCmd struct {
	Create shareCreateCmd `cmd:"" help:"Make a link under which one incident can be read without an account; its address is shown once."`
	List   shareListCmd   `cmd:"" help:"List the links to an incident."`
	End    shareEndCmd    `cmd:"" help:"End a link at once."`
}

type shareCreateCmd struct {
	Inventory
	Incident string `arg:"" help:"The incident's id."`
	For      string `default:"7d" placeholder:"DURATION" help:"How long it holds, from 1h to 30d."`
}

func (c shareCreateCmd) Run(e *env) error {
	daemon, end, err := c.open(e)
	if err != nil {
		return err
	}
	defer end()
	s, err := daemon.CreateShareLink(e.ctx, c.Incident, client.NewShareLink{For: c.For})
	if err != nil {
		return explained(err)
	}
	if e.Output != "table" {
		return e.printJSON(struct {
			SchemaVersion int `json:"schema_version"`
			client.CreatedShareLink
		}{1, s})
	}
	e.progress("link %s until %s; whoever has the address reads the incident:", s.ID, s.ExpiresAt.UTC().Format("2006-01-02 15:04Z"))
	_, err = fmt.Fprintln(e.stdout, cmp.Or(s.Address, s.Path))
	return err
}

type shareListCmd struct {
	Inventory
	Incident string `arg:"" help:"The incident's id."`
}

func (c shareListCmd) Run(e *env) error {
	daemon, end, err := c.open(e)
	if err != nil {
		return err
	}
	defer end()
	list, err := daemon.ShareLinks(e.ctx, c.Incident)
	if err != nil {
		return explained(err)
	}
	if e.Output != "table" {
		return printItems(e, list)
	}
	if len(list) == 0 {
		e.progress("no link")
		return nil
	}
	rows := make([][]string, len(list))
	for i, s := range list {
		seen := "never"
		if s.SeenAt != nil {
			seen = s.SeenAt.UTC().Format("2006-01-02 15:04Z")
		}
		rows[i] = []string{s.ID, s.Status, s.CreatedBy, s.ExpiresAt.UTC().Format("2006-01-02 15:04Z"), seen}
	}
	return e.printTable([]string{"LINK", "STATUS", "BY", "UNTIL", "LAST SEEN"}, rows)
}

type shareEndCmd struct {
	Inventory
	Incident string `arg:"" help:"The incident's id."`
	Link     string `arg:"" help:"The link's id, as keepwatch share list shows it."`
}

func (c shareEndCmd) Run(e *env) error {
	daemon, end, err := c.open(e)
	if err != nil {
		return err
	}
	defer end()
	if err := daemon.EndShareLink(e.ctx, c.Incident, c.Link); err != nil {
		return explained(err)
	}
	e.progress("ended %s", c.Link)
	return nil
}

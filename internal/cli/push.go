package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/config"
)

// confirmAfter is how long a refusal waits for its second try, where the rules believe
// only the second: the daemon, which has no secret, cannot ask again by itself.
const confirmAfter = 20 * time.Second

// verdictPusher tells a daemon what was proven here.
type verdictPusher struct {
	e      *env
	daemon *client.Client
	place  string
}

// pusher finds the daemon before anything is proven: a verdict that nobody takes is not
// worth a login.
func (c checkCmd) pusher(e *env) (*verdictPusher, error) {
	if !c.Push {
		return nil, nil
	}
	daemon, err := c.daemon(e)
	if err != nil {
		return nil, err
	}
	if daemon == nil {
		return nil, keepwatch.WithHint(errors.New("no daemon answers, so nothing can be pushed"), "name it with --server or KEEPWATCH_SERVER, and put a token of the role pusher into "+tokenVariable)
	}
	return &verdictPusher{e, daemon, c.Place}, nil
}

// push asks a second time where a refusal has to be confirmed, and pushes.
func (p *verdictPusher) push(cfg *config.Config, results []checkedCredential) error {
	again, err := p.confirm(cfg, results)
	if err != nil {
		return err
	}
	events := make([]client.Event, len(results))
	for i, r := range results {
		events[i] = p.event(r, again[r.ID])
	}
	taken, err := p.daemon.PushEvents(p.e.ctx, events...)
	for _, r := range taken.Results {
		if r.Status == "refused" && r.Index >= 0 && r.Index < len(results) {
			err = errors.Join(err, keepwatch.WithHint(fmt.Errorf("the verdict of %s was refused: %s %s", results[r.Index].ID, r.Field, r.Message), r.Hint))
		}
	}
	if err != nil {
		return fmt.Errorf("push: %w", err)
	}
	p.e.progress("pushed %d verdicts as %s", taken.Accepted, p.place)
	return nil
}

// confirm proves those once more that were refused in a way that counts the second time.
func (p *verdictPusher) confirm(cfg *config.Config, results []checkedCredential) (map[keepwatch.CredentialID]int, error) {
	count := map[keepwatch.CredentialID]int{}
	var doubted []keepwatch.Credential
	for _, r := range results {
		if cred, ok := cfg.Credential(r.ID); ok && r.Outcome.Info().Confirm == keepwatch.ConfirmTwice {
			doubted = append(doubted, cred)
		}
	}
	if len(doubted) == 0 {
		return count, nil
	}
	p.e.progress("asking %d once more in %s", len(doubted), confirmAfter)
	select {
	case <-time.After(confirmAfter):
	case <-p.e.ctx.Done():
		return nil, fmt.Errorf("stopped before a refusal was confirmed: %w", context.Cause(p.e.ctx))
	}
	first := map[keepwatch.CredentialID]int{}
	for i, r := range results {
		first[r.ID] = i
	}
	for _, second := range p.e.prove(cfg, doubted) {
		was := results[first[second.ID]]
		results[first[second.ID]] = second
		if second.Outcome == was.Outcome {
			count[second.ID] = 2
		}
	}
	return count, nil
}

func (p *verdictPusher) event(r checkedCredential, count int) client.Event {
	ev := client.Event{
		Key: p.place + "@" + strconv.FormatInt(r.CheckedAt.UnixMilli(), 10), Kind: "verdict", Credential: string(r.ID), At: client.EventTime(r.CheckedAt),
		Place: p.place, Outcome: string(r.Outcome), Step: r.step, TookMS: r.took.Milliseconds(), Connectivity: string(r.connectivity), Count: count,
	}
	for _, s := range r.Steps {
		ev.Steps = append(ev.Steps, client.EventStep{Name: s.Name, Outcome: string(s.Outcome), HTTPStatus: s.HTTPStatus, DurationMS: s.DurationMS, Evidence: s.Evidence})
	}
	return ev
}

package view

import (
	"context"
	"fmt"
	"time"

	"keepwatch"
	"keepwatch/client"
)

// Results lists the runs of one credential, newest first.
func (r *Reader) Results(ctx context.Context, id keepwatch.CredentialID, page Page) (client.Page[client.Result], error) {
	out := client.Page[client.Result]{Items: []client.Result{}}
	check, err := r.checkOf(ctx, id)
	if err != nil || check == "" {
		return out, err
	}
	results, next, err := r.from.Results.Results(ctx, check, page)
	if err != nil {
		return out, reading(fmt.Sprintf("results of %q", id), err)
	}
	for _, res := range results {
		item := ResultOf(res.Observation)
		item.Transcript = "" // a list stays small; the single result has it
		out.Items = append(out.Items, item)
	}
	if next != "" {
		out.Next = &next
	}
	return out, nil
}

// Result reads one run with its transcript.
func (r *Reader) Result(ctx context.Context, id keepwatch.CredentialID, key string) (client.Result, error) {
	check, err := r.checkOf(ctx, id)
	if err != nil {
		return client.Result{}, err
	}
	if check == "" {
		return client.Result{}, notFound("result", key)
	}
	res, err := r.from.Results.Result(ctx, check, key)
	if err != nil {
		return client.Result{}, reading(fmt.Sprintf("result %q", key), err)
	}
	return ResultOf(res.Observation), nil
}

// checkOf finds the row of the schedule that proves a credential; "" when it has
// not been proven yet.
func (r *Reader) checkOf(ctx context.Context, id keepwatch.CredentialID) (keepwatch.CheckID, error) {
	e := estate{snap: r.inventory()}
	if _, err := e.find(id); err != nil {
		return "", err
	}
	if err := r.index.follow(ctx, r.from.Series); err != nil {
		return "", reading("states", err)
	}
	return (&estate{index: r.index}).line(id).own.Check, nil
}

// ResultOf turns one run into what is shown of it.
func ResultOf(o keepwatch.Observation) client.Result {
	res := client.Result{
		Key: o.Key, Credential: string(o.Credential),
		Slot: timeOf(o.Slot), CheckedAt: o.At.UTC(), DurationMS: milliseconds(o.Took),
		Outcome: string(o.Outcome), Category: string(o.Outcome.Info().Category),
		Source: string(o.Source), Reason: string(o.Reason), Place: string(o.Place), Step: o.Step,
		Message: o.Message, Hint: o.Hint, Evidence: o.Evidence,
		Connectivity: string(o.Connectivity), Transcript: o.Transcript,
		Steps: make([]client.Step, 0, len(o.Steps)),
	}
	for _, s := range o.Steps {
		res.Steps = append(res.Steps, client.Step{
			Name: s.Name, Outcome: string(s.Outcome), HTTPStatus: s.HTTPStatus,
			DurationMS: milliseconds(s.Took), Evidence: s.Evidence, Shared: s.Shared,
		})
	}
	return res
}

// milliseconds keeps one decimal: more would only make the JSON longer.
func milliseconds(d time.Duration) float64 {
	return float64(d.Round(100*time.Microsecond)) / float64(time.Millisecond)
}

package store

import "keepwatch"

// dueDoc is what a look at a clock found.
type dueDoc struct {
	Name      string               `json:"n,omitempty"`
	Kind      keepwatch.ClockKind  `json:"k,omitempty"`
	At        int64                `json:"a,omitempty"`
	Since     keepwatch.Date       `json:"s,omitzero"`
	Source    keepwatch.DateSource `json:"so,omitempty"`
	Confirmed keepwatch.Date       `json:"c,omitzero"`
	Basis     string               `json:"b,omitempty"`
	Passed    []string             `json:"p,omitempty"`
	Quiet     bool                 `json:"q,omitempty"`
	Next      int64                `json:"nx,omitempty"`
	Ticket    bool                 `json:"t,omitempty"`
	Attention string               `json:"at,omitempty"`
}

func dueDocOf(d *keepwatch.Due) *dueDoc {
	if d == nil {
		return nil
	}
	c := d.Clock
	return &dueDoc{
		Name: c.Name, Kind: c.Kind, At: millis(c.At), Since: c.Since, Source: c.Source, Confirmed: c.ConfirmedAt, Basis: c.Basis,
		Passed: d.Passed, Quiet: d.Quiet, Next: millis(d.Next), Ticket: d.Ticket, Attention: d.Attention,
	}
}

func (d *dueDoc) due() *keepwatch.Due {
	if d == nil {
		return nil
	}
	return &keepwatch.Due{
		Clock: keepwatch.Clock{
			Name: d.Name, Kind: d.Kind, At: instant(d.At), Since: d.Since, Source: d.Source, ConfirmedAt: d.Confirmed, Basis: d.Basis,
		},
		Passed: d.Passed, Quiet: d.Quiet, Next: instant(d.Next), Ticket: d.Ticket, Attention: d.Attention,
	}
}

// normalDue has the store's times. It is a copy: the caller's may be shared.
func normalDue(d *keepwatch.Due) *keepwatch.Due {
	if d == nil {
		return nil
	}
	out := *d
	out.Clock.At, out.Next = normal(d.Clock.At), normal(d.Next)
	return &out
}

func storableDue(what string, d *keepwatch.Due) error {
	if d == nil {
		return nil
	}
	err := storable(what, d.Clock.Name, string(d.Clock.Kind), string(d.Clock.Source), d.Clock.Basis, d.Attention)
	if err == nil {
		err = storable(what, d.Passed...)
	}
	return err
}

// factDoc is a fact as a pair, name first.
type factDoc [2]string

func factDocOf(f keepwatch.Fact) factDoc { return factDoc{f.Name, f.Value} }
func (f factDoc) fact() keepwatch.Fact   { return keepwatch.Fact{Name: f[0], Value: f[1]} }

// convert keeps nil: what was not there is not there after a round trip.
func convert[A, B any](list []A, of func(A) B) []B {
	if len(list) == 0 {
		return nil
	}
	out := make([]B, len(list))
	for i, v := range list {
		out[i] = of(v)
	}
	return out
}

type warnedDoc struct {
	At    int64    `json:"a,omitempty"`
	Rungs []string `json:"r,omitempty"`
}

func warnedDocOf(w *keepwatch.Warned) *warnedDoc {
	if w == nil {
		return nil
	}
	return &warnedDoc{At: millis(w.At), Rungs: w.Rungs}
}

func (d *warnedDoc) warned() *keepwatch.Warned {
	if d == nil {
		return nil
	}
	return &keepwatch.Warned{At: instant(d.At), Rungs: d.Rungs}
}

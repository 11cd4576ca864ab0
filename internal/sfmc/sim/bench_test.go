package sim

import (
	"fmt"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/sfmc/sim/world"
)

// bigEstate has 50 journeys of 10,000 contacts a day, 100 data extensions and 20
// automations, on ten credentials.
func bigEstate() ([]ClientSpec, world.Spec) {
	var clients []ClientSpec
	spec := world.Spec{Seed: 7, Zone: "Europe/Berlin"}
	busy := func(perDay float64) world.Volume {
		return world.Volume{PerDay: perDay, Shape: world.ShapeDay, Noise: world.NoiseNB}
	}
	for i := range 10 {
		id := fmt.Sprintf("client%018d", i)
		clients = append(clients, ClientSpec{ClientID: id, MID: germany, EID: eid})
		spec.Callers = append(spec.Callers, world.Caller{Name: fmt.Sprint("caller", i), ClientID: id})
	}
	caller := func(i int) string { return fmt.Sprint("caller", i%10) }
	for i := range 100 {
		e := world.Extension{Key: fmt.Sprint("Extension", i), Rows: 100_000, Timestamp: "ModifiedDate", Retention: world.Duration(30 * 24 * time.Hour)}
		if i >= 40 {
			e.Writer, e.Volume = caller(i), busy(5000)
		}
		spec.Extensions = append(spec.Extensions, e)
	}
	for i := range 20 {
		spec.Automations = append(spec.Automations, world.Automation{
			Key: fmt.Sprint("automation", i), Schedule: world.Schedule{Rule: "FREQ=HOURLY;INTERVAL=1"},
			Steps: []world.Activity{
				{Kind: "import", Target: fmt.Sprint("Extension", i), File: world.File{Volume: busy(20_000)}},
				{Kind: "query", Source: fmt.Sprint("Extension", i), Target: fmt.Sprint("Extension", 20+i), Mode: "overwrite"},
			},
		})
	}
	for i := range 50 {
		j := world.Journey{Key: fmt.Sprint("journey", i), Steps: []world.Step{
			{Name: "wait", Dwell: world.Duration(24 * time.Hour)}, {Name: "decide", Kind: "multicriteriadecision"}, {Name: "call", Kind: "rest"}, {Name: "mail", Kind: "emailv2"},
		}}
		j.Entry = world.Entry{Caller: caller(i), Volume: busy(10_000)}
		if i < 10 {
			j.Entry = world.Entry{Extension: fmt.Sprint("Extension", 20+i), Automation: fmt.Sprint("automation", i)}
		}
		spec.Journeys = append(spec.Journeys, j)
	}
	for i := range 10 {
		spec.Sends = append(spec.Sends, world.Send{Kind: keepwatch.SubjectTransactionalEmail, Key: fmt.Sprint("send", i), Caller: caller(i), Volume: busy(10_000), PerMinute: 100})
	}
	return clients, spec
}

func BenchmarkAWeek(b *testing.B) {
	for _, c := range []struct {
		name  string
		story func(*Sim)
	}{{"well", func(*Sim) {}}, {"dead", func(s *Sim) {
		for _, k := range s.Clients() {
			s.Expire(k.ClientID)
		}
	}}} {
		b.Run(c.name, func(b *testing.B) {
			clients, spec := bigEstate()
			for b.Loop() {
				now := monday
				s := New(Options{Now: func() time.Time { return now }, Clients: clients, World: &spec})
				c.story(s)
				now = now.AddDate(0, 0, 7)
				s.Faults()
			}
		})
	}
	b.Run("one journey", func(b *testing.B) {
		spec := world.Spec{Callers: []world.Caller{{Name: "c", ClientID: shopID}}, Journeys: []world.Journey{{Key: "j", Entry: world.Entry{Caller: "c", Volume: world.Volume{PerDay: 10_000}}, Steps: []world.Step{{Name: "wait", Dwell: world.Duration(time.Hour)}}}}}
		for b.Loop() {
			now := monday
			s := New(Options{Now: func() time.Time { return now }, Clients: []ClientSpec{{ClientID: shopID}}, World: &spec})
			now = now.AddDate(0, 0, 7)
			s.Faults()
		}
	})
}

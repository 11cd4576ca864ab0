package app

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"keepwatch"
	"keepwatch/internal/sfmc/sim/world"
	"keepwatch/internal/store"
)

// fed is what hangs on the credential shop in the story of the many: 12 journeys, 8 data
// extensions and 3 definitions.
func fed(each func(kind keepwatch.SubjectKind, key string)) {
	for kind, n := range map[keepwatch.SubjectKind]int{keepwatch.SubjectJourney: 12, keepwatch.SubjectDataExtension: 8, keepwatch.SubjectTriggeredSend: 3} {
		for i := range n {
			each(kind, fmt.Sprintf("%s-%d", strings.ReplaceAll(string(kind), "_", "-"), i+1))
		}
	}
}

func fedFile() string {
	var b strings.Builder
	fed(func(kind keepwatch.SubjectKind, key string) {
		fmt.Fprintf(&b, "      - {kind: %s, key: %s}\n", kind, key)
	})
	head, rest, _ := strings.Cut(livingFile, "      - {kind: journey")
	_, tail, _ := strings.Cut(rest, "receivers:")
	return head + b.String() + "receivers:" + tail
}

func fedWorld(start time.Time) *world.Spec {
	spec := livingWorld(start)
	spec.Extensions, spec.Sends, spec.Journeys = nil, nil, nil
	even := world.Volume{PerDay: 4320, Noise: world.NoiseNone}
	fed(func(kind keepwatch.SubjectKind, key string) {
		switch kind {
		case keepwatch.SubjectJourney:
			spec.Journeys = append(spec.Journeys, world.Journey{Key: key, Entry: world.Entry{Caller: "shop", Volume: even}})
		case keepwatch.SubjectDataExtension:
			spec.Extensions = append(spec.Extensions, world.Extension{Key: key, Writer: "shop", Volume: even, Rows: 1000})
		default:
			spec.Sends = append(spec.Sends, world.Send{Kind: kind, Key: key, Caller: "shop", Volume: even})
		}
	})
	return spec
}

// What a program feeds with one credential stops together, and is one incident, one
// message and one answer: what has stopped.
func TestTwentyThreeThingsThatStopAreOneIncident(t *testing.T) {
	if os.Getenv("CI") == "" && os.Getenv("KEEPWATCH_CAMPAIGN") == "" {
		t.Skip("a campaign: CI or KEEPWATCH_CAMPAIGN=1 runs it")
	}
	synctest.Test(t, func(t *testing.T) {
		l := newLivingOf(t, fedFile(), fedWorld)
		defer l.close()
		time.Sleep(2 * time.Hour)
		if said := l.said(); len(said) > 0 {
			t.Fatalf("on a calm morning: %s", strings.Join(said, "\n"))
		}
		_, err := l.sim.Expire(shopClient)
		l.must(err)
		died := time.Now()
		time.Sleep(4 * time.Hour)
		list, _, err := l.db.Incidents(t.Context(), store.IncidentFilter{}, store.Page{Limit: 100})
		l.must(err)
		if len(list) != 1 || list[0].Key != "credential:shop" || list[0].Status != keepwatch.IncidentOpen {
			t.Fatalf("%d incidents: %s", len(list), strings.Join(l.said(), "\n"))
		}
		l.judgeEffects(died)
		stopped := map[string]bool{}
		for _, e := range list[0].Effects {
			if stopped[e.Subject.ID()] {
				t.Errorf("%s stands there twice", e.Subject)
			}
			stopped[e.Subject.ID()] = true
		}
		fed(func(kind keepwatch.SubjectKind, key string) {
			if id := (keepwatch.Subject{Kind: kind, Key: key}).ID(); !stopped[id] {
				t.Errorf("%s has stopped, and is not in the incident", id)
			}
		})
		if len(stopped) != 23 {
			t.Errorf("%d things have stopped, want 23", len(stopped))
		}
		if got := l.told(); !slices.Equal(got, []string{"firing bad_secret_or_package"}) {
			t.Errorf("told %v", got)
		}
	})
}

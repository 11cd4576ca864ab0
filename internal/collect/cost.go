package collect

import (
	"cmp"
	"math"
	"time"

	"keepwatch"
	"keepwatch/internal/sfmc"
)

// Sizes are how many things of each kind a business unit has, as far as it is known.
type Sizes struct {
	Journeys       int // versions that run or finish
	Extensions     int
	Automations    int
	Definitions    int // transactional, of e-mail
	SMSDefinitions int
	Sends          int // triggered
}

// Estimate is what the looks of one job cost, in calls.
type Estimate struct {
	PerLook int // rounded up
	PerDay  int
	PerYear int
	Parts   []Part
}

// Part is one kind of call in an estimate.
type Part struct {
	Name   string // of the route, or "token"
	PerDay float64
}

// Cost is what a job costs, without a call: every call that its looks make in a day of
// which nothing stops, and no more. What is asked by need, when something looks
// silent, comes on top and is bounded by maxNeeds for each look.
func Cost(job Job, known Sizes) Estimate {
	c := coster{job: &job, looks: float64(day) / float64(job.every()), off: map[string]bool{}}
	for _, name := range job.Off {
		c.off[name] = true
	}
	wanted := 0
	for _, w := range job.Wanted {
		if familyOf(w.Subject.Kind) == job.Family {
			wanted++
		}
	}
	if (wanted == 0 && !job.All) || len(job.Readers) == 0 {
		return Estimate{}
	}
	c.add("token", c.looks)
	switch job.Family {
	case keepwatch.FamilyJourneys:
		c.journeys(wanted, known)
	case keepwatch.FamilyDataExtensions:
		c.extensions(wanted, known)
	case keepwatch.FamilyAutomations:
		c.automations(wanted, known)
	case keepwatch.FamilyQueues:
		c.queues(known)
	case keepwatch.FamilySends:
		c.add(RouteTriggeredSends, c.looks*pagesOf(known.Sends, 500))
		c.add(RouteSendSummary, c.looks*pagesOf(known.Sends, 500))
	}
	var total float64
	for _, p := range c.parts {
		total += p.PerDay
	}
	return Estimate{
		PerLook: int(math.Ceil(total / c.looks)), PerDay: int(math.Ceil(total)), PerYear: int(math.Ceil(total * 365)), Parts: c.parts,
	}
}

func familyOf(kind keepwatch.SubjectKind) keepwatch.Family {
	switch kind {
	case keepwatch.SubjectJourney:
		return keepwatch.FamilyJourneys
	case keepwatch.SubjectDataExtension:
		return keepwatch.FamilyDataExtensions
	case keepwatch.SubjectAutomation:
		return keepwatch.FamilyAutomations
	case keepwatch.SubjectTriggeredSend:
		return keepwatch.FamilySends
	}
	return keepwatch.FamilyQueues
}

type coster struct {
	job   *Job
	looks float64 // a day
	off   map[string]bool
	parts []Part
}

func (c *coster) add(name string, perDay float64) {
	if perDay > 0 && !c.off[name] {
		c.parts = append(c.parts, Part{Name: name, PerDay: perDay})
	}
}

// at is how often something is read that is read at most every so often.
func (c *coster) at(every time.Duration) float64 {
	return min(c.looks, float64(day)/float64(every))
}

func pagesOf(n, size int) float64 { return math.Ceil(max(float64(n), 1) / float64(size)) }

func (c *coster) journeys(wanted int, known Sizes) {
	// Running versions, and one page of those that finish.
	list := pagesOf(known.Journeys, sfmc.JourneyPage) + 1
	if !c.job.All && wanted <= max(2, 1+known.Journeys/sfmc.JourneyPage) {
		list = float64(wanted)
	}
	c.add(RouteJourneyList, c.looks*list)
	c.add(RouteJourneyDetail, float64(wanted))
	c.add(RouteEventDefinitions, float64(wanted)*c.at(sourceKept))
	c.add(RouteActivities, min(float64(wanted)*c.at(activityEvery), c.looks*maxNeeds))
}

func (c *coster) extensions(wanted int, known Sizes) {
	single := wanted
	if c.job.All || wanted > max(2, 1+known.Extensions/extensionPage) {
		c.add(RouteExtensionList, c.looks*pagesOf(known.Extensions, extensionPage))
		single = 0
		for _, w := range c.job.Wanted {
			if w.TimestampField != "" || w.Expect.RowsEvery > 0 {
				single++
			}
		}
	}
	dated := 0
	for _, w := range c.job.Wanted {
		if w.TimestampField != "" {
			dated++
		}
	}
	single = min(single, maxRowsets)
	dated = min(dated, single)
	if c.off[RouteNewestRow] {
		c.add(RouteNewestBySOAP, c.looks*float64(dated))
		c.add(RouteRows, c.looks*float64(single))
	} else {
		c.add(RouteNewestRow, c.looks*float64(dated))
		c.add(RouteRows, c.looks*float64(single-dated))
	}
	c.add(RouteRetention, pagesOf(wanted, 500))
}

func (c *coster) automations(wanted int, known Sizes) {
	if !c.job.All && wanted <= max(2, 1+known.Automations/sfmc.AutomationPage) {
		c.add(RouteAutomationList, 1) // for their ids, which are kept
		c.add(RouteSchedule, c.looks*float64(wanted))
	} else {
		c.add(RouteAutomationList, c.looks*pagesOf(known.Automations, sfmc.AutomationPage))
		c.add(RouteSchedule, float64(wanted))
	}
	c.add(RouteHealthReport, c.at(time.Hour))
	c.add(RouteAutomationDetail, float64(wanted))
	if wanted > 0 {
		// One import for each: how many there are is not known before.
		c.add(RouteImports, float64(wanted))
		c.add(RouteImportResults, c.looks)
	}
}

func (c *coster) queues(known Sizes) {
	for _, ch := range channels {
		wanted := 0
		for _, w := range c.job.Wanted {
			if w.Subject.Kind == ch.kind {
				wanted++
			}
		}
		size := known.Definitions
		if ch.name == sfmc.SMS {
			size = known.SMSDefinitions
		}
		if c.job.All {
			wanted = cmp.Or(size, wanted)
		}
		if wanted == 0 && !c.job.All {
			continue
		}
		c.add(ch.definitions, c.at(definitionsKept)*pagesOf(size, sfmc.DefinitionPage))
		if wanted == 0 {
			continue
		}
		c.add(ch.queue, c.looks*float64(min(wanted, maxQueues)))
		c.add(ch.notSent, c.at(notSentEvery))
	}
}

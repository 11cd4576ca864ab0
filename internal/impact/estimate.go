package impact

import (
	"math"
	"strconv"
	"strings"

	"keepwatch"
)

// estimate is a number with two kinds of doubt, which add up differently: how long it
// lasted is the same question for every subject, how much each of them gets is not.
type estimate struct {
	mid             float64
	volLow, volHigh float64 // below and above the middle, from the volume
	durLow, durHigh float64 // from the span
}

// low and high join the two kinds of doubt, which are independent of each other.
func (e estimate) low() float64  { return max(0, e.mid-math.Hypot(e.volLow, e.durLow)) }
func (e estimate) high() float64 { return e.mid + math.Hypot(e.volHigh, e.durHigh) }

// plus adds another subject: doubt about volumes in quadrature, since one being
// above its usual says nothing of the other; doubt about the span in full.
func (e estimate) plus(o estimate) estimate {
	return estimate{
		mid:    e.mid + o.mid,
		volLow: math.Hypot(e.volLow, o.volLow), volHigh: math.Hypot(e.volHigh, o.volHigh),
		durLow: e.durLow + o.durLow, durHigh: e.durHigh + o.durHigh,
	}
}

func (e estimate) times(factor float64) estimate {
	return estimate{mid: e.mid * factor, volLow: e.volLow * factor, volHigh: e.volHigh * factor, durLow: e.durLow * factor, durHigh: e.durHigh * factor}
}

// less takes away what was counted; the doubt stays.
func (e estimate) less(n float64) estimate {
	e.mid = max(0, e.mid-n)
	return e
}

// whole rounds the middle, so that sums of what is shown add up.
func (e estimate) whole() estimate {
	e.mid = math.Round(e.mid)
	return e
}

// part is one figure of one subject before it is summed.
type part struct {
	name, subject, unit string
	e                   estimate
	formula, source     string
	atLeast             bool // nobody saw it: it may be none at all
	so                  bool // so far
}

func (p part) figure(digits int) keepwatch.Figure {
	low := p.e.low()
	if p.atLeast {
		low = 0
	}
	f := keepwatch.Figure{
		Name: p.name, Subject: p.subject, Unit: p.unit, Source: p.source,
		Low: round(low, digits), Mid: round(p.e.mid, digits), High: round(p.e.high(), digits),
		Formula: p.formula,
	}
	if p.so {
		f.Formula += ", so far"
	}
	return f
}

func round(v float64, digits int) float64 {
	scale := math.Pow10(digits)
	return math.Round(v*scale) / scale
}

// digits is how many a unit is told with: things are whole.
func digits(unit string) int {
	switch unit {
	case unitContacts, unitMessages, unitEvents, unitRows:
		return 0
	case unitSeconds:
		return 0
	}
	return 2
}

// number renders a figure as people write it: "1,667", "0.42".
func number(v float64) string {
	s := strconv.FormatFloat(math.Abs(round(v, 2)), 'f', -1, 64)
	whole, rest, fraction := strings.Cut(s, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if fraction {
		whole += "." + rest
	}
	if v < 0 && s != "0" {
		whole = "-" + whole
	}
	return whole
}

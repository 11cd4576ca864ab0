package scan

import "strings"

// Standing is what is remembered between the scans of a schedule: how each thing was
// when it was well, and what was told since.
type Standing map[string]Stand

// Stand is how one thing stands.
type Stand struct {
	// Base is the severity that is taken for usual.
	Base Severity `json:"b"`
	Told bool     `json:"t,omitempty"`
}

// Verdict is what a scan says of a thing that became worse, or is well again.
type Verdict struct {
	Finding
	Was   Severity // what is taken for usual
	Worse bool
}

// FactsOf ends the name of the series that compares a thing's facts, which is beside
// the one that says how the thing is.
const FactsOf = " (facts)"

// Name is what a thing is called in series: the check and the subject.
func (f Finding) Name() string { return f.Check + ":" + f.Subject }

// Judge compares a scan with what is remembered, and returns what is to be told of and
// what is to be remembered. What is told of stays told until it is as usual again.
//
// The first scan is the base, but for what is critical: somebody who begins to scan
// wants to hear of that, and of the rest in the report. What is unknown changes nothing.
// Ends of certificates are not judged here: they have a ladder of warnings.
func Judge(before Standing, r Report) (after Standing, verdicts []Verdict) {
	after = Standing{}
	blurred := map[string]bool{}
	for _, f := range r.Findings {
		name := f.Name()
		was, known := before[name]
		switch {
		case f.Check == "tls_expiry":
			continue
		case f.Severity == Unknown:
			blurred[f.Subject] = true
			if known {
				after[name] = was
			}
			continue
		case f.Check == "host" && f.Severity == Critical:
			blurred[f.Subject] = true
		}
		stand, verdict, tell := judge(was, known, f)
		after[name] = stand
		if tell {
			verdicts = append(verdicts, verdict)
		}
	}
	for name, was := range before {
		check, subject, _ := strings.Cut(name, ":")
		switch _, there := after[name]; {
		case there:
		case r.Partial || blurred[subject]:
			after[name] = was
		case was.Told:
			verdicts = append(verdicts, Verdict{Was: was.Base, Finding: Finding{
				Check: check, Subject: subject, Severity: OK, Message: "It is no longer found.", Evidence: map[string]any{},
			}})
		}
	}
	return after, verdicts
}

func judge(was Stand, known bool, f Finding) (Stand, Verdict, bool) {
	base := was.Base
	if !known {
		base = f.Severity
		if f.Severity == Critical {
			base = OK
		}
	}
	worse := f.Severity.Rank() >= Warning.Rank() && f.Severity.Rank() > base.Rank()
	v := Verdict{f, base, worse}
	switch {
	case worse:
		return Stand{base, true}, v, true
	case was.Told:
		return Stand{Base: f.Severity}, v, true
	}
	return Stand{Base: f.Severity}, v, false
}

// compared are the facts whose change somebody should hear of, even when the thing is
// as well as before. A key changes with each renewal and a chain with its issuer's
// whims, so they are not among them.
var compared = []string{"tls_issuer", "tls_name", "spf", "dkim", "dmarc", "mx", "stack", "caa"}

// Facts are the parts of a finding's evidence that should not change by themselves;
// none where nobody has to hear of a change.
func (f Finding) Facts() map[string]string {
	out := map[string]string{}
	for _, check := range compared {
		if check != f.Check || f.Severity == Unknown {
			continue
		}
		for _, name := range facts[check] {
			if line := EvidenceLines(map[string]any{name: f.Evidence[name]}); len(line) > 0 {
				out[name] = line[0].Value
			}
		}
	}
	return out
}

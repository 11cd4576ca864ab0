package scan

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/miekg/dns"
	"golang.org/x/net/publicsuffix"
)

// dmarcPolicy is one DMARC record.
type dmarcPolicy struct {
	policy, subdomains string
	percent            int
	reports            bool
	problem            string // what is wrong with it; receivers ignore it, or a part
}

// parseDMARC reads a record.
func parseDMARC(text string) dmarcPolicy {
	d := dmarcPolicy{percent: 100}
	tags, err := parseTags(text)
	if err != nil {
		d.problem = err.Error()
		return d
	}
	d.policy, d.subdomains, d.reports = strings.ToLower(tags["p"]), strings.ToLower(tags["sp"]), tags["rua"] != ""
	policies := []string{"none", "quarantine", "reject"}
	first, _, _ := strings.Cut(text, ";")
	percent, percentErr := strconv.Atoi(tags["pct"])
	switch {
	case strings.Join(strings.Fields(first), "") != "v=DMARC1":
		d.problem = "v=DMARC1 does not stand first"
	case d.policy == "":
		d.problem = "it has no policy (p=)"
	case !slices.Contains(policies, d.policy):
		d.problem = "its policy is " + strconv.Quote(clean(tags["p"], 20))
	case d.subdomains != "" && !slices.Contains(policies, d.subdomains):
		d.problem = "its policy for subdomains is " + strconv.Quote(clean(tags["sp"], 20))
	case tags["pct"] != "" && (percentErr != nil || percent < 0 || percent > 100):
		d.problem = "its share is " + strconv.Quote(clean(tags["pct"], 20))
	case tags["pct"] != "":
		d.percent = percent
	}
	return d
}

// dmarc looks at the policy of a domain, which may be that of its organization.
func (r *run) dmarc(ctx context.Context, domain string) {
	at := domain
	records, err := r.dmarcAt(ctx, at)
	if parent, _ := publicsuffix.EffectiveTLDPlusOne(domain); err == nil && len(records) == 0 && parent != "" && parent != domain {
		at = parent
		records, err = r.dmarcAt(ctx, at)
	}
	f := Finding{Check: "dmarc", Subject: domain, Severity: OK, Evidence: map[string]any{"found_at": "_dmarc." + at, "records": len(records)}}
	switch {
	case err != nil:
		r.unknown(domain, err, "dmarc")
		return
	case len(records) == 0:
		f.Severity, f.Message = Warning, "There is no DMARC record: large receivers refuse or distrust bulk mail without one."
		f.Hint = "Publish _dmarc." + domain + " with v=DMARC1; p=none; rua=mailto:… to begin with."
	case len(records) > 1:
		f.Severity, f.Message, f.Hint = Critical, "There are "+plural(len(records), "DMARC record")+", so receivers use none.", "Leave one."
	default:
		f.Evidence["record"] = records[0]
		judgeDMARC(&f, parseDMARC(records[0]), at != domain)
	}
	r.add(f)
}

func (r *run) dmarcAt(ctx context.Context, domain string) (records []string, err error) {
	a, err := r.dns.ask(ctx, "_dmarc."+domain, dns.TypeTXT)
	if err != nil {
		return nil, err
	}
	for _, text := range textsOf(a) {
		if strings.HasPrefix(strings.ToLower(strings.ReplaceAll(text, " ", "")), "v=dmarc1") {
			records = append(records, text)
		}
	}
	return records, nil
}

func judgeDMARC(f *Finding, d dmarcPolicy, inherited bool) {
	policy := d.policy
	if inherited && d.subdomains != "" {
		policy = d.subdomains
	}
	f.Evidence["policy"], f.Evidence["percent"] = policy, d.percent
	switch {
	case d.problem != "":
		f.Severity, f.Message, f.Hint = Warning, "The DMARC record is not as receivers read it: "+d.problem+".", "Correct it; until then it may count for nothing."
	case policy == "none":
		f.Severity, f.Message, f.Hint = Info, "DMARC only watches (p=none): forged mail is delivered.", "Once the reports show only mail of your own, go on to quarantine."
	case d.percent < 100:
		f.Severity, f.Message = Info, "DMARC says "+policy+" for "+strconv.Itoa(d.percent)+" % of the mail that fails."
	case !d.reports:
		f.Severity, f.Message, f.Hint = Info, "DMARC says "+policy+", and nobody gets its reports.", "Add rua=mailto:…, to hear when mail of your own fails."
	default:
		f.Message = "DMARC says " + policy + "."
	}
	if inherited {
		f.Message += " The record is that of the organization's domain."
	}
}

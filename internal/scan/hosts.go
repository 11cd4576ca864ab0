package scan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"strings"
	"syscall"
	"time"

	"keepwatch"
	"keepwatch/internal/certs"
	"keepwatch/internal/sfmc"
)

const httpsPort = "443"

func refused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

// subjectOf names a host; the usual port is left out.
func subjectOf(host, port string) string {
	if port == "" || port == httpsPort {
		return host
	}
	return net.JoinHostPort(host, port)
}

// tlsChecks are what a handshake tells.
var tlsChecks = []string{"tls_expiry", "tls_name", "tls_chain", "tls_strength", "tls_issuer", "caa"}

// host looks at the certificate that a host shows, and reports whether it took a
// connection.
func (r *run) host(ctx context.Context, host, port string) bool {
	port = cmp.Or(port, httpsPort)
	subject, address := subjectOf(host, port), net.JoinHostPort(host, port)
	if !r.first("host " + address) {
		return r.polite.deadAt(address) == nil
	}
	began := time.Now()
	var found []certs.Found
	err := r.polite.with(ctx, host, func() (err error) {
		began = time.Now()
		found, err = r.certs.Read(ctx, keepwatch.CertificateSource{Endpoint: address, ServerName: host})
		return err
	})
	took := ms(time.Since(began))
	if err != nil {
		r.polite.bury(address, err)
		severity := blame(err)
		f := Finding{Check: "host", Subject: subject, Severity: severity, Evidence: map[string]any{"port": port, "took_ms": took},
			Message: unlooked + words(err) + ".", Hint: hintOf(err)}
		if severity == Critical {
			f.Message = "It cannot be used: " + words(err) + "."
			f.Hint = "Whoever follows a link to it sees an error page. Look at the DNS record and at who serves it."
		}
		r.add(f)
		return false
	}
	r.add(Finding{Check: "host", Subject: subject, Severity: OK, Message: "It answers.", Evidence: map[string]any{"port": port, "took_ms": took}})
	r.certificate(subject, found)
	return true
}

func ms(d time.Duration) float64 { return math.Round(float64(d.Microseconds())/100) / 10 }

// certificate turns what was read into findings.
func (r *run) certificate(subject string, found []certs.Found) {
	leaf := found[0]
	if leaf.NotAfter.IsZero() {
		r.unknown(subject, errors.New("its certificate cannot be read"), tlsChecks...)
		return
	}
	for _, f := range found {
		r.expiry(subject, f)
	}
	problems := map[string]certs.Problem{}
	for _, p := range leaf.Problems {
		problems[p.Name] = p
	}
	names, chain := factOf(leaf, certs.FactNames), factOf(leaf, certs.FactChain)
	r.verdict("tls_name", subject, problems, Critical, "The certificate is for this host.", map[string]any{"names": names}, certs.WrongHost)
	r.verdict("tls_chain", subject, problems, Critical, "Callers trust it.", map[string]any{"chain": chain},
		certs.SelfSigned, certs.ChainIncomplete, certs.Untrusted)
	r.verdict("tls_strength", subject, problems, Warning, "Key and signature are strong enough.", map[string]any{"key": factOf(leaf, certs.FactKey)},
		certs.WeakKey, certs.WeakSignature, certs.Broken)
	_, foreign := problems[certs.SelfSigned]
	r.issuer(subject, leaf, foreign)
	r.caa(subject, leaf, problems)
}

// verdict is the first of the problems that is there, else that all is well.
func (r *run) verdict(check, subject string, problems map[string]certs.Problem, severity Severity, good string, evidence map[string]any, names ...string) {
	for _, name := range names {
		p, there := problems[name]
		if !there {
			continue
		}
		if p.Notice {
			severity = Info
		}
		evidence["problem"] = name
		r.add(Finding{Check: check, Subject: subject, Severity: severity, Message: p.Message, Hint: p.Hint, Evidence: evidence})
		return
	}
	r.add(Finding{Check: check, Subject: subject, Severity: OK, Message: good, Evidence: evidence})
}

func factOf(f certs.Found, name string) string {
	for _, fact := range f.Facts {
		if fact.Name == name {
			return fact.Value
		}
	}
	return ""
}

// Certificates live ever shorter, so the warning follows their life: a third of the
// way from a renewal that was missed to an end that hurts.
const (
	warnDays, warnPart         = 30 * 24 * time.Hour, 4
	criticalDays, criticalPart = 7 * 24 * time.Hour, 12
)

// nearness is how loud an end is, seen from now.
func nearness(from, until, now time.Time) Severity {
	life, left := until.Sub(from), until.Sub(now)
	switch {
	case left <= min(criticalDays, life/criticalPart):
		return Critical
	case left <= min(warnDays, life/warnPart):
		return Warning
	}
	return OK
}

// expiry judges the dates of one certificate. The chain speaks only when it ends
// before the leaf: it is the issuer's to renew.
func (r *run) expiry(subject string, f certs.Found) {
	severity := nearness(f.NotBefore, f.NotAfter, r.now)
	days := int(math.Floor(f.NotAfter.Sub(r.now).Hours() / 24))
	out := Finding{Check: "tls_expiry", Subject: subject, Severity: severity, Evidence: map[string]any{
		"not_before": f.NotBefore.UTC().Format(time.RFC3339), "not_after": f.NotAfter.UTC().Format(time.RFC3339), "days_left": days,
		"certificate": f.Subject, "issuer": factOf(f, certs.FactIssuer), "key": factOf(f, certs.FactKey),
	}}
	chained := strings.HasPrefix(f.Clock, certs.ClockChainPrefix)
	what := "The certificate"
	if chained {
		if severity == OK {
			return
		}
		what = "The certificate " + f.Subject + " of the chain"
	}
	on := f.NotAfter.UTC().Format(time.DateOnly)
	switch {
	case r.now.Before(f.NotBefore):
		out.Severity = Critical
		out.Message, out.Hint = what+" is valid only from "+f.NotBefore.UTC().Format(time.DateOnly)+" on.", "Put the one that is valid now back, and look whether this machine's clock is right."
	case !r.now.Before(f.NotAfter):
		out.Message, out.Hint = what+" ended on "+on+".", renewalHint(f)
	case severity != OK:
		out.Message, out.Hint = fmt.Sprintf("%s ends on %s, in %s.", what, on, plural(days, "day")), renewalHint(f)
	default:
		out.Message = fmt.Sprintf("%s ends on %s, in %s.", what, on, plural(days, "day"))
	}
	r.add(out)
}

func renewalHint(f certs.Found) string {
	if sfmc.ManagedIssuer(factOf(f, certs.FactIssuer)) {
		return "SFMC renews certificates of DigiCert by itself when the DNS records and CAA let it; open a case with Salesforce when it has not."
	}
	return "It is not one that SFMC renews: have it issued anew, and put it where the old one is."
}

// organization is the name of the authority, which stays when it changes the key that
// it signs with.
func organization(issuer string) string {
	_, rest, ok := strings.Cut(","+issuer, ",O=")
	if !ok {
		return issuer
	}
	name, _, _ := strings.Cut(strings.ReplaceAll(rest, "\\,", "\x00"), ",")
	if first, _, more := strings.Cut(name, "+"); more {
		name = first
	}
	return strings.ReplaceAll(name, "\x00", ",")
}

func (r *run) issuer(subject string, leaf certs.Found, selfSigned bool) {
	issuer := factOf(leaf, certs.FactIssuer)
	f := Finding{Check: "tls_issuer", Subject: subject, Evidence: map[string]any{"issuer": issuer, "issuer_organization": organization(issuer)}}
	switch {
	case selfSigned:
		f.Severity, f.Message = Info, "No authority issued it: it is signed by itself."
	case sfmc.ManagedIssuer(issuer):
		f.Severity, f.Message = OK, "DigiCert issued it: where SFMC serves the host, SFMC renews it."
	default:
		f.Severity, f.Message = Info, organization(issuer)+" issued it, not DigiCert: SFMC does not renew it."
		f.Hint = "Write down who renews it, and when."
	}
	r.add(f)
}

// caa judges whether the next certificate may be issued. Where nothing can be said,
// because nobody trusts the certificate or its authority is not known, nothing is.
func (r *run) caa(subject string, leaf certs.Found, problems map[string]certs.Problem) {
	p, forbidden := problems[certs.CAAForbids]
	switch {
	case forbidden:
		f := Finding{Check: "caa", Subject: subject, Severity: Warning, Message: p.Message, Hint: p.Hint,
			Evidence: map[string]any{"records_at": leaf.CAA.Domain, "allowed": leaf.CAA.Allowed, "issuer": leaf.CAA.Issuer}}
		if leaf.NotAfter.Sub(r.now) < warnDays {
			f.Severity = Critical
		}
		r.add(f)
	case leaf.CAAUnasked && leaf.CAA == nil:
		r.unknown(subject, errors.New("the name server does not answer for its CAA records"), "caa")
	case leaf.CAA != nil && leaf.CAA.Domain == "":
		r.add(Finding{Check: "caa", Subject: subject, Severity: OK, Message: "No CAA record keeps any authority out.", Evidence: map[string]any{"allowed": []string{}, "issuer": leaf.CAA.Issuer}})
	case leaf.CAA != nil:
		r.add(Finding{Check: "caa", Subject: subject, Severity: OK, Message: "CAA lets " + leaf.CAA.Issuer + " issue the next certificate.",
			Evidence: map[string]any{"records_at": leaf.CAA.Domain, "allowed": leaf.CAA.Allowed, "issuer": leaf.CAA.Issuer}})
	}
}

package probe

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/sfmc"
)

// The test https:NAME asks an integration point: an address that is not SFMC's
// and that integrations depend on. What goes wrong there is never named as
// something of SFMC's platform, and a refusal never as the credential's.

const (
	pointPrefix  = "https:"
	pointTimeout = 30 * time.Second
	// pointBody is how much of an answer is read. Its content is not judged.
	pointBody = 1 << 20
)

// pointProof is what an integration point said. It does not depend on the
// credential, so all credentials share it for a while, as they share hosts.
type pointProof struct {
	verdict sfmc.Verdict
	took    time.Duration
}

// pointName reads https:NAME.
func pointName(test string) (name string, ok bool) {
	name, ok = strings.CutPrefix(test, pointPrefix)
	return name, ok && name != "" && len(name) <= 100 && !strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f })
}

// point adds the step of one integration point.
func (r *run) point(name string) {
	step := keepwatch.Step{Name: pointPrefix + name, Outcome: keepwatch.Skipped}
	if r.failed {
		r.steps = append(r.steps, step)
		return
	}
	point, ok := r.p.pointNamed(name)
	if !ok {
		v := ours("The test names an integration point that is not defined.", "no integration point of the name "+name, "Add it to integration_points, or take the test out.")
		step.Outcome, step.Evidence = v.Outcome, v.Evidence
		r.add(step, v)
		return
	}
	proof, ok := r.p.points.get(r.ctx, pointKey(point), func(ctx context.Context) pointProof { return r.p.askPoint(ctx, point) })
	if !ok {
		proof.verdict = sfmc.Broken(r.ctx, context.Cause(r.ctx))
	}
	v := proof.verdict
	r.pointAnswered = v.HTTPStatus != 0
	step.Outcome, step.HTTPStatus, step.Took, step.Evidence, step.Shared = v.Outcome, v.HTTPStatus, proof.took, v.Evidence, true
	r.add(step, v)
}

func (p *Prober) pointNamed(name string) (keepwatch.IntegrationPoint, bool) {
	if p.pointBy == nil {
		return keepwatch.IntegrationPoint{}, false
	}
	return p.pointBy(name)
}

// pointKey changes with the definition, so that a corrected one is asked at once.
func pointKey(i keepwatch.IntegrationPoint) string {
	return keepwatch.Digest(i.Name, i.URL, i.ClientCert, i.ClientKey, i.Roots, fmt.Sprint(i.Expect))
}

// keepPoint keeps a success for the interval of hosts, and a failure for a moment.
func keepPoint(interval time.Duration) func(pointProof) time.Duration {
	if interval <= 0 {
		interval = defaultHostInterval
	}
	return func(p pointProof) time.Duration {
		if p.verdict.OK() {
			return interval
		}
		return min(interval, failureShared)
	}
}

// askPoint makes one request over a connection of its own: one that was kept open
// would hide an ended certificate for as long as it lives.
func (p *Prober) askPoint(ctx context.Context, point keepwatch.IntegrationPoint) (proof pointProof) {
	began := time.Now()
	defer func() { proof.took = time.Since(began) }()
	u, err := url.Parse(point.URL)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		// The text is not repeated: an address may carry a key.
		proof.verdict = ours("The integration point's address cannot be used.", "the address is not https://host/path", "Write it like https://middleware.example.com/health.")
		return proof
	}
	config, err := p.pointTLS(ctx, point)
	if err != nil {
		proof.verdict = unreadable("The integration point's certificate, key or roots cannot be read.", err, "Look whether the references exist and hold PEM.")
		return proof
	}
	callCtx, cancel := context.WithTimeout(ctx, pointTimeout)
	defer cancel()
	request := &http.Request{Method: http.MethodGet, URL: u, Host: u.Host, Header: http.Header{"Accept": {"*/*"}, "User-Agent": {"Keepwatch"}}}
	response, err := p.egress.WithTLS(config).HTTP().Do(request.WithContext(callCtx))
	if err != nil {
		proof.verdict = pointBroken(ctx, u.Hostname(), err, config, 0)
		return proof
	}
	defer func() { _ = response.Body.Close() }()
	n, err := io.Copy(io.Discard, io.LimitReader(response.Body, pointBody))
	if err != nil && n < pointBody {
		proof.verdict = pointBroken(ctx, u.Hostname(), err, config, response.StatusCode)
		return proof
	}
	proof.verdict = pointAnswer(point, u.Hostname(), response)
	return proof
}

// pointTLS reads what the point wants to see and what it is trusted by. Each run
// reads anew: a renewed certificate counts at once, and no key stays in memory.
func (p *Prober) pointTLS(ctx context.Context, point keepwatch.IntegrationPoint) (*tls.Config, error) {
	config := p.egress.TLS()
	if point.Roots != "" {
		pem, err := p.secret(ctx, point.Roots)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem.Reveal()) {
			return nil, keepwatch.WithHint(errors.New("the roots hold no certificate"), "Point the reference roots at PEM certificates.")
		}
	}
	if point.ClientCert == "" {
		return config, nil
	}
	pem, err := p.secret(ctx, point.ClientCert)
	if err != nil {
		return nil, err
	}
	key := pem
	if point.ClientKey != "" {
		if key, err = p.secret(ctx, point.ClientKey); err != nil {
			return nil, err
		}
	}
	pair, err := tls.X509KeyPair(pem.Reveal(), key.Reveal())
	if err != nil {
		return nil, keepwatch.WithHint(errors.New(pairFault(pem, key)), "Point client_certificate at the PEM certificate with its chain, and client_key at its unencrypted PEM key.")
	}
	config.Certificates = []tls.Certificate{pair}
	return config, nil
}

// pairFault says why a certificate and its key do not make a pair. The library's
// own words are not passed on: they may quote what they could not read.
func pairFault(cert, key keepwatch.Secret) string {
	switch {
	case !bytes.Contains(cert.Reveal(), []byte("-----BEGIN CERTIFICATE-----")):
		return "the client certificate is not PEM"
	case bytes.Contains(key.Reveal(), []byte("ENCRYPTED")):
		return "the client certificate's key is encrypted"
	case !bytes.Contains(key.Reveal(), []byte("PRIVATE KEY-----")):
		return "the client certificate's key is not PEM"
	}
	return "the client certificate and its key are not a pair, or one of them is broken"
}

// pointAnswer judges the status alone.
func pointAnswer(point keepwatch.IntegrationPoint, host string, response *http.Response) sfmc.Verdict {
	status := response.StatusCode
	v := sfmc.Verdict{Outcome: keepwatch.OK, HTTPStatus: status, Evidence: "HTTP " + strconv.Itoa(status) + shownTLS(response.TLS)}
	if slices.Contains(point.Expect, status) || (len(point.Expect) == 0 && status >= 200 && status <= 299) {
		return v
	}
	v.Outcome, v.Cause = keepwatch.UnexpectedResponse, "point_status"
	v.Message, v.Hint = pointWords(point.Name, host, status)
	if status >= 300 && status <= 399 {
		if to, err := url.Parse(response.Header.Get("Location")); err == nil && to.Hostname() != "" {
			v.Evidence += ", to " + sfmc.Evidence(to.Hostname()) // path and query may carry what was sent
		}
	}
	return v
}

func shownTLS(state *tls.ConnectionState) string {
	if state == nil || len(state.PeerCertificates) == 0 {
		return ""
	}
	return ", " + tls.VersionName(state.Version) + ", certificate until " + state.PeerCertificates[0].NotAfter.UTC().Format(time.DateOnly)
}

func pointWords(name, host string, status int) (message, hint string) {
	of := "The integration point " + name
	code := strconv.Itoa(status)
	switch {
	case status >= 500:
		return of + " answered with a server error of its own (HTTP " + code + ").", "Look at the log of " + host + " and of what stands behind it; SFMC is not part of this."
	case status == http.StatusTooManyRequests:
		return of + " answered that it is asked too often (HTTP 429).", "Raise its limit for Keepwatch, or test it less often."
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return of + " refused the request (HTTP " + code + ").", "Look whether " + host + " wants a client certificate or knows another one; client_certificate names it."
	case status == http.StatusNotFound:
		return of + " does not know the path (HTTP 404).", "Compare the address with what " + host + " serves."
	case status >= 300 && status <= 399:
		return of + " redirects elsewhere (HTTP " + code + "); Keepwatch does not follow.", "Write the address it redirects to, or add the status to expect."
	}
	return of + " answered with HTTP " + code + ", which is not among the statuses that prove it.", "Add the status to expect if it is a good one."
}

// pointBroken names a request that got no whole answer, in the words of an
// integration point.
func pointBroken(ctx context.Context, host string, err error, config *tls.Config, status int) sfmc.Verdict {
	v := sfmc.Broken(ctx, err)
	v.HTTPStatus = status
	if v.Outcome == keepwatch.MonitorFault {
		return v
	}
	switch refused := strings.Contains(v.Evidence, "remote error: tls:") || alerted(err); {
	case refused && ended(config):
		v.Outcome, v.Message, v.Hint = keepwatch.CertificateExpired, "The client certificate for "+host+" has ended, and the host refused it.", "Renew the client certificate."
	case refused && v.Outcome != keepwatch.CertificateExpired:
		v.Outcome, v.Message, v.Hint = keepwatch.TLSFailure, "The integration point "+host+" refused the TLS handshake.", handshakeHint(config)
	case clockIsWrong(err, time.Now()):
		return ours("The clock of this machine is wrong, so no certificate can be checked.", v.Evidence, "Set the clock of this machine, and keep it set by NTP.")
	default:
		v.Message, v.Hint = brokenWords(host, v.Outcome, status)
	}
	v.Cause = "point_" + string(v.Outcome)
	return v
}

func handshakeHint(config *tls.Config) string {
	if len(config.Certificates) == 0 {
		return "The host probably wants a client certificate: name it as client_certificate and client_key."
	}
	return "Look whether the host trusts the authority of the client certificate, and whether its chain is complete."
}

// alerted reports an alert of the other side; HTTP wraps it in words.
func alerted(err error) bool { return strings.Contains(err.Error(), "remote error: tls:") }

// ended reports whether our own certificate is past its end.
func ended(config *tls.Config) bool {
	for _, pair := range config.Certificates {
		if pair.Leaf != nil && time.Now().After(pair.Leaf.NotAfter) {
			return true
		}
	}
	return false
}

func brokenWords(host string, o keepwatch.Outcome, status int) (message, hint string) {
	of := "The integration point " + host
	switch o {
	case keepwatch.DNSFailure:
		return "The name of the integration point " + host + " does not resolve.", "Ask this machine's name server for the host, and compare it with the address."
	case keepwatch.ConnectFailure:
		return "No connection to the integration point " + host + " could be made.", "Look whether it runs and whether a firewall lets this machine through."
	case keepwatch.TLSFailure:
		return "The TLS handshake with the integration point " + host + " failed, or its certificate is not trusted for this name.", "Look at its certificate and chain; name its authority as roots if it is your own."
	case keepwatch.CertificateExpired:
		return "The certificate of the integration point " + host + " has ended.", "Have it renewed by whoever runs the host."
	case keepwatch.Timeout:
		if status != 0 {
			return of + " began to answer and was not done in the time allowed.", "Look at the load of the host and of what stands behind it."
		}
		return of + " did not answer in the time allowed.", "Look at the load of the host and of what stands behind it."
	case keepwatch.ConnectionReset:
		return of + " broke the connection before its answer was whole.", "Look at its log, and at proxies and firewalls between here and there."
	}
	return "What the integration point " + host + " sent is not HTTP.", "Look at what listens at the address."
}

package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"time"

	"keepwatch"
	"keepwatch/internal/egress"
	"keepwatch/internal/sfmc"
)

const (
	defaultHostInterval = time.Minute
	// failureShared is short: a confirmation has to look anew.
	failureShared = 5 * time.Second
	handshake     = 10 * time.Second
)

// hostProof is resolve, connect and TLS of one host.
type hostProof struct {
	steps    [3]keepwatch.Step
	verdicts [3]sfmc.Verdict
}

func (p hostProof) ok() bool {
	for _, v := range p.verdicts {
		if !v.OK() {
			return false
		}
	}
	return true
}

// stepNames of a target: plain http has no TLS step.
func (t *target) stepNames() []string {
	switch {
	case t.name == "auth" && t.tls:
		return []string{"resolve:auth", "connect:auth", "tls:auth"}
	case t.name == "auth":
		return []string{"resolve:auth", "connect:auth"}
	case t.tls:
		return []string{"resolve:" + t.name, "connect:" + t.name, "tls:" + t.name}
	}
	return []string{"resolve:" + t.name, "connect:" + t.name}
}

// hosts proves each host once per interval. The shared handshake is not the one
// of the HTTP pool, whose kept-alive connections would hide a changed name, a
// closed port or an ended certificate for as long as they live.
type hosts struct {
	egress  *egress.Client
	flights *flights[hostProof]
}

func newHosts(e *egress.Client, interval time.Duration) *hosts {
	if interval <= 0 {
		interval = defaultHostInterval
	}
	return &hosts{egress: e, flights: newFlights(func(p hostProof) time.Duration {
		if p.ok() {
			return interval
		}
		return min(interval, failureShared)
	})}
}

func (h *hosts) prove(ctx context.Context, t target) hostProof {
	key := t.addr
	if t.tls {
		key += "/tls"
	}
	proof, ok := h.flights.get(ctx, key, func(ctx context.Context) hostProof { return h.look(ctx, t) })
	if !ok {
		stopped := sfmc.Broken(ctx, ctx.Err())
		proof.verdicts[0] = stopped
		proof.steps[0] = keepwatch.Step{Outcome: stopped.Outcome, Evidence: stopped.Evidence}
		return skipAfter(proof, 1)
	}
	return proof
}

// look climbs the three steps of one host.
func (h *hosts) look(ctx context.Context, t target) (p hostProof) {
	var conn net.Conn
	ladder := [3]func() (string, error){
		func() (string, error) { return h.resolve(ctx, t.url.Hostname()) },
		func() (s string, err error) { conn, err = h.egress.Dial(ctx, "tcp", t.addr); return s, err },
		func() (string, error) {
			if !t.tls {
				return "", nil
			}
			return h.handshake(ctx, conn, t.url.Hostname())
		},
	}
	defer func() {
		if conn != nil {
			_ = conn.Close()
		}
	}()
	for i, climb := range ladder {
		began := time.Now()
		seen, err := climb()
		v := sfmc.Verdict{Outcome: keepwatch.OK, Evidence: seen}
		if err != nil {
			v = nameFor(ctx, i, err)
		}
		p.verdicts[i] = v
		p.steps[i] = keepwatch.Step{Outcome: v.Outcome, Took: time.Since(began), Evidence: v.Evidence}
		if err != nil {
			return skipAfter(p, i+1)
		}
	}
	return p
}

func skipAfter(p hostProof, from int) hostProof {
	for i := from; i < len(p.steps); i++ {
		p.steps[i] = keepwatch.Step{Outcome: keepwatch.Skipped}
		p.verdicts[i] = sfmc.Verdict{Outcome: keepwatch.Skipped}
	}
	return p
}

func (h *hosts) resolve(ctx context.Context, host string) (string, error) {
	addrs, err := h.egress.Lookup(ctx, host)
	if err == nil && len(addrs) == 0 {
		err = &net.DNSError{Err: "no addresses", Name: host, IsNotFound: true}
	}
	if err != nil {
		return "", err
	}
	return some(addrs), nil
}

func some(addrs []netip.Addr) string {
	s := addrs[0].String()
	if len(addrs) > 1 {
		s += " and " + strconv.Itoa(len(addrs)-1) + " more"
	}
	return s
}

func (h *hosts) handshake(ctx context.Context, conn net.Conn, host string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, handshake)
	defer cancel()
	config := h.egress.TLS()
	if config.ServerName == "" {
		config.ServerName = host
	}
	config.NextProtos = []string{"h2", "http/1.1"}
	client := tls.Client(conn, config)
	if err := client.HandshakeContext(ctx); err != nil {
		return "", err
	}
	state := client.ConnectionState()
	if len(state.PeerCertificates) == 0 {
		return tls.VersionName(state.Version), nil
	}
	return tls.VersionName(state.Version) + ", certificate until " + state.PeerCertificates[0].NotAfter.UTC().Format(time.DateOnly), nil
}

// nameFor names the error of one of the three steps: the step says more than the
// error, a resolver that does not answer is a name that does not resolve.
func nameFor(ctx context.Context, step int, err error) sfmc.Verdict {
	v := sfmc.Broken(ctx, err)
	switch {
	case v.Outcome == keepwatch.MonitorFault:
		return v
	case step == 0 && v.Outcome != keepwatch.DNSFailure:
		return v.As("dns_failure")
	case step == 1 && v.Outcome != keepwatch.ConnectFailure && v.Outcome != keepwatch.DNSFailure:
		return v.As("connect_failure")
	case step == 2 && clockIsWrong(err, time.Now()):
		return ours("The clock of this machine is wrong, so no certificate can be checked.", v.Evidence, "Set the clock of this machine, and keep it set by NTP.")
	case step == 2 && (v.Outcome == keepwatch.UnexpectedResponse || v.Outcome == keepwatch.ConnectionReset):
		return v.As("tls_failure")
	}
	return v
}

// firstRelease is a day that every right clock has passed.
var firstRelease = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

func clockIsWrong(err error, now time.Time) bool {
	var invalid x509.CertificateInvalidError
	return errors.As(err, &invalid) && invalid.Reason == x509.Expired && now.Before(firstRelease)
}

// Package certs reads certificates where they are kept: PEM, DER, PKCS#12 and
// JKS files, and TLS endpoints. It tells when each ends, what is wrong with it,
// and the facts that should not change by themselves.
//
// It is called by probe when a credential's clocks are looked at. It opens no
// private key: certificates of a keystore are read around the keys. It does not
// know ladders or incidents, and never panics on what it is given: everything
// that comes from outside is capped in size and in work.
package certs

import (
	"context"
	"crypto/x509"
	"fmt"
	"sync"
	"time"

	"keepwatch"
	"keepwatch/internal/egress"
)

// Names of clocks: the certificate itself, and those that vouch for it.
const (
	ClockLeaf        = "certificate"
	ClockChainPrefix = "chain:"
)

// Found is one certificate as it was seen now.
type Found struct {
	// Clock names it within its source: "certificate" is the leaf; a source with
	// more leaves has "certificate:NAME" for the others; "chain:SUBJECT" is one that
	// vouches for a leaf. The name stays when the certificate is renewed.
	Clock     string
	Subject   string
	NotBefore time.Time
	NotAfter  time.Time // zero when the source is broken
	Basis     string    // where it was read, in words
	Facts     []keepwatch.Fact
	Problems  []Problem
	// CAA, of the leaf of an endpoint, is what the name servers say of the next one;
	// nil when nothing can be said, because the authority is not known, for example.
	CAA *CAA
	// CAAUnasked: they did not answer.
	CAAUnasked bool
}

// Problem is something wrong with a certificate, by a fixed name.
type Problem struct {
	Name    string
	Message string // one sentence
	Hint    string // what to do
	// Notice: worth knowing, but nobody refuses the certificate for it.
	Notice bool
}

// The problems.
const (
	Expired         = "expired"
	NotYetValid     = "not_yet_valid"
	SelfSigned      = "self_signed"
	WrongHost       = "wrong_host"
	WeakKey         = "weak_key"
	WeakSignature   = "weak_signature"
	ChainIncomplete = "chain_incomplete"
	Untrusted       = "untrusted"
	Broken          = "broken"
	WrongPassword   = "wrong_password"
	CAAForbids      = "caa_forbids"
)

// Names of the facts that drift is judged by.
const (
	FactIssuer = "issuer"
	FactKey    = "key"
	FactNames  = "names"
	FactChain  = "chain"
)

// Secrets reads the password of a keystore.
type Secrets interface {
	Resolve(ctx context.Context, ref string) (keepwatch.Secret, error)
}

// Options are what a Reader needs.
type Options struct {
	Secrets Secrets
	// Egress connects to TLS endpoints. Its policy decides whether private
	// addresses may be asked; its roots, when set, replace the system's.
	Egress *egress.Client
	// Resolver is the host:port of the name server for CAA records; "" takes the
	// system's (/etc/resolv.conf), "off" asks nobody.
	Resolver string
}

// Reader reads certificates. It is safe for many at a time.
type Reader struct {
	secrets  Secrets
	egress   *egress.Client
	resolver string
	answers  sync.Map // name -> CAA: the newest answer
}

// New makes a Reader. It opens nothing.
func New(o Options) *Reader {
	if o.Egress == nil {
		o.Egress = egress.New(egress.Policy{})
	}
	return &Reader{secrets: o.Secrets, egress: o.Egress, resolver: o.Resolver}
}

// Read reads every certificate of a source, the leaf first. What is wrong with a
// certificate, or with the bytes that should be one, is a problem of a Found; the
// error is for a source that could not be looked at: a missing file, a reference
// that cannot be read, an endpoint that does not answer. egress.Diagnose names
// the error of an endpoint.
func (r *Reader) Read(ctx context.Context, s keepwatch.CertificateSource) ([]Found, error) {
	switch {
	case s.File != "" && s.Endpoint != "", s.IsZero():
		return nil, keepwatch.WithHint(fmt.Errorf("the source of the certificate is not one place: %w", keepwatch.ErrInvalid),
			"name either a file or an endpoint")
	case s.Endpoint != "":
		return r.readEndpoint(ctx, s)
	}
	return r.readFile(ctx, s)
}

// bundle is what a source holds, before it is judged.
type bundle struct {
	certs  []*x509.Certificate
	names  []string // of each: its alias or friendly name; "" where it has none
	leaves []int    // what the source itself says are leaves; nil: follow from the certificates
	basis  string
	faults []Problem // of the source as a whole
}

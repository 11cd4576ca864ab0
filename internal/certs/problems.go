package certs

import (
	"crypto/dsa" //nolint:staticcheck // read only to say that a key is weak
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

const day = "2006-01-02"

func (f *family) problems(i int, leaf bool, j judgement) (list []Problem) {
	c := f.certs[i]
	add := func(p Problem, bad bool) {
		if bad {
			list = append(list, p)
		}
	}
	add(dates(c, j.now))
	add(weakKey(c))
	add(weakSignature(c))
	if !leaf {
		return list
	}
	if j.host != "" {
		add(wrongHost(c, j.host))
	}
	if j.shown {
		add(f.untrusted(i, j))
	} else {
		add(f.unvouched(i))
	}
	return list
}

func dates(c *x509.Certificate, now time.Time) (Problem, bool) {
	switch {
	case now.After(c.NotAfter):
		return Problem{
			Name: Expired, Message: fmt.Sprintf("%s ended on %s.", subjectOf(c), c.NotAfter.UTC().Format(day)),
			Hint: "Renew it, and put the new one wherever the old one is used.",
		}, true
	case now.Before(c.NotBefore):
		return Problem{
			Name: NotYetValid, Message: fmt.Sprintf("%s is valid only from %s on.", subjectOf(c), c.NotBefore.UTC().Format(time.RFC3339)),
			Hint: "Wait for that day before it is put to use, and look whether this machine's clock is right.",
		}, true
	}
	return Problem{}, false
}

func weakKey(c *x509.Certificate) (Problem, bool) {
	bits, kind := keySize(c)
	p := Problem{Name: WeakKey, Hint: "Have it issued anew with an RSA key of 2048 bits or an EC key of 256."}
	switch {
	case kind == "RSA" && bits < 2048, kind == "EC" && bits < 256, kind == "DSA":
		p.Message = fmt.Sprintf("%s has a key that is too weak: %s %d.", subjectOf(c), kind, bits)
	case kind == "RSA" && bits > maxRSA:
		p.Name = Broken
		p.Message = fmt.Sprintf("%s has an RSA key of %d bits, which nobody accepts.", subjectOf(c), bits)
	case kind == "":
		p.Name, p.Notice = Broken, true
		p.Message = subjectOf(c) + " has a key of a kind that Keepwatch does not know."
	default:
		return p, false
	}
	return p, true
}

// keySize is the length and the kind of a certificate's key; kind is "" when it is
// not known.
func keySize(c *x509.Certificate) (bits int, kind string) {
	switch k := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return k.N.BitLen(), "RSA"
	case *ecdsa.PublicKey:
		return k.Curve.Params().BitSize, "EC"
	case ed25519.PublicKey:
		return 256, "Ed25519"
	case *dsa.PublicKey:
		return k.P.BitLen(), "DSA"
	}
	return 0, ""
}

func weakSignature(c *x509.Certificate) (Problem, bool) {
	switch c.SignatureAlgorithm {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1:
	default:
		return Problem{}, false
	}
	if selfIssued(c) { // nobody relies on a signature of one's own
		return Problem{}, false
	}
	return Problem{
		Name: WeakSignature, Message: fmt.Sprintf("%s is signed with %s, which can be forged.", subjectOf(c), c.SignatureAlgorithm),
		Hint: "Have it issued anew with SHA-256.",
	}, true
}

func wrongHost(c *x509.Certificate, host string) (Problem, bool) {
	if c.VerifyHostname(host) == nil {
		return Problem{}, false
	}
	names := capped(namesOf(c))
	if names == "" {
		names = "no host at all"
	}
	return Problem{
		Name: WrongHost, Message: fmt.Sprintf("The certificate is not for %s but for %s.", clean(host, maxName), clean(names, 200)),
		Hint: "Have it issued with that name among its alternative names, or ask the endpoint by a name that it has.",
	}, true
}

// unvouched looks at a file: whether what it holds belongs together.
func (f *family) unvouched(i int) (Problem, bool) {
	c := f.certs[i]
	if selfIssued(c) {
		return Problem{
			Name: SelfSigned, Message: subjectOf(c) + " is signed by itself.", Notice: true,
			Hint: "That is usual for SAML and connected apps; who has to trust it needs this very certificate.",
		}, !c.IsCA || len(f.certs) == 1
	}
	if c.IsCA || f.parents[i] >= 0 {
		return Problem{}, false
	}
	p := Problem{
		Name: ChainIncomplete, Message: fmt.Sprintf("The file does not hold %s, which issued %s.", issuerOf(c), subjectOf(c)),
		Hint: "Add the certificates between this one and its root: the issuer gives them out with it.",
	}
	for _, other := range f.certs {
		if other.IsCA {
			return p, true // a chain is there, but it is another one's
		}
	}
	p.Notice = true // a certificate alone in its file is usual, in a keystore it is a common mistake
	return p, len(f.bundle.leaves) > 0
}

// untrusted asks whether a caller trusts what an endpoint shows, at a time when
// its dates are right: those are named apart.
func (f *family) untrusted(i int, j judgement) (Problem, bool) {
	c := f.certs[i]
	among := x509.NewCertPool()
	for k, other := range f.certs {
		if k != i {
			among.AddCert(other)
		}
	}
	_, err := c.Verify(x509.VerifyOptions{Roots: j.roots, Intermediates: among, CurrentTime: within(c, j.now)})
	var (
		invalid x509.CertificateInvalidError
		unknown x509.UnknownAuthorityError
		system  x509.SystemRootsError
	)
	switch {
	case err == nil, errors.As(err, &system):
		return Problem{}, false
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return Problem{}, false // one of the chain, which has this problem itself
	case errors.As(err, &unknown):
		return f.rootless(i), true
	}
	return Problem{
		Name: Untrusted, Message: fmt.Sprintf("%s is not trusted: %s.", subjectOf(c), clean(err.Error(), 200)),
		Hint: "Have it issued anew for this use.",
	}, true
}

func within(c *x509.Certificate, now time.Time) time.Time {
	switch {
	case now.After(c.NotAfter):
		return c.NotAfter
	case now.Before(c.NotBefore):
		return c.NotBefore
	}
	return now
}

// rootless names a chain that ends at no root that is trusted here.
func (f *family) rootless(i int) Problem {
	top := f.certs[i]
	if selfIssued(top) {
		return Problem{
			Name: SelfSigned, Message: subjectOf(top) + " is signed by itself.",
			Hint: "Have it issued by an authority that callers trust, or give them this very certificate.",
		}
	}
	if up := f.path(i); len(up) > 0 {
		top = f.certs[up[len(up)-1]]
	}
	if selfIssued(top) {
		return Problem{
			Name: Untrusted, Message: fmt.Sprintf("The root %s is not trusted here.", subjectOf(top)),
			Hint: "Add the root to this machine's trust store if it is your own; else have the certificate issued by a public authority.",
		}
	}
	return Problem{
		Name:    ChainIncomplete,
		Message: fmt.Sprintf("The chain ends at %s: %s, which issued it, was not sent and is no root that is known here.", subjectOf(top), issuerOf(top)),
		Hint:    "Put the whole chain on the server: the certificate first, then each that issued the one before.",
	}
}

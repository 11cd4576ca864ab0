package certs

import (
	"bytes"
	"crypto/x509"
	"errors"
	"slices"
	"strconv"
	"time"
)

// judgement is what the certificates of one source are held against.
type judgement struct {
	host string // the leaf should be for it; "" holds it against none
	now  time.Time
	// shown: a TLS endpoint showed them, so that a caller has to trust them. A file
	// may well hold a certificate that nobody but its counterpart trusts.
	shown bool
	roots *x509.CertPool // shown only; nil is the system's
}

// judge names every certificate and what is wrong with it, the leaf first.
func (b *bundle) judge(j judgement) []Found {
	if len(b.certs) == 0 {
		faults := b.faults
		if len(faults) == 0 {
			faults = []Problem{broken("The source holds no certificate.")}
		}
		return []Found{{Clock: ClockLeaf, Subject: "unreadable", Basis: b.basis, Problems: faults}}
	}
	f := &family{bundle: b, parents: make([]int, len(b.certs)), checks: maxChecks}
	for i := range b.certs {
		f.parents[i] = f.parentOf(i)
	}
	leaves := f.leaves()
	order := f.order(leaves)
	names := map[string]int{}
	out := make([]Found, 0, len(order))
	for at, i := range order {
		c := b.certs[i]
		found := Found{
			Clock: f.clock(i, at, leaves, names), Subject: subjectOf(c),
			NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(), Basis: b.basis,
			Problems: f.problems(i, slices.Contains(leaves, i), j),
		}
		found.Facts = factsOf(c, f.chain(i), slices.Contains(leaves, i))
		if at == 0 {
			found.Problems = append(found.Problems, b.faults...)
		}
		out = append(out, found)
	}
	return out
}

// family is who issued whom in a bundle.
type family struct {
	*bundle
	parents []int // of each, -1 where its issuer is not there
	checks  int   // signature checks left
}

const (
	// maxChecks bounds the signature checks of one source. A hostile chain of 256
	// cross-signed certificates would take 65,000.
	maxChecks = 64
	// maxPath is how far a chain is followed.
	maxPath = 16
	// maxRSA is the longest key that a signature is checked with: the work grows
	// with its square.
	maxRSA = 16384
)

// parentOf finds the certificate that issued i, by name and then by signature.
// Once the checks are spent, names decide.
func (f *family) parentOf(i int) int {
	c := f.certs[i]
	if selfIssued(c) {
		return -1
	}
	for k, p := range f.certs {
		if k == i || !bytes.Equal(p.RawSubject, c.RawIssuer) {
			continue
		}
		if len(p.SubjectKeyId) > 0 && len(c.AuthorityKeyId) > 0 && !bytes.Equal(p.SubjectKeyId, c.AuthorityKeyId) {
			continue
		}
		if f.signed(p, c) {
			return k
		}
	}
	return -1
}

func (f *family) signed(parent, child *x509.Certificate) bool {
	if bits, kind := keySize(parent); f.checks <= 0 || kind == "RSA" && bits > maxRSA {
		return true
	}
	f.checks--
	err := parent.CheckSignature(child.SignatureAlgorithm, child.RawTBSCertificate, child.Signature)
	if old := x509.InsecureAlgorithmError(0); errors.As(err, &old) {
		return true // Go no longer computes it; the name has to do
	}
	return err == nil
}

func selfIssued(c *x509.Certificate) bool {
	return bytes.Equal(c.RawSubject, c.RawIssuer) &&
		(len(c.AuthorityKeyId) == 0 || len(c.SubjectKeyId) == 0 || bytes.Equal(c.AuthorityKeyId, c.SubjectKeyId))
}

// leaves are what the source says they are: those with a key beside them, or the
// first that an endpoint shows; else those that are no authority; else, in a
// bundle of authorities, those that issued no other.
func (f *family) leaves() []int {
	if len(f.bundle.leaves) > 0 {
		return f.bundle.leaves
	}
	var list []int
	for i, c := range f.certs {
		if !c.IsCA && !slices.Contains(f.parents, i) {
			list = append(list, i)
		}
	}
	for i := range f.certs {
		if len(list) > 0 && !f.certs[list[0]].IsCA {
			return list
		}
		if !slices.Contains(f.parents, i) {
			list = append(list, i)
		}
	}
	if len(list) == 0 {
		return []int{0} // they issued each other in a ring
	}
	return list
}

// chain is the path up as certificates.
func (f *family) chain(i int) (up []*x509.Certificate) {
	for _, k := range f.path(i) {
		up = append(up, f.certs[k])
	}
	return up
}

// path is the way up from i, without i.
func (f *family) path(i int) (up []int) {
	for at := f.parents[i]; at >= 0 && len(up) < maxPath && at != i && !slices.Contains(up, at); at = f.parents[at] {
		up = append(up, at)
	}
	return up
}

// order is each leaf with its chain, then the rest.
func (f *family) order(leaves []int) []int {
	seen := make([]bool, len(f.certs))
	var list []int
	add := func(i int) {
		if !seen[i] {
			seen[i] = true
			list = append(list, i)
		}
	}
	add(leaves[0])
	for _, leaf := range leaves {
		add(leaf)
		for _, i := range f.path(leaf) {
			add(i)
		}
	}
	for i := range f.certs {
		add(i)
	}
	return list
}

// clock names the certificate; two of one name are told apart by a number.
func (f *family) clock(i, at int, leaves []int, taken map[string]int) string {
	name := ClockLeaf
	switch {
	case at == 0:
	case slices.Contains(leaves, i):
		called := clean(f.names[i], maxName)
		if called == "" {
			called = subjectOf(f.certs[i])
		}
		name = ClockLeaf + ":" + called
	default:
		name = ClockChainPrefix + subjectOf(f.certs[i])
	}
	taken[name]++
	if n := taken[name]; n > 1 {
		name += " (" + strconv.Itoa(n) + ")"
	}
	return name
}

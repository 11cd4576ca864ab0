package sim

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
)

// placed asks for a token from an address that is not allowed and from one that is.
func placed(t *testing.T, r *rig, p *Pipe) string {
	t.Helper()
	r.sim.SetAllowlist(r.id, "203.0.113.0/24")
	defer r.sim.SetAllowlist(r.id)
	first := r.tokenWith(r.open).status
	transport := &http.Transport{DialContext: p.From(netip.MustParseAddr("203.0.113.7"))}
	defer transport.CloseIdleConnections()
	elsewhere := *r
	elsewhere.http = &http.Client{Transport: transport}
	return fmt.Sprint(first, " ", elsewhere.tokenWith(r.open).status)
}

func TestPipeBreaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, p := newPipeRig(t, Options{})
		gone := errors.New("no such host")
		p.Break(gone, "x.example.com")
		if _, err := p.Lookup(t.Context(), "x.example.com"); !errors.Is(err, gone) {
			t.Error(err)
		}
		p.Break(nil, "x.example.com")
		if _, err := p.Lookup(t.Context(), "x.example.com"); err != nil {
			t.Error(err)
		}
		p.Break(syscall.ENETUNREACH, "")
		if got := r.tokenWith(r.open); !errors.Is(got.err, syscall.ENETUNREACH) {
			t.Error(got.err)
		}
		p.Break(nil, "")
		r.token()
	})
}

// A server that closes in the middle of an answer ends the connection in order;
// after Close nothing can be dialled.
func TestPipeClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, p := newPipeRig(t, Options{})
		r.sim.Inject(Fault{Name: "drip"})
		resp, err := r.http.Post(r.base+"v2/token", "application/json", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		p.Close()
		if _, err := io.ReadAll(resp.Body); err == nil {
			t.Error("the answer was whole")
		}
		if _, err := p.Dial(t.Context(), "tcp", "x:80"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Error(err)
		}
	})
}

package gateway

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync/atomic"
)

// maxGivenUp is how many requests in a row one HTTP/2 connection may give up before
// they have an answer. net/http ends a connection whose resets come faster than its
// handlers end; those that end fast enough would reach SFMC without limit.
const maxGivenUp = 1000

// resetsKey finds those of a request's connection.
type resetsKey struct{}

// resets counts the requests that one HTTP/2 connection gave up.
type resets struct {
	conn    net.Conn
	givenUp atomic.Int64 // in a row
}

// withResets is the ConnContext of HTTP/2.
func withResets(ctx context.Context, c net.Conn) context.Context {
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn() // closes at once; TLS would wait to say goodbye
	}
	return context.WithValue(ctx, resetsKey{}, &resets{conn: c})
}

// wear counts a request that has ended, and closes the connection whose client gives
// up too often.
func (g *Gateway) wear(r *http.Request, answered bool) {
	p, ok := r.Context().Value(resetsKey{}).(*resets)
	switch {
	case !ok:
	case answered:
		p.givenUp.Store(0)
	case r.Context().Err() != nil && p.givenUp.Add(1) == maxGivenUp:
		g.metrics.GatewayRefused(string(refuseResets))
		_ = p.conn.Close()
	}
}

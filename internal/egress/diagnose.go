package egress

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	"keepwatch"
)

// Redact takes the address out of an error: *url.Error prints it whole, query
// and all, and a query may hold a secret.
func Redact(err error) error {
	var u *url.Error
	for errors.As(err, &u) {
		err = u.Err
	}
	return err
}

// Diagnose names what went wrong below HTTP. What it cannot name is an
// unexpected response: bytes came that are not HTTP.
func Diagnose(err error) keepwatch.Outcome {
	err = Redact(err)
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case err == nil:
		return keepwatch.OK
	case errors.Is(err, ErrDenied):
		return keepwatch.BadRequest
	case errors.As(err, &dns):
		return keepwatch.DNSFailure
	case expired(err):
		return keepwatch.CertificateExpired
	case isTLS(err):
		return keepwatch.TLSFailure
	case errors.As(err, &op) && op.Op == "dial":
		return keepwatch.ConnectFailure
	case isTimeout(err):
		return keepwatch.Timeout
	case isReset(err):
		return keepwatch.ConnectionReset
	case errors.As(err, &op) && op.Op == "proxyconnect":
		return keepwatch.ConnectFailure
	case errors.As(err, &op):
		return keepwatch.ConnectionReset
	}
	return keepwatch.UnexpectedResponse
}

func expired(err error) bool {
	var invalid x509.CertificateInvalidError
	if !errors.As(err, &invalid) || invalid.Reason != x509.Expired {
		return false
	}
	// The reason covers "not yet valid" too, which is not an end.
	return invalid.Cert == nil || !strings.Contains(invalid.Detail, "is before")
}

func isTLS(err error) bool {
	var record tls.RecordHeaderError
	var verify *tls.CertificateVerificationError
	var alert tls.AlertError
	var invalid x509.CertificateInvalidError
	var host x509.HostnameError
	var authority x509.UnknownAuthorityError
	if errors.As(err, &record) || errors.As(err, &verify) || errors.As(err, &alert) ||
		errors.As(err, &invalid) || errors.As(err, &host) || errors.As(err, &authority) ||
		errors.Is(err, http.ErrSchemeMismatch) {
		return true
	}
	s := err.Error()
	return strings.HasPrefix(s, "tls: ") || strings.HasPrefix(s, "remote error: tls: ") || strings.HasPrefix(s, "x509: ")
}

func isTimeout(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

func isReset(err error) bool {
	for _, reset := range []error{
		io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, io.ErrClosedPipe,
		syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED,
	} {
		if errors.Is(err, reset) {
			return true
		}
	}
	// HTTP/2 tells it in words of unexported types.
	s := err.Error()
	return !errors.Is(err, gzip.ErrHeader) &&
		(strings.Contains(s, "http2: server sent GOAWAY") || strings.Contains(s, "stream error:") ||
			strings.Contains(s, "server closed idle connection") || strings.Contains(s, "client connection lost"))
}

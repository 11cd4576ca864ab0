//go:build unix

package gateway

import (
	"errors"
	"net"
	"syscall"
)

// quiet reports whether nothing has come on an idle connection: neither an end, nor
// bytes that belong to no request.
func quiet(c net.Conn) bool {
	under, ok := c.(syscall.Conn)
	if !ok {
		return true
	}
	raw, err := under.SyscallConn()
	if err != nil {
		return false
	}
	silent := false
	var one [1]byte
	err = raw.Read(func(fd uintptr) bool {
		_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		silent = errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EWOULDBLOCK)
		return true
	})
	return err == nil && silent
}

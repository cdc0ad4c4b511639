package peer

import (
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// limitUnanswered makes the kernel give a connection up whose data was not acknowledged for so long;
// otherwise it sends them again for a quarter of an hour.
func limitUnanswered(tcp *net.TCPConn, limit time.Duration) {
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		// Without it things only take longer.
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(limit.Milliseconds()))
	})
}

// alive tells whether the connection is still open on both sides, as far as the kernel knows.
func (c *conn) alive() bool {
	tcp, ok := c.Conn.(*net.TCPConn)
	if !ok {
		return true // a test's
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return false
	}
	open := false
	err = raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		open = err == nil && info.State == unix.BPF_TCP_ESTABLISHED
	})
	return err == nil && open
}

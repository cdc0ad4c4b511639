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

//go:build !linux

package peer

import (
	"net"
	"time"
)

// limitUnanswered is for Linux; elsewhere a lost machine is noticed later, by gRPC's keepalive and by raft.
func limitUnanswered(*net.TCPConn, time.Duration) {}

// alive is for Linux; elsewhere an RPC on a dead connection fails, and raft tries again.
func (c *conn) alive() bool { return true }

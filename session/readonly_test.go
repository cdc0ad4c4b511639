package session

import (
	"testing"
	"time"
)

// TestReadOnlyReadsHere: a connection that asked for stale reads has them from its own node; its writes, and
// reads beside them, go the usual way.
func TestReadOnlyReadsHere(t *testing.T) {
	k := startBench(t).dial()
	k.send("GET k", "READONLY")
	k.want("$6\r\nk in 0\r\n+OK\r\n")
	k.send("GET k")
	k.want("$5\r\nstale\r\n")
	k.send("SET k v", "GET k", "READWRITE")
	k.want("+OK\r\n$6\r\nk in 0\r\n+OK\r\n")
	k.send("GET k")
	k.exactly("$6\r\nk in 0\r\n")
}

// TestLeave: a node that stops answers what was sent and then ends the connections; who waits gets no reply.
func TestLeave(t *testing.T) {
	b := startBench(t)
	idle, waits, busy := b.dial(), b.dial(), b.dial()
	idle.send("PING")
	idle.want("+PONG\r\n")
	waits.send(park)
	eventually(t, "parked", func() bool { return b.node.waiting() == 1 })
	b.node.mu.Lock()
	b.node.delay = 100 * time.Millisecond
	b.node.mu.Unlock()
	busy.send("GET k")
	time.Sleep(20 * time.Millisecond) // on its way by now; if not, its end comes without a reply, and this fails
	b.hub.Leave(patience)
	busy.ends("$6\r\nk in 0\r\n")
	idle.ends("")
	waits.ends("")
	late := b.dial()
	late.ends("")
}

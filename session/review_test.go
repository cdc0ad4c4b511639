package session

import (
	"fmt"
	"testing"
	"time"
)

// What a client sent behind a LOCK … WAIT was meant to run with the lock. Where the client leaves while it
// waits, its LOCK is withdrawn, and so nothing behind it runs.
func TestNothingRunsBehindAWithdrawnLock(t *testing.T) {
	b := startBench(t)
	k := b.dial()
	id := k.id()
	k.send(park, "SET a 1", "GET a")
	eventually(t, "parked", func() bool { return b.node.waiting() == 1 })
	time.Sleep(2 * parkAfter)
	k.conn.Close()
	eventually(t, "it has left", func() bool { return len(b.hub.all()) == 0 })
	if !b.node.hasLeft(fmt.Sprintf("%d true", id)) {
		t.Errorf("left: %v", b.node.left)
	}
	b.node.mu.Lock()
	defer b.node.mu.Unlock()
	if len(b.node.groups) != 1 {
		t.Errorf("%d groups were submitted, want the LOCK alone", len(b.node.groups))
	}
}

// A grant that could not be written goes to the next, unless a further command of the same connection says
// that it was read: so none is run.
func TestNothingRunsBehindAnUnreadGrant(t *testing.T) {
	b := startBench(t)
	b.node.delay = 50 * time.Millisecond
	k := b.dial()
	id := k.id()
	k.send("LOCK k o 1000 NOTE x WAIT 100", "SET a 1", "GET a") // granted at once
	time.Sleep(b.node.delay / 2)
	b.hub.find(id).wire.Kill()
	eventually(t, "it has left", func() bool { return b.node.hasLeft(fmt.Sprintf("%d true", id)) })
	b.node.mu.Lock()
	defer b.node.mu.Unlock()
	if len(b.node.groups) != 1 {
		t.Errorf("%d groups were submitted, want the LOCK alone", len(b.node.groups))
	}
}

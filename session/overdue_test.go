// Commands whose outcome is not known in time: the client is told, and nothing is left behind.

package session

import (
	"testing"
	"time"

	"github.com/divtxt/lockd/fsm"
)

// heldNode keeps its answers until it is told to give them.
type heldNode struct {
	*fakeNode
	release chan struct{}
}

func (n *heldNode) Submit(calls []fsm.Call, done chan<- struct{}) {
	go func() {
		<-n.release
		n.fakeNode.Submit(calls, done)
	}()
}

// A group whose outcome is not known in time is answered so, command by command, and its connection ends once
// the node no longer needs it. Another one that is answered in time notices nothing.
func TestOverdue(t *testing.T) {
	b := startBench(t)
	held := &heldNode{b.node, make(chan struct{}, 1)}
	b.hub.Node = held
	b.policy(func(p *Policy) { p.CommandTimeout = 300 * time.Millisecond })
	quick, late := b.dial(), b.dial()
	for range 5 { // longer than the limit in all
		quick.send("SET k v")
		time.Sleep(100 * time.Millisecond)
		held.release <- struct{}{}
		quick.want("+OK\r\n")
	}
	late.send("ECHO a", "SET k v", "GET k", "ECHO b")
	late.want("$1\r\na\r\n-" + msgOutcome + "\r\n-" + msgOutcome + "\r\n")
	held.release <- struct{}{}
	late.ends("$1\r\nb\r\n")
	if b.hub.watching.Load() {
		eventually(t, "nobody looks while nobody waits", func() bool { return !b.hub.watching.Load() })
	}
}

// What follows an overdue group in its pipeline does not run on a connection that is about to end.
func TestNothingAfterOverdue(t *testing.T) {
	for _, next := range []string{park, "BGSAVE"} {
		b := startBench(t)
		held := &heldNode{b.node, make(chan struct{}, 1)}
		b.hub.Node = held
		b.policy(func(p *Policy) { p.CommandTimeout = 20 * time.Millisecond })
		c := b.dial()
		c.send("SET k v", next, "PING")
		c.want("-" + msgOutcome + "\r\n")
		held.release <- struct{}{}
		c.ends("")
		if b.node.waiting() != 0 || b.hub.saving.Load() || b.node.saves != 0 {
			t.Errorf("%s was run", next)
		}
	}
}

// Without a limit a command waits as long as it takes.
func TestNeverOverdue(t *testing.T) {
	b := startBench(t)
	held := &heldNode{b.node, make(chan struct{}, 1)}
	b.hub.Node = held
	b.policy(func(*Policy) {}) // connections look at it first: they see the node that was put there before
	c := b.dial()
	c.send("SET k v")
	c.silent()
	held.release <- struct{}{}
	c.want("+OK\r\n")
}

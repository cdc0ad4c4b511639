package cluster

import (
	"testing"

	"github.com/divtxt/lockd/fsm"
)

// A client that was told that its place in the queue is gone may come to wait again at once, on the same
// connection: what ends its first waiting must be behind it by then, or would end the second one.
func TestGivenUpPlacesAreLeftBeforeTheReply(t *testing.T) {
	o := newOutbox(100, 1<<20)
	calls, done := []fsm.Call{callOf(7, "LOCK a p 1000 WAIT 60000")}, make(chan struct{}, 1)
	o.submit(newGroup(calls, done), "")
	c := o.take(nil)[0]
	c.answered = true // it is parked
	left := uint64(0)
	o.giveUp("UNKNOWN", func(*call) bool { return true }, func(conn uint64) {
		left = conn
		if len(done) > 0 {
			t.Error("the client was told before its connection had left the queue")
		}
	})
	if left != 7 || len(done) != 1 || !calls[0].Reply.IsError() {
		t.Errorf("connection %d left, %d replies, %q", left, len(done), calls[0].Reply.Str())
	}
}

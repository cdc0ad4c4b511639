package cluster

import (
	"strconv"
	"testing"
	"time"

	"github.com/divtxt/lockd/fsm"
)

// Who comes to wait in the very entry that gives up the places of its node is told so, too.
func TestSilencedInTheEntryOfItsLock(t *testing.T) {
	t.Parallel()
	n := started(t)
	for int(n.entryVersion()) < fsm.KindSilence.Since() { // which it looks at now and then
		time.Sleep(time.Millisecond)
	}
	one(n, "LOCK a o 60000")
	incarnation := strconv.FormatUint(n.origin.Incarnation, 10)
	silence := fsm.Command{Kind: fsm.KindSilence, Words: [][]byte{[]byte("n1"), []byte(incarnation)}}
	calls := []fsm.Call{callOf(2, "LOCK a p 1000 WAIT 60000"), {Command: silence}}
	for range 1000 { // what follows in the entry takes a while
		calls = append(calls, callOf(3, "INCR x"))
	}
	done := make(chan struct{}, 1)
	n.Submit(calls, done)
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Fatal("a LOCK that lost its place in the queue was not answered")
	}
	if v := calls[0].Reply; !v.IsError() || v.Str() != msgSilenced {
		t.Errorf("it was answered %q", v.Str())
	}
	if v := calls[1].Reply; v.Num() != 1 {
		t.Errorf("%d waiters were dropped, want 1: %q", v.Num(), v.Str())
	}
}

package cluster

import (
	"testing"
	"time"

	"github.com/divtxt/lockd/fsm"
)

// Under load the clock is read every few microseconds: it runs as slow then as in steps of a tick.
func TestClockRunsSlowInTinyStepsToo(t *testing.T) {
	h := &hand{}
	c := testClock(h, 0)
	const step, span = 900 * time.Nanosecond, 900 * time.Millisecond
	for range int(span / step) {
		h.move(step)
		c.now()
	}
	if lost := int64(span) - c.elapsed; lost < int64(span)/1001 {
		t.Fatalf("in %v the clock lost %v, want at least a thousandth", span, time.Duration(lost))
	}
}

// Who waits for ages for a lock that is held for ages costs nothing: the time until then is too long to be a
// time.Duration, and must not come out as one that is over.
func TestFarWakesCostNoEntries(t *testing.T) {
	n := started(t)
	one(n, "LOCK a o 10000000000000")
	done := make(chan struct{}, 1)
	n.Submit([]fsm.Call{callOf(2, "LOCK a p 1000 WAIT 10000000000000")}, done)
	one(n, "GET a")
	before := n.Status().LastIndex
	time.Sleep(300 * time.Millisecond)
	if entries := n.Status().LastIndex - before; entries > 3 {
		t.Fatalf("%d entries in 300 ms without a command", entries)
	}
	n.Leave(2, false)
	<-done
}

// Raft waits for somebody to take its notices of leadership. They are taken while nothing else happens too.
func TestNoticesOfLeadershipAreTakenWhileIdle(t *testing.T) {
	n := started(t)
	for i := range 3 * cap(n.notices) {
		select {
		case n.notices <- true:
		case <-time.After(5 * time.Second):
			t.Fatalf("notice %d is not taken", i)
		}
	}
}

// A renewal that is queued behind a disk which stalls for longer than the lock has left finds it alive.
func TestRenewalBehindAStallFindsItsLock(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.log = &gatedStore{LogStore: r.log}
	n := r.start()
	defer r.stop()
	gate := r.log.(*gatedStore)
	one(n, "LOCK a o 600")
	gate.shut()
	other := make(chan struct{}, 1)
	n.Submit([]fsm.Call{callOf(2, "SET b 1")}, other) // the entry that stalls
	time.Sleep(50 * time.Millisecond)
	renewal, done := []fsm.Call{callOf(1, "RENEW a o 60000")}, make(chan struct{}, 1)
	n.Submit(renewal, done)
	time.Sleep(time.Second)
	gate.open()
	<-other
	<-done
	if v := renewal[0].Reply; v.IsError() || v.Num() < 59000 {
		t.Fatalf("the renewal was answered %d %q", v.Num(), v.Str())
	}
}

// The same where it waits for its turn to append, while a transfer or a change of the members takes its time.
func TestRenewalBehindThePenFindsItsLock(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	n := r.start()
	defer r.stop()
	one(n, "LOCK a o 600")
	if at := n.leads.Load(); !at.leading || !n.pen.take(at, nil) {
		t.Fatal("the node does not lead")
	}
	renewal, done := []fsm.Call{callOf(1, "RENEW a o 60000")}, make(chan struct{}, 1)
	n.Submit(renewal, done)
	time.Sleep(time.Second)
	n.pen.giveBack()
	<-done
	if v := renewal[0].Reply; v.IsError() || v.Num() < 59000 {
		t.Fatalf("the renewal was answered %d %q", v.Num(), v.Str())
	}
}

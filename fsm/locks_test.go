// Single promises of locks, one scenario each, in the words of lockmodel_ops_test.go. Where a promise answers
// something that users of other systems complain of, its name says the row of section 2 of the study of their
// complaints (reference/features.md).

package fsm

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// newLockBench is a bench for locks with all that they can do.
func newLockBench(t *testing.T) *bench {
	b := &bench{feeder: &feeder{tb: t, m: New(locksRunner{}), version: VersionLocks}}
	b.do(Command{Kind: KindRegister})
	return b
}

// gone is the end of a connection.
func gone(conn uint64) Command { return Command{Kind: KindClose, Conn: conn} }

// tick is nothing but time.
func tick() Command { return on(99, "hangs -") }

func runScenarios(t *testing.T, all map[string][]step) {
	for name, steps := range all {
		t.Run(name, func(t *testing.T) {
			b := newLockBench(t)
			for i, s := range steps {
				b.clock += s.after
				if got := b.do(s.run); got != s.want {
					t.Fatalf("step %d %q:\nwant %s\ngot  %s", i+1, s.run.Words, s.want, got)
				}
			}
		})
	}
}

func TestLockWaiting(t *testing.T) {
	runScenarios(t, map[string][]step{
		"row 6: the time to live begins with the grant": {
			{0, on(1, "lock k a ttl=100"), "#2 bulk token 1"},
			{0, on(2, "lock k b ttl=50 wait=1000"), "#3 none"},
			{101, tick(), "#3 int 2, #4 bulk "},
			{50, on(1, "lock k a"), "#5 bulk held"},
			{1, on(1, "lock k a"), "#6 bulk token 3"},
		},
		"row 6: a waiter whose session has died is not granted what the death of another frees": {
			{0, on(1, "open 100 0 0 0", "open 100 0 0 0"), "#2 bulk s1-;s2-"},
			{0, on(1, "lock k a sess=s1-"), "#3 bulk token 1"},
			{0, on(2, "lock k b sess=s2- wait=1000"), "#4 none"},
			{0, on(3, "lock k c wait=1000"), "#5 none"},
			{101, tick(), "#4 null, #5 int 2, #6 bulk "},
		},
		"rows 9 and 10: the entry that frees a key hands it to one waiter": {
			{0, on(1, "lock k a"), "#2 bulk token 1"},
			{0, on(2, "lock k b wait=50"), "#3 none"},
			{0, on(3, "lock k c wait=50"), "#4 none"},
			{0, on(1, "unlock k a 0"), "#3 int 2, #5 bulk 1 0 true"},
		},
		"row 11: priorities are served first, and within one those who came first": {
			{0, on(1, "lock k a"), "#2 bulk token 1"},
			{0, on(2, "lock k b wait=50"), "#3 none"},
			{0, on(3, "lock k c wait=50 prio=9"), "#4 none"},
			{0, on(4, "lock k d wait=50 prio=9"), "#5 none"},
			{0, on(5, "lock k e wait=50 prio=0"), "#6 none"},
			{0, on(1, "unlock k a 0"), "#4 int 2, #7 bulk 1 0 true"},
			{0, on(1, "unlock k c 0"), "#5 int 3, #8 bulk 2 0 true"},
			{0, on(1, "unlock k d 0"), "#3 int 4, #9 bulk 3 0 true"},
			{0, on(1, "unlock k b 0"), "#6 int 5, #10 bulk 4 0 true"},
		},
		"row 11: a waiter whose connection ends is in nobody's way": {
			{0, on(1, "lock k a"), "#2 bulk token 1"},
			{0, on(2, "lock k b wait=5000"), "#3 none"},
			{0, on(3, "lock k c wait=5000"), "#4 none"},
			{0, gone(2), "#3 null, #5 OK"},
			{0, on(1, "unlock k a 0"), "#4 int 2, #6 bulk 1 0 true"},
		},
		"row 11: who waits to upgrade and loses what it holds is in nobody's way": {
			{0, on(1, "lock k a mode=1 ttl=50", "lock k b mode=1"), "#2 bulk token 1;token 2"},
			{0, on(2, "lock k a up wait=5000"), "#3 none"},
			{0, on(3, "lock k c wait=5000"), "#4 none"},
			{51, tick(), "#3 error NOTLOCKED \"a\" does not hold any longer what it waited to hold alone: take it " +
				"again with LOCK, and do not trust what was done since, #5 bulk "},
			{0, on(1, "unlock k b 0"), "#4 int 3, #6 bulk 2 0 true"},
		},
		"row 20: who asks again for what it got has the same token": {
			{0, on(1, "lock k a ttl=100"), "#2 bulk token 1"},
			{50, on(2, "lock k a ttl=100 wait=10"), "#3 bulk token 1"},
			{100, on(1, "lock k b"), "#4 bulk held"},
			{1, on(1, "lock k b"), "#5 bulk token 2"},
		},
		"row 20: an upgrade that was not read leaves what its owner shared before": {
			{0, on(1, "lock k a mode=1", "lock k b mode=1"), "#2 bulk token 1;token 2"},
			{0, on(2, "lock k a up wait=5000"), "#3 none"},
			{0, on(1, "unlock k b 0"), "#3 int 3, #4 bulk 2 0 true"},
			{0, unread, "#5 OK"},
			{0, on(1, "lock k c"), "#6 bulk held"},
		},
		"row 20: a grant of several that was not read leaves what its owner held of them before": {
			{0, on(1, "lock k a", "lock l b"), "#2 bulk token 1;token 2"},
			{0, on(2, "lock k,l a wait=5000"), "#3 none"},
			{0, on(1, "unlock l b 0"), "#3 int 3, #4 bulk 2 0 true"},
			{0, unread, "#5 OK"},
			{0, on(1, "lock k c", "lock l c"), "#6 bulk held;token 4"},
		},
	})
}

func TestLockModes(t *testing.T) {
	runScenarios(t, map[string][]step{
		"row 25: readers share, a writer waits for all of them": {
			{0, on(1, "lock k a mode=1", "lock k b mode=1", "lock k c"), "#2 bulk token 1;token 2;held"},
			{0, on(2, "lock k c wait=50"), "#3 none"},
			{0, on(1, "unlock k a 0"), "#4 bulk 1 0 true"},
			{0, on(1, "unlock k b 0"), "#3 int 3, #5 bulk 2 0 true"},
		},
		"row 25: a stream of readers does not keep a writer waiting": {
			{0, on(1, "lock k a mode=1"), "#2 bulk token 1"},
			{0, on(2, "lock k w wait=50"), "#3 none"},
			{0, on(3, "lock k b mode=1"), "#4 bulk held"},
			{0, on(3, "lock k b mode=1 wait=50"), "#5 none"},
			{0, on(4, "lock k c mode=1 wait=50"), "#6 none"},
			{0, on(1, "unlock k a 0"), "#3 int 2, #7 bulk 1 0 true"},
			{0, on(1, "unlock k w 0"), "#5 int 3, #6 int 4, #8 bulk 2 0 true"},
		},
		"one of the readers may upgrade, before all who wait and after all who read": {
			{0, on(1, "lock k u mode=2", "lock k v mode=2", "lock k a mode=1"), "#2 bulk token 1;held;token 2"},
			{0, on(2, "lock k w wait=50 prio=9"), "#3 none"},
			{0, on(3, "lock k u up wait=50"), "#4 none"},
			{0, on(1, "unlock k a 0"), "#4 int 3, #5 bulk 2 0 true"},
			{0, on(1, "down k u 1"), "#6 bulk true true"},
			{0, on(1, "unlock k u 0"), "#3 int 4, #7 bulk 3 0 true"},
		},
		"who downgrades lets in those who share": {
			{0, on(1, "lock k a"), "#2 bulk token 1"},
			{0, on(2, "lock k b mode=1 wait=50"), "#3 none"},
			{0, on(1, "down k a 1"), "#3 int 2, #4 bulk true true"},
		},
		"row 24: permits of a crashed holder come back alone": {
			{0, on(1, "lock k a mode=3 limit=3 permits=2 ttl=100"), "#2 bulk token 1"},
			{0, on(1, "lock k b mode=3 limit=3 permits=1 ttl=200"), "#3 bulk token 2"},
			{0, on(1, "lock k c mode=3 limit=3 permits=1"), "#4 bulk held"},
			{0, on(2, "lock k c mode=3 limit=3 permits=1 wait=500"), "#5 none"},
			{101, tick(), "#5 int 3, #6 bulk "},
			{0, on(3, "lock k d mode=3 limit=3 permits=2", "lock k d mode=3 limit=3 permits=1"), "#7 bulk held;token 4"},
		},
		"who has a permit by one request has what it waits for by another": {
			{0, on(1, "lock k a mode=3 limit=2 permits=1"), "#2 bulk token 1"},
			{0, on(2, "lock k b mode=3 limit=1 permits=1 wait=500"), "#3 none"},
			{0, on(3, "lock k b mode=3 limit=2 permits=1 prio=9"), "#3 int 2, #4 bulk token 2"},
		},
		"a limit is that of the request": {
			{0, on(1, "lock k a mode=3 limit=1 permits=1"), "#2 bulk token 1"},
			{0, on(1, "lock k b mode=3 limit=1 permits=1", "lock k b mode=3 limit=2 permits=1"), "#3 bulk held;token 2"},
		},
		"more permits than one has are not had by asking again": {
			{0, on(1, "lock k a mode=3 limit=9 permits=2"), "#2 bulk token 1"},
			{0, on(1, "lock k a mode=3 limit=9 permits=2", "lock k a mode=3 limit=9 permits=3"), "#3 bulk token 1;other mode"},
		},
		"what is taken twice is released twice": {
			{0, on(1, "lock k a re", "lock k a re", "lock k a"), "#2 bulk token 1;token 1;token 1"},
			{0, on(1, "unlock k a 0", "lock k b", "unlock k a 0", "lock k b"), "#3 bulk 1 1 true;held;1 0 true;token 2"},
		},
		"row 17: nobody else releases it, and not with an old token": {
			{0, on(1, "lock k a"), "#2 bulk token 1"},
			{0, on(1, "unlock k b 0", "unlock k a 7", "unlock k a 1", "unlock k a 1"),
				"#3 bulk 0 0 false;0 0 false;1 0 true;0 0 false"},
		},
		"row 18: no renewal goes beyond the cap": {
			{0, on(1, "lock k a ttl=50 max=80"), "#2 bulk token 1"},
			{40, on(1, "renew k a 100", "ttl k 1000", "set k a 0", "lock k a"), "#3 bulk 1 40;true;token 1;token 1"},
			{41, on(1, "renew k a 100", "lock k b"), "#4 bulk false false;token 2"},
		},
		"row 19: a renewal neither shortens nor brings back": {
			{0, on(1, "lock k a ttl=50"), "#2 bulk token 1"},
			{10, on(1, "renew k a 10", "renew k a 60"), "#3 bulk 1 40;1 60"},
			{61, on(1, "renew k a 10", "get k"), "#4 bulk false false;-"},
		},
		"a new owner by SET ends what several hold": {
			{0, on(1, "lock k a mode=1 conn", "lock k b mode=1"), "#2 bulk token 1;token 2"},
			{0, on(2, "set k c 0", "hangs c1"), "#3 bulk token 3;"},
			{0, gone(1), "#4 OK"},
			{0, on(2, "lock k a", "unlock k c 0"), "#5 bulk held;3 0 true"},
		},
		"row 5: each holder has a token of its own after SWAPDB": {
			{0, on(1, "lock k a mode=1", "lock k b mode=1", "swap 1", "db 1", "unlock k a 1", "unlock k a 3", "unlock k b 4"),
				"#2 bulk token 1;token 2;true;0 0 false;3 0 true;4 0 true"},
		},
	})
}

func TestManyLocks(t *testing.T) {
	runScenarios(t, map[string][]step{
		"row 21: all or none, with one token": {
			{0, on(1, "lock k,l a", "lock l,m b", "get m"), "#2 bulk token 1;held;-"},
			{0, on(1, "unlock k a 1", "unlock l a 1", "lock l,m b"), "#3 bulk 1 0 true;1 0 true;token 2"},
		},
		"who waits for many holds none, and is not starved by those who want one": {
			{0, on(1, "lock l a"), "#2 bulk token 1"},
			{0, on(2, "lock k,l b wait=500"), "#3 none"},
			{0, on(3, "lock k c", "get k"), "#4 bulk held;-"},
			{0, on(3, "lock k c wait=500"), "#5 none"},
			{0, on(1, "unlock l a 0"), "#3 int 2, #6 bulk 1 0 true"},
			{0, on(1, "unlock k b 0"), "#5 int 3, #7 bulk 2 0 true"},
		},
		"who waits for many and gives up lets those behind have what is free": {
			{0, on(1, "lock l a"), "#2 bulk token 1"},
			{0, on(2, "lock k,l b wait=50"), "#3 none"},
			{0, on(3, "lock k c wait=500"), "#4 none"},
			{51, tick(), "#3 null, #4 int 2, #5 bulk "},
		},
		"what is held of many already is neither shortened nor weakened": {
			{0, on(1, "lock k a ttl=100", "lock k,l a mode=1 ttl=10", "lock k b mode=1"), "#2 bulk token 1;token 2;held"},
			{11, on(1, "lock l b mode=1", "lock k b"), "#3 bulk token 3;held"},
			{89, on(1, "lock k b"), "#4 bulk held"},
			{1, on(1, "lock k b"), "#5 bulk token 4"},
		},
		"who comes to hold one of many it waits for is served": {
			{0, on(1, "lock k a"), "#2 bulk token 1"},
			{0, on(2, "lock k b wait=500"), "#3 none"},
			{0, on(3, "lock k,l c wait=500"), "#4 none"},
			{0, on(4, "set k c 0"), "#4 int 3, #5 bulk token 2"},
		},
	})
}

func TestLockDeadlocks(t *testing.T) {
	runScenarios(t, map[string][]step{
		"row 21: of two": {
			{0, on(1, "lock k a", "lock l b"), "#2 bulk token 1;token 2"},
			{0, on(1, "lock l a wait=50"), "#3 none"},
			{0, on(2, "lock k b wait=50 path"), "#4 bulk b k a l b"},
			{0, on(2, "lock k b"), "#5 bulk held"},
		},
		"row 21: of three": {
			{0, on(1, "lock k a", "lock l b", "lock m c"), "#2 bulk token 1;token 2;token 3"},
			{0, on(1, "lock l a wait=50"), "#3 none"},
			{0, on(2, "lock m b wait=50"), "#4 none"},
			{0, on(3, "lock k c wait=50 path"), "#5 bulk c k a l b m c"},
		},
		"of one who waits for many": {
			{0, on(1, "lock k a", "lock l b"), "#2 bulk token 1;token 2"},
			{0, on(1, "lock m,l a wait=50"), "#3 none"},
			{0, on(2, "lock m b wait=50 path"), "#4 bulk b m a l b"},
		},
		"of one who would come before another": {
			{0, on(1, "lock k a", "lock l b"), "#2 bulk token 1;token 2"},
			{0, on(2, "lock l,m c wait=50"), "#3 none"},
			{0, on(3, "lock m,k b wait=50 prio=9 path"), "#4 none"},
			{0, on(4, "lock m a wait=50 path"), "#5 bulk a m b k a"},
		},
		"of two readers who both want to write": {
			{0, on(1, "lock k a mode=1", "lock k b mode=1"), "#2 bulk token 1;token 2"},
			{0, on(1, "lock k a up wait=50"), "#3 none"},
			{0, on(2, "lock k b up wait=50 path"), "#4 bulk b k a k b"},
		},
		"of readers and a writer": {
			{0, on(1, "lock k a mode=1", "lock k b mode=1", "lock l w"), "#2 bulk token 1;token 2;token 3"},
			{0, on(1, "lock l b mode=1 wait=50"), "#3 none"},
			{0, on(2, "lock k w wait=50 path"), "#4 bulk w k b l w"},
		},
		"of all holders of a semaphore, and not of some": {
			{0, on(1, "lock k a mode=3 limit=2 permits=1", "lock k b mode=3 limit=2 permits=1", "lock l c"),
				"#2 bulk token 1;token 2;token 3"},
			{0, on(1, "lock l a wait=50"), "#3 none"},
			{0, on(3, "lock k c mode=3 limit=2 permits=1 wait=50"), "#4 none"},
			{0, gone(3), "#4 null, #5 OK"},
			{0, on(2, "lock l b wait=50"), "#6 none"},
			{0, on(3, "lock k c mode=3 limit=2 permits=1 wait=50 path"), "#7 bulk c k b l c"},
		},
		"none of who waits behind others": {
			{0, on(1, "lock k a", "lock l b"), "#2 bulk token 1;token 2"},
			{0, on(2, "lock k c wait=50"), "#3 none"},
			{0, on(3, "lock k d wait=50"), "#4 none"},
			{0, on(4, "lock k b wait=50"), "#5 none"},
			{0, on(5, "lock l e wait=50"), "#6 none"},
		},
		"none of a reader who waits for another key than a reader does": {
			{0, on(1, "lock k a mode=1", "lock l b"), "#2 bulk token 1;token 2"},
			{0, on(1, "lock m c"), "#3 bulk token 3"},
			{0, on(2, "lock m,k b mode=1 wait=50"), "#4 none"},
			{0, on(3, "lock l a wait=50 path"), "#5 none"},
		},
		"none of an owner that asks again on another connection": {
			{0, on(1, "lock k a"), "#2 bulk token 1"},
			{0, on(2, "lock k b wait=50"), "#3 none"},
			{0, on(3, "lock k,l c wait=50"), "#4 none"},
			{0, on(4, "lock k b wait=50 path"), "#5 none"},
		},
	})
}

func TestSessions(t *testing.T) {
	runScenarios(t, map[string][]step{
		"it dies with its time to live and its grace, and never before": {
			{0, on(1, "open 100 50 0 1", "lock k a sess=s1-", "lock l a sess=s1- mode=1"), "#2 bulk s1-;token 1;token 2"},
			{100, on(2, "ping s1-"), "#3 bulk 250"},
			{150, on(2, "lock k b"), "#4 bulk held"},
			{1, on(2, "lock k b", "lock l b", "ping s1-"), "#5 bulk token 3;token 4;no session"},
		},
		"row 15: what is bound to a connection is free in the entry of its end": {
			{0, on(1, "lock k a conn"), "#2 bulk token 1"},
			{0, on(2, "lock k b wait=500"), "#3 none"},
			{0, gone(1), "#3 int 2, #4 OK"},
		},
		"row 16: what is not bound to a connection outlives it": {
			{0, on(1, "lock k a"), "#2 bulk token 1"},
			{0, gone(1), "#3 OK"},
			{0, on(2, "lock k b"), "#4 bulk held"},
		},
		"a grace lets a connection come back": {
			{0, on(1, "open 1000 50 0 1", "lock k a sess=s1-"), "#2 bulk s1-;token 1"},
			{0, gone(1), "#3 OK"},
			{50, on(2, "attach s1-"), "#4 bulk 1100"},
			{500, on(3, "lock k b"), "#5 bulk held"},
			{0, gone(2), "#6 OK"},
			{50, on(3, "lock k b"), "#7 bulk held"},
			{1, on(3, "lock k b"), "#8 bulk token 2"},
		},
		"row 8: nothing is delayed that was not to be": {
			{0, on(1, "open 100 0 0 0", "lock k a sess=s1-"), "#2 bulk s1-;token 1"},
			{101, on(2, "lock k b"), "#3 bulk token 2"},
		},
		"row 27: after an unclean death nobody may take the key for a while, and can see why": {
			{0, on(1, "open 100 0 30 0", "lock k a sess=s1-"), "#2 bulk s1-;token 1"},
			{0, on(2, "lock k b wait=500"), "#3 none"},
			{101, on(3, "lock k c", "get k"), "#4 bulk held;30 true"},
			{30, tick(), "#5 bulk "},
			{1, tick(), "#3 int 2, #6 bulk "},
		},
		"a session that is closed delays nothing, nor does a release": {
			{0, on(1, "open 100 0 30 0", "lock k a sess=s1-", "lock l a sess=s1-"), "#2 bulk s1-;token 1;token 2"},
			{0, on(1, "unlock l a 0", "lock l b", "close s1-", "lock k b"), "#3 bulk 2 0 true;token 3;1;token 4"},
		},
		"who waits by a session leaves with it": {
			{0, on(1, "open 100 0 0 0", "lock k a"), "#2 bulk s1-;token 1"},
			{0, on(2, "lock k b sess=s1- wait=5000"), "#3 none"},
			{0, on(3, "lock k c wait=5000"), "#4 none"},
			{101, tick(), "#3 null, #5 bulk "},
			{0, on(1, "unlock k a 0"), "#4 int 2, #6 bulk 1 0 true"},
		},
		"whichever of a time to live and a session ends first": {
			{0, on(1, "open 100 0 0 0", "lock k a sess=s1- ttl=50", "lock l a sess=s1- ttl=500"), "#2 bulk s1-;token 1;token 2"},
			{51, on(2, "lock k b", "lock l b"), "#3 bulk token 3;held"},
			{50, on(2, "lock l b"), "#4 bulk token 4"},
		},
		"what is renamed ends no later for it": {
			{0, on(1, "lock k a conn", "move k l"), "#2 bulk token 1;true"},
			{0, on(1, "lock m a max=50", "move m n", "renew n a 100"), "#3 bulk token 3;true;4 50"},
			{0, gone(1), "#4 OK"},
			{0, on(2, "lock l b"), "#5 bulk token 5"},
		},
		"a script that is undone leaves session and locks": {
			{0, on(1, "open 100 0 0 0", "lock k a sess=s1-", "lock l a sess=s1- mode=1"), "#2 bulk s1-;token 1;token 2"},
			{0, on(1, "close s1-", "lock k b", "undo", "hangs s1-"), "#3 bulk 2;token 3; 0ka 0la"},
			{0, on(1, "close s1-", "hangs s1-"), "#4 bulk 2;"},
		},
	})
}

// TestOnlyTheLogEndsLocks is rows 7 and 31: time passes only by what the leader of this term has written.
func TestOnlyTheLogEndsLocks(t *testing.T) {
	b := newLockBench(t)
	b.do(on(1, "open 100 0 0 1", "lock k a ttl=100", "lock l a mode=1 sess=s1-"))
	for _, e := range []Entry{
		{Version: VersionLocks, Term: 2, Clock: 5000}, // of a leader that is none any more
		{Version: VersionLocks, Clock: 5000},          // of a new one, which does not know the time yet
	} {
		b.index++
		err := b.m.Apply(b.index, 1, e.Append(nil), nil, &b.recorder)
		if (err == Void{}) != (e.Term == 2) || b.m.Clock() != 0 || b.m.Keys(0) != 2 {
			t.Errorf("%+v: %v; the clock is %d, %d locks are left", e, err, b.m.Clock(), b.m.Keys(0))
		}
	}
}

// TestFreeLocksAreNothing is row 30: what was locked and is free again costs nothing.
func TestFreeLocksAreNothing(t *testing.T) {
	b := newLockBench(t)
	// What has happened is kept, up to so many events and graves.
	bytes := func() int64 { return b.m.Bytes() - b.m.events.bytes - b.m.graves.bytes }
	before := bytes()
	for i := range 50 {
		b.do(on(1, fmt.Sprintf("lock k%d a", i), fmt.Sprintf("lock l%d a mode=1 note=x", i), fmt.Sprintf("lock m%d a re", i)))
		b.do(on(2, fmt.Sprintf("lock k%d b wait=50", i)))
		b.do(on(1, fmt.Sprintf("unlock k%d a 0", i), fmt.Sprintf("unlock l%d a 0", i), fmt.Sprintf("unlock m%d a 0", i)))
		b.do(on(2, fmt.Sprintf("unlock k%d b 0", i)))
	}
	if after := bytes(); after != before || b.m.Keys(0) != 0 {
		t.Errorf("%d bytes and %d keys are left, before there were %d bytes", after, b.m.Keys(0), before)
	}
}

// TestLargeSessionsEndInSlices frees many locks of dead sessions over several entries, and leaves none.
func TestLargeSessionsEndInSlices(t *testing.T) {
	b := newLockBench(t)
	const keys = 3 * endPerEntry
	b.do(on(1, "open 100 0 0 1", "open 100 0 0 1", "open 100 0 0 0"))
	var locks []string
	for i := range keys {
		locks = append(locks, fmt.Sprintf("lock k%05d a sess=s%d- mode=%d", i, 1+i%3/2, i%3%2))
	}
	b.do(on(1, locks...))
	b.clock = 101
	b.do()
	if n := b.m.Keys(0); n != keys-endPerEntry || !b.m.Due() {
		t.Fatalf("%d locks are left after one entry, Due is %v", n, b.m.Due())
	}
	b.do(on(2, "ping s1-", "ping s2-", "lock k02999 b sess=s1-"), on(2, "set k02998 b 0"), gone(1))
	for range 3 {
		b.do()
	}
	if n := b.m.Keys(0); n != 1 || b.m.sessions.byID.Len() != 0 || b.m.dbs[0].bonds.Len() != 0 || b.m.Due() {
		t.Fatalf("%d locks, %d sessions and %d bonds are left", n, b.m.sessions.byID.Len(), b.m.dbs[0].bonds.Len())
	}
}

// TestEndOfSessionAfterFlush: how many locks of a dead session an entry frees is the same on a node that was
// there when others of its locks were flushed away and on one that has it from a snapshot.
func TestEndOfSessionAfterFlush(t *testing.T) {
	for _, sweep := range []string{"flush", "swap 1"} {
		b := newLockBench(t)
		lock := func(name string, n int) (locks []string) {
			for i := range n {
				locks = append(locks, fmt.Sprintf("lock %s%04d a sess=s1- mode=%d", name, i, i%2))
			}
			return locks
		}
		b.do(on(1, "open 100 0 0 0"))
		b.do(on(1, lock("k", endPerEntry/2)...))
		b.do(on(1, sweep, "undo"), on(1, sweep))
		b.do(on(1, lock("l", endPerEntry*3/2)...))
		var state bytes.Buffer
		if err := b.m.View().Write(&state); err != nil {
			t.Fatal(err)
		}
		fresh := New(locksRunner{})
		if err := fresh.Restore(&state); err != nil {
			t.Fatal(err)
		}
		end := Entry{Version: VersionLocks, Term: 1, Clock: 101}
		for _, m := range []*Machine{b.m, fresh} {
			if err := m.Apply(b.index+1, 1, end.Append(nil), nil, &b.recorder); err != nil {
				t.Fatal(err)
			}
		}
		if b.m.Keys(0) != fresh.Keys(0) || b.m.Hash() != fresh.Hash() {
			t.Errorf("%s: %d locks are left, and %d after a restore", sweep, b.m.Keys(0), fresh.Keys(0))
		}
	}
}

// TestNodeOfManySessions lets the sessions of a node that is gone end in slices too, and who waits by them at
// once.
func TestNodeOfManySessions(t *testing.T) {
	b := newLockBench(t)
	const sessions = 2*endPerEntry + 500
	b.clock = 10
	var commands []Command
	for i := range uint64(sessions) {
		commands = append(commands, on(1000+i, fmt.Sprintf("lock k%05d a conn", i)))
	}
	b.do(append(commands, on(1000, "lock k00001 b conn wait=5000"))...)
	b.do(Command{Kind: KindSilence, Words: words("n1", "1")})
	if n := b.m.Keys(0); n < sessions-endPerEntry || n == sessions || !b.m.Due() || b.m.queue.Len() != 0 {
		t.Fatalf("%d locks are left after one entry, and %d waiters; Due is %v", n, b.m.queue.Len(), b.m.Due())
	}
	for range 4 {
		b.do()
	}
	if n := b.m.Keys(0); n != 0 || b.m.sessions.byID.Len() != 0 || b.m.Due() {
		t.Fatalf("%d locks and %d sessions are left", n, b.m.sessions.byID.Len())
	}
}

// TestConnAfterItsEnd: what hung on a connection that was given up for lost does not come to hang on whoever
// takes a lock under its number before all of it is free.
func TestConnAfterItsEnd(t *testing.T) {
	b := newLockBench(t)
	var locks []string
	for i := range 2*endPerEntry + 1 {
		locks = append(locks, fmt.Sprintf("lock k%04d a conn", i))
	}
	b.do(on(1, locks...))
	b.do(Command{Kind: KindSilence, Words: words("n1", "1")}, on(3, "lock k1999 c wait=5000"),
		on(1, "lock l a conn", "lock k1999 a conn"))
	for range 3 {
		b.do()
	}
	k, _ := b.m.itemAt(0, "k1999").HoldOf("c")
	l, _ := b.m.itemAt(0, "l").HoldOf("a")
	if b.m.Keys(0) != 2 || k.Token == 0 || l.Session != "c1" {
		t.Errorf("%d keys are left; %+v, %+v", b.m.Keys(0), k, l)
	}
}

// TestReadersAndWritersTakeTurns lets a queue of both go on until it is empty: those who read and stand
// together read together, and nobody waits longer than those before take.
func TestReadersAndWritersTakeTurns(t *testing.T) {
	b := newLockBench(t)
	b.do(on(1, "lock k first"))
	for i := range 30 {
		mode := Shared
		if i%10 == 9 {
			mode = Exclusive
		}
		b.do(on(uint64(2+i), fmt.Sprintf("lock k o%02d mode=%d wait=5000", i, mode)))
	}
	var turns []string
	for it := b.m.itemAt(0, "k"); it != nil; it = b.m.itemAt(0, "k") {
		var release []string
		it.Holds(func(h *Hold) bool {
			release = append(release, "unlock k "+h.Owner+" 0")
			return true
		})
		turns = append(turns, fmt.Sprint(it.Mode(), " ", len(release)))
		b.do(on(1, release...))
	}
	want := "exclusive 1, shared 9, exclusive 1, shared 9, exclusive 1, shared 9, exclusive 1"
	if got := strings.Join(turns, ", "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

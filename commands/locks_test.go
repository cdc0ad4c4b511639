package commands

import (
	"strings"
	"testing"

	"github.com/divtxt/lockd/fsm"
)

func TestLock(t *testing.T) {
	newDriver(t).expect(`
		LOCK k a 1000                     -> 1
		LOCK k b 1000                     -> (nil)
		LOCK k a 500                      -> 1
		PTTL k                            -> 1000
		LOCK k a 3000                     -> 1
		PTTL k                            -> 3000
		GET k                             -> a
		TYPE k                            -> string
		ISLOCKED k                        -> 1
		ISLOCKED k a                      -> 1
		ISLOCKED k b                      -> 0
		LOCK.TOKEN k a                    -> 1
		LOCK.TOKEN k b                    -> (nil)
		LOCK.CHECK k 1                    -> 1
		LOCK.CHECK k 2                    -> 0
		UNLOCK k b                        -> 0
		UNLOCK k a                        -> 1
		UNLOCK k a                        -> 0
		ISLOCKED k                        -> 0
		LOCK.CHECK k 1                    -> 0
		LOCK k b 1000                     -> 2
		+1000
		ISLOCKED k b                      -> 1
		+1
		ISLOCKED k                        -> 0
		GET k                             -> (nil)
		LOCK k a 1000                     -> 3
	`)
}

func TestLockWithoutOwnerIsTheConnections(t *testing.T) {
	d := newDriver(t)
	d.expect(`
		LOCK k       -> 1
		GET k        -> n1/1/1
		PTTL k       -> -1
		LOCK k       -> 1
	`)
	other := d.send(2, "LOCK", "k")
	if got := show(d.answers[other]); got != "(nil)" {
		t.Errorf("another connection got %s", got)
	}
	if got := show(d.answers[d.send(2, "UNLOCK", "k")]); got != "0" {
		t.Errorf("another connection released it: %s", got)
	}
	d.expect(`UNLOCK k -> 1`)
}

func TestLockErrors(t *testing.T) {
	d := newDriver(t)
	d.expect(`
		LOCK                        -> ERR wrong number of arguments for 'lock' command
		LOCK k a                    -> ERR LOCK needs a time to live, or a session to end with: LOCK key owner ttl-ms, LOCK key owner SESSION id, or LOCK key owner CONN
		LOCK k a 0                  -> ERR '0' is no time to live: give milliseconds, 1 to 9.2e18
		LOCK k a -1                 -> ERR '-1' is no time to live: give milliseconds, 1 to 9.2e18
		LOCK k a 1e3                -> ERR '1e3' is no time to live: give milliseconds, 1 to 9.2e18
		LOCK k a 9223372036854775808 -> ERR '9223372036854775808' is no time to live: give milliseconds, 1 to 9.2e18
		LOCK k a 1000 WAIT          -> ERR syntax error
		LOCK k a 1000 FOO 1         -> ERR syntax error
		LOCK k a 1000 WAIT x        -> ERR 'x' is no time to wait: give milliseconds, 0 or more
		LOCK k a 1000 WAIT -1       -> ERR '-1' is no time to wait: give milliseconds, 0 or more
		UNLOCK k a b                -> ERR syntax error
		ISLOCKED k a b              -> ERR wrong number of arguments for 'islocked' command
		LOCK.CHECK k x              -> ERR 'x' is no fencing token: give the positive integer that LOCK replied
		LOCK.CHECK k 0              -> ERR '0' is no fencing token: give the positive integer that LOCK replied
		LOCK.FORCE k WHY x          -> ERR syntax error
		LOCK.LIST COUNT 0           -> ERR '0' is no count: give a positive integer
		LOCK.LIST COUNT             -> ERR syntax error
		LOCK.LIST FOO 1             -> ERR syntax error
		LOCK.LIST CURSOR x          -> ERR invalid cursor: give the one that LOCK.LIST replied, or 0 to begin
		DBSIZE                      -> 0
	`)
	long := strings.Repeat("x", fsm.MaxOwner+1)
	if got := d.words("LOCK", "k", long, "1000"); !strings.HasPrefix(got, "ERR an owner has at most 65536 bytes") {
		t.Error(got)
	}
	if got := d.words("LOCK", "k", "a", "1000", "NOTE", strings.Repeat("x", 2000)); !strings.HasPrefix(got, "ERR a note") {
		t.Error(got)
	}
}

// What is no owner is a plain string: it has no token, and lock commands say so.
func TestLockOnLongString(t *testing.T) {
	d := newDriver(t)
	d.words("SET", "k", strings.Repeat("x", fsm.MaxOwner+1))
	for _, line := range []string{"LOCK k a 1000", "LOCK k a 1000 WAIT 10", "RENEW k a 1000", "LOCK.INFO k"} {
		if got := d.do(line); !strings.HasPrefix(got, "WRONGTYPE") {
			t.Errorf("%s: %s", line, got)
		}
	}
	d.expect(`
		ISLOCKED k      -> 0
		LOCK.TOKEN k a  -> (nil)
		LOCK.LIST       -> [0 []]
		DEL k           -> 1
		LOCK k a 1000   -> 1
	`)
}

func TestRenew(t *testing.T) {
	newDriver(t).expect(`
		RENEW k a 1000  -> NOTLOCKED k is free: it was released, or expired some time ago; take it again with LOCK
		LOCK k a 1000   -> 1
		RENEW k a 500   -> 1000
		RENEW k a 2000  -> 2000
		RENEW k b 2000  -> NOTOWNER k is held by "a" (token 1) for another 2000 ms
		RENEW k a 0     -> ERR '0' is no time to live: give milliseconds, 1 to 9.2e18
		PERSIST k       -> 1
		RENEW k a 10    -> -1
		RENEW k b 10    -> NOTOWNER k is held by "a" (token 1) until it is released
		PEXPIRE k 100   -> 1
		+111
		RENEW k a 1000  -> EXPIRED k was held by "a" (token 1) until 11 ms ago, now it is free: take it again with LOCK, and do not trust what was done since
		RENEW k b 1000  -> NOTLOCKED k is free: it was released, or expired some time ago; take it again with LOCK
		ISLOCKED k      -> 0
		LOCK k b 1000   -> 2
		RENEW k a 1000  -> NOTOWNER k is held by "b" (token 2) for another 1000 ms
	`)
}

// A lock and a string key are the same thing.
func TestLocksAreStrings(t *testing.T) {
	newDriver(t).expect(`
		SET k a NX PX 1000        -> OK
		LOCK.TOKEN k a            -> 1
		SET k a NX PX 5000        -> (nil)
		LOCK k b 1000             -> (nil)
		LOCK k a 2000             -> 1
		PTTL k                    -> 2000
		UNLOCK k b                -> 0
		UNLOCK k a                -> 1
		LOCK k a 1000             -> 2
		SET k b NX PX 1000        -> (nil)
		SET k a XX PX 300         -> OK
		PTTL k                    -> 300
		LOCK.TOKEN k a            -> 2
		DELIFEQ k b               -> 0
		DELIFEQ k a               -> 1
		SETNX k c                 -> 1
		RENEW k c 1000            -> -1
		DELEX k IFEQ x            -> 0
		DELEX k IFNE c            -> 0
		DELEX k IFNE x            -> 1
		DELEX k                   -> 0
		DELEX k IFEQ              -> ERR syntax error
		DELEX k FOO x             -> ERR syntax error
	`)
}

// A token is new whenever the owner may have changed, and only then.
func TestTokens(t *testing.T) {
	newDriver(t).expect(`
		SET k a                   -> OK
		LOCK.TOKEN k a            -> 1
		SET k a PX 1000           -> OK
		EXPIRE k 100              -> 1
		PERSIST k                 -> 1
		GETEX k EX 10             -> a
		SET k a KEEPTTL GET       -> a
		GETSET k a                -> a
		MSET k a                  -> OK
		LOCK.TOKEN k a            -> 1
		SET k b                   -> OK
		LOCK.TOKEN k b            -> 2
		APPEND k c                -> 2
		LOCK.TOKEN k bc           -> 3
		SETRANGE k 0 bc           -> 2
		LOCK.TOKEN k bc           -> 3
		SET n 1                   -> OK
		INCR n                    -> 2
		LOCK.TOKEN n 2            -> 5
		INCRBYFLOAT n 0           -> 2
		LOCK.TOKEN n 2            -> 5
		RENAME n m                -> OK
		LOCK.TOKEN m 2            -> 6
		COPY m n                  -> 1
		LOCK.TOKEN n 2            -> 7
		LOCK.TOKEN m 2            -> 6
		COPY m n REPLACE          -> 1
		LOCK.TOKEN n 2            -> 8
		RENAME m m                -> OK
		LOCK.TOKEN m 2            -> 6
		MOVE m 1                  -> 1
		SWAPDB 0 1                -> OK
		LOCK.TOKEN m 2            -> 10
		SET k x IFEQ no           -> (nil)
		SET k x IFNE no           -> OK
		SET k y IFEQ x PX 100     -> OK
		SET k z IFEQ y GET        -> y
		SET k w IFNE z GET        -> z
		GET k                     -> z
		SET none v IFEQ v         -> (nil)
		SET none v IFNE v         -> OK
		SET k a NX IFEQ b         -> ERR syntax error
	`)
}

func TestWait(t *testing.T) {
	d := newDriver(t)
	d.expect(`LOCK k a 1000 -> 1`)
	second := d.send(2, "LOCK", "k", "b", "5000", "WAIT", "3000")
	third := d.send(3, "LOCK", "k", "c", "5000", "WAIT", "100", "NOTE", "nightly run")
	for _, seq := range []uint64{second, third} {
		if got := show(d.answers[seq]); got != "(waits)" {
			t.Fatalf("command %d: %s", seq, got)
		}
	}
	info := d.value("LOCK.INFO", "k")
	if show(field(info, "waiters")) != "2" || show(field(info, "owner")) != "a" || show(field(info, "state")) != "held" {
		t.Error(show(info))
	}
	last := field(info, "queue").List()[1]
	for name, want := range map[string]string{
		"pos": "2", "owner": "c", "note": "nightly run", "node": "n1", "conn": "3", "since-ms": "0", "wait-left-ms": "100",
	} {
		if got := show(field(last, name)); got != want {
			t.Errorf("waiter's %s is %s, want %s", name, got, want)
		}
	}
	d.pass(101) // the third one's patience ends
	if got := show(d.answers[third]); got != "(nil)" {
		t.Errorf("who waited too long got %s", got)
	}
	d.expect(`UNLOCK k a -> 1`)
	if got := show(d.answers[second]); got != "2" {
		t.Errorf("the next in the queue got %s", got)
	}
	d.expect(`
		GET k   -> b
		PTTL k  -> 5000
	`)
}

// Whatever frees a key serves who waits for it.
func TestWhatServesWaiters(t *testing.T) {
	for _, line := range []string{
		"DEL k", "UNLINK k", "GETDEL k", "UNLOCK k a", "DELIFEQ k a", "DELEX k", "LOCK.FORCE k", "LOCK.FORCE k REASON stuck",
		"RENAME k other", "MOVE k 3", "FLUSHDB", "FLUSHALL", "SWAPDB 0 5", "PEXPIRE k 0", "EXPIREAT k 1", "SET k x PXAT 1",
		"GETEX k EXAT 1", "SET k b", "GETSET k b", "MSET x 1 k b", "COPY other k REPLACE",
	} {
		d := newDriver(t)
		d.do("SET other b")
		d.do("LOCK k a 1000")
		waiter := d.send(2, "LOCK", "k", "b", "7000", "WAIT", "60000")
		d.do(line)
		if got := d.answers[waiter]; got.Num() == 0 {
			t.Errorf("%s: the waiter got %s", line, show(got))
		}
		if got := d.do("GET k"); got != "b" {
			t.Errorf("%s: then the owner is %s", line, got)
		}
	}
}

// A connection that waits for a lock asks for it in another way, and so gives up the place in which it kept
// others and itself from it.
func TestWaitThatIsOverAtOnce(t *testing.T) {
	d := newDriver(t)
	d.do("LOCK k a 1000 LIMIT 3")
	d.send(2, "LOCK", "k", "b", "1000", "LIMIT", "3", "PERMITS", "3", "WAIT", "500")
	behind := d.send(3, "LOCK", "k", "c", "1000", "LIMIT", "3", "WAIT", "500")
	told := map[uint64]int{}
	d.answered = func(seq uint64) { told[seq]++ }
	again := d.send(2, "LOCK", "k", "d", "1000", "LIMIT", "3", "WAIT", "500")
	if show(d.answers[behind]) != "2" || show(d.answers[again]) != "3" || told[again] != 1 {
		t.Errorf("%s and %s, the last %d times", show(d.answers[behind]), show(d.answers[again]), told[again])
	}
}

func TestLockInfoOfFreeKey(t *testing.T) {
	d := newDriver(t)
	info := d.value("LOCK.INFO", "k")
	for name, want := range map[string]string{
		"key": "k", "state": "free", "mode": "(nil)", "owner": "(nil)", "token": "(nil)", "ttl-ms": "-2", "waiters": "0",
		"queue": "[]",
	} {
		if got := show(field(info, name)); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

func TestLockList(t *testing.T) {
	d := newDriver(t)
	d.expect(`
		LOCK lock:a me 1000 NOTE hello -> 1
		LOCK lock:b you 1000           -> 2
		LOCK lock:c me 1000            -> 3
		LOCK 0 me 1000                 -> 4
		+250
	`)
	rows := d.value("LOCK.LIST", "MATCH", "lock:*", "OWNER", "me").List()
	if len(rows) != 2 || show(rows[0]) != "0" || len(rows[1].List()) != 2 {
		t.Fatal(show(d.value("LOCK.LIST", "MATCH", "lock:*", "OWNER", "me")))
	}
	if got, want := show(rows[1].List()[0]),
		"[key lock:a owner me token 1 ttl-ms 750 held-ms 250 waiters 0 note hello mode exclusive holders 1 "+
			"state held conn 1]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	var keys []string
	cursor := "0"
	for range 10 {
		page := d.value("LOCK.LIST", "COUNT", "1", "CURSOR", cursor).List()
		for _, row := range page[1].List() {
			keys = append(keys, show(field(row, "key")))
		}
		if cursor = page[0].Str(); cursor == "0" {
			break
		}
	}
	if got := strings.Join(keys, " "); got != "0 lock:a lock:b lock:c" {
		t.Errorf("page by page: %s", got)
	}
}

// Memory is refused to what adds and never to what frees.
func TestOutOfMemory(t *testing.T) {
	d := newDriver(t)
	d.expect(`LOCK k a 1000 -> 1`)
	d.limits.Memory = 1
	d.expect(`
		LOCK j b 1000   -> OOM command not allowed when used memory > 'maxmemory'.
		SET j b         -> OOM command not allowed when used memory > 'maxmemory'.
		GET k           -> a
		RENEW k a 2000  -> 2000
		PEXPIRE k 100   -> 1
		UNLOCK k a      -> 1
		DEL k           -> 0
	`)
}

// EXPLAIN tells whether holders are in the way or only those who wait, which place a request would get with
// its priority, and when to ask again.
func TestExplain(t *testing.T) {
	d := newDriver(t)
	d.expect(`
		LOCK k r 500 SHARED -> 1
		LOCK sem p 500 LIMIT 3 PERMITS 2 -> 2
		SET forever a -> OK`)
	d.waits(2, "LOCK", "k", "w1", "1000", "WAIT", "5000")
	d.waits(3, "LOCK", "k", "w2", "1000", "WAIT", "5000", "PRIO", "7")
	d.waits(4, "LOCK", "sem", "w3", "1000", "WAIT", "5000", "LIMIT", "3", "PERMITS", "2")
	for _, c := range []struct{ line, want string }{
		{"LOCK k x 1000 EXPLAIN", "held 3 500"},
		{"LOCK k x 1000 SHARED EXPLAIN", "queue 3 500"},
		{"LOCK k x 1000 UPDATE PRIO 6 EXPLAIN", "queue 2 500"},
		{"LOCK k x 1000 PRIO 7 EXPLAIN", "held 2 500"},
		{"LOCK k x 1000 PRIO 8 EXPLAIN", "held 1 500"},
		{"LOCK sem x 1000 LIMIT 3 EXPLAIN", "queue 2 500"},
		{"LOCK sem x 1000 LIMIT 3 PERMITS 2 EXPLAIN", "held 2 500"},
		{"LOCK forever x 1000 EXPLAIN", "held 1 -1"},
	} {
		v := d.value(strings.Fields(c.line)...)
		got := show(field(v, "reason")) + " " + show(field(v, "position")) + " " + show(field(v, "retry-ms"))
		if got != c.want {
			t.Errorf("%s: got %s, want %s", c.line, got, c.want)
		}
	}
}

// Of a key that is free, and kept for somebody who waits for it and another one, nobody knows until when.
func TestExplainQueue(t *testing.T) {
	d := newDriver(t)
	d.expect(`LOCK a h 500 -> 1`)
	d.waits(2, "MLOCK", "2", "a", "b", "w", "1000", "WAIT", "5000")
	d.expect(`LOCK b x 1000 EXPLAIN -> [ok 0 token (nil) reason queue key b holder (nil) holder-token (nil) ` +
		`held-ms (nil) ttl-ms -2 note (nil) waiters 1 position 2 retry-ms -1]`)
}

// An owner that holds a lock otherwise than it wants it now is told how, and what to do.
func TestOtherMode(t *testing.T) {
	newDriver(t).expect(`
		LOCK s a 1000 SHARED             -> 1
		LOCK s a 1000                    -> ERR "a" holds s in the mode shared: to have it alone, send LOCK.UPGRADE
		LOCK s a 1000 UPDATE             -> ERR "a" holds s in the mode shared: release it before you take it in the mode update
		LOCK p a 1000 LIMIT 3 PERMITS 2  -> 2
		LOCK p a 1000 LIMIT 3 PERMITS 3  -> ERR "a" holds 2 of p's permits and cannot add to them: release them, and ask for all that you need at once
		LOCK p a 1000                    -> ERR "a" holds permits of p, which is a semaphore: release them before you take it in another mode
		LOCK.UPGRADE p a                 -> ERR "a" holds permits of p, which is a semaphore: release them before you take it in another mode
	`)
}

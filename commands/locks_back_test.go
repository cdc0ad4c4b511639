package commands

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

// restore goes on with what a snapshot says of the state.
func (d *driver) restore() {
	d.t.Helper()
	var b bytes.Buffer
	if err := d.m.View().Write(&b); err != nil {
		d.t.Fatal(err)
	}
	again := fsm.New(d.table)
	if err := again.Restore(&b); err != nil {
		d.t.Fatal(err)
	}
	if err := again.Check(); err != nil || again.Hash() != d.m.Hash() || again.Bytes() != d.m.Bytes() {
		d.t.Fatalf("restored: %v, %d bytes instead of %d", err, again.Bytes(), d.m.Bytes())
	}
	d.m = again
}

// wakes lets time go on to when the state wants to be called, and returns how long that was.
func (d *driver) wakes() int64 {
	d.t.Helper()
	at, some := d.m.NextWake()
	if !some || at <= d.clock {
		d.t.Fatalf("at %d it wants to be called: %v, at %d", d.clock, some, at)
	}
	ms := int64(at - d.clock)
	d.pass(ms)
	return ms
}

func TestRevoke(t *testing.T) {
	d := newDriver(t)
	d.expect(`
		LOCK.REVOKE k REASON gone                    -> [holders [] waiters 0 effective-in-ms 0]
		LOCK k a 60000                               -> 1
	`)
	next := d.waits(2, "LOCK", "k", "b", "5000", "WAIT", "1000")
	d.expect(`
		LOCK.REVOKE k TOKEN 7 REASON gone            -> [holders [] waiters 1 effective-in-ms 0]
		LOCK.REVOKE k OWNER b REASON gone            -> [holders [] waiters 1 effective-in-ms 0]
		LOCK.REVOKE k REASON gone DRYRUN             -> [holders [[owner a token 1 ttl-ms 60000]] waiters 1 effective-in-ms 0]
		ISLOCKED k a                                 -> 1
		+5
		lock.revoke k token 1 owner a reason gone    -> [holders [[owner a token 1 ttl-ms 59995]] waiters 1 effective-in-ms 0]
		ISLOCKED k b                                 -> 1
		+7
		RENEW k a 1000                               -> REVOKED k was taken back from "a" (token 1) 7 ms ago (gone), now it is held by "b" (token 2) for another 4993 ms: stop what you do under it, and do not trust what was done since
		RENEW k a 1000 TOKEN 1                       -> REVOKED k was taken back from "a" (token 1) 7 ms ago (gone), now it is held by "b" (token 2) for another 4993 ms: stop what you do under it, and do not trust what was done since
		UNLOCK k b                                   -> 1
		RENEW k a 1000                               -> REVOKED k was taken back from "a" (token 1) 7 ms ago (gone), now it is free: stop what you do under it, and do not trust what was done since
		LOCK k a 1000                                -> 3
		RENEW k a 1000 TOKEN 1                       -> REVOKED k was taken back from "a" (token 1) 7 ms ago (gone), now it is held by "a" (token 3) for another 1000 ms: stop what you do under it, and do not trust what was done since
		RENEW k a 1000                               -> 1000
	`)
	d.got(next, "2")
}

// Who has time to give it back keeps it that long, and not a millisecond longer whatever it does.
func TestRevokeWithGrace(t *testing.T) {
	d := newDriver(t)
	d.do("LOCK k a 60000")
	next := d.waits(2, "LOCK", "k", "b", "5000", "WAIT", "100000")
	d.expect(`
		LOCK.REVOKE k GRACE 500 REASON disk DRYRUN   -> [holders [[owner a token 1 ttl-ms 60000]] waiters 1 effective-in-ms 500]
		PTTL k                                       -> 60000
		LOCK.REVOKE k GRACE 500 REASON disk          -> [holders [[owner a token 1 ttl-ms 60000]] waiters 1 effective-in-ms 500]
		PTTL k                                       -> 500
		+100
		RENEW k a 60000                              -> 400
		LOCK k a 60000                               -> 1
		LOCK k a 60000 MAXHOLD 90000                 -> 1
		PERSIST k                                    -> 1
		EXPIRE k 60                                  -> 1
		SET k a XX                                   -> OK
		GETEX k EX 60                                -> a
		PTTL k                                       -> 400
		LOCK.REVOKE k GRACE 9000 REASON later        -> [holders [[owner a token 1 ttl-ms 400]] waiters 1 effective-in-ms 400]
		PTTL k                                       -> 400
		MLOCK 2 k other a 60000                      -> 2
		PTTL k                                       -> 400
		PTTL other                                   -> 60000
		LOCK.CHECK k 2                               -> 1
	`)
	row := field(d.value("LOCK.INFO", "k"), "holders").List()[0]
	if got := show(field(row, "revoked")) + " " + show(field(row, "cap-ms")); got != "later 400" {
		t.Errorf("LOCK.INFO says %s", got)
	}
	d.restore()
	if ms := d.wakes(); ms != 401 {
		t.Errorf("it wants to be called after %d ms", ms)
	}
	d.got(next, "3")
	d.expect(`RENEW k a 1000 -> REVOKED k was taken back from "a" (token 2) 1 ms ago (later), now it is held by "b" (token 3) for another 5000 ms: stop what you do under it, and do not trust what was done since`)
	// Who gives it back in time has released it.
	d.expect(`
		LOCK.REVOKE k GRACE 500 REASON disk  -> [holders [[owner b token 3 ttl-ms 5000]] waiters 0 effective-in-ms 500]
		UNLOCK k b                           -> 1
		RENEW k b 1000                       -> NOTLOCKED k is free: "b" released it (token 3) 0 ms ago; take it again with LOCK
		LOCK k b 1000                        -> 4
		+900
		RENEW k b 1000                       -> 1000
	`)
}

func TestRevokeOfSeveral(t *testing.T) {
	d := newDriver(t)
	d.expect(`
		LOCK k a 1000 SHARED                     -> 1
		LOCK k b 2000 UPDATE                     -> 2
		LOCK k c 3000 SHARED                     -> 3
		LOCK.REVOKE k TOKEN 1 REASON x           -> [holders [[owner a token 1 ttl-ms 1000]] waiters 0 effective-in-ms 0]
		ISLOCKED k a                             -> 0
		LOCK.REVOKE k OWNER b GRACE 50 REASON x  -> [holders [[owner b token 2 ttl-ms 2000]] waiters 0 effective-in-ms 50]
		LOCK.UPGRADE k b                         -> (nil)
		UNLOCK k c                               -> 1
		LOCK.UPGRADE k b                         -> 4
		LOCK.REVOKE k GRACE 80 REASON x          -> [holders [[owner b token 4 ttl-ms 50]] waiters 0 effective-in-ms 50]
		+51
		ISLOCKED k                               -> 0
		LOCK s a 1000 LIMIT 3                    -> 5
		LOCK s b 2000 LIMIT 3 PERMITS 2          -> 6
	`)
	next := d.waits(2, "LOCK", "s", "c", "1000", "LIMIT", "3", "PERMITS", "3", "WAIT", "1000")
	d.expect(`LOCK.REVOKE s REASON x -> [holders [[owner a token 5 ttl-ms 1000] [owner b token 6 ttl-ms 2000]] waiters 1 effective-in-ms 0]`)
	d.got(next, "7")
}

// The holder is told by a push to the connection that took the lock, and who listens to the lock by a message.
func TestRevokeTells(t *testing.T) {
	d := newDriver(t)
	d.send(4, "LOCK", "k", "a", "60000")
	d.send(5, "SET", "plain", "b")
	for _, c := range []struct{ line, want string }{
		{"LOCK.REVOKE k GRACE 300 REASON soon DRYRUN", ""},
		{"LOCK.REVOKE k GRACE 300 REASON soon", "4: [lock-event revoke k 1 300 soon]"},
		{"LOCK.REVOKE k REASON now", "4: [lock-event revoke k 1 0 now]"},
		{"LOCK.REVOKE k REASON now", ""},
		{"LOCK.REVOKE plain REASON now", "5: [lock-event revoke plain 2 0 now]"},
	} {
		if got := d.told(1, c.line); got != c.want {
			t.Errorf("%s: %q, want %q", c.line, got, c.want)
		}
	}
	d.send(4, "LOCK", "k", "a", "60000")
	d.send(6, "SUBSCRIBE", "__lock__:k")
	for _, c := range []struct{ line, want string }{
		{"LOCK.REVOKE k GRACE 300 REASON soon", `"event":"revoking"`},
		{"LOCK.REVOKE k REASON now", `"event":"revoked"`},
	} {
		got := d.told(1, c.line)
		if !strings.HasPrefix(got, "4: [lock-event revoke k 3 ") || !strings.Contains(got, "6: [message __lock__:k {"+c.want) ||
			!strings.Contains(got, `"token":3`) {
			t.Errorf("%s: %s", c.line, got)
		}
		if left := strings.Contains(got, `"left-ms":300`); left != strings.Contains(c.want, "revoking") {
			t.Errorf("%s: that some time is left is told: %v", c.line, left)
		}
	}
}

func TestRevokeErrors(t *testing.T) {
	d := newDriver(t)
	d.do("RPUSH list x")
	d.expect(`
		LOCK.REVOKE k                           -> ERR wrong number of arguments for 'lock.revoke' command
		LOCK.REVOKE k GRACE 5                   -> ERR the holder is told why: LOCK.REVOKE key REASON text
		LOCK.REVOKE k REASON x GRACE            -> ERR syntax error
		LOCK.REVOKE k REASON x GRACE -1         -> ERR '-1' is no time of grace: give milliseconds, 0 or more
		LOCK.REVOKE k REASON x GRACE soon       -> ERR 'soon' is no time of grace: give milliseconds, 0 or more
		LOCK.REVOKE k REASON x TOKEN 0          -> ERR '0' is no fencing token: give the positive integer that LOCK replied
		LOCK.REVOKE k REASON x WHY y            -> ERR syntax error
		LOCK.REVOKE k DRYRUN DRYRUN             -> ERR the holder is told why: LOCK.REVOKE key REASON text
		LOCK.REVOKE list REASON x               -> WRONGTYPE Operation against a key holding the wrong kind of value: list holds a list, which is no lock
	`)
	for _, reason := range []string{"", strings.Repeat("x", 257)} {
		want := fmt.Sprintf("ERR a reason has 1 to 256 bytes, this one has %d", len(reason))
		if got := d.words("LOCK.REVOKE", "k", "REASON", reason); got != want {
			t.Error(got)
		}
		if got := d.words("LOCK.FREEZE", "k", "REASON", reason); got != want {
			t.Error(got)
		}
	}
	d.do("LOCK k a 1000")
	d.expect(`LOCK.REVOKE k REASON x GRACE 9223372036854775807 -> [holders [[owner a token 1 ttl-ms 1000]] waiters 0 effective-in-ms 9223372036854774807]`)
}

// Whatever ends a lock is told to who watches over its token, with what is known of why.
func TestWaitLost(t *testing.T) {
	for _, c := range []struct{ take, end, want string }{
		{"LOCK k a 1000", "UNLOCK k a", "[released 0 ]"},
		{"LOCK k a 1000", "MUNLOCK 2 k j a", "[released 0 ]"},
		{"LOCK k a 1000 SHARED", "UNLOCK k a", "[released 0 ]"},
		{"LOCK k a 1000 SHARED", "LOCK.UPGRADE k a", "[released 0 ]"},
		{"LOCK k a 1000", "MLOCK 2 k j a 1000", "[released 0 ]"},
		{"LOCK k a 1000", "+1001", "[expired 0 ]"},
		{"LOCK k a 1000 SHARED", "+1001", "[expired 0 ]"},
		{"SET k a PX 1000", "+1001", "[expired 0 ]"},
		{"LOCK k a 1000", "LOCK.FORCE k REASON stuck", "[forced 0 stuck]"},
		{"LOCK k a 1000 LIMIT 3", "LOCK.FORCE k", "[forced 0 ]"},
		{"LOCK k a 1000", "LOCK.REVOKE k REASON disk", "[revoked 0 disk]"},
		{"LOCK k a 1000 SHARED", "LOCK.REVOKE k REASON disk", "[revoked 0 disk]"},
		{"LOCK k a 1000", "LOCK.REVOKE k GRACE 300 REASON disk", "[revoking 300 disk]"},
		{"LOCK k a 1000 SHARED", "LOCK.REVOKE k GRACE 3000 REASON disk", "[revoking 1000 disk]"},
		{"LOCK k a SESSION %s", "SESSION.CLOSE %s", "[session 0 session %s was closed]"},
		{"LOCK k a SESSION %s", "+5001", "[session 0 session %s died]"},
		{"LOCK k a 1000", "DEL k", "[removed 0 ]"},
		{"LOCK k a 1000", "FLUSHALL", "[removed 0 ]"},
		{"LOCK k a 1000", "SET k b", "[removed 0 ]"},
		{"LOCK k a 1000", "RENAME k j", "[removed 0 ]"},
		{"LOCK k a 1000 SHARED", "SWAPDB 0 1", "[removed 0 ]"},
		{"LOCK k a 1000", "SADD x y", ""},
		{"LOCK k a 1000", "RENEW k a 2000", ""},
		{"LOCK k a 1000", "LOCK.DOWNGRADE k a", ""},
		{"LOCK k a 1000 SHARED", "LOCK k b 1000 SHARED", ""},
		{"LOCK k a 1000", "LOCK.REVOKE k TOKEN 7 GRACE 300 REASON disk", ""},
		{"LOCK k a 1000", "LOCK.REVOKE k REASON disk DRYRUN", ""},
	} {
		for _, restored := range []bool{false, true} {
			d := newDriver(t)
			id := d.do("SESSION.OPEN TTL 5000")
			in := func(line string) string { return strings.ReplaceAll(line, "%s", id) }
			d.do(in(c.take))
			seq := d.waits(7, "LOCK.WAITLOST", "k", "1", "BLOCK", "0")
			if restored {
				d.restore()
			}
			if ms, err := strconv.ParseInt(c.end, 10, 64); err == nil {
				d.pass(ms)
			} else if got := d.do(in(c.end)); strings.HasPrefix(got, "ERR") {
				t.Fatalf("%s: %s", c.end, got)
			}
			want := in(c.want)
			if want == "" {
				want = "(waits)"
			}
			d.got(seq, want)
			if c.want != "" && !strings.Contains(c.want, "revoking") {
				d.restore()
				if got := d.do("LOCK.WAITLOST k 1"); got != want {
					t.Errorf("%s: asked later: %s, want %s", c.end, got, want)
				}
			}
		}
	}
}

// Each watches over its own token: that the first in the queue has not lost his holds nobody up.
func TestWaitLostOfSeveral(t *testing.T) {
	d := newDriver(t)
	d.expect(`
		LOCK k a 1000 LIMIT 5 -> 1
		LOCK k b 2000 LIMIT 5 -> 2
		LOCK k c 3000 LIMIT 5 -> 3`)
	a, b := d.waits(11, "LOCK.WAITLOST", "k", "1", "BLOCK", "0"), d.waits(12, "LOCK.WAITLOST", "k", "2", "BLOCK", "0")
	c, again := d.waits(13, "LOCK.WAITLOST", "k", "3", "BLOCK", "0"), d.waits(14, "LOCK.WAITLOST", "k", "2", "BLOCK", "0")
	next := d.waits(15, "LOCK", "k", "d", "500", "LIMIT", "5", "PERMITS", "5", "WAIT", "60000")
	d.expect(`UNLOCK k b -> 1`)
	d.got(a, "(waits)")
	d.got(b, "[released 0 ]")
	d.got(c, "(waits)")
	d.got(again, "[released 0 ]")
	if ms := d.wakes(); ms != 1001 {
		t.Errorf("it wants to be called after %d ms", ms)
	}
	d.got(a, "[expired 0 ]")
	d.got(c, "(waits)")
	d.restore()
	if ms := d.wakes(); ms != 2000 {
		t.Errorf("then after %d ms", ms)
	}
	d.got(c, "[expired 0 ]")
	d.got(next, "4")
}

// Nobody but who watches over a lock has an interest in its end: the state asks to be called for him.
func TestWaitLostWakes(t *testing.T) {
	d := newDriver(t)
	d.do("LOCK k a 1000")
	if _, some := d.m.NextWake(); some {
		t.Fatal("it wants to be called for a lock that nobody waits for")
	}
	seq := d.waits(7, "LOCK.WAITLOST", "k", "1", "BLOCK", "5000")
	d.expect(`RENEW k a 3000 -> 3000`)
	if ms := d.wakes(); ms != 3001 {
		t.Errorf("it wants to be called after %d ms", ms)
	}
	d.got(seq, "[expired 0 ]")
	d.do("LOCK k a 1000")
	seq = d.waits(7, "LOCK.WAITLOST", "k", "2", "BLOCK", "300")
	if ms := d.wakes(); ms != 301 {
		t.Errorf("for who waits no longer, after %d ms", ms)
	}
	d.got(seq, "(nil)")
	if _, some := d.m.NextWake(); some {
		t.Error("it still wants to be called")
	}
}

func TestWaitLostReplies(t *testing.T) {
	d := newDriver(t)
	d.expect(`
		LOCK k a 1000                  -> 1
		LOCK.WAITLOST k 1              -> (nil)
		LOCK.WAITLOST k 2              -> [removed 0 ]
		LOCK.WAITLOST other 1          -> [removed 0 ]
		LOCK.REVOKE k GRACE 400 REASON disk -> [holders [[owner a token 1 ttl-ms 1000]] waiters 0 effective-in-ms 400]
		+100
		LOCK.WAITLOST k 1              -> [revoking 300 disk]
		LOCK.WAITLOST k 1 BLOCK 100    -> [revoking 300 disk]
		+301
		LOCK.WAITLOST k 1              -> [revoked 0 disk]
		LOCK.WAITLOST k 1 BLOCK 100    -> [revoked 0 disk]
		LOCK.WAITLOST k                -> ERR wrong number of arguments for 'lock.waitlost' command
		LOCK.WAITLOST k x              -> ERR 'x' is no fencing token: give the positive integer that LOCK replied
		LOCK.WAITLOST k 0              -> ERR '0' is no fencing token: give the positive integer that LOCK replied
		LOCK.WAITLOST k 1 BLOCK        -> ERR syntax error
		LOCK.WAITLOST k 1 WAIT 100     -> ERR syntax error
		LOCK.WAITLOST k 1 BLOCK 100 1  -> ERR syntax error
		LOCK.WAITLOST k 1 BLOCK -1     -> ERR '-1' is no time to wait: give milliseconds, 0 for ever
		LOCK.WAITLOST k 1 BLOCK x      -> ERR 'x' is no time to wait: give milliseconds, 0 for ever
		LOCK k a 1000                  -> 2
	`)
	if got := d.eval("return {redis.call('lock.waitlost','k','2','block','100')}", nil); got != "[(nil)]" {
		t.Errorf("in a script it waits: %s", got)
	}
	// Who closes its connection watches no more, and the end of another's is told.
	d.send(4, "LOCK", "c", "a", "CONN")
	gone, stays := d.waits(5, "LOCK.WAITLOST", "c", "3", "BLOCK", "0"), d.waits(6, "LOCK.WAITLOST", "c", "3", "BLOCK", "0")
	d.apply(fsm.Command{Kind: fsm.KindClose, Conn: 5}, false)
	d.got(gone, "(nil)")
	d.apply(fsm.Command{Kind: fsm.KindClose, Conn: 4}, false)
	if got := show(d.answers[stays]); !strings.HasPrefix(got, "[session 0 ") {
		t.Errorf("a lock that ended with its connection: %s", got)
	}
	if n := d.m.Stats().Waiters; n != 0 {
		t.Errorf("%d wait still", n)
	}
}

// Who loses a lock is told before it is another's.
func TestWaitLostComesFirst(t *testing.T) {
	for _, end := range []string{"UNLOCK k a", "LOCK.REVOKE k REASON x", "LOCK.FORCE k", "DEL k", "+1001"} {
		d := newDriver(t)
		d.do("LOCK k a 1000")
		var order []string
		next, lost := d.waits(2, "LOCK", "k", "b", "5000", "WAIT", "60000"), d.waits(3, "LOCK.WAITLOST", "k", "1", "BLOCK", "0")
		d.answered = func(seq uint64) {
			switch seq {
			case next:
				order = append(order, "granted")
			case lost:
				order = append(order, "lost")
			}
		}
		if ms, err := strconv.ParseInt(end, 10, 64); err == nil {
			d.pass(ms)
		} else {
			d.do(end)
		}
		if got := strings.Join(order, " "); got != "lost granted" {
			t.Errorf("%s: %s", end, got)
		}
	}
}

// What is frozen is not granted, by whatever command; who holds it keeps it.
func TestFreeze(t *testing.T) {
	d := newDriver(t)
	d.expect(`
		LOCK db:1 a 60000                   -> 1
		LOCK db:s a 60000 SHARED            -> 2
		LOCK db:p a 60000 LIMIT 3           -> 3
		LOCK.FREEZE db:* REASON disk        -> OK
		LOCK db:2 b 1000                    -> FROZEN db:2 is free, and db:* is frozen until LOCK.THAW (disk): wait for it with LOCK … WAIT, or try again then
		LOCK db:1 b 1000                    -> FROZEN db:1 is held by "a" (token 1) for another 60000 ms, and db:* is frozen until LOCK.THAW (disk): wait for it with LOCK … WAIT, or try again then
		LOCK db:s b 1000 SHARED             -> FROZEN db:s is held by "a" (token 2) for another 60000 ms, and db:* is frozen until LOCK.THAW (disk): wait for it with LOCK … WAIT, or try again then
		LOCK db:p b 1000 LIMIT 3            -> FROZEN db:p is held by "a" (token 3) for another 60000 ms, and db:* is frozen until LOCK.THAW (disk): wait for it with LOCK … WAIT, or try again then
		MLOCK 2 x db:2 b 1000               -> FROZEN db:2 is free, and db:* is frozen until LOCK.THAW (disk): wait for it with LOCK … WAIT, or try again then
		LOCK.UPGRADE db:s a                 -> FROZEN db:s is held by "a" (token 2) for another 60000 ms, and db:* is frozen until LOCK.THAW (disk): wait for it with LOCK … WAIT, or try again then
		SET db:2 b NX PX 1000               -> (nil)
		SET db:2 b NX GET                   -> (nil)
		SET db:1 b NX GET                   -> a
		SETNX db:2 b                        -> 0
		MSETNX x 1 db:2 b                   -> 0
		EXISTS x db:2                       -> 0
		LOCK db:1 a 90000                   -> 1
		RENEW db:1 a 95000                  -> 95000
		LOCK db:1 a 1000 REENTRANT          -> 1
		LOCK.UPGRADE db:1 a                 -> 1
		LOCK db:s a 90000 SHARED            -> 2
		LOCK.DOWNGRADE db:1 a               -> 1
		UNLOCK db:1 a                       -> 1
		UNLOCK db:1 a                       -> 1
		RENEW db:1 a 1000                   -> NOTLOCKED db:1 is free: "a" released it (token 1) 0 ms ago; take it again with LOCK
		RENEW db:9 a 1000                   -> NOTLOCKED db:9 is free: it was released, or expired some time ago; take it again with LOCK
		LOCK db:1 a 1000                    -> FROZEN db:1 is free, and db:* is frozen until LOCK.THAW (disk): wait for it with LOCK … WAIT, or try again then
		SET db:2 b                          -> OK
		LOCK other b 1000                   -> 5
	`)
	d.db = 3
	d.expect(`LOCK db:2 b 1000 -> 6`) // another database
	d.db = 0
	if got := d.eval("return {redis.call('set','db:3','x','nx')}", nil); got != "[0]" && got != "[(nil)]" {
		t.Errorf("a script takes what is frozen: %s", got)
	}
	d.expect(`
		EXISTS db:3      -> 0
		LOCK.THAW nope:* -> 0
		LOCK.THAW db:*   -> 1
		LOCK.THAW db:*   -> 0
		LOCK db:1 b 1000 -> 7
		SETNX db:3 b     -> 1
		LOCK.UPGRADE db:s a -> 9
	`)
}

// Who waits keeps its place, and a thaw serves all in their order.
func TestThawServes(t *testing.T) {
	d := newDriver(t)
	d.do("LOCK db:1 a 1000")
	first := d.waits(2, "LOCK", "db:1", "b", "500", "WAIT", "60000")
	d.do("LOCK.FREEZE db:*")
	second := d.waits(3, "LOCK", "db:1", "c", "500", "WAIT", "60000")
	hurry := d.waits(4, "LOCK", "db:1", "d", "500", "WAIT", "60000", "PRIO", "9")
	free := d.waits(5, "LOCK", "db:2", "b", "60000", "WAIT", "60000")
	many := d.waits(6, "MLOCK", "2", "z", "db:3", "e", "60000", "WAIT", "60000")
	short := d.waits(7, "LOCK", "db:2", "x", "500", "WAIT", "100")
	d.expect(`
		UNLOCK db:1 a  -> 1
		ISLOCKED db:1  -> 0
		LOCK z f 1000  -> (nil)
		+101
	`)
	d.got(short, "(nil)")
	d.restore()
	for _, seq := range []uint64{first, second, hurry, free, many} {
		d.got(seq, "(waits)")
	}
	// In a script that thaws a key and takes it, those who waited come first.
	if got := d.eval("redis.call('lock.thaw','db:*') return redis.call('lock','db:1','script','1000')", nil); got != "(nil)" {
		t.Errorf("a script that thaws and takes a key: %s", got)
	}
	d.got(hurry, "2")
	d.got(free, "3")
	d.got(many, "4")
	d.got(first, "(waits)")
	d.expect(`UNLOCK db:1 d -> 1`)
	d.got(first, "5")
	d.expect(`UNLOCK db:1 b -> 1`)
	d.got(second, "6")
}

// A freeze ends by the cluster clock, though no command comes.
func TestFreezeEnds(t *testing.T) {
	d := newDriver(t)
	d.expect(`
		LOCK.FREEZE db:* FOR 5000 REASON disk -> OK
		LOCK.FREEZE * FOR 9000                -> OK
		+1000
		LOCK db:1 a 1000                      -> FROZEN db:1 is free, and * is frozen for another 8000 ms: wait for it with LOCK … WAIT, or try again then
		LOCK.FROZEN                           -> [[pattern * db 0 reason  frozen-ms 1000 left-ms 8000 by 1] [pattern db:* db 0 reason disk frozen-ms 1000 left-ms 4000 by 1]]
		LOCK.FREEZE * FOR 1000 REASON short   -> OK
		LOCK.FROZEN                           -> [[pattern * db 0 reason short frozen-ms 0 left-ms 1000 by 1] [pattern db:* db 0 reason disk frozen-ms 1000 left-ms 4000 by 1]]
	`)
	if !d.m.HasDeadlines() {
		t.Error("nobody counts the time of a freeze")
	}
	a := d.waits(2, "LOCK", "db:1", "a", "1000", "WAIT", "60000")
	b := d.waits(3, "LOCK", "x", "a", "1000", "WAIT", "60000")
	d.restore()
	if ms := d.wakes(); ms != 1001 {
		t.Errorf("it wants to be called after %d ms", ms)
	}
	d.got(a, "(waits)")
	d.got(b, "1")
	if ms := d.wakes(); ms != 3000 {
		t.Errorf("then after %d ms", ms)
	}
	d.got(a, "2")
	d.expect(`
		LOCK.FROZEN -> []
		+2000
	`)
	if d.m.HasDeadlines() {
		t.Error("something is left that ends")
	}
}

func TestFreezeErrors(t *testing.T) {
	d := newDriver(t)
	d.expect(`
		LOCK.FREEZE                -> ERR wrong number of arguments for 'lock.freeze' command
		LOCK.FREEZE a FOR          -> ERR syntax error
		LOCK.FREEZE a FOR 0        -> ERR '0' is no time to be frozen for: give milliseconds, 1 to 9.2e18
		LOCK.FREEZE a FOR 1m       -> ERR '1m' is no time to be frozen for: give milliseconds, 1 to 9.2e18
		LOCK.FREEZE a REASON       -> ERR syntax error
		LOCK.FREEZE a WHY b        -> ERR syntax error
		LOCK.FREEZE a FOR 5 REASON -> ERR syntax error
		LOCK.THAW                  -> ERR wrong number of arguments for 'lock.thaw' command
		LOCK.FROZEN a              -> ERR wrong number of arguments for 'lock.frozen' command
		LOCK.FROZEN                -> []
	`)
	for _, pattern := range []string{"", strings.Repeat("x", 257)} {
		want := fmt.Sprintf("ERR a pattern has 1 to 256 bytes, this one has %d", len(pattern))
		if got := d.words("LOCK.FREEZE", pattern); got != want {
			t.Error(got)
		}
	}
	for i := range fsm.MaxFrozen {
		d.db = i % 5
		if got := d.do(fmt.Sprintf("LOCK.FREEZE p%d:* FOR %d", i, 1000+i)); got != "OK" {
			t.Fatal(got)
		}
	}
	const tooMany = "ERR 100 patterns are frozen, which is the most that may be: end some with LOCK.THAW (LOCK.FROZEN lists them)"
	d.db = 0
	d.restore()
	d.expect(`
		LOCK.FREEZE more           -> ` + tooMany + `
		LOCK.FREEZE p0:* FOR 10    -> OK
		+11
		LOCK.FREEZE more           -> OK
	`)
	if n := len(d.value("LOCK.FROZEN").List()); n != 100 {
		t.Errorf("%d are frozen", n)
	}
	d.pass(2000)
	d.expect(`LOCK.FROZEN -> [[pattern more db 0 reason  frozen-ms 2000 left-ms -1 by 1]]`)
}

// EXPLAIN says that a key is frozen, and when to ask again.
func TestFreezeExplained(t *testing.T) {
	d := newDriver(t)
	d.expect(`
		LOCK held a 500          -> 1
		SET forever a            -> OK
		LOCK.FREEZE * FOR 200    -> OK
	`)
	for _, c := range []struct{ line, reason, holder, retry string }{
		{"LOCK free b 1000 EXPLAIN", "frozen", "(nil)", "200"},
		{"LOCK held b 1000 EXPLAIN", "frozen", "a", "500"},
		{"LOCK forever b 1000 EXPLAIN", "frozen", "a", "-1"},
		{"LOCK held a 1000 EXPLAIN", "granted", "ERR", "ERR"},
	} {
		v := d.value(strings.Fields(c.line)...)
		if got := show(field(v, "reason")); got != c.reason {
			t.Errorf("%s: %s", c.line, got)
		}
		if c.reason == "frozen" && (show(field(v, "holder")) != c.holder || show(field(v, "retry-ms")) != c.retry) {
			t.Errorf("%s: %s", c.line, show(v))
		}
	}
	d.do("LOCK.FREEZE *")
	if got := show(field(d.value("LOCK", "free", "b", "1000", "EXPLAIN"), "retry-ms")); got != "-1" {
		t.Errorf("frozen until it is thawed: %s", got)
	}
}

// A script that fails has taken nothing back, frozen nothing and thawed nothing, and nobody was told.
func TestTakingBackUndone(t *testing.T) {
	d := newDriver(t)
	d.expect(`
		LOCK k a 60000            -> 1
		LOCK s a 60000 SHARED     -> 2
		LOCK r a 60000            -> 3
		LOCK gone a 60000         -> 4
		UNLOCK gone a             -> 1
		LOCK.FREEZE db:* FOR 5000 -> OK
	`)
	lost := d.waits(7, "LOCK.WAITLOST", "k", "1", "BLOCK", "0")
	next := d.waits(8, "LOCK", "k", "b", "1000", "WAIT", "60000")
	frozen := d.waits(9, "LOCK", "db:1", "b", "1000", "WAIT", "60000")
	d.pushed = nil
	for _, body := range []string{
		"redis.call('lock.revoke','k','reason','x') redis.call('lock.revoke','s','reason','x')",
		"redis.call('lock.revoke','k','grace','10','reason','x') redis.call('lock.revoke','s','grace','10','reason','x')",
		"redis.call('lock.freeze','k*') redis.call('lock.thaw','db:*') redis.call('lock.freeze','db:*')",
		"redis.call('unlock','r','a') redis.call('lock.force','k') redis.call('lock','gone','a','1000')",
	} {
		bytes := d.m.Bytes() - d.m.Stats().Scripts.Bytes
		if got := d.eval(body+" error('no')", nil); !strings.HasPrefix(got, "ERR") {
			t.Fatal(got)
		}
		if now := d.m.Bytes() - d.m.Stats().Scripts.Bytes; now != bytes {
			t.Errorf("%s: %d bytes are left", body, now-bytes)
		}
		d.expect(`
			PTTL k        -> 60000
			RENEW k a 1   -> 60000
			RENEW s a 1   -> 60000
			RENEW r a 1   -> 60000
			RENEW gone a 1 -> NOTLOCKED gone is free: "a" released it (token 4) 0 ms ago; take it again with LOCK
			LOCK.FROZEN   -> [[pattern db:* db 0 reason  frozen-ms 0 left-ms 5000 by 1]]
			LOCK ke b 1   -> ` + strconv.FormatUint(d.m.Stats().Token+1, 10) + `
			DEL ke        -> 1`)
		for _, seq := range []uint64{lost, next, frozen} {
			d.got(seq, "(waits)")
		}
		if len(d.pushed) > 0 {
			t.Errorf("%s: %q was told", body, d.pushed)
		}
		d.restore()
	}
}

// Each way in which a lock can be no more is told in its own words, to its own owner.
func TestTypedOutcomes(t *testing.T) {
	newDriver(t).expect(`
		RENEW k a 1000          -> NOTLOCKED k is free: it was released, or expired some time ago; take it again with LOCK
		LOCK.UPGRADE k a        -> NOTLOCKED k is free: it was released, or expired some time ago; take it again with LOCK
		LOCK.DOWNGRADE k a      -> NOTLOCKED k is free: it was released, or expired some time ago; take it again with LOCK
		LOCK k a 1000 SHARED    -> 1
		LOCK k b 1000 SHARED    -> 2
		RENEW k c 1000          -> NOTOWNER k is held by "a" (token 1) and others, shared, for another 1000 ms
		LOCK.UPGRADE k c        -> NOTOWNER k is held by "a" (token 1) and others, shared, for another 1000 ms
		LOCK.DOWNGRADE k c      -> NOTOWNER k is held by "a" (token 1) and others, shared, for another 1000 ms
		RENEW k a 1000 TOKEN 2  -> NOTOWNER k is held by "a" with token 1, not with 2: stop what you do under the token that you named
		LOCK.FORCE k REASON bug -> 1
		+3
		RENEW k a 1000          -> REVOKED k was taken back from "a" (token 1) 3 ms ago (bug), now it is free: stop what you do under it, and do not trust what was done since
		LOCK.UPGRADE k b        -> REVOKED k was taken back from "b" (token 2) 3 ms ago (bug), now it is free: stop what you do under it, and do not trust what was done since
		LOCK.DOWNGRADE k b      -> REVOKED k was taken back from "b" (token 2) 3 ms ago (bug), now it is free: stop what you do under it, and do not trust what was done since
		LOCK.UPGRADE k c        -> NOTLOCKED k is free: it was released, or expired some time ago; take it again with LOCK
		SET f x                 -> OK
		LOCK.FORCE f            -> 1
		RENEW f x 1             -> REVOKED f was taken back from "x" (token 3) 0 ms ago, now it is free: stop what you do under it, and do not trust what was done since
		UNLOCK f x EXPLAIN      -> [ok 0 reason forced key f left 0]
		LOCK k a 100            -> 4
		+111
		LOCK.DOWNGRADE k a      -> EXPIRED k was held by "a" (token 4) until 11 ms ago, now it is free: take it again with LOCK, and do not trust what was done since
		UNLOCK k a EXPLAIN      -> [ok 0 reason expired key k left 0]
		LOCK k b 100            -> 5
		RENEW k a 1000          -> NOTOWNER k is held by "b" (token 5) for another 100 ms
		UNLOCK k b              -> 1
		UNLOCK k b              -> 0
		UNLOCK k b EXPLAIN      -> [ok 0 reason not-locked key k left 0]
		LOCK k b 100            -> 6
		LOCK.REVOKE k REASON x  -> [holders [[owner b token 6 ttl-ms 100]] waiters 0 effective-in-ms 0]
		UNLOCK k b EXPLAIN      -> [ok 0 reason revoked key k left 0]
		LOCK k c 100            -> 7
		UNLOCK k b EXPLAIN      -> [ok 0 reason revoked key k left 0]
		UNLOCK k a EXPLAIN      -> [ok 0 reason not-owner key k left 0]
	`)
}

// What a session held when it ended is told with that session, and that nobody may take it for a while.
func TestTypedOutcomesOfSessions(t *testing.T) {
	d := newDriver(t)
	id := d.do("SESSION.OPEN TTL 1000 LOCKDELAY 500")
	other := d.do("SESSION.OPEN TTL 1000")
	d.do("LOCK k a SESSION " + id)
	d.do("LOCK j a SESSION " + other)
	d.expect(`
		SESSION.CLOSE ` + other + ` -> 1
		RENEW j a 1000   -> EXPIRED j was held by "a" (token 2) until 0 ms ago, when it ended with what it hung on (session ` + other + ` was closed), now it is free: take it again with LOCK, and do not trust what was done since
		UNLOCK j a EXPLAIN -> [ok 0 reason session key j left 0]
		+1001
		+100
		RENEW k a 1000   -> DELAYED k is held by nobody, and nobody may take it for another 400 ms: the session ` + id + ` that held it died; stop what you did under it, and take it again with LOCK … WAIT
		LOCK.UPGRADE k a -> DELAYED k is held by nobody, and nobody may take it for another 400 ms: the session ` + id + ` that held it died; stop what you did under it, and take it again with LOCK … WAIT
		LOCK.REVOKE k REASON x -> [holders [] waiters 0 effective-in-ms 0]
		LOCK.WAITLOST k 1      -> [session 0 session ` + id + ` died]
	`)
}

// Entries of older versions know none of this.
func TestTakingBackIsOfVersion4(t *testing.T) {
	d := newDriver(t)
	d.version = fsm.VersionData
	for _, line := range []string{
		"LOCK.REVOKE k REASON x", "LOCK.WAITLOST k 1", "LOCK.FREEZE *", "LOCK.THAW *",
	} {
		if got := d.do(line); !strings.HasPrefix(got, "TRYAGAIN") {
			t.Errorf("%s: %s", line, got)
		}
	}
	// Scripts see no such commands either, right or wrong.
	for _, call := range []string{"'LOCK.FREEZE','*'", "'LOCK.FREEZE'", "'lock.waitgraph'"} {
		if got := d.do("EVAL return{redis.acl_check_cmd(" + call + ")} 0"); !strings.HasPrefix(got, "ERR Invalid command") {
			t.Errorf("%s may be called: %s", call, got)
		}
		got := d.do("EVAL return{redis.pcall(" + call + ")['err']} 0")
		if !strings.HasPrefix(got, "[ERR Unknown Redis command called from script") {
			t.Errorf("%s: %s", call, got)
		}
	}
	d.version = fsm.VersionLocks
	d.expect(`EVAL return{redis.pcall('LOCK.FREEZE','*')} 0 -> [OK]`)
}

// What is taken back, frozen and thawed is told in the feed of events, with why, and by whom or by time.
func TestTakingBackIsTold(t *testing.T) {
	d := newDriver(t)
	d.send(4, "LOCK", "db:1", "a", "60000")
	d.send(4, "LOCK", "db:2", "a", "60000", "SHARED")
	d.expect(`
		LOCK.FREEZE db:* FOR 1000 REASON disk          -> OK
		LOCK.REVOKE db:1 GRACE 300 REASON move         -> [holders [[owner a token 1 ttl-ms 60000]] waiters 0 effective-in-ms 300]
		LOCK.REVOKE db:2 REASON now                    -> [holders [[owner a token 2 ttl-ms 60000]] waiters 0 effective-in-ms 0]
		+301
		+700
		LOCK.FREEZE x:*                                -> OK
		LOCK.THAW x:*                                  -> 1
	`)
	story := func(list []resp.Value) (said string) {
		for _, e := range list {
			for _, name := range []string{"event", "key", "owner", "reason", "by"} {
				said += show(field(e, name)) + " "
			}
			if left := field(e, "left-ms"); !left.IsError() {
				said += "left " + show(left)
			}
			said += "\n"
		}
		return said
	}
	const want = "granted db:1 a  4 \ngranted db:2 a  4 \nfrozen db:*  disk 1 \nrevoking db:1 a move 1 left 300\n" +
		"revoked db:2 a now 1 \nrevoked db:1 a move 0 \nthawed db:*  disk 0 \nfrozen x:*   1 \nthawed x:*   1 \n"
	if got := story(d.value("LOCK.EVENTS", "FROM", "0").List()[0].List()); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	const of2 = "thawed db:*  disk 0 \nrevoked db:2 a now 1 \nfrozen db:*  disk 1 \ngranted db:2 a  4 \n"
	if got := story(d.value("LOCK.HISTORY", "db:2").List()); got != of2 {
		t.Errorf("got\n%swant\n%s", got, of2)
	}
	for _, row := range d.value("LOCK.TOP").List() {
		if key := show(field(row, "key")); strings.Contains(key, "*") {
			t.Errorf("LOCK.TOP takes the pattern %s for a key", key)
		}
	}
}

// What is remembered of locks that have ended never fills a memory in which nothing else is.
func TestEndsOfLongNamesFillNoMemory(t *testing.T) {
	long := strings.Repeat("x", 60_000)
	for _, names := range []string{"k " + long, "1 " + long + " o"} {
		d := newDriver(t)
		d.limits.Memory = 4 << 20
		m := strings.Repeat("M", strings.Count(names, " ")-1)
		for i := range 200 {
			if got := d.do(m + "LOCK " + names + " 1000"); got != strconv.Itoa(i+1) {
				t.Fatalf("lock %d: %s", i, got)
			}
			d.do(m + "UNLOCK " + names)
		}
	}
}

// Who waits to hold a lock alone and loses it by DEL is not told of an earlier one that was taken back.
func TestUpgradeAfterFormerRevocation(t *testing.T) {
	d := newDriver(t)
	d.do("LOCK k a 1000")
	d.do("LOCK.REVOKE k REASON disk")
	d.pass(5)
	d.do("LOCK k a 1000 SHARED")
	d.do("LOCK k b 1000 SHARED")
	waits := d.send(2, "LOCK.UPGRADE", "k", "a", "WAIT", "500")
	d.do("DEL k")
	if got := show(d.answers[waits]); !strings.HasPrefix(got, "NOTLOCKED ") {
		t.Error(got)
	}
}

package commands

import (
	"strings"
	"testing"
)

// EXPLAIN says what became of a request, in whose way it is, and when to ask again.
func TestLockExplained(t *testing.T) {
	newDriver(t).expect(`
		LOCK k a 1000 NOTE deploy EXPLAIN -> [ok 1 token 1 reason granted key k waited-ms 0]
		+100
		LOCK k b 1000 EXPLAIN      -> [ok 0 token (nil) reason held key k holder a holder-token 1 held-ms 100 ttl-ms 900 note deploy waiters 0 position 1 retry-ms 900]
		LOCK k b 1000 WAIT 0 EXPLAIN -> [ok 0 token (nil) reason held key k holder a holder-token 1 held-ms 100 ttl-ms 900 note deploy waiters 0 position 1 retry-ms 900]
		LOCK r a 500 SHARED        -> 2
		LOCK r b 700 SHARED        -> 3
		LOCK r c 1000 EXPLAIN      -> [ok 0 token (nil) reason held key r holder a holder-token 2 held-ms 0 ttl-ms 700 note  waiters 0 position 1 retry-ms 700]
		LOCK r c 1000 WAIT 0 EXPLAIN -> [ok 0 token (nil) reason held key r holder a holder-token 2 held-ms 0 ttl-ms 700 note  waiters 0 position 1 retry-ms 700]
		MLOCK 2 x k c 1000 EXPLAIN -> [ok 0 token (nil) reason held key k holder a holder-token 1 held-ms 100 ttl-ms 900 note deploy waiters 0 position 1 retry-ms 900]
	`)
}

func TestWaitExplained(t *testing.T) {
	d := newDriver(t)
	d.do("LOCK k a 1000")
	got := d.waits(7, strings.Fields("LOCK k b 5000 WAIT 2000 EXPLAIN")...)
	late := d.waits(8, strings.Fields("MLOCK 2 free k c 5000 WAIT 1500 EXPLAIN")...)
	id := d.do("SESSION.OPEN TTL 1200")
	tied := d.waits(9, "LOCK", "k", "d", "SESSION", id, "WAIT", "60000", "EXPLAIN")
	d.pass(1001)
	d.got(got, "[ok 1 token 2 reason waited key k waited-ms 1001]")
	d.pass(200)
	d.got(tied, "[ok 0 token (nil) reason session key k holder b holder-token 2 ttl-ms 4800 waited-ms 1201]")
	d.pass(400)
	d.got(late, "[ok 0 token (nil) reason timeout key k holder b holder-token 2 ttl-ms 4400 waited-ms 1500]")
}

package commands

import (
	"testing"

	"github.com/divtxt/lockd/fsm"
)

// session opens one and returns its id.
func (d *driver) session(ttl string) string {
	d.t.Helper()
	return d.words("SESSION.OPEN", "TTL", ttl)
}

func TestElection(t *testing.T) {
	d := newDriver(t)
	a, b := d.session("1000"), d.session("100000")
	d.expect(`
		ELECT.LEADER e                             -> (nil)
		ELECT.OBSERVE e                            -> (nil)
		ELECT.CAMPAIGN e n1 SESSION ` + a + ` VALUE 10.0.0.1:80 -> 1
		ELECT.CAMPAIGN e n1 SESSION ` + a + `      -> 1
		ELECT.CAMPAIGN e n2 SESSION ` + b + `      -> (nil)
		+20
		ELECT.LEADER e                             -> [leader n1 value 10.0.0.1:80 token 1 since-ms 20]
		ELECT.OBSERVE e                            -> [leader n1 value 10.0.0.1:80 token 1 since-ms 20]
		ELECT.OBSERVE e AFTER 1                    -> (nil)
		ELECT.RESIGN e n2                          -> 0
		LOCK.TOKEN e n1                            -> 1`)
	second := d.waits(12, "ELECT.CAMPAIGN", "e", "n2", "SESSION", b, "WAIT", "100000", "REQID", "r")
	seen := d.waits(13, "ELECT.OBSERVE", "e", "AFTER", "1", "BLOCK", "0")
	d.restart()
	d.pass(1001) // the first leader's session ends
	d.got(second, "2")
	d.got(seen, "[leader n2 value (nil) token 2 since-ms 0]")
	d.expect(`
		ELECT.RESIGN e n2 -> 1
		ELECT.RESIGN e n2 -> 0
		ELECT.LEADER e    -> (nil)`)
}

// An observer is told of the next leader however that comes about, and of nothing else.
func TestElectionObserved(t *testing.T) {
	d := newDriver(t)
	id := d.session("100000")
	observe := func(conn uint64, after string) uint64 {
		return d.waits(conn, "ELECT.OBSERVE", "e", "AFTER", after, "BLOCK", "5000")
	}
	any := d.waits(11, "ELECT.OBSERVE", "e", "BLOCK", "0")
	other := observe(12, "1")
	d.expect(`ELECT.CAMPAIGN e n1 SESSION ` + id + ` -> 1`)
	d.got(any, "[leader n1 value (nil) token 1 since-ms 0]")
	d.got(other, "(waits)")
	d.expect(`
		ELECT.CAMPAIGN e n1 SESSION ` + id + ` VALUE other -> 1
		ELECT.RESIGN e n1   -> 1
		LPUSH e x           -> 1
		DEL e               -> 1
		LOCK e x 10 SHARED  -> 2
		UNLOCK e x          -> 1
		SET e plain         -> OK`)
	d.got(other, "[leader plain value (nil) token 3 since-ms 0]")
	late := observe(12, "3")
	d.expect(`FLUSHALL -> OK`)
	d.got(late, "(waits)")
	d.pass(5001)
	d.got(late, "(nil)")
	// One who says that he knows what is still to come keeps nobody else waiting.
	odd := observe(15, "4")
	late = observe(12, "0")
	d.expect(`
		SET e x -> OK
		DEL e   -> 1`)
	d.got(late, "[leader x value (nil) token 4 since-ms 0]")
	d.got(odd, "(waits)")
	d.expect(`
		SET e x -> OK
		DEL e   -> 1`)
	d.got(odd, "[leader x value (nil) token 5 since-ms 0]")
	// In the script that fails nothing has happened.
	late = observe(12, "0")
	d.undone("ELECT.CAMPAIGN e n1 SESSION "+id, "SET e y")
	d.got(late, "(waits)")
	d.db = 3
	d.expect(`ELECT.CAMPAIGN e n1 SESSION ` + id + ` -> 6`)
	d.db = 0
	d.got(late, "(waits)")
	d.apply(fsm.Command{Kind: fsm.KindClose, Conn: 12}, false)
	d.got(late, "(nil)")
}

func TestElectionErrors(t *testing.T) {
	d := newDriver(t)
	id := d.session("100000")
	d.expect(`
		ELECT.CAMPAIGN e n1 VALUE x             -> ERR a leader leads as long as its session lives: ELECT.CAMPAIGN name candidate SESSION id
		ELECT.CAMPAIGN e n1 SESSION nosuch      -> NOSESSION nosuch has ended or never was: what hung on it is free; open another one with SESSION.OPEN
		ELECT.CAMPAIGN e n1 SESSION ` + id + ` WAIT   -> ERR syntax error
		ELECT.CAMPAIGN e n1 SESSION ` + id + ` WAIT x -> ERR 'x' is no time to wait: give milliseconds, 0 or more
		ELECT.CAMPAIGN e n1 SESSION ` + id + ` PRIO 1 -> ERR syntax error
		ELECT.OBSERVE e AFTER x                 -> ERR 'x' is no token: give that of the leader you know, or 0 for any
		ELECT.OBSERVE e AFTER                   -> ERR syntax error
		ELECT.OBSERVE e BLOCK 1 AFTER 1         -> ERR syntax error
		ELECT.OBSERVE e BLOCK -1                -> ERR '-1' is no time to wait: give milliseconds, 0 for ever
		RPUSH l x                               -> 1
		ELECT.LEADER l                          -> WRONGTYPE Operation against a key holding the wrong kind of value: l holds a list, which is no lock
		ELECT.OBSERVE l BLOCK 1                 -> WRONGTYPE Operation against a key holding the wrong kind of value: l holds a list, which is no lock
		ELECT.RESIGN l n1                       -> WRONGTYPE Operation against a key holding the wrong kind of value: l holds a list, which is no lock
		LOCK s x 1000 SHARED                    -> 1
		ELECT.LEADER s                          -> WRONGTYPE Operation against a key holding the wrong kind of value: s is a lock that several hold, an election has one leader
		ELECT.LEADER e                          -> (nil)`)
}

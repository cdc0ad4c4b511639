package commands

import (
	"bytes"
	"strings"
	"testing"

	"github.com/divtxt/lockd/fsm"
)

// restart goes on with what a snapshot holds, which must be the same state.
func (d *driver) restart() {
	d.t.Helper()
	var snapshot bytes.Buffer
	if err := d.m.View().Write(&snapshot); err != nil {
		d.t.Fatal(err)
	}
	again := fsm.New(d.table)
	if err := again.Restore(&snapshot); err != nil {
		d.t.Fatal(err)
	}
	_, digest := again.Digest()
	if _, want := d.m.Digest(); again.Hash() != d.m.Hash() || again.Bytes() != d.m.Bytes() || digest != want {
		d.t.Fatal("what was restored is another state")
	}
	if err := again.Check(); err != nil {
		d.t.Fatal(err)
	}
	d.m = again
}

// undone runs commands in a script that fails after them: the state must be as before.
func (d *driver) undone(lines ...string) {
	d.t.Helper()
	d.pass(0) // an entry of its own, so that the hash differs only by what the script does
	bytes := d.m.Bytes()
	for _, line := range lines {
		words := "'" + strings.Join(strings.Fields(line), "', '") + "'"
		body := "local r = redis.pcall(" + words + ") if type(r) == 'table' and r.err then return 'REFUSED ' .. r.err end " +
			"error('boom')"
		if got := d.words("EVAL", body, "0"); !strings.Contains(got, "boom") {
			d.t.Errorf("%s: %s", line, got)
		}
	}
	d.words("SCRIPT", "FLUSH")
	if got := d.m.Bytes(); got != bytes {
		d.t.Errorf("%d bytes after what was undone, %d before", got, bytes)
	}
}

func TestFence(t *testing.T) {
	d := newDriver(t)
	d.expect(`
		FENCE.GET disk                 -> (nil)
		FENCE.PASS disk 41             -> OK
		FENCE.PASS disk 41             -> OK
		FENCE.PASS disk 57             -> OK
		FENCE.GET disk                 -> 57
		FENCE.PASS disk 41             -> STALE 41 < 57: a later owner has been at disk already, so your lock is over; leave it alone
		FENCE.PASS tape 1              -> OK
		FENCE.PASS disk 9223372036854775807 -> OK
		FENCE.DEL disk                 -> 1
		FENCE.DEL disk                 -> 0
		FENCE.PASS disk 3              -> OK
	`)
	d.restart()
	// It is no key, and the same in all databases.
	d.expect(`
		DBSIZE          -> 0
		EXISTS disk     -> 0
		FLUSHALL        -> OK
		FENCE.GET disk  -> 3`)
	d.db = 7
	d.expect(`
		FENCE.GET disk    -> 3
		FENCE.PASS disk 2 -> STALE 2 < 3: a later owner has been at disk already, so your lock is over; leave it alone`)
}

func TestFenceErrors(t *testing.T) {
	d := newDriver(t)
	d.expect(`
		FENCE.PASS disk     -> ERR wrong number of arguments for 'fence.pass' command
		FENCE.PASS disk x   -> ERR 'x' is no fencing token: give the positive integer that LOCK replied
		FENCE.PASS disk 0   -> ERR '0' is no fencing token: give the positive integer that LOCK replied
		FENCE.PASS disk -1  -> ERR '-1' is no fencing token: give the positive integer that LOCK replied
		FENCE.GET           -> ERR wrong number of arguments for 'fence.get' command
	`)
	for _, name := range []string{"", strings.Repeat("x", maxResource+1)} {
		if got := d.words("FENCE.PASS", name, "1"); !strings.HasPrefix(got, "ERR a resource's name has 1 to 1024 bytes") {
			t.Errorf("%d bytes: %s", len(name), got)
		}
	}
	if got := d.words("FENCE.PASS", strings.Repeat("x", maxResource), "1"); got != "OK" {
		t.Error(got)
	}
	d.limits.Memory = 1
	d.expect(`
		FENCE.PASS disk 1 -> OOM command not allowed when used memory > 'maxmemory'.
		FENCE.DEL other   -> 0`)
}

// All of them are listed, also one that is called as the first cursor is.
func TestFenceList(t *testing.T) {
	d := newDriver(t)
	d.expect(`
		FENCE.LIST        -> [0 []]
		FENCE.PASS disk 5 -> OK
		FENCE.PASS 0 7    -> OK
		FENCE.PASS tape 6 -> OK
		FENCE.LIST        -> [0 [[resource 0 token 7] [resource disk token 5] [resource tape token 6]]]
		FENCE.LIST COUNT 1           -> [>0 [[resource 0 token 7]]]
		FENCE.LIST COUNT 1 CURSOR >0 -> [>disk [[resource disk token 5]]]
		FENCE.LIST CURSOR >disk COUNT 1 -> [0 [[resource tape token 6]]]
		FENCE.LIST CURSOR 0 COUNT 3  -> [0 [[resource 0 token 7] [resource disk token 5] [resource tape token 6]]]
		FENCE.LIST CURSOR disk       -> ERR invalid cursor: give the one that FENCE.LIST replied, or 0 to begin
		FENCE.LIST COUNT 0           -> ERR '0' is no count: give a positive integer
		FENCE.LIST COUNT             -> ERR syntax error
		FENCE.LIST MATCH x           -> ERR syntax error`)
}

// A fence counts its bytes, gives them back, and is as before when what changed it fails.
func TestFenceUndone(t *testing.T) {
	d := newDriver(t)
	before := d.m.Bytes()
	d.expect(`FENCE.PASS disk 5 -> OK`)
	if d.m.Bytes() <= before {
		t.Error("a fence counts nothing")
	}
	d.undone("FENCE.PASS disk 9", "FENCE.PASS tape 9", "FENCE.DEL disk")
	d.expect(`
		FENCE.GET disk -> 5
		FENCE.GET tape -> (nil)
		FENCE.DEL disk -> 1`)
	if got := d.m.Bytes(); got != before {
		t.Errorf("%d bytes are left, %d were there before", got, before)
	}
}

// Programs that do not know of all this yet must not run it: an older entry changes nothing of it.
func TestCoordinationOfOlderEntries(t *testing.T) {
	for _, line := range []string{
		"FENCE.PASS disk 1", "FENCE.DEL disk", "LATCH.SET l 1", "LATCH.DOWN l", "LATCH.WAIT l BLOCK 0",
		"BARRIER.ARRIVE b x PARTIES 2 BLOCK 0", "CL.THROTTLE k 1 1 1", "ELECT.CAMPAIGN e x SESSION s",
		"ELECT.RESIGN e x", "ELECT.OBSERVE e BLOCK 0", "LOCK k a 1000 REQID r", "UNLOCK k a REQID r",
	} {
		d := newDriver(t)
		d.seq++
		d.index++
		e := fsm.Entry{Version: fsm.VersionData, Term: 1, Clock: d.clock, Runs: []fsm.Run{{
			Origin: fsm.Origin{Node: "n1", Incarnation: 1}, First: d.seq,
			Commands: []fsm.Command{commandOf(strings.Fields(line)...)},
		}}}
		bytes := d.m.Bytes()
		if err := d.m.Apply(d.index, 1, e.Append(nil), nil, d); err != nil {
			t.Fatal(err)
		}
		if got := show(d.answers[d.seq]); !strings.HasPrefix(got, "TRYAGAIN ") || d.m.Bytes() != bytes {
			t.Errorf("%s in an entry of version %d: %s", line, e.Version, got)
		}
	}
}

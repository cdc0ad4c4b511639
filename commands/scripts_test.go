package commands

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

// eval runs a script with keys and arguments, and replies as people read it.
func (d *driver) eval(body string, keys []string, argv ...string) string {
	d.t.Helper()
	words := append([]string{"EVAL", body, fmt.Sprint(len(keys))}, keys...)
	return d.words(append(words, argv...)...)
}

// A script that fails has done nothing, neither to keys nor to those who wait for them.
func TestScriptThatFails(t *testing.T) {
	d := newDriver(t)
	d.do("LOCK a holder 1000000")
	waiter := d.send(2, "LOCK", "a", "next", "1000000", "WAIT", "100000")
	token := d.m.Stats().Token
	for _, end := range []string{
		"error('no')", "redis.call('incr','b')", "local x = nil; x()", "while true do end",
		"local s = 'x' while true do s = s .. s end",
	} {
		got := d.eval("redis.call('set','b','x') redis.call('del','a') redis.call('lock','c','o','1000000') "+end, nil)
		if !strings.HasPrefix(got, "ERR") {
			t.Errorf("%s: %s", end, got)
		}
		d.expect("GET a -> holder\nGET b -> (nil)\nGET c -> (nil)\nDBSIZE -> 1")
		if v := d.answers[waiter]; v.Kind() != resp.KindNone {
			t.Fatalf("%s: the waiter was told %v", end, show(v))
		}
	}
	if now := d.m.Stats().Token; now != token {
		t.Errorf("%d tokens were given", now-token)
	}
	// An error that the script catches, or returns, is no failure.
	if got := d.eval("redis.call('set','b','x') redis.pcall('incr','b') return redis.error_reply('MY end')", nil); got != "MY end" {
		t.Error(got)
	}
	d.expect("GET b -> x")
	// Who waits is served when the script has ended.
	if got := d.eval("redis.call('del','a') return redis.call('get','a')", nil); got != "(nil)" {
		t.Errorf("within the script the lock was %s", got)
	}
	if v := d.answers[waiter]; v.Kind() != resp.KindInt {
		t.Errorf("the waiter was told %s", show(v))
	}
	d.expect("GET a -> next")
}

// A script that makes a name for something with math.random makes another one each time.
func TestScriptRolls(t *testing.T) {
	d := newDriver(t)
	seen := map[string]bool{}
	for range 20 {
		seen[d.eval("return math.random(1000000000)", nil)] = true
	}
	if len(seen) != 20 {
		t.Errorf("20 scripts rolled %d different numbers", len(seen))
	}
}

// Scripts that are known are counted, for INFO.
func TestScriptFigures(t *testing.T) {
	d := newDriver(t)
	d.do("SCRIPT LOAD 123")
	d.eval("return 1", nil)
	if s := d.m.Stats().Scripts; s.Known != 1 || s.Bytes == 0 { // 123 is no script
		t.Errorf("%+v", s)
	}
	d.do("SCRIPT FLUSH")
	if s := d.m.Stats().Scripts; s.Known != 0 || s.Bytes != 0 {
		t.Errorf("after SCRIPT FLUSH: %+v", s)
	}
}

// What a script writes is seen by what comes next in it, and nothing waits in it.
func TestScriptCommands(t *testing.T) {
	d := newDriver(t)
	for body, want := range map[string]string{
		"redis.call('set','k','v','px',1000) return { redis.call('get','k'), redis.call('pttl','k') }": "[v 1000]",
		"redis.call('select',3) redis.call('set','k','three') return redis.call('dbsize')":             "1",
		"redis.call('set','l','other') return redis.call('lock','l','me','1000','WAIT','1000')":        "(nil)",
		"return redis.call('time')[1]":            "1700000000",
		"return redis.call('unlock','l','other')": "1",
	} {
		if body == "return redis.call('unlock','l','other')" {
			d.do("SET l other")
		}
		if got := d.eval(body, nil); got != want {
			t.Errorf("%s\n got %s\nwant %s", body, got, want)
		}
	}
}

// A script that is known stays known through a snapshot, and those that came by EVAL are bounded.
func TestScriptsAreKept(t *testing.T) {
	d := newDriver(t)
	loaded := d.words("SCRIPT", "LOAD", "return 'loaded'")
	var first, last string
	for i := range 600 {
		d.eval(fmt.Sprintf("return %d", i), nil)
		sha := d.eval(fmt.Sprintf("return redis.sha1hex('return %d')", i), nil)
		if i == 0 {
			first = sha
		}
		last = sha
	}
	var b bytes.Buffer
	if err := d.m.View().Write(&b); err != nil {
		t.Fatal(err)
	}
	hash := d.m.Hash()
	if err := d.m.Restore(&b); err != nil || d.m.Hash() != hash {
		t.Fatalf("restored: %v", err)
	}
	if got := d.words("SCRIPT", "EXISTS", loaded, first, last); got != "[1 0 1]" {
		t.Error(got)
	}
	d.expect("EVALSHA " + strings.ToUpper(loaded) + " 0 -> loaded\nEVALSHA " + first + " 0 -> NOSCRIPT No matching script. " +
		"Please use EVAL.\nSCRIPT FLUSH -> OK\nEVALSHA " + loaded + " 0 -> NOSCRIPT No matching script. Please use EVAL.")
	if n := d.m.Stats().Bytes; n > 1000 {
		t.Errorf("%d bytes are left", n)
	}
}

// A read-only script changes nothing, also as a read beside the log.
func TestReadOnlyScript(t *testing.T) {
	d := newDriver(t)
	d.do("SET k v")
	for _, logged := range []bool{false, true} {
		d.logged = logged
		if got := d.words("EVAL_RO", "return redis.call('get',KEYS[1])", "1", "k"); got != "v" {
			t.Error(got)
		}
		for _, write := range []string{"'set','k','x'", "'del','k'", "'lock','l','o','0'", "'expire','k','1'"} {
			got := d.words("EVAL_RO", "return redis.pcall("+write+")", "1", "k")
			if got != "ERR Write commands are not allowed from read-only scripts." {
				t.Errorf("%s: %s", write, got)
			}
		}
	}
	d.expect("GET k -> v\nPTTL k -> -1\nDBSIZE -> 1")
}

// Scripts cost what their bytes do not say: an entry has a budget, and what is beyond it is sent again.
func TestEntryBudget(t *testing.T) {
	d := newDriver(t)
	endless := commandOf("EVAL", "while true do end", "0")
	var commands []fsm.Command
	for range 10 {
		commands = append(commands, endless, commandOf("INCR", "n"))
	}
	r := &refusals{driver: d}
	for round := 1; len(commands) > 0; round++ {
		d.index++
		e := fsm.Entry{Version: fsm.EntryVersion, Term: 1, Clock: d.clock, Runs: []fsm.Run{{
			Origin: fsm.Origin{Node: "n1", Incarnation: 1}, First: d.seq + 1, Commands: commands,
		}}}
		r.from = d.seq + uint64(len(commands)) + 1
		if err := d.m.Apply(d.index, 1, e.Append(nil), nil, r); err != nil {
			t.Fatal(err)
		}
		ran := r.from - d.seq - 1
		if ran == 0 || ran > 5 {
			t.Fatalf("round %d: %d commands ran", round, ran)
		}
		commands, d.seq = commands[ran:], d.seq+ran
	}
	d.expect("GET n -> 10")
}

// refusals is a driver that is told what was refused.
type refusals struct {
	*driver
	from uint64
}

func (r *refusals) Refuse(_ fsm.Origin, seq uint64) { r.from = seq }

package commands

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/divtxt/lockd/fsm"
)

// pair is two replicas that get the same commands. In scripts that fail only the first one does anything: both
// must be in the same state nevertheless.
type pair struct {
	*rand.Rand
	d    [2]*driver
	last map[uint64]uint64 // by connection, the number of its last command
	log  []string
}

// maybe is a script that runs a command and fails. Whether it runs it is no part of the state.
const maybe = "if ARGV[1] == 'run' then redis.pcall(unpack(ARGV, 2)) end error('boom')"

func (p *pair) word(list ...string) string { return list[p.IntN(len(list))] }

func (p *pair) line() string {
	k, o, id := p.word("k1", "k2", "k3"), p.word("a", "b", "c"), p.word("r1", "r2", "r3", "r4")
	if p.IntN(3) > 0 {
		id = fmt.Sprint("r", p.IntN(1000))
	}
	n := p.IntN(3)
	return p.word(
		fmt.Sprintf("LOCK %s %s %d WAIT %d REQID %s", k, o, 50+p.IntN(200), p.IntN(300), id),
		fmt.Sprintf("LOCK %s %s %d REENTRANT REQID %s", k, o, 50+p.IntN(200), id),
		fmt.Sprintf("LOCK %s %s CONN WAIT %d REQID %s", k, o, p.IntN(300), id),
		fmt.Sprintf("LOCK %s %s 100 SHARED WAIT 50 REQID %s", k, o, id),
		fmt.Sprintf("MLOCK 2 k1 k2 %s 100 WAIT 90 REQID %s", o, id),
		fmt.Sprintf("UNLOCK %s %s REQID %s", k, o, id),
		fmt.Sprintf("UNLOCK %s %s", k, o),
		fmt.Sprintf("FENCE.PASS %s %d", k, 1+p.IntN(40)),
		fmt.Sprintf("FENCE.DEL %s", k),
		fmt.Sprintf("LATCH.SET %s %d", k, n),
		fmt.Sprintf("LATCH.DOWN %s %d REQID %s", k, n+1, id),
		fmt.Sprintf("LATCH.WAIT %s BLOCK %d", k, p.IntN(300)),
		fmt.Sprintf("BARRIER.ARRIVE %s %s PARTIES 3 BLOCK %d", k, o, p.IntN(300)),
		fmt.Sprintf("CL.THROTTLE %s 2 7 1 %d REQID %s", k, n, id),
		fmt.Sprintf("SESSION.OPEN TTL 100 BIND CONN GRACE %d REQID %s", p.IntN(100), id),
		fmt.Sprintf("ELECT.OBSERVE %s AFTER %d BLOCK %d", k, p.IntN(30), p.IntN(300)),
		"DEL "+k, "DEL "+k, "FLUSHALL", "RENAME k1 k2",
	)
}

// step does the same to both. A connection that waits sends nothing, as the server has it.
func (p *pair) step() {
	conn, line := uint64(1+p.IntN(6)), p.line()
	for p.d[0].m.Waits(fsm.Origin{Node: "n1", Incarnation: 1}, p.last[conn]) {
		conn++
	}
	how, ms := p.IntN(20), int64(p.IntN(40))
	if how == 2 {
		conn = uint64(1 + p.IntN(6)) // one that waits, perhaps
	}
	p.log = append(p.log, fmt.Sprintf("how %d, +%d, connection %d: %s", how, ms, conn, line))
	for i, d := range p.d {
		switch {
		case how < 2:
			d.pass(ms)
		case how == 2:
			d.apply(fsm.Command{Kind: fsm.KindClose, Conn: conn, Words: [][]byte{[]byte("UNREAD")}}, false)
		case how < 6:
			run := [...]string{"run", "skip"}[i]
			p.last[conn] = d.send(conn, append([]string{"EVAL", maybe, "0", run}, strings.Fields(line)...)...)
		default:
			p.last[conn] = d.send(conn, strings.Fields(line)...)
		}
	}
}

// TestCoordinationRandom sends random commands; invariants are checked after each, what a script did that has
// failed must be as if it had never been, and a snapshot must be the same state. LOCKD_SEEDS runs more.
func TestCoordinationRandom(t *testing.T) {
	seeds := uint64(20)
	if n, err := strconv.ParseUint(os.Getenv("LOCKD_SEEDS"), 10, 64); err == nil {
		seeds = n
	}
	answered := map[string]int{}
	var p *pair
	defer func() {
		if t.Failed() {
			t.Logf("the last commands were\n%s", strings.Join(p.log[max(0, len(p.log)-30):], "\n"))
		}
	}()
	for seed := range seeds {
		p = &pair{
			Rand: rand.New(rand.NewPCG(seed, 7)), d: [2]*driver{newDriver(t), newDriver(t)}, last: map[uint64]uint64{},
		}
		for _, d := range p.d {
			d.logged = true
		}
		for range 300 {
			p.step()
			if p.d[0].m.Hash() != p.d[1].m.Hash() {
				t.Fatalf("seed %d: the replicas differ", seed)
			}
			if p.IntN(20) == 0 {
				p.d[p.IntN(2)].restart()
			}
		}
		for seq, v := range p.d[0].answers {
			if got, want := show(p.d[1].answers[seq]), show(v); got != want {
				t.Fatalf("seed %d: number %d was answered %s and %s", seed, seq, got, want)
			}
			word, _, _ := strings.Cut(show(v), " ")
			answered[word]++
		}
	}
	for _, word := range []string{"EXPIRED", "REQIDUSED", "STALE", "LATCHED", "NOLATCH", "3", "OK", "(nil)", "[leader", "0"} {
		if answered[word] == 0 {
			t.Errorf("nothing was answered %s: %v", word, answered)
		}
	}
}

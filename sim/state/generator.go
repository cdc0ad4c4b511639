// The generator: the same entries from the same seed. What it makes it writes into memory that it uses again,
// because it must not take more time than the three machines that it feeds.

package state

import (
	"bytes"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/divtxt/lockd/fsm"
)

const (
	judgedKeys = 48
	counters   = 16
	fences     = 8
	busyKeys   = 6
	latest     = 6 // sessions that are named, of those that were opened

	perRequest = 300 // milliseconds in which the same ids of requests are used
	otherKeys  = 1024
	owners     = 6
	conns      = 48 // of each node
	valueKeys  = 12

	maxEntry        = 1000 // commands of the largest ordinary entry
	expiredPerEntry = 1000 // the machine leaves the rest for the next
	forever         = 1<<63 - 1
)

func judgedKey(i int) []byte { return []byte{'k', byte('0' + i/10), byte('0' + i%10)} }

// entry is an entry with what its commands were meant to be.
type entry struct {
	fsm.Entry
	ops     []op       // of all commands, in order
	reads   []fsm.Read // that ride along; the first one only marks where the commands begin
	looks   []op       // of the reads
	logTerm uint64     // under which the log holds it
}

// names are words made once.
type names struct{ judged, counters, others, owners, scores [][]byte }

func makeNames() (n names) {
	list := func(count int, name func(int) []byte) (list [][]byte) {
		for i := range count {
			list = append(list, name(i))
		}
		return list
	}
	numbered := func(prefix string) func(int) []byte {
		return func(i int) []byte { return strconv.AppendInt([]byte(prefix), int64(i), 10) }
	}
	return names{
		list(judgedKeys, judgedKey), list(counters, numbered("c")), list(otherKeys, numbered("x")),
		list(owners, numbered("o")),
		bytes.Fields([]byte("1 2.5 -0.1 1e10 inf -inf 0.3")),
	}
}

// generator makes entries.
type generator struct {
	*rand.Rand
	judge    *judge // what it knows is what nodes know
	names    names
	mixes    [5][]*form // judged, other and locks, rare, reads, values and scripts
	entry    entry
	holders  [judgedKeys]string // guessed, as the entry goes on
	commands []fsm.Command
	words    [][]byte
	text     []byte
	term     uint64
	clock    fsm.Clock
	wall     fsm.Wall
	version  byte // the newest that all know
	kinds    map[string]int
}

func newGenerator(seed uint64, j *judge, kinds map[string]int) *generator {
	return &generator{
		Rand: rand.New(rand.NewPCG(seed, 0x10cd)), judge: j, names: makeNames(), kinds: kinds,
		mixes: [5][]*form{
			judgedForms(), slices.Concat(otherForms(), lockForms(), coordinationForms()), rareForms(), readForms(),
			append(valueForms(), scriptForms()...),
		},
		term: 1, clock: 1000, wall: 1_700_000_000_000_000, version: fsm.EntryVersionFirst,
	}
}

// one tells whether something happens that does once in n times.
func (g *generator) one(n int) bool { return g.IntN(n) == 0 }

// pick returns one of list.
func pick[T any](g *generator, list ...T) T { return list[g.IntN(len(list))] }

// next makes the next entry. It is valid until the one after.
func (g *generator) next() *entry {
	e := &g.entry
	g.commands, g.words, g.text = g.commands[:0], g.words[:0], g.text[:0]
	e.Runs, e.ops, e.reads, e.looks = e.Runs[:0], e.ops[:0], e.reads[:0], e.looks[:0]
	for i, l := range g.judge.locks {
		g.holders[i] = l.owner
	}
	g.stamp(e)
	g.limit(e)
	if g.one(400) {
		g.burst(e)
	} else {
		n := 1 + g.IntN(1<<(1+g.IntN(bits.Len(maxEntry)))) // as many small ones as large ones
		for count := 1 + g.IntN(min(n, 4)); count > 0; count-- {
			g.run(e, max(1, n/count))
		}
	}
	g.look(e)
	return e
}

// stamp gives the entry its times: most are a little later, some much, some earlier or of no leader.
func (g *generator) stamp(e *entry) {
	step := pick(g, 0, 0, 1, 1, 3, 10, 30, 300)
	g.clock += fsm.Clock(step)
	g.wall += fsm.Wall(step*1000 + g.IntN(1000))
	if g.one(100) {
		g.wall += fsm.Wall(pick(g, -3_600_000_000, 3_600_000_000))
		g.kinds["wall clock step"]++
	}
	if g.one(50) {
		g.term++
		g.kinds["new term"]++
	}
	e.Version, e.Nonce = g.version, g.Uint64()
	e.Term, e.Clock, e.Wall, e.logTerm = g.term, g.clock, g.wall, g.term
	switch g.IntN(60) {
	case 0:
		e.Term = 0
		g.kinds["entry without a stamp"]++
	case 1:
		e.Clock = max(0, e.Clock-fsm.Clock(g.IntN(500)))
		g.kinds["clock behind"]++
	case 2:
		e.Term += pick[uint64](g, 1, 0xffffffffffffffff) // another term than the log's; 0 is none
		if e.Clock += 1 << 30; e.Term == 0 {
			e.Term = 7
		}
		g.kinds["void entry"]++
	case 3:
		e.Version = fsm.EntryVersionFirst
	}
}

// limit gives the entry limits for some time.
func (g *generator) limit(e *entry) {
	if g.one(60) {
		e.Limits = pick(g, fsm.Limits{}, fsm.Limits{}, fsm.Limits{Waiters: 20}, fsm.Limits{WaitersPerKey: 2},
			fsm.Limits{Memory: 1}, fsm.Limits{Memory: 100_000, Waiters: 90}, fsm.Limits{OwnerBytes: 24})
		if e.Limits != (fsm.Limits{}) {
			g.kinds["limits"]++
		}
	}
}

// burst fills an entry with keys that all end before the next one, more than one entry may remove.
func (g *generator) burst(e *entry) {
	g.kinds["mass expiry"]++
	first := g.start(0)
	n := len(g.commands)
	f := &form{words: [][]byte{[]byte("SET"), []byte("%b"), []byte("%o"), []byte("PX"), []byte("%t")}}
	for i := range expiredPerEntry + 100 + g.IntN(600) {
		g.line(e, fsm.Command{DB: uint8(i % 4), Conn: 1}, f)
	}
	e.Runs = append(e.Runs, fsm.Run{Origin: g.origin(0), First: first, Commands: g.commands[n:]})
	g.clock += 1200
}

// nodeNames are the nodes that send commands, and one that was only admitted.
func nodeNames(i int) string { return [...]string{"n1", "n2", "n3", "n4"}[i] }

// origin returns the incarnation of a node that the state knows, or its first.
func (g *generator) origin(i int) fsm.Origin {
	o := fsm.Origin{Node: nodeNames(i), Incarnation: 1}
	if n := g.judge.nodes[o.Node]; n != nil {
		o.Incarnation = max(1, n.incarnation)
	}
	return o
}

// start returns the next number of a node, after those that the entry has already.
func (g *generator) start(i int) uint64 {
	o := g.origin(i)
	next := uint64(1)
	if n := g.judge.nodes[o.Node]; n != nil {
		next = n.last + 1
	}
	for j := range g.entry.Runs {
		r := &g.entry.Runs[j]
		if end := r.First + uint64(len(r.Commands)); r.Origin == o && r.First <= next && end > next {
			next = end
		}
	}
	return next
}

// run adds n commands of a node: mostly the next ones, at times with numbers that ran already, that leave
// some out, or of an incarnation that is not the registered one. What has a number that ran already is
// another command than it was: it must not matter.
func (g *generator) run(e *entry, n int) {
	node := g.IntN(3)
	o, first := g.origin(node), g.start(node)
	switch g.IntN(100) {
	case 0, 1, 2:
		back := min(first-1, uint64(1+g.IntN(20)))
		first -= back
		g.kinds["repeated numbers"]++
	case 3:
		first += uint64(1 + g.IntN(3))
		g.kinds["skipped numbers"]++
	case 4:
		if o.Incarnation > 1 {
			o.Incarnation--
			if g.one(2) {
				first = 1 // as when its first commands come late
			}
			g.kinds["old incarnation"]++
		}
	case 5:
		if g.one(4) {
			o.Incarnation++
			first = 1 + uint64(g.IntN(8)/7) // at times it forgets to register
			g.kinds["new incarnation"]++
		}
	}
	from := len(g.commands)
	for i := range n {
		if i == 0 && first == 1 && !g.one(20) {
			g.add(e, fsm.Command{Kind: fsm.KindRegister, Words: g.about(node)}, op{})
			continue
		}
		g.command(e)
	}
	e.Runs = append(e.Runs, fsm.Run{Origin: o, First: first, Commands: g.commands[from:]})
}

// add puts a command into the entry.
func (g *generator) add(e *entry, c fsm.Command, o op) {
	g.commands = append(g.commands, c)
	e.ops = append(e.ops, o)
}

// plain returns words as they are.
func (g *generator) plain(list ...string) [][]byte {
	from := len(g.words)
	for _, s := range list {
		g.words = append(g.words, []byte(s))
	}
	return g.words[from:]
}

// about is what a node says when it registers.
func (g *generator) about(i int) [][]byte {
	if g.one(3) {
		return nil
	}
	return g.plain("client", nodeNames(i)+":6390", "disk"+nodeNames(i), strconv.Itoa(int(g.version)))
}

// command adds a command of one of the kinds.
func (g *generator) command(e *entry) {
	c := fsm.Command{Conn: uint64(1 + g.IntN(conns))}
	n := g.IntN(1000)
	switch {
	case n < 430:
		g.line(e, c, pick(g, g.mixes[0]...))
	case n < 640:
		c.DB = pick[uint8](g, 0, 0, 0, 1)
		g.line(e, c, pick(g, g.mixes[4]...))
	case n < 940:
		c.DB = pick[uint8](g, 0, 0, 0, 1, 2, 3)
		g.line(e, c, pick(g, g.mixes[1]...))
	case n < 960:
		c.Kind = fsm.KindClose
		if g.one(2) {
			c.Words = g.plain("UNREAD")
		}
		g.add(e, c, op{})
	case n < 975:
		c.Kind, c.Words = fsm.KindUnblock, g.plain(pick(g, "TIMEOUT", "ERROR"))
		g.add(e, c, op{})
	case n == 975 && g.one(5):
		c.DB = uint8(1 + g.IntN(3))
		g.line(e, c, pick(g, g.mixes[2]...))
	case n == 976 && e.Version >= 2:
		g.order(e, c)
	case n < 990 && e.Version >= fsm.VersionData:
		g.transaction(e, c)
	default:
		g.line(e, c, pick(g, g.mixes[1]...))
	}
}

// transaction adds one of a few commands about other keys, perhaps with a key that is watched.
func (g *generator) transaction(e *entry, c fsm.Command) {
	var list []fsm.Queued
	for range 1 + g.IntN(4) {
		from := len(g.commands)
		g.line(e, c, pick(g, g.mixes[pick(g, 1, 4)]...))
		q := g.commands[from]
		g.commands, e.ops = g.commands[:from], e.ops[:len(e.ops)-1]
		list = append(list, fsm.Queued{DB: g.IntN(2), Words: q.Words})
	}
	var watched []fsm.Watched
	if g.one(3) {
		watched = []fsm.Watched{{Key: string(g.names.others[g.IntN(otherKeys)]), Revision: uint64(g.IntN(2))}}
	}
	c.Kind, c.Words = fsm.KindExec, fsm.ExecWords(watched, list)
	g.kinds["transaction"]++
	g.add(e, c, op{})
}

// order adds what a leader says of nodes. A node that is removed comes back soon, or few would be left.
func (g *generator) order(e *entry, c fsm.Command) {
	node := nodeNames(1 + g.IntN(3))
	for i := range 3 {
		if n := g.judge.nodes[nodeNames(i)]; n != nil && n.removed {
			node = nodeNames(i)
		}
	}
	n := g.judge.nodes[node]
	switch kind := g.IntN(8); {
	case n != nil && n.removed || kind == 0:
		c.Kind, c.Words = fsm.KindAdmit, g.plain(node, "disk"+node, node+":6390")
		g.kinds["admission"]++
	case kind == 1:
		c.Kind, c.Words = fsm.KindForget, g.plain(node)
		g.kinds["removal"]++
	default:
		incarnation := g.origin(int(node[1]-'1')).Incarnation - uint64(g.IntN(8)/7)
		c.Kind, c.Words = fsm.KindSilence, g.plain(node, strconv.FormatUint(incarnation, 10))
		g.kinds["silence"]++
	}
	g.add(e, c, op{})
}

// look adds reads. The first stands before all commands: so the judge sees where they begin.
func (g *generator) look(e *entry) {
	from := len(e.Runs)
	for i := range 1 + g.IntN(4) {
		o := fsm.Origin{Node: "reader", Incarnation: 1}
		before := 0
		if i > 0 {
			before = e.reads[i-1].Before + g.IntN(1+len(g.commands)/3)
			if from > 0 && g.one(4) {
				o = e.Runs[g.IntN(from)].Origin
			}
		}
		at := len(g.commands)
		f := g.mixes[3][0]
		if i > 0 {
			f = pick(g, g.mixes[3]...)
		}
		g.line(e, fsm.Command{Conn: 1, DB: 0}, f)
		e.reads = append(e.reads, fsm.Read{
			Before: before, Long: i > 0 && g.one(4), Origin: o, Command: g.commands[at],
		})
		e.looks = append(e.looks, e.ops[len(e.ops)-1])
		g.commands, e.ops = g.commands[:at], e.ops[:len(e.ops)-1]
	}
}

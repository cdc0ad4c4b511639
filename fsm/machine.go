// Applying an entry: the one way in which the state changes.

package fsm

import (
	"fmt"
	"slices"

	"github.com/tidwall/btree"

	"github.com/divtxt/lockd/resp"
)

// Reply is what a command answers; an alias so that who only carries replies need not know resp.
type Reply = resp.Value

// Runner runs one command's words against the state: the command table. It must be pure.
type Runner interface {
	Run(tx *Tx, words [][]byte) Reply
}

// Sink takes what comes out of an entry. Its methods are called on the goroutine that applies, in order,
// and must not wait for anything.
type Sink interface {
	// Answer is the reply to the command numbered seq of origin. A parked command is answered twice: with
	// no reply (resp.KindNone) when it has run, and with its reply perhaps much later.
	Answer(origin Origin, seq uint64, v Reply)
	// AnswerRead is the reply to the read that stands at place i among those given to Apply.
	AnswerRead(i int, v Reply)
	// LongRead hands over the read at place i with a copy of the state, to be run beside later entries.
	LongRead(i int, view *View)
	// Refuse tells that origin's run from seq on was not run, as its number is not the next one, its
	// incarnation is not the registered one, or its node was removed. Reads of the origin that stand after
	// that run in the entry are not answered either: they would not see the writes that came before them.
	Refuse(origin Origin, seq uint64)
	// Silenced tells that all who waited on connections of origin have left their queues without an answer,
	// because the leader has not heard its node for too long or the node was removed. If the node still
	// runs, it ends those connections.
	Silenced(origin Origin)
}

// Read is a read command that rides along with an entry.
type Read struct {
	Before  int // it runs before the entry's command of this number, counted over all runs
	Long    bool
	Origin  Origin
	Command Command
}

// Machine is the replicated state. It is not safe for concurrent use: one goroutine applies entries, takes
// views and asks questions.
type Machine struct {
	runner   Runner
	dbs      [Databases]*space
	queue    *queue
	nodes    nodes
	clock    Clock
	counters counters
	at       position
	graves   graves

	// Below: derived, or only for the time of one entry.
	wakes   *btree.BTreeG[wake]
	journal []undo
	answers []answer
	frees   []place
	digests digests
	tx      Tx
	buffer  entryBuffer
}

// position says which entry is being applied and what it brought along.
type position struct {
	index, term uint64
	version     byte
	nonce       uint64
	wall        Wall
	limits      Limits
	refused     []Origin // whose runs were refused
}

// Option changes how a Machine is made.
type Option func(*Machine)

// Knowing makes the machine that of a program which knows no entry version above newest: it refuses newer
// entries, and snapshots of a state to which one was applied.
func Knowing(newest int) Option {
	return func(m *Machine) { m.buffer.newest = knownVersion(newest) }
}

// New returns an empty state whose commands are run by runner.
func New(runner Runner, options ...Option) *Machine {
	m := &Machine{runner: runner, buffer: entryBuffer{newest: EntryVersion}}
	for _, o := range options {
		o(m)
	}
	m.reset()
	return m
}

func (m *Machine) reset() {
	for i := range m.dbs {
		m.dbs[i] = newSpace()
	}
	m.queue = newQueue()
	m.nodes = newNodes()
	m.wakes = newWakes()
	m.clock, m.counters, m.at = 0, counters{}, position{}
	m.digests, m.graves = digests{}, graves{}
}

// Clock returns the cluster clock as of the last entry.
func (m *Machine) Clock() Clock { return m.clock }

// Index returns the Raft index of the last entry applied.
func (m *Machine) Index() uint64 { return m.at.index }

// Void is the outcome of an entry that was stamped in another term than it was logged in: nothing of it
// ran, and whoever sent its commands and reads sends them again.
type Void struct{}

func (Void) Error() string { return "entry was stamped in another term" }

// Apply runs the entry data, which the log holds at index and term, with the reads that ride along. A
// returned error other than Void means that this node cannot know what the entry says (a newer version, a
// wrong checksum, a state that differs from the proposer's) and must stop.
func (m *Machine) Apply(index, term uint64, data []byte, reads []Read, sink Sink) error {
	e, err := m.buffer.decode(data)
	if err != nil {
		return fmt.Errorf("entry %d: %w", index, err)
	}
	if e.Term != 0 && e.Term != term {
		m.at.index, m.at.term = index, term
		return Void{}
	}
	if err := m.digests.check(e); err != nil {
		return fmt.Errorf("entry %d: %w", index, err)
	}
	m.at = position{
		index: index, term: term, version: e.Version, nonce: e.Nonce, wall: e.Wall, limits: e.Limits,
	}
	m.nodes.level = max(m.nodes.level, e.Version)
	if e.Term != 0 {
		m.clock = max(m.clock, e.Clock)
	}
	m.expireDue(sink)
	m.runAll(e, reads, sink)
	m.digests.add(index, m.digest())
	return nil
}

// runAll runs the entry's commands in order, each read before the command it was placed at.
func (m *Machine) runAll(e *Entry, reads []Read, sink Sink) {
	place, next := 0, 0
	readUpTo := func(place int) {
		for ; next < len(reads) && reads[next].Before <= place; next++ {
			m.read(next, &reads[next], sink)
		}
	}
	for i := range e.Runs {
		r := &e.Runs[i]
		o := m.admit(r, sink)
		if o == nil {
			readUpTo(place)
			m.refuse(r, 0, sink)
		}
		for j := range r.Commands {
			readUpTo(place)
			if o != nil {
				m.number(o, r, j, sink)
			}
			if o != nil && m.leaves(r, j) {
				m.refuse(r, j+1, sink)
				o = nil
			}
			place++
		}
		if o != nil {
			m.settle(r, o)
		}
	}
	for ; next < len(reads); next++ {
		m.read(next, &reads[next], sink)
	}
}

// run runs one command; if it panics, its changes are undone and every node answers the same error.
func (m *Machine) run(who Caller, c *Command, sink Sink) (reply Reply) {
	before := m.mark()
	defer func() {
		if cause := recover(); cause != nil {
			m.undoTo(before)
			m.counters.undone++
			reply = resp.Errorf("ERR internal error in this command, nothing was changed: %v", cause)
		}
		m.commit(sink)
	}()
	m.tx = Tx{m: m, db: int(c.DB), who: who, write: true}
	reply = m.runner.Run(&m.tx, c.Words)
	m.serve(0)
	return reply
}

// read answers a read, now or beside later entries, unless commands before it were refused.
func (m *Machine) read(i int, r *Read, sink Sink) {
	if slices.Contains(m.at.refused, r.Origin) {
		return
	}
	if r.Long {
		sink.LongRead(i, m.View())
		return
	}
	sink.AnswerRead(i, m.runRead(Caller{Origin: r.Origin, Conn: r.Command.Conn}, &r.Command))
}

// Read runs a command that changes nothing on the state as it is. Several may read at a time, none while an
// entry is applied. What it sees is behind what others may have seen.
func (m *Machine) Read(who Caller, c *Command) Reply { return m.runRead(who, c) }

// runRead runs a command that changes nothing.
func (m *Machine) runRead(who Caller, c *Command) (reply Reply) {
	defer func() {
		if cause := recover(); cause != nil {
			reply = resp.Errorf("ERR internal error in this command: %v", cause)
		}
	}()
	tx := Tx{m: m, db: int(c.DB), who: who}
	return m.runner.Run(&tx, c.Words)
}

// answer keeps the reply to a waiter until the command that caused it has ended.
func (m *Machine) answer(w *waiter, v Reply) {
	m.answers = append(m.answers, answer{w.origin, w.seq, v})
}

// View is a copy of the state for reading, made in constant time. It may be used by another goroutine
// beside later entries, and by one goroutine at a time.
type View struct{ m *Machine }

// View returns a copy of the state as it is now.
func (m *Machine) View() *View {
	v := &Machine{runner: m.runner, clock: m.clock, counters: m.counters, at: m.at}
	for i, s := range m.dbs {
		v.dbs[i] = s.copy()
	}
	v.queue, v.graves = m.queue.copy(), m.graves.copy()
	v.nodes = m.nodes.copy()
	return &View{v}
}

// Read runs a command that changes nothing against the copy.
func (v *View) Read(who Caller, c *Command) Reply { return v.m.runRead(who, c) }

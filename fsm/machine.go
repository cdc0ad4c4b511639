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
	// Match tells whether a pattern of PSUBSCRIBE matches a channel.
	Match(pattern, channel string) bool
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

	// What follows is told after the command that caused it has ended, before it is answered.

	// Push is a message to a connection of node.
	Push(node string, conn uint64, v Reply)
	// Listens tells to how many names a connection of node listens from now on.
	Listens(node string, conn uint64, to Listens)
	// Changed tells that a key has changed, Flushed that all keys of a database have, or of several; cause is
	// who did it, or nobody where a key's time was over.
	Changed(db int, key string, cause Caller)
	Flushed(cause Caller)
	// Event is a keyspace notification: what happened to key.
	Event(db int, class Event, event, key string)
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
	runner Runner
	replicated
	passing
	digests digests
	tx      Tx
	buffer  entryBuffer
}

// replicated is what the log has made, the same on every node, and what a snapshot holds.
type replicated struct {
	dbs      [Databases]*space
	queue    *queue
	nodes    nodes
	clock    Clock
	counters counters
	at       position
	graves   graves
	subs     subscriptions
	scripts  scripts
	sessions sessions
	fences   fences
	requests requests
	events   events
	frozen   frozen
}

// passing is what follows from the replicated, or is there only for the time of one entry.
type passing struct {
	wakes   *btree.BTreeG[wake]
	journal []undo
	answers []answer
	frees   []turn
	serving bool // those who wait, not a command
	effects []effect
	epoch   uint64 // see value.go
	spent   int64  // of the entry's budget
}

// position says which entry is being applied and what it brought along.
type position struct {
	index, term uint64
	version     byte
	nonce       uint64
	wall        Wall
	limits      Limits
	refused     []Origin // whose runs were refused
	by          uint64   // the client whose command runs, 0 before the first
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
	m.epoch++
	m.digests, m.graves = digests{}, graves{}
	m.subs, m.scripts = newSubscriptions(m.matches), newScripts()
	m.sessions, m.fences, m.requests = newSessions(), newFences(), newRequests()
	m.events, m.frozen = newEvents(0), frozen{}
}

// matches asks the runner, which a machine that only carries a state may lack.
func (m *Machine) matches(pattern, channel string) bool { return m.runner.Match(pattern, channel) }

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
	if m.nodes.level < VersionData && e.Version >= VersionData {
		m.nodes.renumber()
	}
	m.nodes.level = max(m.nodes.level, e.Version)
	if e.Term != 0 {
		m.clock = max(m.clock, e.Clock)
	}
	m.spent = 0
	m.expireDue(sink)
	m.runAll(e, reads, sink)
	m.serveReaders(sink)
	m.digests.add(index, m.digest())
	return nil
}

// runAll runs the entry's commands in order, each read before the command it was placed at.
func (m *Machine) runAll(e *Entry, reads []Read, sink Sink) {
	riding := riding{m: m, reads: reads, sink: sink}
	for i := range e.Runs {
		m.runRun(&e.Runs[i], &riding, sink)
	}
	riding.all()
}

// riding is the reads that ride along with an entry, and how far it has come.
type riding struct {
	m     *Machine
	reads []Read
	sink  Sink
	place int // the number of the command that runs next
	next  int // the read that is next
}

// here answers the reads that stand before the next command.
func (r *riding) here() {
	for ; r.next < len(r.reads) && r.reads[r.next].Before <= r.place; r.next++ {
		r.m.read(r.next, &r.reads[r.next], r.sink)
	}
}

// all answers those that are left.
func (r *riding) all() {
	for ; r.next < len(r.reads); r.next++ {
		r.m.read(r.next, &r.reads[r.next], r.sink)
	}
}

// runRun runs the commands of one run, as far as they may.
func (m *Machine) runRun(r *Run, riding *riding, sink Sink) {
	var o *origin
	if !m.exhausted() {
		o = m.admit(r, sink)
	}
	if o == nil {
		riding.here()
		m.refuse(r, 0, sink)
	}
	for j := range r.Commands {
		riding.here()
		if o != nil {
			m.number(o, r, j, sink)
			if m.leaves(r, j) || m.exhausted() && j+1 < len(r.Commands) {
				m.settle(r, o)
				m.refuse(r, j+1, sink)
				o = nil
			}
		}
		riding.place++
	}
	if o != nil {
		m.settle(r, o)
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
		m.commit(who, sink)
	}()
	m.tx = Tx{m: m, db: int(c.DB), who: who, write: true}
	m.spent += perCommand
	if c.Kind == KindExec {
		reply = m.exec(who, c.Words)
	} else {
		reply = m.runner.Run(&m.tx, c.Words)
	}
	m.serve(0)
	if reply.Kind() == resp.KindNone {
		reply = m.atOnce(who, reply)
	}
	return reply
}

// atOnce returns what the caller is told of a command that came to wait: none, or the answer where it had its
// turn before the command had ended. So it is where its connection gives up, for this, a place before others
// in the same queue.
func (m *Machine) atOnce(who Caller, none Reply) Reply {
	for i, a := range slices.Backward(m.answers) {
		if a.origin == who.Origin && a.seq == who.Seq {
			m.answers = slices.Delete(m.answers, i, i+1)
			return a.value
		}
	}
	return none
}

// read answers a read, now or beside later entries, unless commands before it were refused.
func (m *Machine) read(i int, r *Read, sink Sink) {
	if slices.Contains(m.at.refused, r.Origin) {
		return
	}
	tx := Tx{m: m, db: int(r.Command.DB), who: Caller{Origin: r.Origin, Conn: r.Command.Conn}, short: true}
	if !r.Long {
		if v, done := tx.read(r.Command.Words); done {
			sink.AnswerRead(i, v)
			return
		}
	}
	sink.LongRead(i, m.View())
}

// Read runs a command that changes nothing on the state as it is. Several may read at a time, none while an
// entry is applied. What it sees is behind what others may have seen.
func (m *Machine) Read(who Caller, c *Command) Reply { return m.runRead(who, c) }

// runRead runs a command that changes nothing.
func (m *Machine) runRead(who Caller, c *Command) Reply {
	tx := Tx{m: m, db: int(c.DB), who: who}
	reply, _ := tx.read(c.Words)
	return reply
}

// read runs a command that changes nothing, and tells whether it was not given up.
func (tx *Tx) read(words [][]byte) (reply Reply, done bool) {
	defer func() {
		switch cause := recover(); cause {
		case nil:
		case tooLong{}:
			done = false
		default:
			done = true
			reply = resp.Errorf("ERR internal error in this command: %v", cause)
		}
	}()
	return tx.m.runner.Run(tx, words), true
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
	m.epoch++ // from now on the view may look at all values
	v := &Machine{runner: m.runner}
	v.clock, v.counters, v.at = m.clock, m.counters, m.at
	for i, s := range m.dbs {
		v.dbs[i] = s.copy()
	}
	v.queue, v.graves = m.queue.copy(), m.graves.copy()
	v.nodes, v.subs, v.scripts = m.nodes.copy(), m.subs.copy(), m.scripts.copy()
	v.sessions, v.fences, v.requests = m.sessions.copy(), m.fences.copy(), m.requests.copy()
	v.events, v.frozen = m.events, m.frozen
	return &View{v}
}

// Read runs a command that changes nothing against the copy.
func (v *View) Read(who Caller, c *Command) Reply { return v.m.runRead(who, c) }

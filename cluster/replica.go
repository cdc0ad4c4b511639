// The replica: raft's side of the state machine. It applies entries to the fsm.Machine, runs the reads that
// ride along, hands replies to the outbox or to the nodes that wait for them, and takes and restores
// snapshots.

package cluster

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

// applied is what raft's future answers for an entry.
type applied struct {
	term     uint64
	clock    fsm.Clock
	answered int   // how many replies it had, also for commands of earlier entries
	err      error // fsm.Void: nothing of it ran
}

// needs says when the state wants an entry though no command comes.
type needs struct {
	due, deadlines, wakes bool
	wake                  fsm.Clock
}

// replica implements raft.FSM; raft calls Apply, Snapshot and Restore from one goroutine.
type replica struct {
	node    *Node
	machine *fsm.Machine
	changed chan struct{} // has a value when needs changed to something sooner
	long    chan struct{} // bounds the long reads that run at a time
	logged  atomic.Int64  // bytes of entries applied since the last snapshot
	entries atomic.Int64  // their number
	work    counters
	ordinal atomic.Uint64 // of this node

	// Of the entry being applied.
	applying sync.Mutex // while it is
	batch    *batch
	replies  []reply
	answered int  // replies for the connections of all nodes
	silenced bool // the entry gives up the places of this node in all queues
	told     uint64

	registered bool // this start of the node is known to the state

	// state guards the machine for those who read it beside the entries: stale reads and backups.
	state sync.RWMutex

	mu       sync.Mutex
	expected map[uint64]*batch // proposed here, not yet applied, by nonce
	need     needs
	stats    fsm.Stats
	digest   struct{ index, digest uint64 }
}

// longReads is how many long reads run beside the entries at a time.
const longReads = 2

func newReplica(n *Node, machine *fsm.Machine) *replica {
	return &replica{
		node: n, machine: machine, changed: make(chan struct{}, 1),
		long: make(chan struct{}, longReads), expected: map[uint64]*batch{},
	}
}

// expect tells that b is about to be proposed; forget that it is not waited for any longer. Its reads are
// found by its nonce and term, never by its index: an entry that comes back under the same index or later
// may be another one.
func (r *replica) expect(b *batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expected[b.nonce] = b
}

func (r *replica) forget(b *batch) {
	r.mu.Lock()
	delete(r.expected, b.nonce)
	r.mu.Unlock()
	// Raft may have given up the entry while it is applied: what that answers must not be sent again.
	r.applying.Lock()
	defer r.applying.Unlock()
}

// expectedBatch finds the batch of an entry. One of another node may have the same nonce, in another term.
func (r *replica) expectedBatch(nonce, term uint64) *batch {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.expected[nonce]
	if b == nil || b.term != 0 && b.term != term {
		return nil
	}
	delete(r.expected, nonce)
	return b
}

func (r *replica) needs() needs {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.need
}

func (r *replica) lastDigest() (index, digest uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.digest.index, r.digest.digest
}

// Apply runs one entry. An entry that cannot be understood stops the process.
func (r *replica) Apply(l *raft.Log) any {
	r.applying.Lock()
	defer r.applying.Unlock()
	r.batch = r.expectedBatch(fsm.Nonce(l.Data), l.Term)
	var reads []fsm.Read
	if r.batch != nil {
		reads = r.batch.reads
	}
	begun := time.Now()
	r.state.Lock()
	err := r.machine.Apply(l.Index, l.Term, l.Data, reads, r)
	r.state.Unlock()
	if err != nil && !errors.Is(err, fsm.Void{}) {
		r.node.opts.Fail(err)
		return applied{err: err}
	}
	r.publish() // before the replies: whoever has one finds what it did in INFO
	r.node.remotes.flush()
	if !r.node.outbox.deliver(r.replies) {
		r.node.opts.Fail(errCopiedFolder)
	}
	r.replies = r.replies[:0]
	if r.silenced {
		r.silenced = false
		r.node.opts.Effects.Lost()
		go r.node.giveUpParked(msgSilenced)
	}
	if told := r.machine.MembersTold(); told != r.told {
		r.told = told
		r.node.lookAtVersions()
	}
	r.work.applied(time.Since(begun), r.batch)
	answered := r.answered
	r.batch, r.answered = nil, 0
	r.logged.Add(int64(len(l.Data)) + perEntryOnDisk)
	r.entries.Add(1)
	return applied{term: l.Term, clock: r.machine.Clock(), answered: answered, err: err}
}

// perEntryOnDisk is about what a log store adds to each entry, in bytes.
const perEntryOnDisk = 64

// publish makes what others may ask known.
func (r *replica) publish() {
	n := needs{due: r.machine.Due(), deadlines: r.machine.HasDeadlines()}
	n.wake, n.wakes = r.machine.NextWake()
	stats := r.machine.Stats()
	index, digest := r.machine.Digest()
	ordinal, _ := r.machine.Ordinal(r.node.opts.NodeID)
	r.ordinal.Store(ordinal)
	r.mu.Lock()
	sooner := n != r.need
	r.need, r.stats = n, stats
	r.digest.index, r.digest.digest = index, digest
	r.mu.Unlock()
	if sooner {
		select {
		case r.changed <- struct{}{}:
		default:
		}
	}
}

// Answer takes the reply to one of the entry's commands, or to a waiter.
func (r *replica) Answer(o fsm.Origin, number uint64, v fsm.Reply) {
	if v.Kind() != resp.KindNone {
		r.answered++
	}
	if o == r.node.origin {
		r.replies = append(r.replies, reply{number: number, v: v})
	} else if v.Kind() != resp.KindNone {
		r.node.remotes.answer(o, number, v)
	}
}

// AnswerRead takes the reply to a read that rode along.
func (r *replica) AnswerRead(i int, v fsm.Reply) {
	r.answered++
	if c := r.batch.readOf[i]; c.from != nil {
		r.node.remotes.answerRead(c.from, replyRead, c.name, v)
	} else {
		r.replies = append(r.replies, reply{read: c, v: v})
	}
}

// LongRead runs a read beside the entries that follow.
func (r *replica) LongRead(i int, view *fsm.View) {
	c, read := r.batch.readOf[i], r.batch.reads[i]
	if c.from == nil && !r.node.outbox.running(c) {
		return
	}
	go func() {
		r.long <- struct{}{}
		defer func() { <-r.long }()
		v := view.Read(fsm.Caller{Origin: read.Origin, Conn: read.Command.Conn}, &read.Command)
		if c.from == nil {
			r.node.outbox.deliver([]reply{{read: c, v: v}})
			return
		}
		c.from.answer(replyRead, c.name, v)
		c.from.flush()
	}()
}

// Refuse is told that a run of commands cannot be run yet. Those of this node stay unanswered and go again
// by themselves; another node begins its stream anew and sends again what has no reply.
func (r *replica) Refuse(o fsm.Origin, _ uint64) {
	if o == r.node.origin {
		return
	}
	if remote := r.node.remotes.get(o.Node); remote != nil && remote.origin == o {
		// At once, for reads that came behind what was refused may be in the next entry.
		remote.leave()
	}
}

// Silenced is told that the others have given up an origin's places in all queues. Those who wait are told
// after the entry: one who came to wait in the same entry is not known to wait before its replies are given
// out.
func (r *replica) Silenced(o fsm.Origin) {
	if o == r.node.origin {
		r.node.doubt() // it may have been removed
		r.silenced = true
	}
}

const msgSilenced = "UNKNOWN the leader did not hear from this node for longer than node-timeout, so your " +
	"place in the queue was given up: look before you send the command again"

// Snapshot takes a copy in constant time; raft persists it beside later entries.
func (r *replica) Snapshot() (raft.FSMSnapshot, error) {
	r.logged.Store(0)
	r.entries.Store(0)
	r.work.snapshot.Store(r.machine.Index())
	return snapshot{r.view()}, nil
}

// Restore replaces the state by a snapshot: at the start, or because this node was so far behind that the
// leader no longer has the entries that it misses. Then the replies to commands that ran in those entries
// are lost, and their clients are told so.
func (r *replica) Restore(from io.ReadCloser) error {
	defer from.Close()
	r.state.Lock()
	err := r.machine.Restore(from)
	r.state.Unlock()
	if err != nil {
		if r.node.runs() { // at the start raft tries an older one; now there is nothing to go back to
			r.node.opts.Fail(err)
		}
		return err
	}
	r.publish()
	r.node.opts.Effects.Lost()
	r.work.snapshot.Store(r.machine.Index())
	origin := r.node.origin
	last := r.machine.Ran(origin)
	if last > r.node.outbox.given() {
		r.node.opts.Fail(errCopiedFolder)
	}
	r.node.outbox.giveUp(msgSkipped, func(c *call) bool {
		return c.number <= last && !r.machine.Waits(origin, c.number)
	}, r.node.leaveUnread)
	return nil
}

// errCopiedFolder is the end of a node that was started from a copy of its data folder: what it would send
// now has the numbers of what the original has sent already, and would be skipped; and the vote in it may
// be an old one.
var errCopiedFolder = errors.New("the cluster has commands of this node that it never sent: its data " +
	"folder is an older copy, of which the original was started after the copy was made; remove the node " +
	"(RAFT.REMOVE on another one), then start it with an empty --dir and --join")

const msgSkipped = "UNKNOWN this node was so far behind the leader that it was given a copy of the state, " +
	"in which replies are not: the command was done or not; look before you send it again"

// snapshot is a copy of the state on its way to the disk.
type snapshot struct{ view *fsm.View }

// Persist writes the snapshot.
func (s snapshot) Persist(sink raft.SnapshotSink) error {
	if err := s.view.Write(sink); err != nil {
		return errors.Join(err, sink.Cancel())
	}
	return sink.Close()
}

// Release has nothing to give back: the copy is memory.
func (s snapshot) Release() {}

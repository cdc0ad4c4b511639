// The undo journal: a command that panics, or a script that fails, leaves the state as it found it.
//
// Items and waiters are never changed in place, so undoing is putting the old ones back, newest first. A
// value may be changed in its place (value.go); then the change says how it is taken back. Replies to
// waiters that a command served are kept back until it has ended, for the same reason.

package fsm

import "github.com/divtxt/lockd/resp"

// undo is one change and how to take it back. Exactly one group of fields is set.
type undo struct {
	db    int
	key   string
	item  *Item // what stood under key before, nil for nothing
	made  *Item // what was put there
	space *space

	parked *waiter // a waiter that was added
	left   *waiter // a waiter that was taken out

	script *Script // a script that was added
	lost   *Script // a script that was dropped

	back func() // takes back a change of a value in its place

	granted   *waiter // a grant that was noted as not yet seen by its connection
	forgotten *waiter // such a note that was dropped
}

// counters are the numbers of the state that a command may raise. They are copied whole before each
// command, which is cheaper and surer than a journal entry for each.
type counters struct {
	token   uint64 // last fencing token given
	tickets uint64 // last place in a queue given
	grants  uint64 // grants ever made
	expired uint64 // keys ever removed because their time was over
	forced  uint64 // locks ever freed by force
	undone  uint64 // commands ever undone

	silenced uint64 // nodes ever silenced; since entries of version 2

	revision uint64 // of the item that changed last; since entries of version 3
	loads    uint64 // scripts ever loaded; since entries of version 3

	sessions uint64 // ever opened; since entries of version 4
	requests uint64 // ever remembered; the same
	events   uint64 // ever told; since entries of version 4
}

// answer is a reply to a waiter, kept back until the command that caused it has ended.
type answer struct {
	origin Origin
	seq    uint64
	value  resp.Value
}

// mark is a point to which the state can be taken back.
type mark struct {
	journal, answers, frees, effects int
	counters                         counters
}

func (m *Machine) mark() mark {
	return mark{len(m.journal), len(m.answers), len(m.frees), len(m.effects), m.counters}
}

// undoTo takes back everything that happened since mk.
func (m *Machine) undoTo(mk mark) {
	for i := len(m.journal) - 1; i >= mk.journal; i-- {
		m.undo(&m.journal[i])
	}
	clear(m.journal[mk.journal:]) // drop the pointers, or old items would live as long as the array
	m.journal = m.journal[:mk.journal]
	m.answers = m.answers[:mk.answers]
	m.frees = m.frees[:mk.frees]
	m.effects = m.effects[:mk.effects]
	m.events.cut(mk.counters.events, m.counters.events)
	m.counters = mk.counters
}

func (m *Machine) undo(u *undo) {
	switch {
	case u.space != nil:
		m.setSpace(u.db, u.space)
	case u.parked != nil:
		m.queue.take(u.parked)
		m.unwatch(u.parked)
	case u.left != nil:
		m.queue.add(u.left)
		m.watch(u.left)
	case u.back != nil:
		u.back()
	case u.script != nil:
		m.scripts.drop(u.script)
	case u.lost != nil:
		m.scripts.add(u.lost)
	case u.granted != nil:
		m.queue.forget(u.granted)
	case u.forgotten != nil:
		m.queue.note(u.forgotten)
	default:
		m.dbs[u.db].set(u.key, u.item)
		m.noteWake(u.db, u.key, u.made, u.item)
	}
}

// commit ends a command of cause: its changes stay, and its replies and effects may go out.
func (m *Machine) commit(cause Caller, sink Sink) {
	clear(m.journal) // as in undoTo
	m.journal = m.journal[:0]
	for i := range m.answers {
		a := &m.answers[i]
		sink.Answer(a.origin, a.seq, a.value)
	}
	clear(m.answers)
	m.answers = m.answers[:0]
	m.emit(cause, sink)
	m.events.drop(m.counters.events, m.at.limits.Memory)
}

// The judge: the rules of locks in plain words, for the keys that are only ever touched by commands it knows.
//
// It is no copy of the machine. It keeps a slice for each queue, looks at everything, and is told what the
// machine cannot be blamed for: which keys the clock's turn has removed at the beginning of an entry is read
// from the tape and only judged for being allowed. All else it predicts: every reply, who is granted a lock
// that is freed and in whose turn, that a token is higher than all before it, that a command numbered twice
// runs once, and that no lock ends before its deadline.

package state

import (
	"fmt"
	"slices"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

// peer is a connection of a node, whatever the node's incarnation.
type peer struct {
	node string
	conn uint64
}

// call is a numbered command.
type call struct {
	origin fsm.Origin
	seq    uint64
}

// waiting is a parked LOCK. Of those on keys that are not judged, only that they wait is known.
type waiting struct {
	call  call
	peer  peer
	lock  *lock // nil: not judged
	owner string
	ttl   int64
	until fsm.Clock
}

// lock is a key that is judged.
type lock struct {
	name     string
	held     bool
	owner    string
	deadline fsm.Clock       // fsm.NoDeadline: stays
	token    uint64          // 0: not known, as SET does not reply it
	unseen   *peer           // whose grant this is, if nothing tells that it was seen
	forced   map[string]bool // owners whose last lock of it, as far as ends are remembered, was taken back
	queue    []*waiting
}

// node is what is known of a node's numbers.
type node struct {
	incarnation, last uint64
	removed           bool
}

// judge holds what must be so.
type judge struct {
	clock    fsm.Clock
	version  byte // of the entry
	limits   fsm.Limits
	locks    []*lock
	counters []int64
	fences   []uint64 // the highest token that was shown for each; 0: none
	opened   []string // the last sessions
	nodes    map[string]*node
	parked   map[peer]*waiting
	calls    map[call]*waiting
	unseen   map[peer]*lock
	token    uint64  // the highest that was replied
	late     []event // answers to waiters that the present command has caused
	judged   int     // replies predicted
	grants   int     // new holders
	wrong    string
}

func newJudge() *judge {
	j := &judge{
		counters: make([]int64, counters), fences: make([]uint64, fences), nodes: map[string]*node{},
		parked: map[peer]*waiting{}, calls: map[call]*waiting{}, unseen: map[peer]*lock{},
	}
	for i := range judgedKeys {
		j.locks = append(j.locks, &lock{name: string(judgedKey(i)), forced: map[string]bool{}})
	}
	return j
}

// fail notes the first thing that is wrong.
func (j *judge) fail(format string, args ...any) {
	if j.wrong == "" {
		j.wrong = fmt.Sprintf(format, args...)
	}
}

// due tells whether the lock's time is over.
func (j *judge) due(l *lock) bool {
	return l.held && l.deadline != fsm.NoDeadline && l.deadline < j.clock
}

// deadline returns when ttl milliseconds from now are over; 0 is never.
func (j *judge) deadline(ttl int64) fsm.Clock {
	if ttl == 0 {
		return fsm.NoDeadline
	}
	return j.clock + fsm.Clock(ttl)
}

// touch forgets that the grant of l may not have been seen.
func (j *judge) touch(l *lock) {
	if l.unseen != nil {
		delete(j.unseen, *l.unseen)
		l.unseen = nil
	}
}

// saw is a command of a connection, which has thus read its last reply. It returns the lock whose grant was
// not known to be seen.
func (j *judge) saw(p peer) *lock {
	l := j.unseen[p]
	if l != nil {
		j.touch(l)
	}
	return l
}

// free ends the holding of l.
func (j *judge) free(l *lock) {
	j.touch(l)
	l.held, l.owner, l.token = false, "", 0
}

// end is free where it is remembered of the owner that its lock has ended in the ordinary way.
func (j *judge) end(l *lock) {
	delete(l.forced, l.owner)
	j.free(l)
}

// live is l as a command finds it that writes: one whose time is over goes to the next first.
func (j *judge) live(l *lock) bool {
	if j.due(l) {
		j.end(l)
		j.serve(l)
	}
	return l.held
}

// hold makes owner the holder of l, where it is free or his already; replied is the token of the reply.
func (j *judge) hold(l *lock, owner string, ttl int64, replied uint64) {
	j.touch(l)
	if l.held {
		if l.token != 0 && l.token != replied {
			j.fail("%q holds %s with token %d and was replied %d", owner, l.name, l.token, replied)
		}
		if ends := j.deadline(ttl); ends == fsm.NoDeadline || l.deadline != fsm.NoDeadline && ends > l.deadline {
			l.deadline = ends
		}
		l.token = replied
		return
	}
	if replied <= j.token {
		j.fail("%q was granted %s with token %d after token %d was given", owner, l.name, replied, j.token)
	}
	j.grants++
	j.token = replied
	l.held, l.owner, l.deadline, l.token = true, owner, j.deadline(ttl), replied
}

// leave takes w out of its queue.
func (j *judge) leave(w *waiting) {
	delete(j.parked, w.peer)
	delete(j.calls, w.call)
	if w.lock != nil {
		w.lock.queue = slices.DeleteFunc(w.lock.queue, func(o *waiting) bool { return o == w })
	}
}

// grant is the reply v to the waiter w whose turn it is, with the lock free or already his owner's.
func (j *judge) grant(w *waiting, v fsm.Reply) {
	l := w.lock
	j.leave(w)
	if v.Kind() != resp.KindInt {
		j.fail("%q waited for %s in its turn and was replied %s", w.owner, l.name, text(v))
		return
	}
	fresh := !l.held
	j.hold(l, w.owner, w.ttl, uint64(v.Num()))
	if fresh {
		j.saw(w.peer)
		l.unseen = &w.peer
		j.unseen[w.peer] = l
	}
}

// serve gives l to those whose turn it is, and expects that they were answered.
func (j *judge) serve(l *lock) {
	for len(l.queue) > 0 && j.wrong == "" {
		w := l.queue[0]
		if j.due(l) {
			j.end(l)
		}
		if l.held && l.owner != w.owner {
			return
		}
		j.grant(w, j.answerTo(w))
	}
}

// answerTo takes the answer to w from those that the present command has caused.
func (j *judge) answerTo(w *waiting) fsm.Reply {
	for i := range j.late {
		if e := &j.late[i]; e.origin == w.call.origin && e.number == w.call.seq {
			v := e.value
			j.late = slices.Delete(j.late, i, i+1)
			return v
		}
	}
	j.fail("%q, first to wait for %s, was not answered when its turn had come", w.owner, w.lock.name)
	return fsm.Reply{}
}

// quit ends the waiting on a connection without a lock, and returns the answer.
func (j *judge) quit(w *waiting) (v fsm.Reply) {
	j.leave(w)
	judged := w.lock != nil
	if !judged {
		w.lock = &lock{name: "a key"}
	}
	v = j.answerTo(w)
	if judged && !v.IsNull() && !v.IsError() {
		j.fail("%q gave up %s and was replied %s", w.owner, w.lock.name, text(v))
	}
	j.serve(w.lock)
	return v
}

// dropWaiters ends the waiting on all connections of a node, without answers.
func (j *judge) dropWaiters(name string) {
	left := map[*lock]bool{}
	for p, w := range j.parked {
		if p.node == name { // in any order: locks are served in their own
			j.leave(w)
			left[w.lock] = true
		}
	}
	for _, l := range j.locks {
		if left[l] {
			j.serve(l)
		}
	}
}

// dropNode is dropWaiters for a node of which nothing more will be heard.
func (j *judge) dropNode(name string) {
	for _, l := range j.locks {
		if l.unseen != nil && l.unseen.node == name {
			j.touch(l)
		}
	}
	j.dropWaiters(name)
}

// beginAnew is what the restore of a backup leaves.
func (j *judge) beginAnew(floor uint64) {
	clear(j.nodes)
	clear(j.parked)
	clear(j.calls)
	clear(j.unseen)
	for _, l := range j.locks {
		l.unseen, l.queue = nil, nil
	}
	j.token = max(j.token, floor)
}

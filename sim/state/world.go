// The world applies entries to the replicas, compares them, and does to them what befalls nodes.

package state

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/divtxt/lockd/fsm"
)

const replicas = 3

// How many commands pass, on average, between what the world does.
const (
	perComparison = 5_000  // of whole states
	perCheck      = 40_000 // of one replica's invariants
	perFault      = 30_000 // of one kind
	perBeginAnew  = 200_000
)

// replica is one of the machines.
type replica struct {
	machine *fsm.Machine
	runner  runner
	behind  int // entries that it will not get: a snapshot brings it back after these
}

// logged is an entry as a log keeps it.
type logged struct {
	index, term uint64
	data        []byte
}

// keptView is a view with the hash of what it said when it was made.
type keptView struct {
	view *fsm.View
	hash [sha256.Size]byte
}

// world is three replicas and what is sent to them.
type world struct {
	*generator
	judge    *judge
	replicas [replicas]replica
	index    uint64
	tape     tape
	data     []byte // the entry as the log holds it
	snapshot []byte // from which, with the log, a machine can be made again
	log      []logged
	views    []keptView
	checked  map[string]int
	commands int // sent
	total    int // to be sent
	replies  int // of the first replica
}

func newWorld(seed uint64, total int, checked, faults map[string]int) (*world, error) {
	j := newJudge()
	w := &world{generator: newGenerator(seed, j, faults), judge: j, checked: checked, total: total}
	for i := range w.replicas {
		r := &w.replicas[i]
		r.runner = newRunner()
		r.machine = fsm.New(r.runner)
	}
	// One node runs the version before until all entries of the first part are applied.
	last := &w.replicas[replicas-1]
	last.machine = fsm.New(last.runner, fsm.Knowing(fsm.EntryVersionFirst))
	return w, w.keep()
}

// step makes an entry and applies it everywhere.
func (w *world) step() error {
	if w.version < fsm.EntryVersion && w.commands > w.total/16 {
		if err := w.upgrade(); err != nil {
			return err
		}
	}
	e := w.next()
	w.index++
	e.DigestIndex, e.Digest = w.replicas[0].machine.Digest()
	w.data = e.Append(w.data[:0])
	w.log = append(w.log, logged{w.index, e.logTerm, bytes.Clone(w.data)})
	if err := w.refusals(e); err != nil {
		return err
	}
	before := w.replicas[0].machine.Stats()
	for i := range w.replicas {
		if err := w.apply(i, e); err != nil {
			return fmt.Errorf("replica %d: %w", i, err)
		}
	}
	if err := w.catchUp(); err != nil {
		return err
	}
	if err := w.equal(); err != nil {
		return err
	}
	if err := w.judgeEntry(e, &before); err != nil {
		return err
	}
	w.commands += len(w.generator.commands)
	w.replies += len(w.tape.events)
	return w.disturb(len(w.generator.commands))
}

// apply applies the entry to one replica and holds what it says against the first.
func (w *world) apply(i int, e *entry) error {
	r := &w.replicas[i]
	if r.behind > 0 {
		return nil
	}
	w.tape.begin(e.reads, i == 0)
	err := r.machine.Apply(w.index, e.logTerm, w.data, e.reads, &w.tape)
	if void := e.Term != 0 && e.Term != e.logTerm; void != errors.Is(err, fsm.Void{}) || !void && err != nil {
		return fmt.Errorf("an entry stamped in term %d and logged in term %d: %w", e.Term, e.logTerm, err)
	}
	w.checked["replies"] += len(w.tape.events)
	if wrong := w.tape.end(); wrong != "" {
		return errors.New(wrong)
	}
	return nil
}

// catchUp counts down the entries that replicas miss, and brings them back in the end.
func (w *world) catchUp() error {
	for i := range w.replicas {
		r := &w.replicas[i]
		if r.behind == 0 {
			continue
		}
		if r.behind--; r.behind == 0 {
			if err := w.install(i); err != nil {
				return err
			}
		}
	}
	return nil
}

// equal compares what is cheap to know of all replicas.
func (w *world) equal() error {
	first := w.replicas[0].machine
	_, digest := first.Digest()
	wake, some := first.NextWake()
	for i := 1; i < replicas; i++ {
		m := w.replicas[i].machine
		if w.replicas[i].behind > 0 {
			continue
		}
		// A machine that was restored after a void entry counts its digest from there, the others from the
		// entry before: only the digest itself must be the same.
		if at, d := m.Digest(); d != digest {
			return fmt.Errorf("replica %d has digest %x at %d, the first has %x", i, d, at, digest)
		}
		if next, also := m.NextWake(); next != wake || also != some || m.Bytes() != first.Bytes() ||
			m.HasDeadlines() != first.HasDeadlines() || m.Due() != first.Due() {
			return fmt.Errorf("replica %d wakes up at %d and counts %d bytes, the first at %d and %d", i, next,
				m.Bytes(), wake, first.Bytes())
		}
		w.checked["digests"]++
	}
	return nil
}

// judgeEntry lets the judge judge, and holds the figures of the state against what it knows.
func (w *world) judgeEntry(e *entry, before *fsm.Stats) error {
	if e.Term != 0 && e.Term != e.logTerm {
		if len(w.tape.events) > 0 {
			return fmt.Errorf("a void entry said %v", &w.tape.events[0])
		}
		return nil
	}
	now := w.replicas[0].machine.Stats()
	if wrong := w.judge.apply(e, w.tape.events, now.Expired-before.Expired); wrong != "" {
		return errors.New(wrong)
	}
	switch {
	case now.Waiters != len(w.judge.parked):
		return fmt.Errorf("%d wait, it should be %d", now.Waiters, len(w.judge.parked))
	case now.Token < before.Token || now.Token < w.judge.token:
		return fmt.Errorf("the last token is %d, it was %d before and %d was replied", now.Token, before.Token,
			w.judge.token)
	case now.Clock != w.judge.clock:
		return fmt.Errorf("the clock is %d, it should be %d", now.Clock, w.judge.clock)
	}
	return nil
}

// refusals offers the replicas, at times, an entry that is damaged and one of a leader with another state.
// Each must be refused, and change nothing: what comes next shows that.
func (w *world) refusals(e *entry) error {
	m := w.replicas[w.IntN(replicas)].machine
	if w.one(200) {
		w.kinds["damaged entry"]++
		data := bytes.Clone(w.data)
		data[w.IntN(len(data))] ^= 1 << w.IntN(8)
		if err := m.Apply(w.index, e.logTerm, data, e.reads, silent{}); err == nil || errors.Is(err, fsm.Void{}) {
			return fmt.Errorf("a damaged entry was applied: %w", err)
		}
	}
	if at, _ := m.Digest(); w.one(200) && at == e.DigestIndex && at > 0 {
		w.kinds["another state's entry"]++
		foreign := e.Entry
		foreign.Term, foreign.Digest = 0, e.Digest+1
		if m.Apply(w.index, e.logTerm, foreign.Append(nil), e.reads, silent{}) == nil {
			return errors.New("an entry of a leader with another state was applied")
		}
	}
	return nil
}

// often tells whether something is to happen in an entry of n commands that does once in so many.
func (w *world) often(n, once int) bool { return w.IntN(once) < n }

// disturb compares whole states, and replaces replicas, at times.
func (w *world) disturb(n int) error {
	var err error
	if w.often(n, perComparison) {
		err = w.compare()
	}
	if err == nil && w.often(n, perCheck) {
		err = w.audit()
	}
	if w.often(n, perFault) {
		w.keepView()
	}
	if err == nil && w.often(n, perFault) {
		err = w.keep()
	}
	if err == nil && w.often(n, perFault) {
		err = w.restart(w.IntN(replicas))
	}
	if i := 1 + w.IntN(replicas-1); w.often(n, perFault) && w.replicas[i].behind == 0 {
		w.kinds["replica behind"]++
		w.replicas[i].behind = 1 + w.IntN(20)
	}
	if err == nil && w.often(n, perBeginAnew) {
		err = w.beginAnew()
	}
	return err
}

// compare compares the hashes of the whole states.
func (w *world) compare() error {
	hash := w.replicas[0].machine.Hash()
	for i := 1; i < replicas; i++ {
		if w.replicas[i].behind == 0 && w.replicas[i].machine.Hash() != hash {
			return fmt.Errorf("the hash of replica %d differs", i)
		}
	}
	w.checked["hashes"]++
	return nil
}

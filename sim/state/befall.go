// What befalls replicas: they are restored from snapshots, alone or with the log that follows, and begin
// anew.

package state

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

// someone returns a replica that is up to date.
func (w *world) someone() int {
	i := w.IntN(replicas)
	if w.replicas[i].behind > 0 {
		return 0
	}
	return i
}

// keep takes the snapshot that restarts begin with, and begins a log after it.
func (w *world) keep() error {
	var b bytes.Buffer
	err := w.replicas[w.someone()].machine.View().Write(&b)
	w.snapshot, w.log = b.Bytes(), w.log[:0]
	w.kinds["snapshot"]++
	return err
}

// options says what the program of a replica knows.
func (w *world) options(i int) []fsm.Option {
	if i == replicas-1 && w.version < fsm.EntryVersion {
		return []fsm.Option{fsm.Knowing(fsm.EntryVersionFirst)}
	}
	return nil
}

// restart makes a replica again from the last snapshot and the log after it, as a process that was killed is.
func (w *world) restart(i int) error {
	w.kinds["restart"]++
	r := &w.replicas[i]
	r.runner, r.behind = newRunner(), 0
	r.machine = fsm.New(r.runner, w.options(i)...)
	if err := r.machine.Restore(bytes.NewReader(w.snapshot)); err != nil {
		return fmt.Errorf("replica %d: %w", i, err)
	}
	for _, e := range w.log {
		err := r.machine.Apply(e.index, e.term, e.data, nil, silent{})
		if err != nil && !errors.Is(err, fsm.Void{}) {
			return fmt.Errorf("replica %d, started anew: %w", i, err)
		}
	}
	return w.compare()
}

// install brings a replica that was left behind up to date with a snapshot of another.
func (w *world) install(i int) error {
	w.kinds["restore"]++
	var b bytes.Buffer
	if err := w.replicas[0].machine.View().Write(&b); err != nil {
		return err
	}
	r := &w.replicas[i]
	if cut := b.Bytes()[:w.IntN(b.Len())]; r.machine.Restore(bytes.NewReader(cut)) == nil {
		return errors.New("a snapshot that was cut short was restored")
	}
	return errors.Join(r.machine.Restore(&b), w.compare())
}

// upgrade puts the present program in the place of the older one, from where on its entries are written.
func (w *world) upgrade() error {
	w.version = fsm.EntryVersion
	w.kinds["upgrade"]++
	return w.restart(replicas - 1)
}

// keepView keeps a view for some time, after which it must say what it said.
func (w *world) keepView() {
	const most = 4
	v := w.replicas[w.someone()].machine.View()
	w.views = append(w.views, keptView{v, hashOf(v)})
	w.kinds["view kept"]++
	if len(w.views) > most {
		w.dropView()
	}
}

// dropView holds the oldest view against what it said.
func (w *world) dropView() {
	if k := w.views[0]; hashOf(k.view) != k.hash {
		w.judge.fail("a view has changed beside later entries")
	}
	w.checked["views"]++
	w.views = w.views[1:]
}

func hashOf(v *fsm.View) (sum [sha256.Size]byte) {
	h := sha256.New()
	_ = v.Write(h) // a hash never fails to take bytes
	h.Sum(sum[:0])
	return sum
}

// beginAnew makes a new cluster of the state, as the restore of a backup does.
func (w *world) beginAnew() error {
	w.kinds["new cluster"]++
	floor := w.judge.token + uint64(w.IntN(1000))
	for i := range w.replicas {
		if w.replicas[i].behind > 0 {
			if err := w.install(i); err != nil {
				return err
			}
			w.replicas[i].behind = 0
		}
	}
	for i := range w.replicas { // once all are up to date: one that is not would be compared with a new one
		w.replicas[i].machine.BeginAnew(floor)
	}
	w.judge.beginAnew(floor)
	return errors.Join(w.keep(), w.compare())
}

// audit checks the invariants of one replica, and what it says of the judged keys.
func (w *world) audit() error {
	m := w.replicas[w.someone()].machine
	if err := m.Check(); err != nil {
		return err
	}
	w.checked["invariants"]++
	for _, l := range w.judge.locks {
		v := m.Read(fsm.Caller{}, &fsm.Command{Words: [][]byte{[]byte("AUDIT"), []byte(l.name)}})
		w.checked["keys"]++
		if !w.judge.agrees(l, v.List()) {
			return fmt.Errorf("%s stands as %v, it should be %+v", l.name, v.List(), *l)
		}
	}
	return nil
}

// agrees tells whether an audit of a lock shows what it should.
func (j *judge) agrees(l *lock, list []resp.Value) bool {
	if !l.held || j.due(l) {
		return len(list) == 0
	}
	if len(list) != 3+len(l.queue) || list[0].Str() != l.owner || fsm.Clock(list[1].Num()) != l.deadline ||
		l.token != 0 && uint64(list[2].Num()) != l.token {
		return false
	}
	for i, w := range l.queue {
		if list[3+i].Str() != w.owner {
			return false
		}
	}
	return true
}

// The scripts that EVALSHA knows. They are in the state: whatever one node has loaded, all have, also after a
// failover or a restart.
//
// Redis keeps what EVAL has run for ever, and lets SCRIPT FLUSH be the remedy; a client that writes values
// into its scripts' text fills it. Here only the last keptByEval of those that came by EVAL stay; whoever
// sends EVAL has the text at hand. What SCRIPT LOAD brought stays until SCRIPT FLUSH.

package fsm

import (
	"github.com/tidwall/btree"

	"github.com/divtxt/lockd/resp"
)

// keptByEval is how many scripts are kept that came by EVAL, the last ones.
const keptByEval = 500

// Script is a script's text. It never changes.
type Script struct {
	SHA    string // 40 hexadecimal digits
	Body   string
	Loaded bool   // by SCRIPT LOAD
	order  uint64 // rises with each that is added
}

// scriptCost is what one counts against the memory limit beside its text, in bytes.
const scriptCost = 256

func (s *Script) cost() int64 { return int64(scriptCost + len(s.Body)) }

// scripts are all of them.
type scripts struct {
	bySHA  *btree.Map[string, *Script]
	evaled *btree.Map[uint64, *Script] // those that came by EVAL, by order; derived
	bytes  int64
}

func newScripts() scripts {
	return scripts{bySHA: btree.NewMap[string, *Script](0), evaled: btree.NewMap[uint64, *Script](0)}
}

// copy returns a copy for reading only, in constant time.
func (s *scripts) copy() scripts { return scripts{s.bySHA.Copy(), nil, s.bytes} }

func (s *scripts) add(v *Script) {
	s.bySHA.Set(v.SHA, v)
	s.bytes += v.cost()
	if !v.Loaded {
		s.evaled.Set(v.order, v)
	}
}

func (s *scripts) drop(v *Script) {
	s.bySHA.Delete(v.SHA)
	s.bytes -= v.cost()
	if !v.Loaded {
		s.evaled.Delete(v.order)
	}
}

// Script returns the script of that name, or nil.
func (tx *Tx) Script(sha string) *Script {
	s, _ := tx.m.scripts.bySHA.Get(sha)
	return s
}

// KeepScript makes a script known. loaded says that it stays until all are forgotten.
func (tx *Tx) KeepScript(sha, body string, loaded bool) *Script {
	m := tx.m
	old := tx.Script(sha)
	if old != nil && (old.Loaded || !loaded) || !tx.write {
		return old
	}
	m.counters.loads++
	s := &Script{SHA: keep(sha), Body: keep(body), Loaded: loaded, order: m.counters.loads}
	if old != nil {
		m.dropScript(old)
	}
	m.scripts.add(s)
	m.journal = append(m.journal, undo{script: s})
	for m.scripts.evaled.Len() > keptByEval {
		_, oldest, _ := m.scripts.evaled.Min()
		m.dropScript(oldest)
	}
	return s
}

// FlushScripts forgets all scripts.
func (tx *Tx) FlushScripts() {
	var all []*Script
	tx.m.scripts.bySHA.Scan(func(_ string, s *Script) bool {
		all = append(all, s)
		return true
	})
	for _, s := range all {
		tx.m.dropScript(s)
	}
}

func (m *Machine) dropScript(s *Script) {
	m.scripts.drop(s)
	m.journal = append(m.journal, undo{lost: s})
}

// Mark is a point in a command to which its changes can be taken back.
type Mark struct{ at mark }

// Mark returns the point that the command has reached.
func (tx *Tx) Mark() Mark {
	if !tx.write {
		return Mark{}
	}
	return Mark{tx.m.mark()}
}

// UndoTo takes back what the command did since then.
func (tx *Tx) UndoTo(mk Mark) {
	if tx.write {
		tx.m.undoTo(mk.at)
	}
}

// Inside returns the same transaction for the commands of a script, where nothing waits.
func (tx *Tx) Inside() *Tx {
	other := *tx
	other.inside = true
	return &other
}

// IsInside tells whether the command is one of a script or a transaction.
func (tx *Tx) IsInside() bool { return tx.inside }

// Version is the version of the entry that the command stands in. A command that came with a later version
// must not run, for a program that knew only this one would not have run it. For a read it is that of the
// state.
func (tx *Tx) Version() int {
	if !tx.write {
		return int(tx.m.nodes.level)
	}
	return int(tx.m.at.version)
}

// Guard runs f, a command within a script. If it panics, what it did is undone, and it replies an error.
func (tx *Tx) Guard(f func() Reply) (reply Reply) {
	m := tx.m
	if !tx.write {
		return f() // there is nothing to undo, and a read that panics is caught as a whole
	}
	before := m.mark()
	defer func() {
		if cause := recover(); cause != nil {
			m.undoTo(before)
			m.counters.undone++
			reply = resp.Errorf("ERR internal error in this command, nothing was changed: %v", cause)
		}
	}()
	return f()
}

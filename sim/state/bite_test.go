package state

import (
	"strings"
	"testing"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

// bent is a runner with a mistake in it.
type bent struct {
	fsm.Runner
	mistake func(tx *fsm.Tx, words [][]byte) (fsm.Reply, bool)
}

func (b bent) Run(tx *fsm.Tx, words [][]byte) fsm.Reply {
	if v, did := b.mistake(tx, words); did {
		return v
	}
	return b.Runner.Run(tx, words)
}

// TestBites makes mistakes in all replicas alike, which only the judge can see, and in one, which only the
// comparison can, and wants each to be found. Whole mutants of the machine are in sim/mutants.
func TestBites(t *testing.T) {
	is := func(words [][]byte, name string) bool { return string(words[0]) == name }
	for name, c := range map[string]struct {
		replicas []int
		mistake  func(tx *fsm.Tx, words [][]byte) (fsm.Reply, bool)
		found    string
	}{
		"anyone may unlock": {[]int{0, 1, 2}, func(tx *fsm.Tx, words [][]byte) (fsm.Reply, bool) {
			if !is(words, "UNLOCK") || len(words) < 3 {
				return fsm.Reply{}, false
			}
			if tx.Delete(string(words[1])) {
				return resp.Int(1), true
			}
			return resp.Int(0), true
		}, "UNLOCK"},
		"a lock is renewed for less": {[]int{0, 1, 2}, func(tx *fsm.Tx, words [][]byte) (fsm.Reply, bool) {
			if it := tx.Get(string(words[len(words)-1])); it != nil && is(words, "GET") && it.Deadline > 5000 {
				tx.SetDeadline(it, it.Deadline-1)
			}
			return fsm.Reply{}, false
		}, ""},
		"a waiter is told no": {[]int{0, 1, 2}, func(_ *fsm.Tx, words [][]byte) (fsm.Reply, bool) {
			return resp.Null(), is(words, "LOCK") && len(words) > 4
		}, "LOCK"},
		"one node counts twice": {[]int{1}, func(tx *fsm.Tx, words [][]byte) (fsm.Reply, bool) {
			if is(words, "INCR") && len(words[1]) > 3 {
				tx.Set(string(words[1]), "77", fsm.NoDeadline)
			}
			return fsm.Reply{}, false
		}, "replica 1"},
	} {
		t.Run(name, func(t *testing.T) {
			checked := map[string]int{}
			w, err := newWorld(1, 100_000, checked, map[string]int{})
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range c.replicas {
				w.replicas[i].machine = fsm.New(bent{newRunner(), c.mistake}, w.options(i)...)
			}
			if wrong := w.run(); wrong == "" || !strings.Contains(wrong, c.found) {
				t.Errorf("found %q, want something about %q", wrong, c.found)
			}
		})
	}
}

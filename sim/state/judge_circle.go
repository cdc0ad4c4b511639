// Deadlocks: who would wait for itself, by way of the judged keys alone.

package state

import (
	"slices"

	"github.com/divtxt/lockd/fsm"
)

// closes tells whether owner, if it came to wait for l on a connection, would wait for itself.
func (j *judge) closes(l *lock, owner string, p peer) bool {
	if j.version < fsm.VersionLocks {
		return false
	}
	former := j.parked[p] // it is given up first
	seen := map[string]bool{}
	next := j.inTheWay(l, owner, len(l.queue), former)
	for len(next) > 0 {
		who := next[0]
		if next = next[1:]; who == owner {
			return true
		}
		if seen[who] {
			continue
		}
		seen[who] = true
		for _, other := range j.locks {
			for place, w := range other.queue {
				if w.owner == who && w != former {
					next = append(next, j.inTheWay(other, who, place, former)...)
				}
			}
		}
	}
	return false
}

// inTheWay are the owners for whom another waits at a place in the queue of l: who holds it, and who comes
// before, unless that owner has it already or waits there before with another request.
func (j *judge) inTheWay(l *lock, owner string, place int, former *waiting) (list []string) {
	if l.held && !j.due(l) {
		list = append(list, l.owner)
	}
	for _, w := range l.queue[:place] {
		if w != former {
			list = append(list, w.owner)
		}
	}
	if slices.Contains(list, owner) {
		return nil
	}
	return list
}

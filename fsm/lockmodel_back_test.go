// The model of taking locks back and of freezing keys.

package fsm

import (
	"fmt"
	"maps"
	"slices"
)

// revoke takes what owner, or everybody where that is "*", has of p.
func (m *lockModel) revoke(p place, owner string, grace int64) string {
	k, _ := m.get(p)
	n := 0
	for _, o := range k.owners() {
		if owner != "*" && owner != o {
			continue
		}
		n++
		h := k.holds[o]
		if grace == 0 {
			m.bury(p, h, LockRevoked, "because")
			m.dropHold(p, o)
			continue
		}
		h.Cap = within(m.clock.After(grace), h.Cap)
		h.Deadline = within(h.Cap, h.Deadline)
		h.Revoked = "because"
		m.hold(p, h)
	}
	return fmt.Sprint(n)
}

// thaw ends a freeze, and gives all who wait for its keys their turn, key by key.
func (m *lockModel) thaw(name string) bool {
	f, is := m.frozen[name]
	if !is {
		return false
	}
	delete(m.frozen, name)
	var keys []string
	for _, w := range m.queue {
		for _, key := range w.keys {
			if w.db == f.DB && (f.Pattern == "*" || f.Pattern == key) {
				keys = append(keys, key)
			}
		}
	}
	from := len(m.frees)
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		m.frees = append(m.frees, turn{lockAt(f.DB, key), false})
	}
	m.serve(from)
	return true
}

// thawDue ends what is over.
func (m *lockModel) thawDue() {
	for _, name := range slices.Sorted(maps.Keys(m.frozen)) {
		if m.isDue(m.frozen[name].Until) {
			m.thaw(name)
		}
	}
}

// lostToken tells what became of a token.
func (m *lockModel) lostToken(p place, k heldKey, token uint64) string {
	for _, h := range k.holds {
		if h.Token == token {
			return fmt.Sprint(Lost{LockRevoking, h.TTL(m.clock), h.Revoked}, h.Revoked != "")
		}
	}
	lost := Lost{How: LockRemoved}
	for _, g := range m.graves {
		if g.DB == p.db && g.Key == p.key && g.Token == token {
			lost = Lost{How: g.How, Reason: shownGrave(g).Reason}
		}
	}
	return fmt.Sprint(lost, true)
}

// Those who wait for locks, by whom they wait for: deadlocks are looked for from owner to owner. Nearly every
// owner waits for one thing at a time, so the index has an entry for each that is no more than that; whoever
// waits on several connections has a list.

package fsm

import (
	"cmp"
	"slices"
)

// ask adds w to those who wait for locks on behalf of its owner and by its session, and unask takes it out.
func (q *queue) ask(w *waiter) {
	owner := w.lock.Owner
	if one := q.asking[owner]; one != nil {
		delete(q.asking, owner)
		q.crowds[owner] = []*waiter{one}
	}
	if crowd := q.crowds[owner]; crowd != nil {
		i, _ := slices.BinarySearchFunc(crowd, w, byTicket)
		q.crowds[owner] = slices.Insert(crowd, i, w)
	} else {
		q.asking[owner] = w
	}
	q.count(owner)
	if w.lock.Session != "" {
		q.tied[w.lock.Session] = append(q.tied[w.lock.Session], w)
	}
	if id := w.lock.request().ID; id != "" {
		q.requested[id] = w
	}
}

func (q *queue) unask(w *waiter) {
	owner := w.lock.Owner
	delete(q.asking, owner)
	remove(q.crowds, owner, w)
	if crowd := q.crowds[owner]; len(crowd) == 1 {
		delete(q.crowds, owner)
		q.asking[owner] = crowd[0]
	}
	q.count(owner)
	if w.lock.Session != "" {
		remove(q.tied, w.lock.Session, w)
	}
	delete(q.requested, w.lock.request().ID)
}

func byTicket(a, b *waiter) int { return cmp.Compare(a.ticket, b.ticket) }

// count notes whether an owner waits for several keys.
func (q *queue) count(owner string) {
	if q.waitsForSeveral(owner) {
		q.several.Insert(owner)
	} else if q.several.Len() > 0 {
		q.several.Delete(owner)
	}
}

// waitsForSeveral tells whether an owner who waits does so for more than one key.
func (q *queue) waitsForSeveral(owner string) bool {
	one := q.asking[owner]
	return one != nil && len(one.keys) > 1 || len(q.crowds[owner]) > 1
}

// askedBy calls f with those who wait for locks on behalf of an owner, in the order in which they came, until
// it returns true, and tells whether it did.
func (q *queue) askedBy(owner string, f func(*waiter) bool) bool {
	if one := q.asking[owner]; one != nil {
		return f(one)
	}
	return slices.ContainsFunc(q.crowds[owner], f)
}

// came notes that an owner has come to hold a key. Where it waits for that elsewhere, as the first, it may
// have what it waits for now.
func (m *Machine) came(db int, key, owner string) {
	m.queue.askedBy(owner, func(w *waiter) bool {
		if w.db == db && slices.Contains(w.keys, key) {
			m.freedBy(w)
		}
		return false
	})
}

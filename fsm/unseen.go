// Grants to waiters whose reply may not have been written. If the connection ends before it could read what
// it waited for, nobody knows that the lock is held, so it is given to the next.
//
// That is only right while nobody else can know. An owner that lost its connection asks again on another one
// and is told that it holds the lock, with the same token; from then on the end of the first connection must
// not free it. So a note lives only as long as its key is left alone: any change of the key, a renewal by
// its owner among them, drops it. What an owner held before the grant is not in the note.
// There is thus at most one note for an owner of a key and one for a connection.

package fsm

func (q *queue) note(w *waiter) {
	q.unseen.Set(w)
	for i := range w.keys {
		q.granted[w.place(i)] = append(q.granted[w.place(i)], w)
	}
}

func (q *queue) forget(w *waiter) {
	q.unseen.Delete(w)
	for i := range w.keys {
		remove(q.granted, w.place(i), w)
	}
}

// noteUnseen notes that w was granted what it waited for; keys are those that its owner did not have before.
func (m *Machine) noteUnseen(w *waiter, keys []string, token uint64) {
	m.saw(Caller{Origin: w.origin, Conn: w.conn})
	note := *w
	note.keys, note.token = keys, token
	m.queue.note(&note)
	m.journal = append(m.journal, undo{granted: &note})
}

// forget drops a note.
func (m *Machine) forget(w *waiter) {
	m.queue.forget(w)
	m.journal = append(m.journal, undo{forgotten: w})
}

// touched is called when a key has changed, or was set to what it is; shared tells that it was and is a lock
// which several hold. Which of them changed is told to touchedBy.
func (m *Machine) touched(db int, key string, shared bool) {
	if len(m.queue.granted) == 0 || shared {
		return
	}
	for p := lockAt(db, key); len(m.queue.granted[p]) > 0; {
		m.forget(m.queue.granted[p][0])
	}
}

// touchedBy is called when what an owner has of a lock that several hold has changed.
func (m *Machine) touchedBy(db int, key, owner string) {
	for _, w := range m.queue.granted[lockAt(db, key)] {
		if w.lock.Owner == owner {
			m.forget(w) // there is one at most
			return
		}
	}
}

// touchedAll is called when all keys of a database have changed.
func (m *Machine) touchedAll(db int) { m.forgetAll(func(w *waiter) bool { return w.db == db }) }

// forgetAll drops the notes that match.
func (m *Machine) forgetAll(match func(*waiter) bool) {
	var notes []*waiter
	m.queue.unseen.Scan(func(w *waiter) bool {
		if match(w) {
			notes = append(notes, w)
		}
		return true
	})
	for _, w := range notes {
		m.forget(w)
	}
}

// takeBack gives what was granted to w, who never read of it, to those who wait behind. It is as it was
// granted, or the note would be gone.
func (m *Machine) takeBack(w *waiter) {
	m.forgetRequest(w.lock.request().ID)
	for _, key := range w.keys {
		it := m.itemAt(w.db, key)
		if h, ok := it.HoldOf(w.lock.Owner); ok {
			m.dropHold(w.db, it, &h, loss{LockEnded, "its connection ended before it was told"})
		}
	}
}

// saw drops the note of a grant that the connection had waited for, and returns it, or nil. A connection
// that sends another command has read the reply.
func (m *Machine) saw(who Caller) *waiter {
	if m.queue.unseen.Len() == 0 {
		return nil
	}
	w, ok := m.queue.unseen.Get(&waiter{origin: who.Origin, conn: who.Conn})
	if ok {
		m.forget(w)
	}
	return w
}

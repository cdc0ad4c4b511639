// Grants to waiters whose reply may not have been written. If the connection ends before it could read what
// it waited for, nobody knows that the lock is held, so it is given to the next.
//
// That is only right while nobody else can know. An owner that lost its connection asks again on another one
// and is told that it holds the lock, with the same token; from then on the end of the first connection must
// not free it. So a note lives only as long as its key is left alone: any change of the key, a renewal by
// its owner among them, drops it. A grant to an owner that holds the lock already leaves no note at all.
// There is thus at most one note for a key and one for a connection.

package fsm

func (q *queue) note(w *waiter) {
	q.unseen.Set(w)
	q.granted[w.place()] = w
}

func (q *queue) forget(w *waiter) {
	q.unseen.Delete(w)
	delete(q.granted, w.place())
}

// noteUnseen notes that w was granted the lock that it waited for.
func (m *Machine) noteUnseen(w *waiter, token uint64) {
	m.saw(Caller{Origin: w.origin, Conn: w.conn})
	note := *w
	note.token = token
	m.queue.note(&note)
	m.journal = append(m.journal, undo{granted: &note})
}

// forget drops a note.
func (m *Machine) forget(w *waiter) {
	m.queue.forget(w)
	m.journal = append(m.journal, undo{forgotten: w})
}

// touched is called when a key has changed, or was set to what it is.
func (m *Machine) touched(db int, key string) {
	if len(m.queue.granted) == 0 {
		return
	}
	if w := m.queue.granted[place{db, key}]; w != nil {
		m.forget(w)
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

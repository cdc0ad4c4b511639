// Waiting for what is in a key. A command that finds nothing (BLPOP on an empty list) is parked with its
// words under all its keys, and runs again whenever one of them changes, at the end of the command that
// changed it. So the handler that pops is the only place that knows how, and whoever came first is served
// first.

package fsm

import (
	"bytes"

	"github.com/divtxt/lockd/resp"
)

// Park lets the command wait until one of keys changes in a way that class is about, for at most wait
// milliseconds, 0 for ever; it then runs again. Park returns what the handler replies now. In a script or a
// transaction nobody waits: there the reply is what a wait in vain ends with.
func (tx *Tx) Park(c Class, keys []string, words [][]byte, wait int64) Reply {
	m := tx.m
	switch {
	case tx.again:
		return resp.None() // it stays where it is
	case tx.inside || !tx.write:
		return c.nothing()
	case m.full():
		return m.errFull()
	}
	w := &waiter{
		db: tx.db, class: c, since: m.clock, deadline: forever,
		origin: tx.who.Origin, conn: tx.who.Conn, seq: tx.who.Seq,
	}
	if wait > 0 {
		w.deadline = m.clock.After(wait)
	}
	for i, key := range keys {
		if !contains(keys[:i], key) {
			w.keys = append(w.keys, keep(key))
		}
	}
	w.again = &again{make([][]byte, len(words))}
	for i, word := range words {
		w.again.words[i] = bytes.Clone(word)
	}
	m.park(w)
	return resp.None()
}

// Again tells whether the command runs because one of the keys it waits for has changed.
func (tx *Tx) Again() bool { return tx.again }

// contains tells whether key is among the few keys.
func contains(keys []string, key string) bool {
	for _, k := range keys {
		if k == key {
			return true
		}
	}
	return false
}

// full tells whether no more commands may wait.
func (m *Machine) full() bool {
	return m.at.limits.Waiters > 0 && m.queue.Len() >= m.at.limits.Waiters
}

func (m *Machine) errFull() Reply {
	return resp.Errorf("QUEUEFULL %d commands wait on this cluster, which is the most that it allows: "+
		"raise max-waiters if you need to", m.queue.Len())
}

// observed notes that those may be served who wait for the leader of an election: a key has changed.
func (m *Machine) observed(db int, key string) {
	if m.queue.byClass[ClassElection] == 0 {
		return
	}
	if p := (place{db, ClassElection, key}); m.queue.lengths[p] > 0 {
		m.frees = append(m.frees, turn{p, false})
	}
}

// serveAgain runs the commands that wait at p again, in their order, until one finds nothing: then there is
// nothing for those behind it either. Those who observe an election differ in which leaders they know, and
// those who watch over a token do so each over one of its own, so all of them run. Those at a barrier are
// served by who arrives.
func (m *Machine) serveAgain(p place) {
	switch p.class {
	case ClassBarrier:
		return
	case ClassElection, ClassLost:
		var all []*waiter
		m.queue.each(p, func(w *waiter) bool { all = append(all, w); return true })
		for _, w := range all {
			m.runAgain(w)
		}
		return
	}
	for w := m.queue.first(p); w != nil && m.runAgain(w); w = m.queue.first(p) {
	}
}

// runAgain runs w's command, and tells whether it got what it waited for.
func (m *Machine) runAgain(w *waiter) bool {
	tx := Tx{m: m, db: w.db, who: Caller{w.origin, w.conn, w.seq}, write: true, again: true}
	m.spent += perCommand
	v := tx.Guard(func() Reply { return m.runner.Run(&tx, w.words()) })
	if v.Kind() == resp.KindNone {
		return false
	}
	m.leave(w)
	m.answer(w, v)
	return true
}

// The queues of the model of locks: whose turn it is, and who is served.

package fsm

import (
	"fmt"
	"slices"
	"strings"
)

// comesBefore tells whether a is served before b.
func comesBefore(a, b waiter) bool {
	switch {
	case a.lock.Upgrade != b.lock.Upgrade:
		return a.lock.Upgrade
	case !a.lock.Upgrade && a.lock.Prio != b.lock.Prio:
		return a.lock.Prio > b.lock.Prio
	}
	return a.ticket < b.ticket
}

// turn returns those who wait for p, in the order of their turn.
func (m *lockModel) turn(p place) []waiter {
	var list []waiter
	for _, w := range m.queue {
		if w.db == p.db && slices.Contains(w.keys, p.key) {
			list = append(list, w)
		}
	}
	slices.SortFunc(list, func(a, b waiter) int {
		if comesBefore(a, b) {
			return -1
		}
		return 1
	})
	return list
}

// serve gives the keys that were freed, from place from among them on, to those who wait for them.
func (m *lockModel) serve(from int) {
	before := m.serving
	m.serving = true
	for i := from; i < len(m.frees); i++ {
		for {
			turn := m.turn(m.frees[i].place)
			if len(turn) == 0 || !m.serveOne(turn[0]) {
				break
			}
		}
	}
	m.frees = m.frees[:from]
	m.serving = before
}

// serveOne tells whether anything has happened to w.
func (m *lockModel) serveOne(w waiter) bool {
	for i := range w.keys {
		if k, ok := m.at(w.place(i)); ok && m.isDue(k.ends()) {
			m.expire(w.place(i))
			return true
		}
	}
	if w.lock.Session != "" && !m.lives(w.lock.Session) {
		m.quit(w, "null")
		return true
	}
	switch m.judgeAll(w) {
	case NotHeld:
		reply := "error NOTLOCKED"
		if how := m.endOf(w.place(0), w.lock.Owner, w.since); how == LockForced || how == LockRevoked {
			reply = "error REVOKED"
		}
		m.quit(w, reply)
		return true
	case Granted:
	default:
		return false
	}
	m.leave(w)
	token, fresh := m.grant(w)
	if len(fresh) > 0 {
		note := w
		note.keys, note.token = fresh, token
		m.forgetPeer(w.peer())
		m.notes = append(m.notes, note)
	}
	m.answer(w, fmt.Sprintf("int %d", token))
	if len(w.keys) > 1 {
		m.freedBy(w)
	}
	return true
}

// endOf returns how the last lock of owner on p ended since then, as far as that is known.
func (m *lockModel) endOf(p place, owner string, since Clock) (how EventKind) {
	for _, g := range m.graves {
		if g.DB == p.db && g.Key == p.key && g.Owner == owner && g.At >= since {
			how = g.How
		}
	}
	return how
}

func (m *lockModel) forgetPeer(p peer) {
	m.notes = slices.DeleteFunc(m.notes, func(w waiter) bool { return w.peer() == p })
}

func (m *lockModel) leave(w waiter) {
	m.queue = slices.DeleteFunc(m.queue, func(q waiter) bool { return q.ticket == w.ticket })
}

func (m *lockModel) freedBy(w waiter) {
	for i := range w.keys {
		if p := w.place(i); len(m.turn(p)) > 0 {
			m.frees = append(m.frees, turn{p, false})
		}
	}
}

// quit lets w go without what it waited for.
func (m *lockModel) quit(w waiter, reply string) {
	m.leave(w)
	if reply != "" {
		m.answer(w, reply)
	}
	m.freedBy(w)
}

// quitPeer ends what a connection waits for, and tells whether it waited.
func (m *lockModel) quitPeer(p peer, reply string) bool {
	i := slices.IndexFunc(m.queue, func(w waiter) bool { return w.peer() == p })
	if i >= 0 {
		m.quit(m.queue[i], reply)
	}
	return i >= 0
}

// atOnce returns the last answer of those from a place on, and takes it out, where the command that came to
// wait has had its turn already.
func atOnce(reply string, events *[]string, from int, who Caller) string {
	name := fmt.Sprintf("%s/%d#%d ", who.Origin.Node, who.Origin.Incarnation, who.Seq)
	for i := len(*events) - 1; i >= from && reply == "none"; i-- {
		if answer, own := strings.CutPrefix((*events)[i], name); own {
			*events = slices.Delete(*events, i, i+1)
			return answer
		}
	}
	return reply
}

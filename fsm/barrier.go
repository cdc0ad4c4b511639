// Barriers: so many owners wait for each other, and go on together when the last one comes. There is
// nothing to a barrier but those who wait at it: who gives up or whose connection ends leaves the queue,
// and so is not counted; and when all have gone on it is as if it had never been, ready for the next round.

package fsm

import (
	"slices"

	"github.com/divtxt/lockd/resp"
)

// Arrive lets owner arrive at a barrier for so many parties. The last one to come is told its place, and so
// are all who wait; before, the command waits for at most wait milliseconds, 0 for ever. An owner that
// arrives once more takes over its place. expected is the number of parties that those said who wait
// already, if it is another one: then nothing was done.
func (tx *Tx) Arrive(key, owner string, parties, wait int64) (reply Reply, expected int64) {
	m := tx.m
	at := place{tx.db, ClassBarrier, key}
	var others []*waiter
	var mine *waiter
	m.queue.each(at, func(w *waiter) bool {
		if expected = w.lock.Limit; w.lock.Owner == owner {
			mine = w
		} else {
			others = append(others, w)
		}
		return true
	})
	tx.Spend(int64(len(others)))
	switch {
	case expected != 0 && expected != parties:
		return Reply{}, expected
	case int64(len(others)) == parties-1:
		for i, w := range others {
			m.leave(w)
			m.answer(w, resp.Int(int64(i+1)))
		}
		return resp.Int(parties), 0
	case tx.inside:
		return ClassBarrier.nothing(), 0
	case mine == nil && m.full():
		return m.errFull(), 0
	}
	w := &waiter{
		db: tx.db, class: ClassBarrier, since: m.clock, deadline: forever, keys: []string{keep(key)},
		origin: tx.who.Origin, conn: tx.who.Conn, seq: tx.who.Seq,
		lock: Wish{Owner: keep(owner), Limit: parties},
	}
	if wait > 0 {
		w.deadline = m.clock.After(wait)
	}
	if mine != nil {
		w.ticket, w.since = mine.ticket, mine.since
		m.quit(mine, m.nothing(mine), "")
	}
	m.park(w)
	return resp.None(), 0
}

// Arrived calls f with those who wait at a barrier, in the order in which they came, until it returns false.
// The Limit of each is how many parties it waits for.
func (tx *Tx) Arrived(key string, f func(Waiter) bool) {
	tx.m.queue.each(place{tx.db, ClassBarrier, key}, func(w *waiter) bool { return f(w.public()) })
}

// checkBarrier tells what is wrong with those who wait at a barrier, or "".
func (m *Machine) checkBarrier(p place) string {
	var owners []string
	parties := int64(0)
	same := true
	m.queue.each(p, func(w *waiter) bool {
		same = same && (parties == 0 || parties == w.lock.Limit)
		parties = w.lock.Limit
		owners = append(owners, w.lock.Owner)
		return true
	})
	slices.Sort(owners)
	switch n := len(owners); {
	case !same:
		return "they wait for different numbers of parties"
	case int64(n) >= parties:
		return "all parties are there and wait nevertheless"
	case len(slices.Compact(owners)) < n:
		return "an owner waits twice"
	}
	return ""
}

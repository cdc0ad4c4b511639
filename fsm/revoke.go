// Taking a lock back in an orderly way: its holder is told first, and may have time to end what it does.
//
// A revocation with a grace is only a cap on the hold, so nothing has to remember it beside the hold itself:
// no renewal goes beyond, the deadline is reached as any other, and whoever waits is served then. The end of
// a revoked hold is told as a revocation, unless its owner released it before.

package fsm

import "github.com/divtxt/lockd/resp"

// lockEvent is the first word of a push about a lock to the connection that took it.
const lockEvent = "lock-event"

// IsLockEvent tells whether a push is one about a lock. Who gets it has not asked for it, so it must go only
// to those whose protocol tells pushes from replies: RESP3.
func IsLockEvent(v Reply) bool {
	list := v.List()
	return v.Kind() == resp.KindPush && len(list) > 0 && list[0].Str() == lockEvent
}

// Revoke takes h, which somebody has of key, from its owner: after grace milliseconds at the latest, and at
// once where that is 0.
func (tx *Tx) Revoke(key string, h Hold, grace int64, reason string) {
	m := tx.m
	it := m.itemAt(tx.db, key)
	reason = keep(reason)
	m.pushRevoked(it.Key, &h, grace, reason)
	if grace == 0 {
		m.dropHold(tx.db, it, &h, loss{LockRevoked, reason})
		m.notify(tx.db, EventGeneric, "del", it.Key)
		return
	}
	h = h.RevokedAfter(grace, tx.m.clock)
	h.Revoked = reason
	m.setHold(tx.db, it, &h)
	m.tell(tx.db, LockRevoking, it.Key, &h, reason)
	m.stir(tx.db, it.Key)
}

// RevokedAfter returns h as it is once it was said, at clock now, that it ends after grace milliseconds. It
// ends no later than was said before.
func (h Hold) RevokedAfter(grace int64, now Clock) Hold {
	h.Cap = h.capped(now.After(grace))
	h.Deadline = h.capped(h.Deadline)
	return h
}

// timeout is how a hold ends whose time is over.
func (h *Hold) timeout() loss {
	if h.Revoked != "" {
		return loss{LockRevoked, h.Revoked}
	}
	return loss{kind: LockExpired}
}

// pushRevoked tells the connection that took the lock, if it is still there.
func (m *Machine) pushRevoked(key string, h *Hold, grace int64, reason string) {
	if node, ok := m.nodeOf(h.Conn); ok {
		m.effects = append(m.effects, effect{kind: effectPush, name: node, number: h.Conn, value: resp.Push(
			resp.Bulk(lockEvent), resp.Bulk("revoke"), resp.Bulk(key), intReply(h.Token), resp.Int(grace),
			resp.Bulk(reason),
		)})
	}
}

// Lost is what became of a token.
type Lost struct {
	How    EventKind // LockRevoking while it is still held, or how it ended
	Left   int64     // milliseconds that it is still held at most
	Reason string
}

// Lost tells what became of the token of a lock on key. It reports false where that is still a holder's, and
// nobody has taken it back.
func (tx *Tx) Lost(key string, token uint64) (lost Lost, is bool) {
	held := false
	if it := tx.Get(key); it != nil {
		it.Holds(func(h *Hold) bool {
			tx.Spend(1)
			if held = h.Token == token; held {
				lost, is = Lost{LockRevoking, h.TTL(tx.m.clock), h.Revoked}, h.Revoked != ""
			}
			return !held
		})
	}
	if held {
		return lost, is
	}
	if g, ok := tx.EndOf(key, token); ok {
		return Lost{How: g.How, Reason: g.Reason}, true
	}
	return Lost{How: LockRemoved}, true
}

// Typed outcomes: why what must not fail silently (RENEW, LOCK.UPGRADE and the like) is refused. The first
// word is for programs, what follows is for people: who holds the lock, with which token and for how long, or
// what became of it.

package commands

import (
	"fmt"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

// heldBy returns what owner has of the lock at key, by that token if one is named, or an error that says why
// it has nothing.
func heldBy(tx *fsm.Tx, key, owner string, token uint64) (*fsm.Item, fsm.Hold, resp.Value) {
	it := tx.Get(key)
	if it == nil || it.Delayed() {
		return nil, fsm.Hold{}, errNotHeld(tx, key, graveOf(tx, key, owner, token), it)
	}
	if !it.IsLock() {
		return nil, fsm.Hold{}, errNotALock(tx, it)
	}
	h, mine := it.HoldOf(owner)
	if mine && token != 0 && token != h.Token {
		return nil, fsm.Hold{}, errOtherToken(tx, graveOf(tx, key, owner, token), it, &h, token)
	}
	if !mine {
		return nil, fsm.Hold{}, errNotOwner(tx, graveOf(tx, key, owner, token), it)
	}
	return it, h, resp.Value{}
}

// graveOf returns what is remembered of a lock that owner had, the one with that token if one is named, or
// nil.
func graveOf(tx *fsm.Tx, key, owner string, token uint64) *fsm.Grave {
	g, ok := tx.Ended(key, owner)
	if token != 0 {
		g, ok = tx.EndOf(key, token)
	}
	if !ok {
		return nil
	}
	return &g
}

// howLost is how a lock ended, as LOCK.WAITLOST and EXPLAIN say it.
func howLost(how fsm.EventKind) string {
	if how == fsm.LockEnded {
		return "session"
	}
	return how.String()
}

// errNotHeld says why a lock that nobody holds is not held. g is what became of it, nil if that is not known;
// it is what stands there, nil for nothing.
func errNotHeld(tx *fsm.Tx, key string, g *fsm.Grave, it *fsm.Item) resp.Value {
	switch {
	case it != nil:
		died := ""
		if v, ok := it.Value().(*fsm.Delay); ok {
			died = v.Session
		}
		return resp.Errorf("DELAYED %s is held by nobody, and nobody may take it for another %d ms: the session "+
			"%s that held it died; stop what you did under it, and take it again with LOCK … WAIT", shown(key),
			it.TTL(tx.Clock()), died)
	case g == nil:
		return resp.Errorf("NOTLOCKED %s is free: it was released, or expired some time ago; "+
			"take it again with LOCK", shown(key))
	case g.TakenBack():
		return errTakenBack(tx, g, "it is free")
	case g.How == fsm.LockReleased:
		return resp.Errorf("NOTLOCKED %s is free: %q released it (token %d) %d ms ago; take it again with LOCK",
			shown(key), shown(g.Owner), g.Token, int64(tx.Clock()-g.At))
	}
	until := ""
	if g.How == fsm.LockEnded {
		until = ", when it ended with what it hung on (" + g.Reason + ")"
	}
	return resp.Errorf("EXPIRED %s was held by %q (token %d) until %d ms ago%s, now it is free: take it "+
		"again with LOCK, and do not trust what was done since", shown(key), shown(g.Owner), g.Token,
		int64(tx.Clock()-g.At), until)
}

// errTakenBack says that a lock was taken back, and how the key stands now.
func errTakenBack(tx *fsm.Tx, g *fsm.Grave, now string) resp.Value {
	why := ""
	if g.Reason != "" {
		why = " (" + g.Reason + ")"
	}
	return resp.Errorf("REVOKED %s was taken back from %q (token %d) %d ms ago%s, now %s: stop what you do "+
		"under it, and do not trust what was done since", shown(g.Key), shown(g.Owner), g.Token,
		int64(tx.Clock()-g.At), why, now)
}

// errNotOwner says who holds a lock instead, or that it was taken back. g is what became of the lock of who
// asks, nil if that is not known.
func errNotOwner(tx *fsm.Tx, g *fsm.Grave, it *fsm.Item) resp.Value {
	if g != nil && g.TakenBack() {
		return errTakenBack(tx, g, "it is "+heldNow(tx, it))
	}
	return resp.Errorf("NOTOWNER %s is %s", shown(it.Key), heldNow(tx, it))
}

// errOtherToken says that the grant which was named is over, though its owner holds the lock, by h.
func errOtherToken(tx *fsm.Tx, g *fsm.Grave, it *fsm.Item, h *fsm.Hold, token uint64) resp.Value {
	if g != nil && g.TakenBack() {
		return errTakenBack(tx, g, "it is "+heldNow(tx, it))
	}
	return resp.Errorf("NOTOWNER %s is held by %q with token %d, not with %d: stop what you do under the token "+
		"that you named", shown(it.Key), shown(h.Owner), h.Token, token)
}

// heldNow says who holds the lock at it and for how long.
func heldNow(tx *fsm.Tx, it *fsm.Item) string {
	left := "until it is released"
	if ttl := it.TTL(tx.Clock()); ttl >= 0 {
		left = fmt.Sprintf("for another %d ms", ttl)
	}
	first, several := firstHold(it), false
	if v := it.Value(); v != nil {
		several = v.Len() > 1
	}
	if several {
		return fmt.Sprintf("held by %q (token %d) and others, %s, %s", shown(first.Owner), first.Token, it.Mode(),
			left)
	}
	return fmt.Sprintf("held by %q (token %d) %s", shown(first.Owner), first.Token, left)
}

// errFrozen says why nobody may take a key now. it is what stands there, nil for nothing.
func errFrozen(tx *fsm.Tx, key string, it *fsm.Item) resp.Value {
	state, until, why := "free", "until LOCK.THAW", ""
	if it != nil && it.IsLock() {
		state = heldNow(tx, it)
	}
	f := tx.Frozen(key)
	if ttl := f.TTL(tx.Clock()); ttl >= 0 {
		until = fmt.Sprintf("for another %d ms", ttl)
	}
	if f.Reason != "" {
		why = " (" + f.Reason + ")"
	}
	return resp.Errorf("FROZEN %s is %s, and %s is frozen %s%s: wait for it with LOCK … WAIT, or try again then",
		shown(key), state, shown(f.Pattern), until, why)
}

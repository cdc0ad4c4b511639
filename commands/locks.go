// The lock commands. A lock is a string key whose value is its owner, so these and SET NX PX, GET, DEL and
// the libraries' compare-and-delete all speak of the same thing.

package commands

import (
	"math"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

func lockCommands() []Command {
	one := Keys{1, 1, 1}
	return []Command{
		{
			Name: "lock", Arity: -2, Flags: Write | DenyOOM | Blocking, Keys: one, KeyFlags: "RW access update",
			Group: "lock", Since: "0.1.0", Syntax: "key [owner ttl-ms [WAIT ms] [NOTE text]]",
			Complexity: "O(log N)", Handler: lock, Parks: lockParks,
			Summary: "Take a lock. Replies its fencing token, or null when another owner holds it.",
		},
		{
			Name: "unlock", Arity: -2, Flags: Write | Fast, Keys: one, KeyFlags: "RM delete", Group: "lock",
			Complexity: "O(log N)", Since: "0.1.0", Syntax: "key [owner]", Handler: unlock,
			Summary: "Release a lock if the owner holds it. Replies 1 if it did, 0 if not.",
		},
		{
			Name: "renew", Arity: 4, Flags: Write | Fast, Keys: one, KeyFlags: "RW access update", Group: "lock",
			Complexity: "O(log N)", Since: "0.1.0", Syntax: "key owner ttl-ms", Handler: renew,
			Summary: "Give a held lock at least so many milliseconds more. Replies what is left.",
		},
		{
			Name: "islocked", Arity: -2, Flags: ReadOnly | Fast, Keys: one, KeyFlags: "RO access", Group: "lock",
			Complexity: "O(log N)", Since: "0.1.0", Syntax: "key [owner]", Handler: isLocked,
			Summary: "Tell whether a lock is held, by anyone or by this owner: 1 or 0.",
		},
		{
			Name: "lock.info", Arity: 2, Flags: ReadOnly, Keys: one, KeyFlags: "RO access", Group: "lock",
			Complexity: "O(log N + M), M the number of waiters shown", Since: "0.1.0", Syntax: "key",
			Handler: lockInfo,
			Summary: "Show who holds a lock, for how long, and who waits for it.",
		},
		{
			Name: "lock.token", Arity: 3, Flags: ReadOnly | Fast, Keys: one, KeyFlags: "RO access", Group: "lock",
			Complexity: "O(log N)", Since: "0.1.0", Syntax: "key owner", Handler: lockToken,
			Summary: "Reply the fencing token of a lock that the owner holds, or null.",
		},
		{
			Name: "lock.check", Arity: 3, Flags: ReadOnly | Fast, Keys: one, KeyFlags: "RO access", Group: "lock",
			Complexity: "O(log N)", Since: "0.1.0", Syntax: "key token", Handler: lockCheck,
			Summary: "Tell whether a fencing token is still that of the holder: 1 or 0.",
		},
		{
			Name: "lock.list", Arity: -1, Flags: ReadOnly, Group: "lock",
			Complexity: "O(1) for a page, O(N) for all, N the number of keys", Since: "0.1.0",
			Syntax:  "[MATCH pattern] [OWNER owner] [COUNT count] [CURSOR cursor]",
			Summary: "List locks in the order of their keys, page by page.", Handler: lockList,
		},
		{
			Name: "lock.force", Arity: -2, Flags: Write | Admin | Audit, Keys: one, KeyFlags: "RM delete",
			Group: "lock", Complexity: "O(log N)",
			Since: "0.1.0", Syntax: "key [REASON text]", Handler: lockForce,
			Summary: "Free a lock whoever holds it. Replies 1 if it was held. The next waiter gets it.",
		},
	}
}

// lockParks tells whether LOCK was told to wait; a note that says WAIT costs nothing but a watcher.
func lockParks(a Args) bool {
	for i := 4; i < len(a); i++ {
		if a.Is(i, "WAIT") {
			return true
		}
	}
	return false
}

// ttlArg reads a time to live of 1 to about 9.2e18 milliseconds.
func ttlArg(tx *fsm.Tx, a Args, i int) (int64, bool) {
	n, ok := a.Int(i)
	return n, ok && n > 0 && n <= math.MaxInt64-tx.Wall().Millis()
}

func errTTL(word []byte) resp.Value {
	return resp.Errorf("ERR '%s' is no time to live: give milliseconds, 1 to 9.2e18", clip(word, 32))
}

func lock(tx *fsm.Tx, a Args) resp.Value {
	req := fsm.LockRequest{Key: a.Str(1)}
	switch {
	case len(a) == 2: // the seed's form
		req.Owner = tx.Caller().Name()
	case len(a) == 3:
		return resp.Error("ERR LOCK needs a time to live: LOCK key owner ttl-ms [WAIT ms] [NOTE text]")
	default:
		ttl, ok := ttlArg(tx, a, 3)
		if !ok {
			return errTTL(a[3])
		}
		req.Owner, req.TTL = a.Str(2), ttl
	}
	if len(req.Owner) > tx.MaxOwner() {
		return errOwnerLength(tx, req.Owner)
	}
	if problem := lockOptions(&req, a); problem.IsError() {
		return problem
	}
	it, result := tx.Lock(req)
	switch result {
	case fsm.Granted:
		return resp.Int(int64(it.Token))
	case fsm.Parked:
		return resp.None()
	case fsm.NotALock:
		return errNotALock(tx, a.Str(1))
	case fsm.QueueFull:
		return resp.Errorf("QUEUEFULL as many as allowed wait for %s: try again later, or raise "+
			"max-waiters-per-key", shown(a.Str(1)))
	case fsm.AllQueues:
		return resp.Error("QUEUEFULL as many as allowed wait in all: try again later, or raise max-waiters")
	}
	return resp.Null()
}

// lockOptions reads what may follow LOCK key owner ttl-ms.
func lockOptions(req *fsm.LockRequest, a Args) resp.Value {
	for i := 4; i < len(a); i += 2 {
		if i+1 >= len(a) {
			return errSyntax()
		}
		switch {
		case a.Is(i, "WAIT"):
			n, ok := a.Int(i + 1)
			if !ok || n < 0 {
				return resp.Errorf("ERR '%s' is no time to wait: give milliseconds, 0 or more",
					clip(a[i+1], 32))
			}
			req.Wait = n
		case a.Is(i, "NOTE"):
			if len(a[i+1]) > maxNote {
				return resp.Errorf("ERR a note has at most %d bytes, this one has %d", maxNote, len(a[i+1]))
			}
			req.Note = a.Str(i + 1)
		default:
			return errSyntax()
		}
	}
	return resp.Value{}
}

// maxNote bounds what an owner may say about itself, in bytes.
const maxNote = 1024

func errOwnerLength(tx *fsm.Tx, owner string) resp.Value {
	return resp.Errorf("ERR an owner has at most %d bytes, this one has %d", tx.MaxOwner(), len(owner))
}

func errNotALock(tx *fsm.Tx, key string) resp.Value {
	return resp.Errorf("%s: %s holds a string of more than %d bytes, which is no owner",
		msgWrongType, shown(key), tx.MaxOwner())
}

func unlock(tx *fsm.Tx, a Args) resp.Value {
	if len(a) > 3 {
		return errArity("unlock")
	}
	owner := tx.Caller().Name()
	if len(a) == 3 {
		owner = a.Str(2)
	}
	return zeroOne(tx.Unlock(a.Str(1), owner))
}

func renew(tx *fsm.Tx, a Args) resp.Value {
	ttl, ok := ttlArg(tx, a, 3)
	if !ok {
		return errTTL(a[3])
	}
	key, owner := a.Str(1), a.Str(2)
	it := tx.Get(key)
	if it == nil {
		return errNotHeld(tx, key, owner)
	}
	if !it.IsLock() {
		return errNotALock(tx, key)
	}
	if it.Str != owner {
		return errNotOwner(tx, it)
	}
	it, _ = tx.Lock(fsm.LockRequest{Key: key, Owner: owner, TTL: ttl})
	return resp.Int(it.TTL(tx.Clock()))
}

// errNotHeld says why a lock that nobody holds cannot be renewed.
func errNotHeld(tx *fsm.Tx, key, owner string) resp.Value {
	if g, ok := tx.Expired(key, owner); ok {
		return resp.Errorf("EXPIRED %s was held by %q (token %d) until %d ms ago, now it is free: take it "+
			"again with LOCK, and do not trust what was done since", shown(key), shown(owner), g.Token,
			int64(tx.Clock()-g.At))
	}
	return resp.Errorf("NOTLOCKED %s is free: it was released, or expired some time ago; "+
		"take it again with LOCK", shown(key))
}

func errNotOwner(tx *fsm.Tx, it *fsm.Item) resp.Value {
	left := "until it is released"
	if ttl := it.TTL(tx.Clock()); ttl >= 0 {
		left = resp.Errorf("for another %d ms", ttl).Str()
	}
	return resp.Errorf("NOTOWNER %s is held by %q (token %d) %s",
		shown(it.Key), shown(it.Str), it.Token, left)
}

// shown cuts what a user chose to a length that fits into an error.
func shown(s string) string {
	const most = 128
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

func isLocked(tx *fsm.Tx, a Args) resp.Value {
	if len(a) > 3 {
		return errArity("islocked")
	}
	it := tx.Get(a.Str(1))
	return zeroOne(it != nil && it.IsLock() && (len(a) == 2 || it.Str == a.Str(2)))
}

func lockToken(tx *fsm.Tx, a Args) resp.Value {
	it := tx.Get(a.Str(1))
	if it == nil || !it.IsLock() || it.Str != a.Str(2) {
		return resp.Null()
	}
	return resp.Int(int64(it.Token))
}

func lockCheck(tx *fsm.Tx, a Args) resp.Value {
	token, ok := a.Int(2)
	if !ok || token < 1 {
		return resp.Errorf("ERR '%s' is no fencing token: give the positive integer that LOCK replied",
			clip(a[2], 32))
	}
	it := tx.Get(a.Str(1))
	return zeroOne(it != nil && it.Token == uint64(token))
}

func lockForce(tx *fsm.Tx, a Args) resp.Value {
	if len(a) != 2 && (len(a) != 4 || !a.Is(2, "REASON")) {
		return errSyntax()
	}
	return zeroOne(tx.Force(a.Str(1)) != nil)
}

func zeroOne(yes bool) resp.Value {
	if yes {
		return resp.Int(1)
	}
	return resp.Int(0)
}

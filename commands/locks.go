// The lock commands. A lock that one owner holds alone is a string key whose value is its owner, so these and
// SET NX PX, GET, DEL and the libraries' compare-and-delete all speak of the same thing. What LOCK may be
// asked for beyond that is read in locks_options.go.

package commands

import (
	"math"
	"slices"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

func lockCommands() []Command {
	one := Keys{1, 1, 1}
	return append([]Command{
		{
			Name: "lock", Arity: -2, Flags: Write | DenyOOM | Blocking, Keys: one, KeyFlags: "RW access update",
			Group: "lock", Since: "0.1.0", Syntax: "key [owner [ttl-ms] " + lockSyntax + "]",
			Complexity: "O(log N)", Handler: lock, Parks: lockParks, Binds: bindsConn,
			Summary: "Take a lock, and reply its fencing token, or null when it cannot be had.",
		},
		{
			Name: "unlock", Arity: -2, Flags: Write | Fast, Keys: one, KeyFlags: "RM delete", Group: "lock",
			Complexity: "O(log N)", Since: "0.1.0", Handler: unlock,
			Syntax:  "key [owner [TOKEN token] [REQID id] [EXPLAIN]]",
			Summary: "Release a lock if the owner holds it, and reply 1 if it did, 0 if not.",
		},
		{
			Name: "renew", Arity: -4, Flags: Write | Fast, Keys: one, KeyFlags: "RW access update", Group: "lock",
			Complexity: "O(log N)", Since: "0.1.0", Syntax: "key owner ttl-ms [TOKEN token]", Handler: renew,
			Summary: "Give a held lock at least so many milliseconds more, and reply what is left.",
		},
		{
			Name: "islocked", Arity: -2, Flags: ReadOnly | Fast, Keys: one, KeyFlags: "RO access", Group: "lock",
			Complexity: "O(log N)", Since: "0.1.0", Syntax: "key [owner]", Handler: isLocked,
			Summary: "Tell whether a lock is held, by anyone or by this owner: 1 or 0.",
		},
		{
			Name: "lock.info", Arity: 2, Flags: ReadOnly, Keys: one, KeyFlags: "RO access", Group: "lock",
			Complexity: "O(log N + M), M the number of holders and waiters shown", Since: "0.1.0", Syntax: "key",
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
			Complexity: "O(N), N the number of holders", Since: "0.1.0", Syntax: "key token", Handler: lockCheck,
			Summary: "Tell whether a fencing token is still that of a holder: 1 or 0.",
		},
		{
			Name: "lock.list", Arity: -1, Flags: ReadOnly, Group: "lock",
			Complexity: "O(1) for a page, O(N) for all, N the number of keys", Since: "0.1.0",
			Syntax: "[STATE <held | waiting | delayed>] [MATCH pattern] [OWNER owner] [OLDER ms] [NOTTL] " +
				"[COUNT count] [CURSOR cursor]",
			Summary: "List locks in the order of their keys, page by page.", Handler: lockList,
		},
		{
			Name: "lock.force", Arity: -2, Flags: Write | Admin | Audit, Keys: one, KeyFlags: "RM delete",
			Group: "lock", Complexity: "O(log N)",
			Since: "0.1.0", Syntax: "key [REASON text]", Handler: lockForce,
			Summary: "Free a lock whoever holds it, without notice, and reply 1 if it was held.",
		},
	}, slices.Concat(lockModeCommands(), lockEventCommands(), takingBackCommands())...)
}

func lock(tx *fsm.Tx, a Args) resp.Value {
	req := fsm.LockRequest{Keys: []string{a.Str(1)}, Wish: fsm.Wish{Prio: fsm.DefaultPrio}}
	if len(a) == 2 { // the seed's form
		req.Owner = tx.Caller().Name()
		return lockReply(tx, &req, tx.Lock(req))
	}
	req.Owner = a.Str(2)
	if problem := lockOptions(tx, &req, a, 3); problem.IsError() {
		return problem
	}
	return lockOnce(tx, &req, a)
}

// lockReply is what a request for locks is answered.
func lockReply(tx *fsm.Tx, req *fsm.LockRequest, out fsm.Outcome) resp.Value {
	switch out.Result {
	case fsm.Granted:
		if req.Explain {
			return explainGrant(out)
		}
		return resp.Int(int64(out.Token))
	case fsm.Parked:
		return resp.None()
	case fsm.Held, fsm.Frozen:
		if req.Explain {
			return explainHeld(tx, req, out)
		}
		if out.Result == fsm.Held {
			return resp.Null()
		}
	}
	return errLock(tx, req, out)
}

// errLock says why a request was not even refused.
func errLock(tx *fsm.Tx, req *fsm.LockRequest, out fsm.Outcome) resp.Value {
	switch out.Result {
	case fsm.NotALock:
		return errNotALock(tx, out.Item)
	case fsm.OtherMode:
		h, _ := out.Item.HoldOf(req.Owner)
		return errOtherMode(out.Key, &h, req.Mode)
	case fsm.NotHeld:
		_, _, problem := heldBy(tx, out.Key, req.Owner, 0)
		return problem
	case fsm.Frozen:
		return errFrozen(tx, out.Key, out.Item)
	case fsm.QueueFull:
		return resp.Errorf("QUEUEFULL as many as allowed wait for %s: try again later, or raise "+
			"max-waiters-per-key", shown(out.Key))
	case fsm.AllQueues:
		return resp.Error("QUEUEFULL as many as allowed wait in all: try again later, or raise max-waiters")
	case fsm.Deadlocked:
		return errDeadlock(out.Cycle)
	case fsm.NoSession:
		return errNoSession(req.Session)
	}
	return resp.Null()
}

// maxNote bounds what an owner may say about itself, in bytes.
const maxNote = 1024

func errOwnerLength(tx *fsm.Tx, owner string) resp.Value {
	return resp.Errorf("ERR an owner has at most %d bytes, this one has %d", tx.MaxOwner(), len(owner))
}

func errNotALock(tx *fsm.Tx, it *fsm.Item) resp.Value {
	if it.Value() != nil {
		return resp.Errorf("%s: %s holds a %s, which is no lock", msgWrongType, shown(it.Key), it.Type())
	}
	return resp.Errorf("%s: %s holds a string of more than %d bytes, which is no owner",
		msgWrongType, shown(it.Key), tx.MaxOwner())
}

func unlock(tx *fsm.Tx, a Args) resp.Value {
	owner := tx.Caller().Name()
	if len(a) > 2 {
		owner = a.Str(2)
	}
	o, problem := readUnlock(tx, a)
	if problem.IsError() {
		return problem
	}
	if reply, known := sent(tx, o.request, a); known {
		return reply
	}
	key := a.Str(1)
	it := tx.Get(key)
	if it != nil && it.Value() != nil && !it.IsLock() && !it.Delayed() {
		return errNotALock(tx, it)
	}
	was, released := tx.Unlock(key, owner, o.token)
	if o.explain {
		return remembered(tx, o.request, explainUnlock(tx, key, owner, it, &was, released))
	}
	return remembered(tx, o.request, zeroOne(released))
}

// unlockOptions is what UNLOCK is asked for beside key and owner.
type unlockOptions struct {
	token   uint64       // 0: whichever
	request *fsm.Request // nil: none
	explain bool
}

func readUnlock(tx *fsm.Tx, a Args) (o unlockOptions, problem resp.Value) {
	for i := 3; i < len(a); i++ {
		switch {
		case a.Is(i, "EXPLAIN"):
			o.explain = true
		case a.Is(i, "TOKEN") && i+1 < len(a):
			i++
			o.token, problem = tokenArg(a, i)
		case a.Is(i, "REQID") && i+1 < len(a):
			i++
			o.request, problem = requestArg(tx, a, i)
		default:
			problem = errSyntax()
		}
		if problem.IsError() {
			return o, problem
		}
	}
	return o, resp.Value{}
}

// tokenArg reads word i as a fencing token.
func tokenArg(a Args, i int) (uint64, resp.Value) {
	n, ok := a.Int(i)
	if !ok || n < 1 {
		return 0, resp.Errorf("ERR '%s' is no fencing token: give the positive integer that LOCK replied",
			clip(a[i], 32))
	}
	return uint64(n), resp.Value{}
}

func renew(tx *fsm.Tx, a Args) resp.Value {
	ttl, ok := ttlArg(tx, a, 3)
	if !ok {
		return errTTL(a[3])
	}
	token := uint64(0)
	if len(a) > 4 {
		if len(a) != 6 || !a.Is(4, "TOKEN") {
			return errSyntax()
		}
		n, problem := tokenArg(a, 5)
		if problem.IsError() {
			return problem
		}
		token = n
	}
	it, h, problem := heldBy(tx, a.Str(1), a.Str(2), token)
	if problem.IsError() {
		return problem
	}
	h = tx.Renew(it, h.Owner, ttl)
	return resp.Int(h.TTL(tx.Clock()))
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
	if it == nil || !it.IsLock() {
		return resp.Int(0)
	}
	if len(a) == 2 {
		return resp.Int(1)
	}
	_, mine := it.HoldOf(a.Str(2))
	return zeroOne(mine)
}

func lockToken(tx *fsm.Tx, a Args) resp.Value {
	it := tx.Get(a.Str(1))
	if it == nil {
		return resp.Null()
	}
	h, mine := it.HoldOf(a.Str(2))
	if !mine {
		return resp.Null()
	}
	return resp.Int(int64(h.Token))
}

func lockCheck(tx *fsm.Tx, a Args) resp.Value {
	token, problem := tokenArg(a, 2)
	if problem.IsError() {
		return problem
	}
	it, found := tx.Get(a.Str(1)), false
	if it != nil {
		it.Holds(func(h *fsm.Hold) bool {
			found = h.Token == token
			return !found
		})
	}
	return zeroOne(found)
}

func lockForce(tx *fsm.Tx, a Args) resp.Value {
	if len(a) != 2 && (len(a) != 4 || !a.Is(2, "REASON")) {
		return errSyntax()
	}
	if it := tx.Get(a.Str(1)); it != nil && it.Value() != nil && !it.IsLock() && !it.Delayed() {
		return errNotALock(tx, it)
	}
	reason := ""
	if len(a) == 4 {
		reason = a.Str(3)
	}
	return zeroOne(tx.Force(a.Str(1), reason) != nil)
}

func zeroOne(yes bool) resp.Value {
	if yes {
		return resp.Int(1)
	}
	return resp.Int(0)
}

// ttlArg reads a time to live of 1 to about 9.2e18 milliseconds.
func ttlArg(tx *fsm.Tx, a Args, i int) (int64, bool) {
	n, ok := a.Int(i)
	return n, ok && n > 0 && n <= math.MaxInt64-tx.Wall().Millis()
}

func errTTL(word []byte) resp.Value {
	return resp.Errorf("ERR '%s' is no time to live: give milliseconds, 1 to 9.2e18", clip(word, 32))
}

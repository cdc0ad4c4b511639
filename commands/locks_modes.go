// Locks of several keys, and changing how a lock is held.

package commands

import (
	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

func lockModeCommands() []Command {
	one := Keys{1, 1, 1}
	return []Command{
		{
			Name: "mlock", Arity: -4, Flags: Write | DenyOOM | Blocking | MovableKeys, NumKeys: 1,
			KeyFlags: "RW access update", Group: "lock", Since: "0.1.0", Entry: fsm.VersionLocks,
			Syntax: "numkeys key [key ...] owner [ttl-ms] " + lockSyntax, Complexity: "O(M log N), M keys",
			Handler: mlock, Parks: lockParks, Binds: bindsConn,
			Summary: "Take several locks at once or none, and reply one fencing token for all, or null.",
		},
		{
			Name: "munlock", Arity: -4, Flags: Write | MovableKeys, NumKeys: 1, KeyFlags: "RM delete",
			Group: "lock", Since: "0.1.0", Entry: fsm.VersionLocks, Complexity: "O(M log N), M keys",
			Syntax: "numkeys key [key ...] owner [TOKEN token]", Handler: munlock,
			Summary: "Release several locks, and reply how many of them the owner held.",
		},
		{
			Name: "lock.upgrade", Arity: -3, Flags: Write | Blocking, Keys: one, KeyFlags: "RW access update",
			Group: "lock", Since: "0.1.0", Entry: fsm.VersionLocks, Syntax: "key owner [WAIT ms]",
			Complexity: "O(log N)", Handler: lockUpgrade, Parks: lockParks,
			Summary: "Hold alone what one shares, and reply a new fencing token, or null while others share it.",
		},
		{
			Name: "lock.downgrade", Arity: -3, Flags: Write | Fast, Keys: one, KeyFlags: "RW access update",
			Group: "lock", Since: "0.1.0", Entry: fsm.VersionLocks, Syntax: "key owner [SHARED | UPDATE]",
			Complexity: "O(log N)", Handler: lockDowngrade,
			Summary: "Let others share a lock that one holds alone, and reply 1, or 0 where they may already.",
		},
		{
			Name: "lock.waitgraph", Arity: -1, Flags: ReadOnly, Group: "lock", Since: "0.1.0", Syntax: "[DOT]",
			Entry: fsm.VersionLocks, Complexity: "O(N), N the number of waiters", Handler: waitGraph,
			Summary: "Show who waits for whom, as a list or as a graph in DOT.",
		},
	}
}

// mostKeys bounds the keys of one MLOCK.
const mostKeys = 1000

// manyKeys reads the keys of MLOCK and MUNLOCK, each once, and the place of what follows them.
func manyKeys(a Args) (keys []string, next int, problem resp.Value) {
	list, problem := keyCount(a, 1)
	if problem.IsError() {
		return nil, 0, problem
	}
	if len(list) > mostKeys {
		return nil, 0, resp.Errorf("ERR at most %d keys are locked at once, these are %d", mostKeys, len(list))
	}
	next = 2 + len(list)
	if next >= len(a) {
		return nil, 0, resp.Errorf("ERR the owner is missing: %s numkeys key [key ...] owner", a.Str(0))
	}
	seen := make(map[string]bool, len(list))
	for _, key := range list {
		if !seen[key] {
			seen[key] = true
			keys = append(keys, key)
		}
	}
	return keys, next, resp.Value{}
}

func mlock(tx *fsm.Tx, a Args) resp.Value {
	keys, next, problem := manyKeys(a)
	if problem.IsError() {
		return problem
	}
	tx.Spend(int64(len(keys)) * perKey)
	req := fsm.LockRequest{Keys: keys, Wish: fsm.Wish{Prio: fsm.DefaultPrio, Owner: a.Str(next)}}
	if problem := lockOptions(tx, &req, a, next+1); problem.IsError() {
		return problem
	}
	return lockOnce(tx, &req, a)
}

// perKey is the steps that a key of many costs.
const perKey = 20

func munlock(tx *fsm.Tx, a Args) resp.Value {
	keys, next, problem := manyKeys(a)
	if problem.IsError() {
		return problem
	}
	token := uint64(0)
	if rest := len(a) - next - 1; rest > 0 {
		if rest != 2 || !a.Is(next+1, "TOKEN") {
			return errSyntax()
		}
		if token, problem = tokenArg(a, next+2); problem.IsError() {
			return problem
		}
	}
	tx.Spend(int64(len(keys)) * perKey)
	n := int64(0)
	for _, key := range keys {
		if _, released := tx.Unlock(key, a.Str(next), token); released {
			n++
		}
	}
	return resp.Int(n)
}

func lockUpgrade(tx *fsm.Tx, a Args) resp.Value {
	req := fsm.LockRequest{
		Keys: []string{a.Str(1)}, Wish: fsm.Wish{Owner: a.Str(2), Upgrade: true, Prio: fsm.DefaultPrio},
	}
	for i := 3; i < len(a); i += 2 {
		if !a.Is(i, "WAIT") || i+1 >= len(a) {
			return errSyntax()
		}
		if problem := optionWait(tx, &req, a, i+1); problem.IsError() {
			return problem
		}
	}
	if _, h, problem := heldBy(tx, a.Str(1), a.Str(2), 0); problem.IsError() {
		return problem
	} else if h.Mode == fsm.Permit {
		return errOtherMode(a.Str(1), &h, fsm.Shared)
	}
	return lockReply(tx, &req, tx.Lock(req))
}

func lockDowngrade(tx *fsm.Tx, a Args) resp.Value {
	mode := fsm.Shared
	switch {
	case len(a) == 4 && a.Is(3, "UPDATE"):
		mode = fsm.Update
	case len(a) > 4, len(a) == 4 && !a.Is(3, "SHARED"):
		return errSyntax()
	}
	it, h, problem := heldBy(tx, a.Str(1), a.Str(2), 0)
	if problem.IsError() {
		return problem
	}
	return zeroOne(tx.Downgrade(it, h.Owner, mode))
}

func waitGraph(tx *fsm.Tx, a Args) resp.Value {
	if len(a) > 2 || len(a) == 2 && !a.Is(1, "DOT") {
		return errSyntax()
	}
	if len(a) == 2 {
		return resp.Verbatim("txt", waitDot(tx))
	}
	var list []resp.Value
	tx.Edges(func(e fsm.Edge) bool {
		list = append(list, resp.Map(
			resp.Bulk("owner"), resp.Bulk(e.Waits), resp.Bulk("key"), resp.Bulk(e.Key),
			resp.Bulk("blocked-by"), resp.Bulk(e.Owns), resp.Bulk("how"), resp.Bulk(edgeHow(e)),
			resp.Bulk("db"), resp.Int(int64(e.DB)),
		))
		return len(list) < mostEdges
	})
	return resp.Array(list...)
}

// mostEdges is how many edges LOCK.WAITGRAPH shows.
const mostEdges = 10_000

func edgeHow(e fsm.Edge) string {
	if e.Before {
		return "before"
	}
	return "holds"
}

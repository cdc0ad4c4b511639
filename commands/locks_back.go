// Taking locks back, and maintenance: LOCK.REVOKE tells the holders first and then frees, LOCK.WAITLOST waits
// for that and for any other end, and LOCK.FREEZE lets nobody take what is free.

package commands

import (
	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

func takingBackCommands() []Command {
	one := Keys{1, 1, 1}
	list := []Command{
		{
			Name: "lock.revoke", Arity: -4, Flags: Write | Admin | Audit, Keys: one, KeyFlags: "RM delete",
			Syntax:     "key [TOKEN token] [OWNER owner] [GRACE ms] REASON text [DRYRUN]",
			Complexity: "O(M log N), M the number of holders", Handler: lockRevoke,
			Summary: "Take a lock back: tell its holders, and free it when their time of grace is over.",
		},
		{
			Name: "lock.waitlost", Arity: -3, Flags: Logged | Blocking, Keys: one, KeyFlags: "RO access",
			Syntax: "key token [BLOCK ms]", Complexity: "O(N), N the number of holders", Handler: waitLost,
			Parks:   func(a Args) bool { return len(a) > 3 },
			Summary: "Tell when and why a fencing token is no longer that of a holder, or is being taken back.",
		},
		{
			Name: "lock.freeze", Arity: -2, Flags: Write | Admin | Audit, Complexity: "O(N), N frozen patterns",
			Syntax: "pattern [FOR ms] [REASON text]", Handler: lockFreeze,
			Summary: "Let nobody take the keys that match a pattern; who holds them keeps them.",
		},
		{
			Name: "lock.thaw", Arity: 2, Flags: Write | Admin | Audit, Syntax: "pattern", Handler: lockThaw,
			Complexity: "O(N log N), N the number of keys that are waited for",
			Summary:    "End a freeze, serve who waits, and reply 1, or 0 if the pattern was not frozen.",
		},
		{
			Name: "lock.frozen", Arity: 1, Flags: ReadOnly, Complexity: "O(N), N frozen patterns",
			Handler: lockFrozen,
			Summary: "List what is frozen, in all databases.",
		},
	}
	for i := range list {
		list[i].Group, list[i].Since, list[i].Entry = "lock", "0.1.0", fsm.VersionLocks
	}
	return list
}

// mostReason bounds a reason, in bytes: that much of it is kept with what happened.
const mostReason = 256

func reasonArg(a Args, i int) (string, resp.Value) {
	if n := len(a[i]); n == 0 || n > mostReason {
		return "", resp.Errorf("ERR a reason has 1 to %d bytes, this one has %d", mostReason, n)
	}
	return a.Str(i), resp.Value{}
}

// revocation is what LOCK.REVOKE was told.
type revocation struct {
	token  uint64 // 0: whatever it is
	owner  string
	anyone bool // no owner was named
	grace  int64
	reason string
	dry    bool
}

func readRevocation(a Args) (r revocation, problem resp.Value) {
	r.anyone = true
	for i := 2; i < len(a); i++ {
		if a.Is(i, "DRYRUN") {
			r.dry = true
			continue
		}
		if i++; i >= len(a) {
			return r, errSyntax()
		}
		switch {
		case a.Is(i-1, "TOKEN"):
			r.token, problem = tokenArg(a, i)
		case a.Is(i-1, "OWNER"):
			r.owner, r.anyone = a.Str(i), false
		case a.Is(i-1, "GRACE"):
			n, ok := a.Int(i)
			if r.grace = n; !ok || n < 0 {
				problem = resp.Errorf("ERR '%s' is no time of grace: give milliseconds, 0 or more", clip(a[i], 32))
			}
		case a.Is(i-1, "REASON"):
			r.reason, problem = reasonArg(a, i)
		default:
			problem = errSyntax()
		}
		if problem.IsError() {
			return r, problem
		}
	}
	if r.reason == "" {
		problem = resp.Error("ERR the holder is told why: LOCK.REVOKE key REASON text")
	}
	return r, problem
}

func lockRevoke(tx *fsm.Tx, a Args) resp.Value {
	r, problem := readRevocation(a)
	if problem.IsError() {
		return problem
	}
	key := a.Str(1)
	it := tx.Get(key)
	if it != nil && !it.IsLock() && !it.Delayed() {
		return errNotALock(tx, it)
	}
	var holds []fsm.Hold
	if it != nil {
		it.Holds(func(h *fsm.Hold) bool {
			if (r.anyone || h.Owner == r.owner) && (r.token == 0 || h.Token == r.token) {
				holds = append(holds, *h)
			}
			return true
		})
	}
	tx.Spend(int64(len(holds)) * perKey)
	effective := int64(0)
	rows := make([]resp.Value, 0, len(holds))
	for _, h := range holds {
		rows = append(rows, resp.Map(
			resp.Bulk("owner"), resp.Bulk(h.Owner), resp.Bulk("token"), resp.Int(int64(h.Token)),
			resp.Bulk("ttl-ms"), resp.Int(h.TTL(tx.Clock())),
		))
		if r.grace > 0 {
			effective = max(effective, int64(h.RevokedAfter(r.grace, tx.Clock()).Cap-tx.Clock()))
		}
	}
	waiters := tx.QueueLen(key)
	if !r.dry {
		for _, h := range holds {
			tx.Revoke(key, h, r.grace, r.reason)
		}
	}
	return resp.Map(
		resp.Bulk("holders"), resp.Array(rows...), resp.Bulk("waiters"), resp.Int(int64(waiters)),
		resp.Bulk("effective-in-ms"), resp.Int(effective),
	)
}

func waitLost(tx *fsm.Tx, a Args) resp.Value {
	token, problem := tokenArg(a, 2)
	if problem.IsError() {
		return problem
	}
	block := int64(0)
	if len(a) > 3 {
		if len(a) != 5 || !a.Is(3, "BLOCK") {
			return errSyntax()
		}
		n, ok := a.Int(4)
		if block = n; !ok || n < 0 {
			return resp.Errorf("ERR '%s' is no time to wait: give milliseconds, 0 for ever", clip(a[4], 32))
		}
	}
	lost, is := tx.Lost(a.Str(1), token)
	switch {
	case is:
		return resp.Array(resp.Bulk(howLost(lost.How)), resp.Int(lost.Left), resp.Bulk(lost.Reason))
	case len(a) == 3:
		return resp.NullArray()
	}
	return tx.Park(fsm.ClassLost, []string{a.Str(1)}, a, block)
}

// mostPattern bounds a pattern that is frozen, in bytes.
const mostPattern = 256

func lockFreeze(tx *fsm.Tx, a Args) resp.Value {
	pattern, reason, ms := a.Str(1), "", int64(0)
	if len(pattern) == 0 || len(pattern) > mostPattern {
		return resp.Errorf("ERR a pattern has 1 to %d bytes, this one has %d", mostPattern, len(pattern))
	}
	for i := 3; i <= len(a); i += 2 {
		problem := resp.Value{}
		switch {
		case i == len(a):
			problem = errSyntax()
		case a.Is(i-1, "FOR"):
			n, ok := ttlArg(tx, a, i)
			if ms = n; !ok {
				problem = resp.Errorf("ERR '%s' is no time to be frozen for: give milliseconds, 1 to 9.2e18",
					clip(a[i], 32))
			}
		case a.Is(i-1, "REASON"):
			reason, problem = reasonArg(a, i)
		default:
			problem = errSyntax()
		}
		if problem.IsError() {
			return problem
		}
	}
	if !tx.Freeze(pattern, reason, ms) {
		return resp.Errorf("ERR %d patterns are frozen, which is the most that may be: end some with LOCK.THAW "+
			"(LOCK.FROZEN lists them)", fsm.MaxFrozen)
	}
	return resp.OK()
}

func lockThaw(tx *fsm.Tx, a Args) resp.Value { return zeroOne(tx.Thaw(a.Str(1))) }

func lockFrozen(tx *fsm.Tx, _ Args) resp.Value {
	var list []resp.Value
	tx.Freezes(func(f *fsm.Freeze) bool {
		list = append(list, resp.Map(
			resp.Bulk("pattern"), resp.Bulk(f.Pattern), resp.Bulk("db"), resp.Int(int64(f.DB)),
			resp.Bulk("reason"), resp.Bulk(f.Reason), resp.Bulk("frozen-ms"), resp.Int(int64(tx.Clock()-f.Since)),
			resp.Bulk("left-ms"), resp.Int(f.TTL(tx.Clock())), resp.Bulk("by"), resp.Int(int64(f.Conn)),
		))
		return true
	})
	return resp.Array(list...)
}

// Times to live. A deadline is a value of the cluster clock; what a client sends or reads as an absolute
// time is converted by the wall clock that the entry carries (deadline = clock + (time - wall)), and only
// for that. So a wall clock that is stepped changes no deadline that is already there.

package commands

import (
	"math"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

func expiryCommands() []Command {
	one := Keys{1, 1, 1}
	all := []string{"keyspace"}
	unstable := []string{"nondeterministic_output"}
	const condition = " [NX | XX | GT | LT]"
	return []Command{
		{
			Name: "expire", Arity: -3, Flags: Write | Fast, Keys: one, KeyFlags: "RW update", Group: "generic",
			Since: "1.0.0", Syntax: "key seconds" + condition, Complexity: "O(1)", Categories: all,
			Handler: expire("expire", 1000, false), Summary: "Set the time to live of a key in seconds.",
		},
		{
			Name: "pexpire", Arity: -3, Flags: Write | Fast, Keys: one, KeyFlags: "RW update", Group: "generic",
			Since: "2.6.0", Syntax: "key milliseconds" + condition, Complexity: "O(1)", Categories: all,
			Handler: expire("pexpire", 1, false), Summary: "Set the time to live of a key in milliseconds.",
		},
		{
			Name: "expireat", Arity: -3, Flags: Write | Fast, Keys: one, KeyFlags: "RW update", Group: "generic",
			Since: "1.2.0", Syntax: "key unix-time-seconds" + condition, Complexity: "O(1)", Categories: all,
			Handler: expire("expireat", 1000, true), Summary: "Let a key end at a date, in seconds since 1970.",
		},
		{
			Name: "pexpireat", Arity: -3, Flags: Write | Fast, Keys: one, KeyFlags: "RW update", Group: "generic",
			Since: "2.6.0", Syntax: "key unix-time-milliseconds" + condition, Complexity: "O(1)", Categories: all,
			Handler: expire("pexpireat", 1, true), Summary: "Let a key end at a date, in milliseconds since 1970.",
		},
		{
			Name: "persist", Arity: 2, Flags: Write | Fast, Keys: one, KeyFlags: "RW update", Group: "generic",
			Since: "2.2.0", Syntax: "key", Complexity: "O(1)", Categories: all, Handler: persist,
			Summary: "Take the time to live from a key, so that it stays.",
		},
		{
			Name: "ttl", Arity: 2, Flags: ReadOnly | Fast, Keys: one, KeyFlags: "RO access", Group: "generic",
			Since: "1.0.0", Syntax: "key", Complexity: "O(1)", Categories: all, Tips: unstable,
			Handler: ttl(wholeSeconds, false),
			Summary: "Reply the seconds that a key has left; -1 for ever, -2 no key.",
		},
		{
			Name: "pttl", Arity: 2, Flags: ReadOnly | Fast, Keys: one, KeyFlags: "RO access", Group: "generic",
			Since: "2.6.0", Syntax: "key", Complexity: "O(1)", Categories: all, Tips: unstable,
			Handler: ttl(milliseconds, false),
			Summary: "Reply the milliseconds that a key has left; -1 for ever, -2 no key.",
		},
		{
			Name: "expiretime", Arity: 2, Flags: ReadOnly | Fast, Keys: one, KeyFlags: "RO access",
			Group: "generic", Since: "7.0.0", Syntax: "key", Complexity: "O(1)", Categories: all,
			Handler: ttl(wholeSeconds, true), Summary: "Reply the date at which a key ends, in seconds since 1970.",
		},
		{
			Name: "pexpiretime", Arity: 2, Flags: ReadOnly | Fast, Keys: one, KeyFlags: "RO access",
			Group: "generic", Since: "7.0.0", Syntax: "key", Complexity: "O(1)", Categories: all,
			Handler: ttl(milliseconds, true),
			Summary: "Reply the date at which a key ends, in milliseconds since 1970.",
		},
	}
}

// expireOptions is a set of the conditions of EXPIRE.
type expireOptions struct{ nx, xx, gt, lt bool }

func readExpireOptions(a Args) (o expireOptions, problem resp.Value) {
	for i := 3; i < len(a); i++ {
		switch {
		case a.Is(i, "NX"):
			o.nx = true
		case a.Is(i, "XX"):
			o.xx = true
		case a.Is(i, "GT"):
			o.gt = true
		case a.Is(i, "LT"):
			o.lt = true
		default:
			return o, resp.Errorf("ERR Unsupported option %s", clip(a[i], len(a[i])))
		}
	}
	if o.nx && (o.xx || o.gt || o.lt) {
		return o, resp.Error("ERR NX and XX, GT or LT options at the same time are not compatible")
	}
	if o.gt && o.lt {
		return o, resp.Error("ERR GT and LT options at the same time are not compatible")
	}
	return o, resp.Value{}
}

// allow tells whether an item with deadline old may get the deadline next, which may lie before the
// beginning of time. No deadline counts as the latest.
func (o expireOptions) allow(old fsm.Clock, next int64) bool {
	endless := old == fsm.NoDeadline
	switch {
	case o.nx && !endless, o.xx && endless:
		return false
	case o.gt && (endless || next <= int64(old)):
		return false
	case o.lt && !endless && next >= int64(old):
		return false
	}
	return true
}

// expire returns the handler of one of the four commands that set a time to live.
func expire(name string, unit int64, absolute bool) Handler {
	return func(tx *fsm.Tx, a Args) resp.Value {
		o, problem := readExpireOptions(a)
		if problem.IsError() {
			return problem
		}
		left, problem := expiryArg(tx, a.Str(2), name, unit, absolute)
		if problem.IsError() {
			return problem
		}
		it := tx.Get(a.Str(1))
		if it == nil || !o.allow(it.Deadline, addSaturated(int64(tx.Clock()), left)) {
			return resp.Int(0)
		}
		if left <= 0 {
			drop(tx, it)
		} else {
			tx.SetDeadline(it, tx.Clock().After(left))
			tx.Notify(fsm.EventGeneric, "expire", it.Key)
		}
		return resp.Int(1)
	}
}

// expiryArg reads the time of EXPIRE and its like, which may lie in the past, as milliseconds from now on.
func expiryArg(tx *fsm.Tx, word, name string, unit int64, absolute bool) (int64, resp.Value) {
	n, ok := parseInt(word)
	wall := tx.Wall().Millis()
	switch {
	case !ok:
		return 0, errNotInt()
	case n > math.MaxInt64/unit || n < math.MinInt64/unit:
		return 0, errExpire(name)
	case absolute:
		return addSaturated(n*unit, -wall), resp.Value{}
	case n*unit > math.MaxInt64-wall:
		return 0, errExpire(name)
	}
	return n * unit, resp.Value{}
}

// addSaturated adds, and stays at the ends of the range where the sum lies beyond them.
func addSaturated(a, b int64) int64 {
	switch {
	case b > 0 && a > math.MaxInt64-b:
		return math.MaxInt64
	case b < 0 && a < math.MinInt64-b:
		return math.MinInt64
	}
	return a + b
}

func persist(tx *fsm.Tx, a Args) resp.Value {
	it := tx.Get(a.Str(1))
	if it == nil || it.Deadline == fsm.NoDeadline {
		return resp.Int(0)
	}
	tx.SetDeadline(it, fsm.NoDeadline)
	tx.Notify(fsm.EventGeneric, "persist", it.Key)
	return resp.Int(1)
}

func milliseconds(ms int64) int64 { return ms }

// wholeSeconds rounds to the nearest second, as Redis does.
func wholeSeconds(ms int64) int64 { return ms/1000 + (ms%1000+500)/1000 }

// ttl returns the handler of one of the four commands that show a time to live, in the given unit.
func ttl(unit func(ms int64) int64, absolute bool) Handler {
	return func(tx *fsm.Tx, a Args) resp.Value {
		it := tx.Get(a.Str(1))
		if it == nil {
			return resp.Int(-2)
		}
		left := it.TTL(tx.Clock())
		if left < 0 {
			return resp.Int(-1)
		}
		if absolute {
			left = addSaturated(left, tx.Wall().Millis())
		}
		return resp.Int(unit(left))
	}
}

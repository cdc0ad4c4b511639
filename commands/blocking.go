// Commands that wait for an element. Each tries what it is about; where there is nothing, it parks, and
// the same handler runs again whenever one of its keys changes (fsm/again.go). So they are served in the
// order in which they came, also by a script, and what serves one may serve the next, as in a chain of
// BLMOVE.

package commands

import (
	"math"
	"math/big"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

func blockingCommands() []Command {
	two, butLast := Keys{1, 2, 1}, Keys{1, -2, 1}
	return append(
		family("list", "list", []Command{
			{
				Name: "blpop", Arity: -3, Flags: Write | NoScript | Blocking, Keys: butLast,
				KeyFlags: "RW access delete", Since: "2.0.0", Syntax: "key [key ...] timeout",
				Complexity: "O(N), N keys", Handler: blockingPop(front),
				Summary: "Take the first element of the first list that has any, or wait for one.",
			},
			{
				Name: "brpop", Arity: -3, Flags: Write | NoScript | Blocking, Keys: butLast,
				KeyFlags: "RW access delete", Since: "2.0.0", Syntax: "key [key ...] timeout",
				Complexity: "O(N), N keys", Handler: blockingPop(back),
				Summary: "Take the last element of the first list that has any, or wait for one.",
			},
			{
				Name: "blmove", Arity: 6, Flags: Write | DenyOOM | NoScript | Blocking, Keys: two,
				KeyFlags: "RW access delete; RW insert", Since: "6.2.0",
				Syntax: "source destination <LEFT | RIGHT> <LEFT | RIGHT> timeout", Complexity: "O(log N)",
				Handler: blmove,
				Summary: "Move an element from a list to another, or wait for one.",
			},
			{
				Name: "brpoplpush", Arity: 4, Flags: Write | DenyOOM | NoScript | Blocking,
				Keys: two, KeyFlags: "RW access delete; RW insert", Since: "2.2.0",
				Syntax: "source destination timeout", Complexity: "O(log N)", Handler: brpoplpush,
				Summary: "Move the last element of a list to the beginning of another, or wait for one.",
			},
			{
				Name: "blmpop", Arity: -5, Flags: Write | Blocking | MovableKeys, NumKeys: 2,
				KeyFlags: "RW access delete", Since: "7.0.0",
				Syntax:     "timeout numkeys key [key ...] <LEFT | RIGHT> [COUNT count]",
				Complexity: "O(N + M), N keys, M elements replied", Handler: blmpop,
				Summary: "Take elements from the first list that has any, or wait for one.",
			},
		}),
		family("sorted-set", "sortedset", []Command{
			{
				Name: "bzpopmin", Arity: -3, Flags: Write | NoScript | Blocking | Fast, Keys: butLast,
				KeyFlags: "RW access delete", Since: "5.0.0", Syntax: "key [key ...] timeout",
				Complexity: "O(N), N keys", Handler: blockingPopScored(false),
				Summary: "Take the member with the lowest score of the first sorted set that has any, or wait for one.",
			},
			{
				Name: "bzpopmax", Arity: -3, Flags: Write | NoScript | Blocking | Fast, Keys: butLast,
				KeyFlags: "RW access delete", Since: "5.0.0", Syntax: "key [key ...] timeout",
				Complexity: "O(N), N keys", Handler: blockingPopScored(true),
				Summary: "Take the member with the highest score of the first sorted set that has any, or wait for one.",
			},
			{
				Name: "bzmpop", Arity: -5, Flags: Write | Blocking | MovableKeys, NumKeys: 2,
				KeyFlags: "RW access delete", Since: "7.0.0",
				Syntax:     "timeout numkeys key [key ...] <MIN | MAX> [COUNT count]",
				Complexity: "O(N + M), N keys, M members replied", Handler: bzmpop,
				Summary: "Take members from the first sorted set that has any, or wait for one.",
			},
		})...)
}

// timeoutArg reads word i, seconds with a fraction, as milliseconds; 0 is for ever.
func timeoutArg(tx *fsm.Tx, a Args, i int) (ms int64, problem resp.Value) {
	seconds, ok := parseFloat(a.Str(i))
	if !ok {
		return 0, resp.Error("ERR timeout is not a float or out of range")
	}
	limit := new(big.Float).SetInt64(math.MaxInt64)
	scaled := seconds
	if !seconds.IsInf() {
		scaled = newFloat().Mul(seconds, big.NewFloat(1000))
	}
	if scaled.Cmp(limit) > 0 {
		return 0, errTimeoutRange()
	}
	ms, accuracy := scaled.Int64()
	if accuracy == big.Below && ms < math.MaxInt64 {
		ms++ // a fraction of a millisecond counts whole
	}
	switch {
	case ms < 0:
		return 0, resp.Error("ERR timeout is negative")
	case ms > math.MaxInt64-tx.Wall().Millis():
		return 0, errTimeoutRange()
	}
	return ms, resp.Value{}
}

func errTimeoutRange() resp.Value { return resp.Error("ERR timeout is out of range") }

// orWait returns the reply where there is one, and else parks the command until one of keys changes.
func orWait(tx *fsm.Tx, reply resp.Value, class fsm.Class, keys []string, a Args, ms int64) resp.Value {
	if !reply.IsNull() {
		return reply
	}
	return tx.Park(class, keys, a, ms)
}

func blockingPop(e end) Handler {
	return func(tx *fsm.Tx, a Args) resp.Value {
		ms, problem := timeoutArg(tx, a, len(a)-1)
		if problem.IsError() {
			return problem
		}
		keys := words(a, 1, len(a)-1)
		reply := firstThere(tx, keys, listAt, func(it *fsm.Item, _ *fsm.List) resp.Value {
			return resp.Array(resp.Bulk(it.Key), popFrom(tx, it, e, 1)[0])
		})
		return orWait(tx, reply, fsm.ClassList, keys, a, ms)
	}
}

func blockingPopScored(highest bool) Handler {
	return func(tx *fsm.Tx, a Args) resp.Value {
		ms, problem := timeoutArg(tx, a, len(a)-1)
		if problem.IsError() {
			return problem
		}
		keys := words(a, 1, len(a)-1)
		reply := firstThere(tx, keys, sortedAt, func(it *fsm.Item, _ *fsm.Sorted) resp.Value {
			v := popScored(tx, it, highest, 1)[0]
			return resp.Array(resp.Bulk(it.Key), resp.Bulk(v.Member), resp.Double(v.Score))
		})
		return orWait(tx, reply, fsm.ClassSorted, keys, a, ms)
	}
}

func blmpop(tx *fsm.Tx, a Args) resp.Value {
	p, problem := readManyPop(a, 2, "LEFT", "RIGHT")
	if problem.IsError() {
		return problem
	}
	ms, problem := timeoutArg(tx, a, 1)
	if problem.IsError() {
		return problem
	}
	return orWait(tx, p.lists(tx), fsm.ClassList, p.keys, a, ms)
}

func bzmpop(tx *fsm.Tx, a Args) resp.Value {
	p, problem := readManyPop(a, 2, "MIN", "MAX")
	if problem.IsError() {
		return problem
	}
	ms, problem := timeoutArg(tx, a, 1)
	if problem.IsError() {
		return problem
	}
	return orWait(tx, p.sortedSets(tx), fsm.ClassSorted, p.keys, a, ms)
}

func blmove(tx *fsm.Tx, a Args) resp.Value {
	take, okTake := endArg(a, 3)
	give, okGive := endArg(a, 4)
	if !okTake || !okGive {
		return errSyntax()
	}
	return moveOrWait(tx, a, take, give, 5)
}

func brpoplpush(tx *fsm.Tx, a Args) resp.Value { return moveOrWait(tx, a, back, front, 3) }

// moveOrWait moves an element from the list at word 1 to that at word 2, or waits for one.
func moveOrWait(tx *fsm.Tx, a Args, take, give end, timeout int) resp.Value {
	ms, problem := timeoutArg(tx, a, timeout)
	if problem.IsError() {
		return problem
	}
	from, to := a.Str(1), a.Str(2)
	if _, _, problem := listAt(tx, from); problem.IsError() && tx.Again() {
		return resp.None() // what it waits for may still come
	}
	reply := orWait(tx, moveElement(tx, from, to, take, give), fsm.ClassList, []string{from}, a, ms)
	if reply.IsNull() {
		return resp.Null() // for where nobody waits, Redis has another null than for a wait in vain
	}
	return reply
}

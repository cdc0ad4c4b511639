// Count-down latches: some count, others wait until all is counted.

package commands

import (
	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

func latchCommands() []Command {
	one := Keys{1, 1, 1}
	return coordination("coordination", []Command{
		{
			Name: "latch.set", Arity: 3, Flags: Write | DenyOOM | Fast, Keys: one, KeyFlags: "OW update",
			Syntax: "key count", Complexity: "O(log N)", Handler: latchSet,
			Summary: "Make a latch that opens once so many are counted down, unless there is one that is not open.",
		},
		{
			Name: "latch.down", Arity: -2, Flags: Write | Fast, Keys: one, KeyFlags: "RW access update",
			Syntax: "key [count] [REQID id]", Complexity: "O(log N + M), M those who wait if it opens",
			Handler: latchDown,
			Summary: "Count a latch down by one, or by count, and reply what is left.",
		},
		{
			Name: "latch.get", Arity: 2, Flags: ReadOnly | Fast, Keys: one, KeyFlags: "RO access",
			Syntax: "key", Complexity: "O(log N)", Handler: latchGet,
			Summary: "Reply what a latch still has to count down, or null where there is none.",
		},
		{
			Name: "latch.wait", Arity: 4, Flags: Logged | Blocking, Keys: one, KeyFlags: "RO access",
			Syntax: "key BLOCK ms", Complexity: "O(log N)", Handler: latchWait,
			Summary: "Wait until a latch is open, and reply 1, or 0 when the time is over; 0 ms is for ever.",
		},
	})
}

// latchAt returns the item at key with the latch that it holds, or nil for both, and an error where it holds
// something else.
func latchAt(tx *fsm.Tx, key string) (*fsm.Item, *fsm.Latch, resp.Value) {
	it := tx.Get(key)
	if it == nil {
		return nil, nil, resp.Value{}
	}
	v, ok := it.Value().(*fsm.Latch)
	if !ok {
		return nil, nil, errWrongType()
	}
	return it, v, resp.Value{}
}

func latchSet(tx *fsm.Tx, a Args) resp.Value {
	n, ok := a.Int(2)
	if !ok || n < 0 {
		return errCount(a[2], 0)
	}
	_, v, problem := latchAt(tx, a.Str(1))
	if problem.IsError() {
		return problem
	}
	if v != nil && v.Left() > 0 {
		return resp.Errorf("LATCHED %s still has %d to count down: wait until it is open, or remove it with "+
			"DEL", shown(a.Str(1)), v.Left())
	}
	tx.PutAnew(a.Str(1), fsm.NewLatch(n))
	return resp.OK()
}

func errCount(word []byte, least int) resp.Value {
	return resp.Errorf("ERR '%s' is no number to count down: give an integer of %d or more", clip(word, 32),
		least)
}

func latchDown(tx *fsm.Tx, a Args) resp.Value {
	n, request, problem := readDown(tx, a)
	if problem.IsError() {
		return problem
	}
	if reply, known := sent(tx, request, a); known {
		return reply
	}
	it, v, problem := latchAt(tx, a.Str(1))
	switch {
	case problem.IsError():
		return problem
	case v == nil:
		return resp.Errorf("NOLATCH there is no latch %s: make it with LATCH.SET; or its time was over, or "+
			"somebody has removed it", shown(a.Str(1)))
	case v.Left() > 0:
		v = fsm.Own[*fsm.Latch](tx, it)
		v.Down(n)
		tx.Put(it, it.Key, v)
	}
	return remembered(tx, request, resp.Int(v.Left()))
}

// readDown reads by how much LATCH.DOWN counts, and its id.
func readDown(tx *fsm.Tx, a Args) (n int64, r *fsm.Request, problem resp.Value) {
	n, i := 1, 2
	if i < len(a) && !a.Is(i, "REQID") {
		var ok bool
		if n, ok = a.Int(i); !ok || n < 1 {
			return 0, r, errCount(a[i], 1)
		}
		i++
	}
	switch {
	case i == len(a):
	case i+2 != len(a) || !a.Is(i, "REQID"):
		problem = errSyntax()
	default:
		r, problem = requestArg(tx, a, i+1)
	}
	return n, r, problem
}

func latchGet(tx *fsm.Tx, a Args) resp.Value {
	_, v, problem := latchAt(tx, a.Str(1))
	switch {
	case problem.IsError():
		return problem
	case v == nil:
		return resp.Null()
	}
	return resp.Int(v.Left())
}

func latchWait(tx *fsm.Tx, a Args) resp.Value {
	ms, problem := blockArg(a, 2)
	if problem.IsError() {
		return problem
	}
	_, v, problem := latchAt(tx, a.Str(1))
	switch {
	case problem.IsError() && !tx.Again(): // who waits passes over it
		return problem
	case v != nil && v.Left() == 0:
		return resp.Int(1)
	}
	return tx.Park(fsm.ClassLatch, []string{a.Str(1)}, a, ms)
}

// blockArg reads BLOCK and the milliseconds behind it, at word i; 0 is for ever, as Redis has it.
func blockArg(a Args, i int) (int64, resp.Value) {
	if i+1 >= len(a) || !a.Is(i, "BLOCK") {
		return 0, errSyntax()
	}
	ms, ok := a.Int(i + 1)
	if !ok || ms < 0 {
		return 0, resp.Errorf("ERR '%s' is no time to wait: give milliseconds, 0 for ever", clip(a[i+1], 32))
	}
	return ms, resp.Value{}
}

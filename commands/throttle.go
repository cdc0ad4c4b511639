// Rate limits: CL.THROTTLE with the arguments and the replies of redis-cell. Actions that come evenly spaced
// always pass; max_burst of them may come at once. That is kept as one number, the time at which the next
// action would come if all were evenly spaced ("generic cell rate algorithm").
//
// It is counted by the cluster clock. While no leader can commit that stands still, and a limit lasts
// longer by as much; a step of a wall clock changes nothing.

package commands

import (
	"math"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

func throttleCommands() []Command {
	return coordination("coordination", []Command{{
		Name: "cl.throttle", Arity: -5, Flags: Write | DenyOOM | Fast, Keys: Keys{1, 1, 1},
		KeyFlags: "RW access update", Complexity: "O(log N)", Handler: throttle,
		Syntax:  "key max_burst count period [quantity] [REQID id]",
		Summary: "Limit actions to count in a period, and reply whether this one is too many, and four figures.",
	}})
}

// rate is what CL.THROTTLE was asked for. Times are in nanoseconds.
type rate struct {
	burst    int64
	interval int64 // between two actions
	quantity int64
	request  *fsm.Request // nil: none
}

// mostSpan bounds the time in which a limit is whole again, so that sums of such times never overflow:
// about 36 years.
const mostSpan = math.MaxInt64 / 8

func readRate(tx *fsm.Tx, a Args) (r rate, problem resp.Value) {
	if i := len(a) - 2; i >= 5 && a.Is(i, "REQID") {
		if r.request, problem = requestArg(tx, a, i+1); problem.IsError() {
			return r, problem
		}
		a = a[:i]
	}
	if len(a) > 6 {
		return r, errSyntax()
	}
	count, period := int64(0), int64(0)
	r.quantity = 1
	for i, field := range [...]struct {
		name  string
		least int64
		value *int64
	}{{"max_burst", 0, &r.burst}, {"count", 1, &count}, {"period", 1, &period}, {"quantity", 0, &r.quantity}} {
		if 2+i == len(a) {
			break
		}
		n, ok := a.Int(2 + i)
		if !ok || n < field.least {
			return r, resp.Errorf("ERR '%s' is no %s: give an integer of %d or more", clip(a[2+i], 32), field.name,
				field.least)
		}
		*field.value = n
	}
	const second = 1000 * fsm.NanosPerMilli
	if period > mostSpan/second || count > period*second {
		return r, resp.Error("ERR a rate is at most one in a nanosecond, and its period at most 36 years")
	}
	r.interval = period * second / count
	if r.burst >= mostSpan/r.interval {
		return r, resp.Error("ERR max_burst is so much that it takes more than 36 years until it can be had again")
	}
	// More than may come at once never passes, however much more it is.
	r.quantity = min(r.quantity, r.burst+2)
	return r, resp.Value{}
}

func throttle(tx *fsm.Tx, a Args) resp.Value {
	r, problem := readRate(tx, a)
	if problem.IsError() {
		return problem
	}
	if reply, known := sent(tx, r.request, a); known {
		return reply
	}
	now := int64(tx.Clock()) * fsm.NanosPerMilli
	arrival := now
	it := tx.Get(a.Str(1))
	if it != nil {
		v, ok := it.Value().(*fsm.Throttle)
		if !ok {
			return errWrongType()
		}
		arrival = max(now, v.Arrival())
	}
	tolerance := r.interval * (r.burst + 1)
	next := arrival + r.interval*r.quantity
	early := next - tolerance - now
	limited, retry := early > 0, int64(-1)
	switch {
	case limited && r.quantity <= r.burst+1:
		retry = secondsUp(early)
	case !limited && r.quantity > 0:
		arrival = next
		tx.PutThrottle(it, a.Str(1), arrival)
	}
	remaining := max(0, (tolerance-(arrival-now))/r.interval)
	return remembered(tx, r.request, resp.Array(zeroOne(limited), resp.Int(r.burst+1), resp.Int(remaining),
		resp.Int(retry), resp.Int(secondsUp(arrival-now))))
}

// secondsUp rounds nanoseconds up, from whole milliseconds on as redis-cell does: who waits so long does not
// come too early.
func secondsUp(nanos int64) int64 { return (nanos/fsm.NanosPerMilli + 999) / 1000 }

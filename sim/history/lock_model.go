// The lock that porcupine compares with: who holds it, with which token, and from when on that may have
// ended by itself. It may end late, as late as it likes, but not early: a step that sees it free while it
// should be held is possible only if it was answered at or after that moment.
//
// What is not known is put so that each step still has one result:
//
//   - A renewal of unknown outcome gives nothing that anybody could rely on: left out.
//   - A release or a shortening of unknown outcome may take effect at any time after it was sent. From then
//     on the owner's hold may end at any moment, so it lowers that moment, for good, and is left out.
//   - A take of unknown outcome may give its owner the lock at any time. While the owner later hears that it
//     holds the lock, the take is an operation that ends with the last such reply: if it did nothing, it can
//     stand beside that reply, where it changes nothing. What it does after it nobody sees but others that
//     are turned away by a holder that is not known; from that time on they may be, always.
//     Where it was to wait, its node gives back what it could not tell of: that hold may end any moment.
//   - Whoever left while waiting is the same, and never hears anything.

package history

import (
	"fmt"
	"time"

	"github.com/anishathalye/porcupine"
)

// lockState is a lock at one moment of an order.
type lockState struct {
	owner     int // 0: it is free
	token     int64
	last      int64         // the highest token so far
	notBefore time.Duration // when the hold may first end by itself
	now       time.Duration // the order has come to this time at least
	again     bool          // the owner may get a new token without knowing, once the hold has ended
}

// lockOp is an operation on a lock.
type lockOp struct {
	*Op
	span                   // turn is the token of the hold that it tells of, if its owner surely had no other
	owner    int           // its number
	gives    time.Duration // the hold that it gives lasts until then at least
	stranger bool          // it may have been turned away by somebody who never knew that it held the lock
}

func (in *lockOp) operation() *Op { return in.Op }

// once tells whether a take is refused to the holder itself, as by NX.
func (o *Op) once() bool { return o.Command == "SET" }

func (s lockState) mine(in *lockOp) bool { return s.owner == in.owner }

// over tells whether the hold may have ended before in was answered.
func (s lockState) over(in *lockOp) bool { return s.notBefore <= in.done }

// ended is s after its hold has ended by itself, if there is one.
func (s lockState) ended() lockState {
	if s.owner != 0 {
		s.now = max(s.now, s.notBefore)
	}
	return lockState{last: s.last, now: s.now}
}

// step tells whether in can be answered so in state s, and the state after it.
func (s lockState) step(in *lockOp) (bool, lockState) {
	switch {
	case in.done < s.now:
		return false, s
	case in.Outcome == Unknown:
		return s.perhaps(in)
	case in.Kind == Take && in.Outcome == Yes:
		return s.take(in)
	case in.Kind == Take:
		return s.refuse(in)
	case in.Outcome == No:
		return s.gone(in)
	case !s.mine(in):
		return false, s
	}
	switch in.Kind {
	case Renew:
		s.notBefore = max(s.notBefore, in.gives)
	case Replace:
		s.notBefore = in.gives
	case Release:
		return true, lockState{last: s.last, now: s.now}
	default:
		return s.show(in)
	}
	return true, s
}

// take grants the lock, or tells its holder so again.
func (s lockState) take(in *lockOp) (bool, lockState) {
	if s.mine(in) && !in.once() && (in.Number == 0 || in.Number == s.token) {
		s.notBefore = max(s.notBefore, in.gives)
		return true, s
	}
	fresh := in.Number == 0 || in.Number > s.last
	switch {
	case !fresh:
		return false, s
	case s.mine(in) && s.token == 0 && !in.once() && !s.over(in): // its first token was never heard
		s.notBefore = max(s.notBefore, in.gives)
	case s.owner != 0 && !s.over(in):
		return false, s
	default:
		s = s.ended()
		s.owner, s.notBefore = in.owner, in.gives
	}
	s.token, s.last = in.Number, max(s.last, in.Number)
	return true, s
}

// perhaps is a take whose outcome nobody knows. It is granted if it can be.
func (s lockState) perhaps(in *lockOp) (bool, lockState) {
	switch {
	case s.mine(in):
		s.again = true
		return true, s
	case s.owner != 0 && !s.over(in):
		return false, s
	}
	s = s.ended()
	s.owner, s.notBefore = in.owner, in.gives
	return true, s
}

// refuse turns somebody away: another must hold the lock.
func (s lockState) refuse(in *lockOp) (bool, lockState) {
	switch {
	case s.owner == 0:
		return in.stranger, s
	case s.mine(in) && !in.once():
		return in.stranger && s.over(in), s.ended()
	}
	return true, s
}

// gone tells somebody that it does not hold the lock.
func (s lockState) gone(in *lockOp) (bool, lockState) {
	if !s.mine(in) {
		return true, s
	}
	return s.over(in), s.ended()
}

// show tells the holder its token.
func (s lockState) show(in *lockOp) (bool, lockState) {
	switch {
	case in.Number == 0 || in.Number == s.token:
		return true, s
	case in.Number > s.last && (s.token == 0 || s.again && s.over(in)):
		s.token, s.last, s.again = in.Number, in.Number, false
		return true, s
	}
	return false, s
}

// lockModel begins with a lock in the given state. Names are those of the owners' numbers.
func lockModel(begin lockState, names []string) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return begin },
		Step: func(state, in, _ any) (bool, any) {
			ok, next := state.(lockState).step(in.(*lockOp))
			if !ok {
				return false, nil // spare the allocation: most tries fail
			}
			return true, next
		},
		DescribeOperation: func(in, _ any) string { return in.(*lockOp).String() },
		DescribeState: func(state any) string {
			s := state.(lockState)
			if s.owner == 0 {
				return fmt.Sprintf("free (last token %d)", s.last)
			}
			return fmt.Sprintf("held by %s (token %d) until %v at least", names[s.owner], s.token, s.notBefore)
		},
	}
}

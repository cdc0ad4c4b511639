// Who held what and when, and whether that can be. See doc.go for what counts as surely held.

package history

import (
	"fmt"
	"time"
)

// Holding is a time in which an owner surely held a key: from the reply of the grant to the first moment at
// which it may have been free again. End may be before Start; then nobody was ever sure.
type Holding struct {
	Key, Owner string
	Token      int64 // 0 if it was never asked
	Mode       Mode
	Permits    int64
	Limit      int64
	Asked      time.Duration // when the first request was sent that may have been the granted one
	Start, End time.Duration
	by         *Op // what may have ended it: a release, or the last that gave it a time to live
}

func (h *Holding) String() string {
	return fmt.Sprintf("%s (token %d) held %s [%v, %v], until %s",
		h.Owner, h.Token, h.Key, h.Start, h.End, h.why())
}

// why says what may have ended it.
func (h *Holding) why() string {
	if h.by.Kind == Release {
		return h.by.Command + " was sent"
	}
	return fmt.Sprintf("%v after %s was sent", h.by.TTL, h.by.Command)
}

// attempt is the way of one owner with one key, in the order of its operations; one client sends them one
// after the other.
type attempt struct {
	hold     *Holding
	past     []*Holding
	over     bool          // released, or the client has learned that it is gone
	doubtful bool          // something with an unknown outcome may still take effect
	asked    time.Duration // when the first request of unknown outcome was sent; 0 is never
	capped   time.Duration // end that no renewal can move, as a shortening may still take effect; 0 is none
	released time.Duration // when the release was acknowledged; 0 is not
	options  Options
	taken    *takings // who took the key back from its holders; nil: nobody
	wrong    []string
}

// Holdings finds all holdings, and what is wrong within one owner's view: a lock that was granted and is
// gone before its time, or one that is held after its acknowledged release.
func Holdings(ops []Op, o Options) ([]*Holding, []string) {
	attempts := map[[2]string]*attempt{}
	taken := takingsOf(ops, o)
	var order []*attempt
	for i := range ops {
		op := &ops[i]
		if op.Owner == "" || op.Outcome == Refused {
			continue
		}
		id := [2]string{op.Key, op.Owner}
		a := attempts[id]
		if a == nil {
			a = &attempt{options: o, taken: taken[op.Key]}
			attempts[id] = a
			order = append(order, a)
		}
		a.see(op)
	}
	var holds []*Holding
	var wrong []string
	for _, a := range order {
		holds = append(holds, a.past...)
		if a.hold != nil {
			holds = append(holds, a.hold)
		}
		wrong = append(wrong, a.wrong...)
	}
	return holds, wrong
}

func (a *attempt) see(op *Op) {
	switch op.Kind {
	case Take:
		a.take(op)
	case Renew, Replace:
		a.renew(op)
	case Release:
		a.release(op)
	case Holds:
		a.look(op)
	default: // not about holds
	}
}

// surely tells whether the owner still held the key when op was answered, whatever op did.
func (a *attempt) surely(op *Op) bool { return a.hold != nil && !a.over && op.Done < a.hold.End }

func (a *attempt) fail(format string, args ...any) {
	a.wrong = append(a.wrong, fmt.Sprintf(format, args...))
}

func (a *attempt) take(op *Op) {
	switch {
	case op.Outcome == Unknown:
		if !a.doubtful {
			a.asked = op.Sent
		}
		a.doubtful = true
	case op.Outcome == No && op.Command == "SET" && op.Wait == 0: // NX is not for the holder either
	case op.Outcome == No:
		if op.Said == "" && op.Done-op.Sent < a.options.surely(op.Wait) {
			a.fail("a waiter was sent away before its time: %v", op)
		}
		a.lost(op)
	case a.hold != nil && a.hold.Token == op.Number: // asked again
		a.extend(op)
	default:
		if a.surely(op) {
			a.fail("%v, but was granted anew: %v", a.hold, op)
		}
		if a.hold != nil {
			a.past = append(a.past, a.hold)
		}
		a.over, a.released = false, 0
		a.hold = &Holding{
			Key: op.Key, Owner: op.Owner, Token: op.Number, Asked: op.Sent, Start: op.Done, by: op,
			Mode: op.Mode, Permits: op.Permits, Limit: op.Limit,
		}
		if a.asked != 0 {
			a.hold.Asked = a.asked
		}
		a.extend(op)
	}
}

// lost is called when the server says that the owner does not hold the key.
func (a *attempt) lost(op *Op) {
	if a.surely(op) {
		a.fail("an acknowledged grant is gone: %v, but %v", a.hold, op)
	}
	if a.hold != nil {
		a.over = true
	}
}

// extend moves the end to what op gave at least.
func (a *attempt) extend(op *Op) {
	end := op.Sent + a.options.surely(op.TTL)
	if op.Kind != Replace && end < a.hold.End {
		return
	}
	a.hold.End, a.hold.by = end, op
	if a.capped != 0 && a.hold.End > a.capped {
		a.hold.End = a.capped
	}
	a.hold.End = min(a.hold.End, a.taken.ends(a.hold.Asked))
}

// less tells whether a renewal gave less than it was asked for.
func (o *Op) less() bool { return o.Kind == Renew && o.Number != 0 && o.Number < o.TTL.Milliseconds() }

func (a *attempt) renew(op *Op) {
	switch {
	case op.Outcome == No:
		a.lost(op)
	case op.Outcome == Yes && a.taken.tooLong(a.hold, op):
		a.fail("what was taken back was renewed beyond its grace: %v", op)
	case op.Outcome == Yes && a.taken == nil && op.less():
		a.fail("a renewal gave less than it was asked for: %v", op)
	case a.hold == nil || a.over:
		// It may follow a grant whose reply was lost; then nobody is sure of anything.
	case op.Outcome == Yes:
		a.extend(op)
	case op.Kind == Replace: // it may shorten the hold now or later
		if end := op.Sent + a.options.surely(op.TTL); a.capped == 0 || end < a.capped {
			a.capped = end
		}
		a.hold.End = min(a.hold.End, a.capped)
	}
}

func (a *attempt) release(op *Op) {
	if op.Outcome == No {
		a.lost(op)
	}
	if a.hold != nil && !a.over && op.Sent < a.hold.End {
		a.hold.End, a.hold.by = op.Sent, op
	}
	a.over = true
	if op.Outcome == Unknown {
		a.doubtful = true
	}
	if op.Outcome == Yes {
		a.released = op.Done
	}
}

func (a *attempt) look(op *Op) {
	switch {
	case op.Outcome == No:
		a.lost(op)
	case op.Outcome != Yes:
	case a.released > 0 && a.released <= op.Sent && !a.doubtful:
		a.fail("held by %s after its release was acknowledged at %v: %v", op.Owner, a.released, op)
	case a.hold == nil || op.Number == 0 || a.over:
	case a.hold.Token == 0:
		a.hold.Token = op.Number
	case a.hold.Token != op.Number && !a.doubtful:
		a.fail("%v, but its token is now another: %v", a.hold, op)
	}
}

// CheckTokens finds tokens that were given twice, or out of order. One counter serves all keys.
func CheckTokens(holds []*Holding) []string {
	var list []numbered
	many := map[Holding]bool{} // one token for several keys
	for _, h := range holds {
		grant := Holding{Owner: h.Owner, Token: h.Token, Asked: h.Asked}
		if h.Token != 0 && !many[grant] {
			many[grant] = true
			list = append(list, numbered{sent: h.Asked, done: h.Start, number: h.Token, what: h.Key + "/" + h.Owner})
		}
	}
	return checkRising("token", list)
}

// What each command must reply, and what it does to a lock.

package state

import (
	"strconv"
	"strings"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

// op is a command as the generator meant it.
type op struct {
	form      *form
	lock      int // which of the judged locks or counters
	owner     string
	ttl, wait int64
}

// command is one of the table that ran for who and replied v.
func (j *judge) command(who fsm.Caller, o *op, v fsm.Reply) {
	p := peer{who.Origin.Node, who.Conn}
	j.saw(p)
	code, _, _ := strings.Cut(v.Str(), " ")
	switch {
	case o.form.verb == undone:
		j.expect(o, v, v.IsError() && code == "ERR")
	case v.IsError() && code == "OOM":
		j.expect(o, v, j.limits.Memory > 0)
	case o.form.verb == other:
		if v.Kind() == resp.KindNone {
			j.park(&waiting{call: call{who.Origin, who.Seq}, peer: p})
		} else if code == "DEADLOCK" {
			j.giveUp(p)
		}
	case o.form.verb == count:
		j.counters[o.lock]++
		j.number(o, v, j.counters[o.lock])
	case o.form.verb == pass || o.form.verb == fence:
		j.fence(o, v, code)
	case o.form.verb == open:
		j.opens(v)
	case o.form.verb == flush:
		j.expect(o, v, v.Str() == "OK")
		j.flush()
	default:
		j.lockCommand(who, o, v, code)
	}
}

// fence is a token that is shown to a fence, which passes if it is as high as any before; or a look at it.
func (j *judge) fence(o *op, v fsm.Reply, code string) {
	highest := &j.fences[o.lock]
	token := uint64(o.ttl)
	switch {
	case j.version < fsm.VersionLocks:
		j.expect(o, v, v.IsError() && code == "TRYAGAIN")
	case o.form.verb == fence && *highest == 0:
		j.expect(o, v, v.IsNull())
	case o.form.verb == fence:
		j.number(o, v, int64(*highest))
	case token < *highest:
		j.expect(o, v, v.IsError() && code == "STALE")
	default:
		j.expect(o, v, v.Str() == "OK")
		*highest = token
	}
}

// opens remembers a session, so that it is named.
func (j *judge) opens(v fsm.Reply) {
	if v.Kind() != resp.KindBulk {
		return // it was refused
	}
	if j.opened = append(j.opened, v.Str()); len(j.opened) > latest {
		j.opened = j.opened[1:]
	}
}

// lockCommand is a command about one judged lock.
func (j *judge) lockCommand(who fsm.Caller, o *op, v fsm.Reply, code string) {
	l := j.locks[o.lock]
	owner := o.owner
	if owner == "" { // none was named
		owner = who.Origin.Node + "/" + strconv.FormatUint(who.Origin.Incarnation, 10) + "/" +
			strconv.FormatUint(who.Conn, 10)
	}
	mine := j.live(l) && l.owner == owner
	switch o.form.verb {
	case take:
		j.take(who, o, v, l, owner, code)
	case renew:
		j.renew(o, v, l, mine, code)
	case drop:
		j.yes(o, v, mine)
		j.release(l, mine)
	case force:
		j.yes(o, v, l.held)
		l.forced[l.owner] = l.held
		j.remove(l)
	case remove:
		j.yes(o, v, l.held)
		j.remove(l)
	case expire:
		j.yes(o, v, l.held)
		j.replace(l, l.held, l.owner, o.ttl)
	case claim, put, swap:
		does := o.form.verb.may(l.held, mine)
		j.expect(o, v, does && v.Str() == "OK" || !does && v.IsNull())
		j.replace(l, does, owner, o.ttl)
	default:
		j.ask(o, v, l, mine)
	}
}

// may tells whether a SET may set a key that is held, by the same owner or another.
func (v verb) may(held, mine bool) bool {
	switch v {
	case claim:
		return !held
	case swap:
		return mine
	}
	return true
}

// ask is a command that changes nothing.
func (j *judge) ask(o *op, v fsm.Reply, l *lock, mine bool) {
	switch o.form.verb {
	case get:
		j.expect(o, v, l.held && v.Str() == l.owner || !l.held && v.IsNull())
	case held:
		j.yes(o, v, mine)
	case token:
		j.expect(o, v, mine == (v.Kind() == resp.KindInt))
		j.learn(l, mine, v)
	}
}

// expect is the judgement of a reply.
func (j *judge) expect(o *op, v fsm.Reply, right bool) {
	j.judged++
	if !right {
		what := make([]string, 0, len(o.form.words))
		for _, w := range o.form.words {
			what = append(what, string(w))
		}
		j.fail("%s of key %d by %q for %d ms, wait %d: replied %s", strings.Join(what, " "), o.lock, o.owner,
			o.ttl, o.wait, text(v))
	}
}

func (j *judge) number(o *op, v fsm.Reply, n int64) {
	j.expect(o, v, v.Kind() == resp.KindInt && v.Num() == n)
}

func (j *judge) yes(o *op, v fsm.Reply, is bool) {
	n := int64(0)
	if is {
		n = 1
	}
	j.number(o, v, n)
}

// take is LOCK.
func (j *judge) take(who fsm.Caller, o *op, v fsm.Reply, l *lock, owner, code string) {
	switch {
	case !l.held || l.owner == owner:
		j.expect(o, v, v.Kind() == resp.KindInt)
		j.hold(l, owner, o.ttl, uint64(v.Num()))
	case o.wait <= 0:
		j.expect(o, v, v.IsNull())
	case code == "DEADLOCK": // others of the circle wait for keys that are not judged
		j.expect(o, v, strings.HasPrefix(v.Str(), "DEADLOCK "+owner+" -> "+l.name+" -> "))
		j.giveUp(peer{who.Origin.Node, who.Conn})
	case code == "QUEUEFULL":
		j.expect(o, v, j.limits.Waiters > 0 && len(j.parked) >= j.limits.Waiters ||
			j.limits.WaitersPerKey > 0 && len(l.queue) >= j.limits.WaitersPerKey)
	default:
		j.expect(o, v, v.Kind() == resp.KindNone)
		if j.closes(l, owner, peer{who.Origin.Node, who.Conn}) {
			j.fail("%q was let wait for %s, and so for itself", owner, l.name)
		}
		j.park(&waiting{
			call: call{who.Origin, who.Seq}, peer: peer{who.Origin.Node, who.Conn}, lock: l, owner: owner,
			ttl: o.ttl, until: after(j.clock, o.wait),
		})
	}
}

// after returns the clock value ms later, at most the last one.
func after(c fsm.Clock, ms int64) fsm.Clock { return c + fsm.Clock(min(ms, forever-int64(c))) }

// park puts w at the end of its queue; a connection waits for one thing at a time.
func (j *judge) park(w *waiting) {
	former := j.parked[w.peer]
	if w.lock != nil {
		w.lock.queue = append(w.lock.queue, w)
	}
	if former != nil {
		j.quit(former)
	}
	j.parked[w.peer], j.calls[w.call] = w, w
}

// giveUp ends the waiting of a connection that asked to wait for something else.
func (j *judge) giveUp(p peer) {
	if former := j.parked[p]; former != nil {
		j.quit(former)
	}
}

// release ends the holding of l if it is to be ended.
func (j *judge) release(l *lock, is bool) {
	if is {
		j.end(l)
		j.serve(l)
	}
}

// remove ends it without the holder's doing.
func (j *judge) remove(l *lock) {
	if l.held {
		j.free(l)
		j.serve(l)
	}
}

func (j *judge) renew(o *op, v fsm.Reply, l *lock, mine bool, code string) {
	if !mine {
		lost := code == "EXPIRED" || code == "NOTLOCKED"
		j.expect(o, v, v.IsError() && (code == "REVOKED" && l.forced[o.owner] ||
			l.held && code == "NOTOWNER" || !l.held && lost))
		return
	}
	j.touch(l)
	left := int64(-1)
	if l.deadline != fsm.NoDeadline {
		l.deadline = max(l.deadline, j.deadline(o.ttl))
		left = int64(l.deadline - j.clock)
	}
	j.number(o, v, left)
}

// replace is SET and what only changes the time of a key, if it does it: the time is the new one, also where
// that ends earlier.
func (j *judge) replace(l *lock, does bool, owner string, ttl int64) {
	if !does {
		return
	}
	j.touch(l)
	changes := !l.held || l.owner != owner
	l.held, l.owner, l.deadline = true, owner, j.deadline(ttl)
	if changes {
		l.token = 0
		j.grants++
		j.serve(l) // the new owner may be the one who waits
	}
}

// learn compares a token that was asked for.
func (j *judge) learn(l *lock, mine bool, v fsm.Reply) {
	got := uint64(v.Num())
	if mine && l.token != 0 && l.token != got {
		j.fail("%s has token %d and was replied %d", l.name, l.token, got)
	}
	if mine {
		l.token = got
		j.token = max(j.token, got)
	}
}

// flush is FLUSHALL.
func (j *judge) flush() {
	clear(j.counters)
	for _, l := range j.locks {
		j.free(l)
	}
	for _, l := range j.locks {
		j.serve(l)
	}
}

// close is the end of a connection.
func (j *judge) close(p peer, unread bool) {
	if w := j.parked[p]; w != nil {
		j.quit(w)
	}
	if l := j.saw(p); l != nil {
		j.release(l, unread)
	}
}

// unblock ends the waiting of a connection from outside.
func (j *judge) unblock(p peer, c *fsm.Command, v fsm.Reply) {
	w := j.parked[p]
	n := int64(0)
	if w != nil {
		n = 1
		if answer := j.quit(w); answer.IsError() != (string(c.Words[0]) == "ERROR") {
			j.fail("a connection was unblocked with %s and answered %s", c.Words[0], text(answer))
		}
	}
	j.judged++
	if v.Num() != n || v.Kind() != resp.KindInt {
		j.fail("unblocking %v replied %s, want %d", p, text(v), n)
	}
}

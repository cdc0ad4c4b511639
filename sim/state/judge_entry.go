// The judge goes through an entry: which of its commands run, in which order, and what each may cause.

package state

import (
	"slices"
	"strconv"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

// walk is the way of the judge through one entry.
type walk struct {
	*judge
	entry   *entry
	events  []event
	at      int // the next event
	read    int // the next read
	place   int // the next command, counted over all runs
	refused []fsm.Origin
}

// apply judges an entry that ran, by what the tape says. expired is how many keys the machine says that it
// expired: it may leave some for the next entry after a thousand.
func (j *judge) apply(e *entry, events []event, expired uint64) string {
	w := &walk{judge: j, entry: e, events: events}
	j.limits, j.version = e.Limits, e.Version
	if e.Term != 0 {
		j.clock = max(j.clock, e.Clock)
	}
	w.begin()
	if expired < expiredPerEntry && j.wrong == "" {
		w.settle()
	}
	for i := range e.Runs {
		if j.wrong == "" {
			w.run(&e.Runs[i])
		}
	}
	w.readUpTo(w.place + 1<<30)
	if j.wrong == "" { // what waits for events is answered at the end of the entry
		w.before(fsm.Origin{}, 0)
		w.over()
	}
	if j.wrong == "" && w.at < len(events) {
		j.fail("%v was said, and nothing called for it", &events[w.at])
	}
	return j.wrong
}

// begin is what comes before the first read: keys that end, and patience that ends.
func (w *walk) begin() {
	for ; w.at < len(w.events) && w.events[w.at].kind == answered && w.wrong == ""; w.at++ {
		e := &w.events[w.at]
		p := w.calls[call{e.origin, e.number}]
		switch {
		case p == nil:
			w.fail("%v came, and nobody waited for it", e)
		case e.value.IsNull():
			if p.lock != nil && p.until >= w.clock {
				w.fail("%q gave up waiting for %s at %d, its patience lasts until %d", p.owner, p.lock.name,
					w.clock, p.until)
			}
			w.leave(p)
		case p.lock == nil:
			w.leave(p)
		case p.lock.queue[0] != p:
			return // the first run of the entry ends an older incarnation, and those who waited there
		default:
			w.handOver(p, e.value)
		}
	}
}

// handOver judges a grant that no command has caused: the lock's time is over, or its holder waited too.
func (w *walk) handOver(p *waiting, v fsm.Reply) {
	l := p.lock
	if w.due(l) {
		w.end(l)
	}
	switch {
	case l.held && l.owner != p.owner:
		w.fail("%s was granted to %q at %d, %q holds it until %d", l.name, p.owner, w.clock, l.owner, l.deadline)
	default:
		w.grant(p, v)
	}
}

// settle holds that nothing is left of what has ended, where the machine had time for all of it.
func (w *walk) settle() {
	for _, l := range w.locks {
		if w.due(l) {
			w.end(l)
		}
		switch {
		case len(l.queue) == 0:
		case !l.held:
			w.fail("%s is free at %d, and %q waits for it", l.name, w.clock, l.queue[0].owner)
		default:
			for _, p := range l.queue {
				if p.until < w.clock {
					w.fail("%q waits for %s at %d, its patience has ended at %d", p.owner, l.name, w.clock, p.until)
				}
			}
		}
	}
}

// next returns the next event, after those that answer waiters: these it puts into late.
func (w *walk) next(origin fsm.Origin, seq uint64) *event {
	w.before(origin, seq)
	if w.at == len(w.events) {
		w.fail("%v#%d was not answered", origin, seq)
		return &event{}
	}
	w.at++
	return &w.events[w.at-1]
}

// before puts what answers waiters into late, up to anything else.
func (w *walk) before(origin fsm.Origin, seq uint64) {
	w.late = w.late[:0]
	for ; w.at < len(w.events); w.at++ {
		e := &w.events[w.at]
		if e.kind != answered || e.number == seq && e.origin == origin {
			return
		}
		w.late = append(w.late, *e)
	}
}

// over holds that all answers to waiters were called for. Where a lock is over and there was no time yet to
// remove it, any command may come upon it.
func (w *walk) over() {
	for i := range w.late {
		e := &w.late[i]
		switch p := w.calls[call{e.origin, e.number}]; {
		case p == nil:
			w.fail("%v came, and nobody waited for it", e)
		case p.lock != nil && w.due(p.lock) && p.lock.queue[0] == p: // a command has come upon it, as LOCK.LIST
			w.handOver(p, e.value)
		case p.lock != nil:
			w.fail("%q was answered %s for %s, which nothing called for", p.owner, text(e.value), p.lock.name)
		default:
			w.leave(p)
		}
	}
	w.late = w.late[:0]
}

// readUpTo judges the reads that stand before a place.
func (w *walk) readUpTo(place int) {
	for ; w.read < len(w.entry.reads) && w.entry.reads[w.read].Before <= place && w.wrong == ""; w.read++ {
		r := &w.entry.reads[w.read]
		if slices.Contains(w.refused, r.Origin) {
			continue // it would not see the writes before it
		}
		if w.at == len(w.events) || w.events[w.at].kind != readDone || w.events[w.at].number != uint64(w.read) {
			w.fail("read %d at place %d was not answered there", w.read, r.Before)
			return
		}
		if o := &w.entry.looks[w.read]; o.form.verb == get {
			l := w.locks[o.lock]
			v := w.events[w.at].value
			live := l.held && !w.due(l)
			w.expect(o, v, live && v.Str() == l.owner || !live && v.IsNull())
		}
		w.at++
	}
}

// refuse expects that r was refused from its command j on.
func (w *walk) refuse(r *fsm.Run, j int) {
	w.refused = append(w.refused, r.Origin)
	e := w.next(r.Origin, 0)
	w.over()
	if e.kind != refused || e.origin != r.Origin || e.number != r.First+uint64(j) {
		w.fail("%v was said, %v should have been refused from %d on", e, r.Origin, r.First+uint64(j))
	}
}

// run judges the commands of one origin: the next numbers run, others do not.
func (w *walk) run(r *fsm.Run) {
	n := w.nodes[r.Origin.Node]
	known := n != nil && n.incarnation == r.Origin.Incarnation && n.last > 0
	last := uint64(0)
	if known {
		last = n.last
	}
	begins := r.First == 1 && len(r.Commands) > 0 && r.Commands[0].Kind == fsm.KindRegister
	if n != nil && (n.removed || n.incarnation > r.Origin.Incarnation) || !known && !begins || r.First > last+1 {
		w.readUpTo(w.place)
		w.refuse(r, 0)
		for range r.Commands {
			w.readUpTo(w.place)
			w.place++
		}
		return
	}
	former := n != nil && !known
	if !known {
		n = w.node(r.Origin.Node)
		n.incarnation, n.last = r.Origin.Incarnation, 0
	}
	w.numbers(r, n, former)
}

// node returns what is known of a node, made if need be.
func (w *walk) node(name string) *node {
	if w.nodes[name] == nil {
		w.nodes[name] = &node{}
	}
	return w.nodes[name]
}

// numbers judges the commands of a run that was let in. former is whether an older incarnation ends with it.
func (w *walk) numbers(r *fsm.Run, n *node, former bool) {
	if former { // before the reads that stand before the first command
		w.before(r.Origin, r.First)
		w.dropNode(r.Origin.Node)
		w.over()
	}
	left := false // the node has removed itself
	for j := range r.Commands {
		w.readUpTo(w.place)
		w.place++
		c := &r.Commands[j]
		seq := r.First + uint64(j)
		if w.wrong != "" || left || seq <= n.last {
			continue
		}
		n.last = seq
		own := w.next(r.Origin, seq)
		w.number(fsm.Caller{Origin: r.Origin, Conn: c.Conn, Seq: seq}, c, own)
		w.over()
		if left = n.removed && j+1 < len(r.Commands); left {
			w.refuse(r, j+1)
		}
	}
}

// number judges one command that ran, and of which the tape says own next.
func (w *walk) number(who fsm.Caller, c *fsm.Command, own *event) {
	if c.Kind == fsm.KindForget || c.Kind == fsm.KindSilence {
		own = w.dropped(who, c, own)
	}
	if own.kind != answered || own.origin != who.Origin || own.number != who.Seq {
		w.fail("%v was said, %v#%d should have been answered", own, who.Origin, who.Seq)
		return
	}
	p := peer{who.Origin.Node, who.Conn}
	switch c.Kind {
	case fsm.KindCommand:
		w.command(who, &w.entry.ops[w.place-1], own.value)
	case fsm.KindExec:
		w.saw(p) // what it does is about keys that nobody judges
	case fsm.KindClose:
		w.close(p, len(c.Words) > 0)
	case fsm.KindUnblock:
		w.unblock(p, c, own.value)
	case fsm.KindAdmit:
		n := w.node(string(c.Words[0]))
		n.removed = false
		if own.value.Num() != int64(n.incarnation) || own.value.Kind() != resp.KindInt {
			w.fail("%s was admitted above incarnation %s, it has had %d", c.Words[0], text(own.value), n.incarnation)
		}
	}
}

// dropped is the removal or the silence of a node: those who wait there leave, which is said before the
// command is answered. It returns what was said after that.
func (w *walk) dropped(who fsm.Caller, c *fsm.Command, own *event) *event {
	name := string(c.Words[0])
	n := w.node(name)
	target := fsm.Origin{Node: name, Incarnation: n.incarnation}
	if c.Kind == fsm.KindForget {
		n.removed = true
		w.dropNode(name)
		if n.last == 0 {
			return own
		}
		return w.silenced(own, target, who)
	}
	incarnation, _ := strconv.ParseUint(string(c.Words[1]), 10, 64)
	if n.last == 0 || n.incarnation != incarnation {
		return own
	}
	w.dropWaiters(name)
	return w.silenced(own, target, who)
}

// silenced expects that e says so of a node, and returns what was said next.
func (w *walk) silenced(e *event, who fsm.Origin, by fsm.Caller) *event {
	if e.kind != silenced || e.origin != who {
		w.fail("%v was said, %v should have been silenced", e, who)
	}
	w.over()
	return w.next(by.Origin, by.Seq)
}

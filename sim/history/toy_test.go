// A toy of a lock server, sequential and in virtual time, with clients whose requests and replies are slow or
// lost: it makes histories that are right, and such with one flaw, which must be found.

package history

import (
	"cmp"
	"container/heap"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// toy is the world: what happens when, the server's state, and what clients have seen. The same seed makes
// the same history.
type toy struct {
	dice   *rand.Rand
	now    time.Duration
	agenda agenda
	flaw   string // what the server does wrong, some of the time
	locks  map[string]*toyLock
	counts map[string]int64
	token  int64
	ops    []Op
	owners int
	tuning tuning
}

// tuning is how much there is to do.
type tuning struct{ clients, locks, counters, ops, lost int } // lost: one message in so many is late or lost

type toyLock struct {
	owner, former string
	token         int64
	until         time.Duration
	freed         time.Duration // when it last changed hands
	queue         []*toyWaiter
}

type toyWaiter struct {
	owner string
	ttl   time.Duration
	reply func(Outcome, int64)
}

// play makes a history.
func play(seed uint64, flaw string, t tuning) []Op {
	w := &toy{
		dice: rand.New(rand.NewPCG(seed, 1)), flaw: flaw, tuning: t,
		locks: map[string]*toyLock{}, counts: map[string]int64{},
	}
	for i := range t.locks {
		w.locks[fmt.Sprintf("lock:%d", i)] = &toyLock{}
	}
	for range t.clients {
		w.after(w.upTo(time.Millisecond), w.step)
	}
	for w.agenda.Len() > 0 {
		e := heap.Pop(&w.agenda).(event)
		w.now = e.at
		e.do()
	}
	return Merge(w.ops)
}

type event struct {
	at  time.Duration
	seq int
	do  func()
}

// agenda is what will happen, the next first.
type agenda struct {
	list []event
	seq  int
}

func (a *agenda) Len() int { return len(a.list) }
func (a *agenda) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(a.list[i].at, a.list[j].at), cmp.Compare(a.list[i].seq, a.list[j].seq)) < 0
}
func (a *agenda) Swap(i, j int) { a.list[i], a.list[j] = a.list[j], a.list[i] }
func (a *agenda) Push(e any)    { a.list = append(a.list, e.(event)) }
func (a *agenda) Pop() any {
	last := a.list[len(a.list)-1]
	a.list = a.list[:len(a.list)-1]
	return last
}

func (w *toy) after(d time.Duration, do func()) {
	w.agenda.seq++
	heap.Push(&w.agenda, event{w.now + d, w.agenda.seq, do})
}

func (w *toy) upTo(d time.Duration) time.Duration { return time.Duration(w.dice.Int64N(int64(d))) + 1 }
func (w *toy) one(in int) bool                    { return w.dice.IntN(in) == 0 }

// wrong tells whether the server does this wrong now.
func (w *toy) wrong(flaw string) bool { return w.flaw == flaw && w.one(4) }

// patience is how long a client waits for a reply.
const patience = 30 * time.Millisecond

// do sends an operation to the server, which replies at once or later, and gives what came of it to then.
// serve returns what the server does when the client hangs up; nil if nothing.
func (w *toy) do(op Op, serve func(op *Op, reply func(Outcome, int64)) func(), then func(Op)) {
	op.Sent, op.Dialed, op.Node = w.now, w.now, "toy"
	over := false
	finish := func(outcome Outcome, number int64) {
		if !over {
			over = true
			op.Done, op.Outcome, op.Number = w.now, outcome, number
			w.ops = append(w.ops, op)
			then(op)
		}
	}
	delay := func() time.Duration {
		if w.one(w.tuning.lost) {
			return w.upTo(5 * patience)
		}
		return w.upTo(time.Millisecond)
	}
	var hangUp func()
	request := delay()
	w.after(request, func() {
		hangUp = serve(&op, func(o Outcome, n int64) { w.after(delay(), func() { finish(o, n) }) })
	})
	if op.Wait > 2*patience && w.one(w.tuning.lost) {
		w.after(max(request+1, patience+w.upTo(op.Wait-patience)), func() {
			op.Left = !over
			finish(Unknown, 0)
			if op.Left && hangUp != nil {
				w.after(delay(), hangUp)
			}
		})
		return
	}
	w.after(patience+op.Wait, func() { finish(Unknown, 0) })
}

// step is one thing that a client does; it is called again until there have been enough.
func (w *toy) step() {
	if len(w.ops) >= w.tuning.ops {
		return
	}
	next := func(Op) { w.after(w.upTo(2*time.Millisecond), w.step) }
	switch n := w.dice.IntN(12); {
	case n < 4 && w.tuning.counters > 0:
		key := fmt.Sprintf("count:%d", w.dice.IntN(w.tuning.counters))
		kind := []Kind{Count, Count, Read}[w.dice.IntN(3)]
		w.do(Op{Kind: kind, Key: key, Command: string(kind)}, w.count, next)
	case n < 5:
		w.do(Op{Kind: Queue, Key: w.lock(), Command: "LOCK.INFO"}, w.look, next)
	default:
		w.owners++
		op := Op{Kind: Take, Key: w.lock(), Owner: fmt.Sprintf("o%d", w.owners), Command: "LOCK"}
		op.TTL = []time.Duration{10 * time.Millisecond, 50 * time.Millisecond, time.Second}[w.dice.IntN(3)]
		switch w.dice.IntN(4) {
		case 0:
			op.Command = "SET"
		case 1, 2:
			op.Wait = w.upTo(500 * time.Millisecond)
		}
		w.attempt(op, 3)
	}
}

// lock chooses one, the first as often as all others.
func (w *toy) lock() string {
	if w.one(2) {
		return "lock:0"
	}
	return fmt.Sprintf("lock:%d", w.dice.IntN(w.tuning.locks))
}

// attempt takes a lock, asking again where it hears nothing.
func (w *toy) attempt(op Op, tries int) {
	w.do(op, w.take, func(got Op) {
		switch {
		case got.Left || got.Outcome == No:
			w.step()
		case got.Outcome == Unknown && tries > 0 && op.Command == "LOCK":
			w.attempt(op, tries-1)
		case got.Outcome == Unknown:
			w.leave(op)
		default:
			w.hold(op, w.dice.IntN(4))
		}
	})
}

// hold keeps a lock for some steps, then leaves it or lets it run out.
func (w *toy) hold(op Op, steps int) {
	w.after(w.upTo(8*time.Millisecond), func() {
		if steps == 0 {
			if w.one(8) {
				w.step()
				return
			}
			w.leave(op)
			return
		}
		stay := Op{Kind: []Kind{Renew, Replace, Holds, Holds}[w.dice.IntN(4)], Key: op.Key, Owner: op.Owner}
		if stay.Command = string(stay.Kind); stay.Kind != Holds {
			stay.TTL = op.TTL/2 + w.upTo(op.TTL)
		}
		w.do(stay, w.stay, func(got Op) {
			if got.Outcome == No {
				w.step()
				return
			}
			w.hold(op, steps-1)
		})
	})
}

// leave releases a lock, until it hears so, and may look at it once more.
func (w *toy) leave(op Op) {
	release := Op{Kind: Release, Key: op.Key, Owner: op.Owner, Command: "UNLOCK"}
	w.do(release, w.stay, func(got Op) {
		if got.Outcome == Unknown {
			w.leave(op)
			return
		}
		look := Op{Kind: Holds, Key: op.Key, Owner: op.Owner, Command: "ISLOCKED"}
		w.do(look, w.stay, func(Op) { w.step() })
	})
}

// From here on it is the server.

func (w *toy) count(op *Op, reply func(Outcome, int64)) func() {
	n := w.counts[op.Key]
	if op.Kind == Count {
		n++
		if w.wrong("double count") {
			n++
		}
		w.counts[op.Key] = n
		if w.wrong("lost count") {
			w.counts[op.Key]--
		}
	} else if n > 0 && w.wrong("stale count") {
		n--
	}
	outcome := Yes
	if n == 0 {
		outcome = No
	}
	reply(outcome, n)
	return nil
}

func (w *toy) look(op *Op, reply func(Outcome, int64)) func() {
	for _, waiter := range w.due(op.Key).queue {
		op.Waiters = append(op.Waiters, waiter.owner)
	}
	reply(Yes, 0)
	return nil
}

// due is the lock after what has happened by itself.
func (w *toy) due(key string) *toyLock {
	l := w.locks[key]
	if l.owner != "" && l.until < w.now {
		w.free(l)
	}
	return l
}

// free gives a lock to the next, if there is one.
func (w *toy) free(l *toyLock) {
	l.former, l.owner, l.freed = l.owner, "", w.now
	if len(l.queue) == 0 {
		return
	}
	i := 0
	if w.wrong("last in, first out") {
		i = len(l.queue) - 1
	}
	next := l.queue[i]
	l.queue = slices.Delete(l.queue, i, i+1)
	w.grant(l, next.owner, next.ttl)
	next.reply(Yes, l.token)
}

func (w *toy) grant(l *toyLock, owner string, ttl time.Duration) {
	w.token++
	if w.token > 20 && w.wrong("token again") {
		w.token--
	}
	if w.token > 20 && w.wrong("token of an old backup") {
		w.token -= 10
	}
	l.owner, l.token = owner, w.token
	w.extend(l, ttl)
}

func (w *toy) extend(l *toyLock, ttl time.Duration) {
	if w.wrong("early end") {
		ttl /= 3
	}
	if w.one(4) {
		ttl += w.upTo(10 * time.Millisecond) // late is allowed
	}
	l.until = w.now + ttl
	w.after(ttl+1, func() {
		if l.owner != "" && l.until < w.now {
			w.free(l)
		}
	})
}

func (w *toy) take(op *Op, reply func(Outcome, int64)) func() {
	l := w.due(op.Key)
	owner := op.Owner
	switch {
	case l.owner == "" || l.owner != owner && w.wrong("taken while held"):
		w.grant(l, owner, op.TTL)
	case l.owner != owner && op.Wait > 0:
		return w.park(l, op, reply)
	case l.owner != owner || op.Command == "SET":
		reply(No, 0)
		return nil
	default:
		l.until = max(l.until, w.now+op.TTL)
	}
	if w.wrong("taken, but turned away") {
		reply(No, 0)
		return nil
	}
	token := l.token
	if op.Command == "SET" {
		token = 0
	}
	reply(Yes, token)
	return nil
}

// park lets a take wait.
func (w *toy) park(l *toyLock, op *Op, reply func(Outcome, int64)) (hangUp func()) {
	waiter := &toyWaiter{op.Owner, op.TTL, reply}
	l.queue = append(l.queue, waiter)
	leave := func() bool {
		i := slices.Index(l.queue, waiter)
		if i >= 0 {
			l.queue = slices.Delete(l.queue, i, i+1)
		}
		return i >= 0
	}
	wait := op.Wait
	if w.wrong("turned away early") {
		wait /= 2
	}
	w.after(wait, func() {
		if leave() {
			reply(No, 0)
		}
	})
	return func() {
		if !leave() && l.owner == waiter.owner { // granted, and nobody has heard of it
			w.free(l)
		}
	}
}

func (w *toy) stay(op *Op, reply func(Outcome, int64)) func() {
	l := w.due(op.Key)
	mine := l.owner == op.Owner
	if op.Kind == Holds && l.former == op.Owner && w.wrong("stale look") {
		mine = true
	}
	if !mine {
		reply(No, 0)
		return nil
	}
	number := int64(0)
	switch op.Kind {
	case Renew:
		if until := max(l.until, w.now+op.TTL); !w.wrong("lost renewal") && until > l.until {
			w.extend(l, until-w.now)
		}
	case Replace:
		w.extend(l, op.TTL)
	case Release:
		if !w.wrong("lost release") {
			w.free(l)
		}
	default:
		if number = l.token; w.one(2) || l.owner != op.Owner {
			number = 0
		}
	}
	reply(Yes, number)
	return nil
}

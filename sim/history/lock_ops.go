// What the lock's model is told of a key's operations. All owners are looked at first: what one of them does
// decides what its other operations can mean.
//
// Replies of No that are right in whatever order are settled at once. Most are, and many are open at a time:
// a search that comes to a dead end would try every set of them before it looks further back.

package history

import (
	"cmp"
	"slices"
	"time"
)

// tenant is what an owner does with a key in all.
type tenant struct {
	id       int
	token    int64         // of its grants
	several  bool          // it has more than one, or one that is not known
	capped   time.Duration // when a release or shortening that may take effect ends its hold; 0: there is none
	yes      *Op           // the last to tell it that it holds the lock
	start    time.Duration // when it first knew that it holds the lock
	end      time.Duration // until when it surely holds it, but for a release
	replaced bool          // end is the least of what it was given, for it may have been shortened
	leaves   time.Duration // when it first asked to release; 0: never
	released time.Duration // when that was first acknowledged; 0: never
}

// tenancy is the owners of a key.
type tenancy struct {
	owners  map[string]*tenant
	names   []string  // by number
	sure    []*tenant // those who surely held the lock for a time, by that
	strange time.Duration
	options Options
}

func newTenancy(key []*Op, o Options) *tenancy {
	all := &tenancy{owners: map[string]*tenant{}, names: []string{"nobody"}, strange: forever, options: o}
	for _, op := range key {
		t := all.owners[op.Owner]
		if t == nil {
			t = &tenant{id: len(all.names)}
			all.owners[op.Owner] = t
			all.names = append(all.names, op.Owner)
		}
		if op.Outcome == Unknown {
			t.doubt(op, o)
		} else {
			t.add(op, op.Sent+o.surely(op.TTL))
		}
	}
	for _, op := range key {
		if op.Kind == Take && op.Outcome == Unknown {
			all.strange = min(all.strange, all.owners[op.Owner].unseen(op))
		}
	}
	for _, name := range all.names[1:] {
		if t := all.owners[name]; t.settle() {
			all.sure = append(all.sure, t)
		}
	}
	slices.SortFunc(all.sure, func(a, b *tenant) int { return cmp.Compare(a.end, b.end) })
	return all
}

// add notes what an operation did that gives the lock until a time, if it is one that does.
func (t *tenant) add(op *Op, until time.Duration) {
	if op.Kind == Release && t.leaves == 0 {
		t.leaves = op.Sent
	}
	if op.Outcome == Yes {
		t.hear(op, until)
	}
}

// hear notes a reply that says that the owner holds the lock, or did until now.
func (t *tenant) hear(op *Op, until time.Duration) {
	if t.yes == nil || op.Done > t.yes.Done {
		t.yes = op
	}
	switch op.Kind {
	case Take:
		if t.token == 0 {
			t.start, t.token = op.Done, op.Number
		}
		t.several = t.several || op.Number == 0 || op.Number != t.token
		t.extend(until)
	case Renew:
		t.extend(until)
	case Replace:
		t.replaced = true
		t.end = min(t.end, until)
	case Release:
		if t.released == 0 {
			t.released = op.Done
		}
	default: // it says nothing about the time
	}
}

func (t *tenant) extend(until time.Duration) {
	if t.end == 0 || !t.replaced && until > t.end {
		t.end = until
	}
}

// doubt notes what an operation of unknown outcome may do.
func (t *tenant) doubt(op *Op, o Options) {
	at := op.Sent
	switch op.Kind {
	case Take:
		t.several = true
		return
	case Release:
	case Replace:
		at += o.surely(op.TTL)
	default:
		return
	}
	if t.capped == 0 || at < t.capped {
		t.capped = max(at, 1)
	}
}

// unseen is since when a take of unknown outcome may let its owner hold the lock without learning of it.
func (t *tenant) unseen(op *Op) time.Duration {
	if t.yes == nil {
		return op.Sent
	}
	return max(op.Sent, t.yes.Sent)
}

// settle finds the time in which t surely held the lock, and tells whether there is any.
func (t *tenant) settle() bool {
	for _, at := range []time.Duration{t.leaves, t.capped} {
		if at != 0 {
			t.end = min(t.end, at)
		}
	}
	return !t.several && t.start < t.end
}

// lockOps makes what the model sees of a key, in the order of Sent.
func lockOps(key []*Op, all *tenancy) []*lockOp {
	list := make([]lockOp, 0, len(key))
	ops := make([]*lockOp, 0, len(key))
	for _, op := range key {
		t := all.owners[op.Owner]
		in := lockOp{
			Op: op, span: span{call: op.Sent, done: op.Done}, owner: t.id,
			gives: op.Sent + all.options.surely(op.TTL), stranger: all.strange <= op.Done,
		}
		if t.capped != 0 {
			in.gives = min(in.gives, t.capped)
		}
		switch {
		case op.Outcome == Unknown:
			if op.Kind != Take || t.yes == nil || t.yes.Done < op.Sent {
				continue
			}
			in.done = t.yes.Done
			if op.Wait > 0 { // its node gives back at once what it could not tell its client of
				in.gives = op.Sent
			}
		case op.Outcome == Yes && !t.several:
			in.turn = t.token
		case op.Outcome == No:
			if op.Kind == Take {
				in.call = min(op.Sent+all.options.surely(op.Wait), op.Done) // it waited first
			}
			if all.plain(&in, t) {
				continue
			}
		}
		list = append(list, in)
		ops = append(ops, &list[len(list)-1])
	}
	return ops
}

// plain tells whether a No is right in whatever order: t never holds the lock when it may be answered, and
// where it wanted to take it, another surely does, or a stranger may.
func (all *tenancy) plain(in *lockOp, t *tenant) bool {
	over := !t.several && t.released != 0 && t.released < in.call
	switch {
	case t.yes != nil && !over:
		return false
	case in.Kind != Take || in.stranger:
		return true
	}
	i, _ := slices.BinarySearchFunc(all.sure, in.call, func(t *tenant, at time.Duration) int {
		return cmp.Or(cmp.Compare(t.end, at), -1) // the first that ends after it
	})
	return i < len(all.sure) && all.sure[i] != t && all.sure[i].start <= in.done
}

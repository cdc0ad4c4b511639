// Values that are not strings: hash, list, set, sorted set. They are built of copy-on-write trees, so a
// copy of a whole one takes constant time; what is shared with it is copied when it is changed.
//
// A command takes with Own what it may change, and puts it back with Put. That is a copy where anybody
// else may look at the value: a view (a snapshot, a long read), or another key after COPY. Else it is the
// value itself, for in a large one copying the nodes on the way to an element takes longer than all the
// rest; each change notes in the undo journal how to take it back. Who may look is known by epochs: each
// view begins a new one, and a value belongs to the live state alone in the epoch in which it was made or
// copied.

package fsm

// Value is one of *Hash, *List, *Set and *Sorted; of *Holders and *Delay, which are about locks; and of
// *Latch and *Throttle.
type Value interface {
	// Type is what TYPE says.
	Type() string
	// Len is how many fields, elements or members there are.
	Len() int
	// cost is what the value counts against the memory limit, from lengths and constants only.
	cost() int64
	// copied returns a copy that may be changed.
	copied() Value
	// holder returns what the value knows of who else may look at it.
	holder() *holding
	// write appends the value to a snapshot.
	write(e *encoder)
}

// valueCost is what a value of any type counts beside its elements, and elementCost what each of these counts
// beside its strings, in bytes; measured once on amd64 and then fixed, because all nodes must count the same.
const (
	valueCost   = 256
	elementCost = 40
)

// holding is what a value knows of who else may look at it.
type holding struct {
	epoch   uint64  // the one in which it belongs to the live state alone; 0: none
	journal *[]undo // where changes are noted; nil for a value that stands nowhere
}

func (h *holding) holder() *holding { return h }

// note notes how to take a change back.
func (h *holding) note(back func()) { *h.journal = append(*h.journal, undo{back: back}) }

// adopt makes v, which nobody else knows, belong to the live state.
func (m *Machine) adopt(v Value) { *v.holder() = holding{m.epoch, &m.journal} }

// Own returns what of the item's value may be changed, and must then be given to Put. The item must hold a V.
func Own[V Value](tx *Tx, it *Item) V {
	v := it.Extra.Value
	if v.holder().epoch != tx.m.epoch {
		v = v.copied()
		tx.m.adopt(v)
	}
	return v.(V)
}

// Put makes v, which Own has returned or which is new, the value of key; old is what Get returned for it. The
// deadline stays. A value without elements is no value: the key is removed.
func (tx *Tx) Put(old *Item, key string, v Value) {
	it := &Item{Since: tx.m.clock}
	if old != nil {
		it.Key, it.Deadline, it.Since = old.Key, old.Deadline, old.Since
	}
	tx.hold(old, it, key, v)
}

// PutAnew makes v, which is new, the value of key whatever stands there, as the destination of
// SUNIONSTORE: without a deadline.
func (tx *Tx) PutAnew(key string, v Value) { tx.hold(tx.Get(key), &Item{Since: tx.m.clock}, key, v) }

// hold puts it, with v, in the place of old.
func (tx *Tx) hold(old, it *Item, key string, v Value) {
	m := tx.m
	if v.Len() == 0 {
		if old != nil {
			m.remove(tx.db, old)
		}
		return
	}
	m.adopt(v)
	it.Extra = &Extra{Value: v, bytes: v.cost()}
	if it.Key == "" {
		it.Key = keep(key)
	}
	m.put(tx.db, it)
	m.freed(tx.db, it.Key)
}

// Move puts what old holds, a value or a string, under key, over whatever is there, with the deadline it had.
// A string gets a new token: it may have another owner here. But it ends no later than it would have.
func (tx *Tx) Move(old *Item, key string) {
	if old.Value() == nil {
		var terms Terms
		if old.Extra != nil && (old.Extra.Session != "" || old.Extra.Cap != NoDeadline) {
			terms = old.Extra.Terms
		}
		tx.grant(tx.Get(key), key, old.Str, old.Deadline, terms)
		return
	}
	it := *old
	it.Since = tx.m.clock
	it.Value().holder().epoch = 0 // two keys may hold it now
	if there := tx.Get(key); there != nil {
		it.Key = there.Key
	} else {
		it.Key = keep(key)
	}
	tx.m.put(tx.db, &it)
	tx.m.freed(tx.db, it.Key)
}

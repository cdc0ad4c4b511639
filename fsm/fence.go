// Fences: for each resource outside of the cluster, the highest fencing token that was shown for it. Who is
// about to change a resource that cannot compare tokens itself asks here first; whoever comes with a lower
// token than another before it has lost its lock meanwhile, and is refused.
//
// A fence is not a key: neither FLUSHALL nor a time to live may lower it, for then an owner that lost its
// lock long ago would pass. It is the same in all databases, since the resource is.

package fsm

import "github.com/tidwall/btree"

// fenceCost is what a fence counts against the memory limit beside its name, in bytes.
const fenceCost = 48

// fences are all of them.
type fences struct {
	byName *btree.Map[string, uint64]
	bytes  int64
	sum    uint64 // of the tokens, for the digest
}

func newFences() fences { return fences{byName: btree.NewMap[string, uint64](0)} }

// copy returns a copy for reading only, in constant time.
func (f *fences) copy() fences { return fences{f.byName.Copy(), f.bytes, f.sum} }

// set puts token in the place of what there was, and drop takes a resource out.
func (f *fences) set(resource string, token uint64) {
	f.drop(resource)
	f.byName.Set(resource, token)
	f.bytes += int64(fenceCost + len(resource))
	f.sum += token
}

func (f *fences) drop(resource string) {
	if token, had := f.byName.Delete(resource); had {
		f.bytes -= int64(fenceCost + len(resource))
		f.sum -= token
	}
}

// Fence returns the highest token that was shown for a resource, and whether there was any.
func (tx *Tx) Fence(resource string) (token uint64, shown bool) {
	return tx.m.fences.byName.Get(resource)
}

// Fences calls f with all resources from a name on, in order, until it returns false.
func (tx *Tx) Fences(from string, f func(resource string, token uint64) bool) {
	tx.m.fences.byName.Ascend(from, f)
}

// PassFence shows a token for a resource. It returns the highest one that was ever shown, and whether this is
// it.
func (tx *Tx) PassFence(resource string, token uint64) (highest uint64, passed bool) {
	highest, shown := tx.Fence(resource)
	if shown && token <= highest {
		return highest, token == highest
	}
	resource = keep(resource)
	tx.m.noteFence(resource)
	tx.m.fences.set(resource, token)
	return token, true
}

// DropFence forgets a resource, so that any token passes again, and tells whether it was known.
func (tx *Tx) DropFence(resource string) bool {
	_, shown := tx.Fence(resource)
	if shown {
		tx.m.noteFence(keep(resource))
		tx.m.fences.drop(resource)
	}
	return shown
}

// noteFence notes how to take back the change of a fence that follows.
func (m *Machine) noteFence(resource string) {
	old, was := m.fences.byName.Get(resource)
	m.journal = append(m.journal, undo{back: func() {
		if m.fences.drop(resource); was {
			m.fences.set(resource, old)
		}
	}})
}

func (e *encoder) fences(f *fences) {
	e.uints(uint64(f.byName.Len()))
	f.byName.Scan(func(resource string, token uint64) bool {
		e.string(resource)
		e.uints(token)
		return e.err == nil
	})
}

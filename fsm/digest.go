// Digests: a cheap summary of the state after an entry. The proposer puts the summary of the last state it
// knows into each entry it cuts, and a node whose own summary at that index differs stops. It costs a few
// additions an entry and catches what a checksum cannot: an entry that meant different things on two nodes.

package fsm

import "fmt"

// digestCount is how many of the last digests a node remembers; entries in flight are far fewer.
const digestCount = 64

type digestAt struct{ index, digest uint64 }

// digests is a ring of the last digests.
type digests struct {
	ring [digestCount]digestAt
	last digestAt
}

func (d *digests) add(index, digest uint64) {
	d.last = digestAt{index, digest}
	d.ring[index%digestCount] = d.last
}

func (d *digests) check(e *Entry) error {
	known := d.ring[e.DigestIndex%digestCount]
	if e.DigestIndex == 0 || known.index != e.DigestIndex || known.digest == e.Digest {
		return nil
	}
	return fmt.Errorf("this node's state at index %d differs from the leader's (digest %x, leader %x): "+
		"stop this node, remove its data folder and let it join again", e.DigestIndex, known.digest, e.Digest)
}

// Digest returns the index and the summary to put into the next entry.
func (m *Machine) Digest() (index, digest uint64) { return m.digests.last.index, m.digests.last.digest }

// digest mixes what a divergence would change sooner or later. What it covers depends on nothing but the
// state after the entry: all nodes, and a program that wrote the log before, count an index alike.
func (m *Machine) digest() uint64 {
	h := uint64(14695981039346656037)
	mix := func(n uint64) {
		h ^= n
		h *= 1099511628211
		h ^= h >> 29
	}
	c := &m.counters
	for _, n := range [...]uint64{uint64(m.clock), c.token, c.tickets, c.grants, c.expired, c.forced, c.undone} {
		mix(n)
	}
	for _, s := range m.dbs {
		mix(uint64(s.keys.Len()))
		mix(uint64(s.bytes))
	}
	mix(uint64(m.queue.Len()))
	if m.nodes.level >= versionMembers {
		for _, n := range [...]uint64{uint64(m.nodes.level), m.nodes.sum, uint64(m.nodes.bytes), c.silenced} {
			mix(n)
		}
	}
	if m.nodes.level >= VersionData {
		for _, n := range [...]uint64{c.revision, c.loads, uint64(m.scripts.bytes), uint64(m.subs.bytes)} {
			mix(n)
		}
	}
	if m.nodes.level >= VersionLocks {
		for _, n := range [...]uint64{c.sessions, uint64(m.sessions.bytes), m.fences.sum, uint64(m.fences.bytes),
			c.requests, uint64(m.requests.bytes), c.events, uint64(m.events.bytes), uint64(m.graves.bytes),
			uint64(m.frozen.bytes)} {
			mix(n)
		}
	}
	return h
}

// Deadlocks. Owners who wait stand in a graph: from each an edge leads to those in whose way it cannot go
// on: those who hold what it waits for in a mode that does not go together with what it wants, and those
// who wait for it before. A request that would close a cycle in it would never be granted, nor any other
// of the cycle, so it is refused at once. Of a semaphore the holders stand in the way together: only if
// the permits of those who cannot go on either are too many.
//
// All new edges begin or end at the owner that asks, so a search from there finds each cycle that it
// makes. Nearly always an owner that holds something waits for nothing, and the search ends with its first
// step. Those who wait before are followed only if they wait for something else as well: of the others it
// is enough to look at who holds this key. So a long queue of simple requests costs nothing.

package fsm

import "slices"

// searchSteps bounds the search, in owners looked at. What lies beyond is not found; who waits in such a
// deadlock waits until its patience ends.
const searchSteps = 10_000

// search is one for a cycle.
type search struct {
	m      *Machine
	goal   string          // the owner that asks
	asks   *waiter         // what it would wait for; nil: as if it did not ask
	seen   map[string]bool // owners that were looked at
	walked map[place]spot  // up to where those who wait there were looked at
	next   map[string]hop  // the owners who are stuck: who go on only after the one that asks has
	steps  int
}

// hop says for which key an owner waits, and in whose way.
type hop struct{ key, owner string }

// cycle returns the cycle that w would close by waiting, which begins and ends with its owner: owner, key,
// owner, key, …; or nil. Either w leads into it, or its owner is in somebody's way there because w comes
// before. That its owner is in a cycle already, by SET or on another connection, is no reason to refuse w.
func (m *Machine) cycle(w *waiter) []string {
	if m.at.version < VersionLocks {
		return nil
	}
	asks := *w
	asks.ticket = m.counters.tickets + 1
	s := m.search(w.lock.Owner, &asks)
	if s.finds(func() bool { return s.waits(&asks) }) {
		return s.path()
	}
	if s.findsOthers() && !m.search(s.goal, nil).findsOthers() {
		return s.path()
	}
	return nil
}

func (m *Machine) search(goal string, asks *waiter) *search {
	return &search{
		m: m, goal: goal, asks: asks,
		seen: map[string]bool{}, walked: map[place]spot{}, next: map[string]hop{},
	}
}

// findsOthers is finds for those who wait for the owner that asks already.
func (s *search) findsOthers() bool {
	return s.finds(func() bool { return s.m.queue.askedBy(s.goal, s.waits) })
}

// finds tells whether one of those who wait for the owner that asks is stuck, as a look at them tells. An
// owner may be found not to be stuck only because another one, further up in the search, was not found to be
// so yet. That matters only where many must be stuck together, and then the search is made again with what
// was found.
func (s *search) finds(look func() bool) bool {
	for found := -1; found < len(s.next) && s.steps < searchSteps; {
		found = len(s.next)
		clear(s.seen)
		clear(s.walked)
		if look() {
			return true
		}
	}
	return false
}

// path returns the way from the owner that asks back to it.
func (s *search) path() []string {
	path := []string{s.goal}
	for at := s.next[s.goal]; ; at = s.next[at.owner] {
		path = append(path, at.key, at.owner)
		if at.owner == s.goal {
			return path
		}
	}
}

// stuck tells whether an owner goes on only after the one that asks has.
func (s *search) stuck(owner string) bool {
	if _, found := s.next[owner]; found {
		return true
	}
	s.steps++
	if s.seen[owner] || s.steps > searchSteps {
		return false
	}
	return s.m.queue.askedBy(owner, func(w *waiter) bool {
		s.seen[owner] = true
		return s.waits(w)
	})
}

// waits tells whether w is stuck at one of its keys.
func (s *search) waits(w *waiter) bool {
	for i, key := range w.keys {
		if s.atEase(w, i) {
			continue
		}
		if owner, found := s.inTheWay(w, i); found {
			s.next[w.lock.Owner] = hop{key, owner}
			return true
		}
	}
	return false
}

// atEase tells whether w's owner has its key number i already, or has come for it before with another
// request.
func (s *search) atEase(w *waiter, i int) bool {
	if it := s.m.itemAt(w.db, w.keys[i]); it != nil {
		if h, mine := it.HoldOf(w.lock.Owner); mine && h.covers(&w.lock) {
			return true
		}
	}
	return s.before(w.lock.Owner, w.spot(i))
}

// before tells whether an owner waits for the key of a spot, and comes before it.
func (s *search) before(owner string, at spot) bool {
	comes := func(w *waiter) bool {
		if w.class != at.class || w.db != at.db {
			return false
		}
		j := slices.Index(w.keys, at.key)
		return j >= 0 && bySpot(w.spot(j), at)
	}
	if owner == s.goal && s.asks != nil && comes(s.asks) {
		return true
	}
	return s.m.queue.askedBy(owner, comes)
}

// inTheWay returns an owner that keeps w from its key number i for as long as the one that asks waits.
func (s *search) inTheWay(w *waiter, i int) (owner string, found bool) {
	stay, owner, found := s.holders(w, w.keys[i])
	if found || w.lock.Upgrade {
		return owner, found
	}
	at := w.spot(i)
	if s.goal != w.lock.Owner && s.before(s.goal, at) {
		return s.goal, true
	}
	if len(stay) > 0 {
		if owner, found = s.simple(at, stay); found {
			return owner, true
		}
	}
	return s.others(w, at)
}

// others returns the first of those who come before w at a spot and wait for something else as well, and
// are stuck. There may be few such owners and many who wait here, or the other way round. Each spot is looked
// at once.
func (s *search) others(w *waiter, at spot) (owner string, found bool) {
	q := s.m.queue
	from, walked := s.walked[at.place]
	if q.several.Len() == 0 || walked && !bySpot(from, at) {
		return "", false
	}
	s.walked[at.place] = at
	look := func(other string) bool {
		s.steps++
		if other != w.lock.Owner && other != s.goal && s.stuck(other) {
			owner, found = other, true
		}
		return !found && s.steps < searchSteps
	}
	if q.several.Len() < q.lengths[at.place] {
		q.several.Scan(func(other string) bool { return !s.before(other, at) || look(other) })
		return owner, found
	}
	from.place = at.place
	q.spots.Ascend(from, func(v spot) bool {
		if v.place != at.place || !bySpot(v, at) {
			return false
		}
		return !q.waitsForSeveral(v.w.lock.Owner) || look(v.w.lock.Owner)
	})
	return owner, found
}

// holders returns those who hold a key and are stuck, or ask, up to the first that keeps w from it.
func (s *search) holders(w *waiter, key string) (stay []*Hold, owner string, found bool) {
	stays := func(owner string) bool { return owner == s.goal || owner != w.lock.Owner && s.stuck(owner) }
	it := s.m.itemAt(w.db, key)
	if it == nil || it.Value() == nil && (it.Token == 0 || !stays(it.Str)) {
		return nil, "", false // nobody holds it, or one, as of most locks: what that one has is not needed
	}
	it.Holds(func(h *Hold) bool {
		if stays(h.Owner) {
			stay = append(stay, h)
			owner, found = w.lock.blockedBy(stay)
		}
		return !found && s.steps < searchSteps
	})
	return stay, owner, found
}

// simple returns the first of those who come before a spot and wait for nothing else, and are kept from
// the key by those who stay.
func (s *search) simple(at spot, stay []*Hold) (owner string, found bool) {
	s.m.queue.each(at.place, func(w *waiter) bool {
		s.steps++
		if !bySpot(w.spot(slices.Index(w.keys, at.key)), at) || s.steps > searchSteps {
			return false
		}
		if !s.m.queue.waitsForSeveral(w.lock.Owner) {
			var by string
			if by, found = w.lock.blockedBy(stay); found {
				owner = w.lock.Owner
				s.next[owner] = hop{at.key, by}
			}
		}
		return !found
	})
	return owner, found
}

// blockedBy tells whether w cannot be had as long as those stay who hold the lock, and returns one of
// them. That its own owner holds it does not count.
func (w *Wish) blockedBy(stay []*Hold) (owner string, blocked bool) {
	free := w.Limit - w.Permits
	for _, h := range stay {
		if h.Owner == w.Owner {
			continue
		}
		free -= h.Permits
		if !w.goesWith(h.Mode) || w.Mode == Permit && free < 0 {
			return h.Owner, true
		}
	}
	return "", false
}

// goesWith tells whether w can be had beside somebody who holds the lock in a mode.
func (w *Wish) goesWith(mode Mode) bool {
	switch {
	case w.Upgrade || w.Mode == Exclusive || mode == Exclusive:
		return false
	case w.Mode == Permit || mode == Permit:
		return w.Mode == mode
	}
	return w.Mode == Shared || mode == Shared
}

// Edge says that an owner waits for a key because of another.
type Edge struct {
	DB               int
	Waits, Key, Owns string
	Before           bool // the other waits for it too, and comes before
}

// Edges calls f with the edges of the graph, in the order of databases, keys and turns, until it returns
// false. Of those who wait before, it tells only the nearest: all others can be reached through it.
func (tx *Tx) Edges(f func(Edge) bool) {
	more := true
	for db := range tx.m.dbs {
		tx.m.queue.places(db, func(p place) {
			if p.class == classLock && more {
				more = tx.m.edgesAt(p, f)
			}
		})
	}
}

func (m *Machine) edgesAt(p place, f func(Edge) bool) (more bool) {
	more = true
	before := ""
	it := m.itemAt(p.db, p.key)
	m.queue.each(p, func(w *waiter) bool {
		if before == "" && it != nil {
			it.Holds(func(h *Hold) bool {
				if h.Owner != w.lock.Owner {
					more = f(Edge{p.db, w.lock.Owner, p.key, h.Owner, false})
				}
				return more
			})
		} else if before != "" && before != w.lock.Owner {
			more = f(Edge{p.db, w.lock.Owner, p.key, before, true})
		}
		before = w.lock.Owner
		return more
	})
	return more
}

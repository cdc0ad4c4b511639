// Figures for people: INFO, metrics, the admin page.

package fsm

// Stats are figures of the state as of the last entry.
type Stats struct {
	Index, Term        uint64
	Clock              Clock
	Token              uint64 // last fencing token given
	Grants             uint64
	Expired            uint64
	Forced             uint64
	Undone             uint64 // commands undone after a panic
	Silenced           uint64 // times that a node was not heard for too long
	Waiters            int
	Origins            int // nodes ever registered or admitted
	Level              int // newest entry version ever applied
	Bytes              int64
	Listened           Listens // different names of each kind that somebody listens to
	Scripts            Scripts
	Keys, WithDeadline [Databases]int
}

// Scripts are figures of the scripts that EVALSHA knows.
type Scripts struct {
	Known int
	Bytes int64
}

// Stats returns the figures. It costs about a microsecond.
func (m *Machine) Stats() Stats {
	c := &m.counters
	s := Stats{
		Index: m.at.index, Term: m.at.term, Clock: m.clock,
		Token: c.token, Grants: c.grants, Expired: c.expired, Forced: c.forced, Undone: c.undone,
		Silenced: c.silenced, Waiters: m.queue.Len(), Bytes: m.Bytes(),
		Origins: m.nodes.origins.Len(), Level: int(m.nodes.level),
		Listened: m.subs.names, Scripts: Scripts{m.scripts.bySHA.Len(), m.scripts.bytes},
	}
	for db := range m.dbs {
		s.Keys[db], s.WithDeadline[db] = m.Keys(db), m.Expires(db)
	}
	return s
}

// Stats returns the figures of the copy. It knows no deadlines: WithDeadline is zero.
func (v *View) Stats() Stats { return v.m.Stats() }

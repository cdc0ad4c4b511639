// A new cluster from the state of an old one: the restore of a backup.

package fsm

// BeginAnew makes the state of a machine that was just restored from a snapshot the beginning of a new
// cluster, to be written by View and Write as the first snapshot of its log.
//
// Locks and keys stay, with the time that they had left: no time has passed for the cluster clock. Nodes,
// those who waited on their connections, and grants that may not have been seen are gone with the old
// cluster, which leaves their locks to whoever holds them. Nothing waits after it, so nothing can be
// stuck. All connections have ended, and with them what was bound to one, after its grace.
//
// The old cluster may have given tokens after the snapshot was taken, which a resource outside has seen.
// So the next token will be above tokenFloor too: at least the last one that could have been given.
//
// So it is with the numbers of events, which somebody may have read: whoever goes on with the old ones is
// told that there is a gap, and what is kept begins anew.
//
// Index, term and digests begin anew with the log. The level stays, as it says what the state contains.
func (m *Machine) BeginAnew(tokenFloor uint64) {
	level := m.nodes.level
	m.queue, m.wakes, m.nodes = newQueue(), newWakes(), newNodes()
	m.nodes.level = level
	m.subs = newSubscriptions(m.matches)
	m.lost(&Session{}, func(*Session) bool { return true })
	clear(m.journal)
	clear(m.effects)
	m.journal, m.effects = m.journal[:0], m.effects[:0]
	if level >= VersionLocks {
		m.counters.events = max(m.counters.events, tokenFloor)
	}
	m.events = newEvents(m.counters.events)
	m.counters.token = max(m.counters.token, tokenFloor)
	m.at, m.digests = position{}, digests{}
	m.digests.add(m.at.index, m.digest())
}

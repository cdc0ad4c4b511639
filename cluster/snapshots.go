// One snapshot at a time. Raft takes its own beside everything else, and notes afterwards how far it
// reaches. If the leader sends a newer one meanwhile, hashicorp/raft 1.7.3 then believes the older: the end
// of its log goes back behind what it has applied, and as a leader it writes over entries that were
// committed. The simulation saw that on a slow disk. So while raft takes its own, one that is sent is
// refused; the leader sends it again. One of its own that is older than what was sent is refused too.

package cluster

import (
	"errors"
	"fmt"
	"sync"

	"github.com/hashicorp/raft"
)

// snapshotStore is the store of snapshots as raft sees it.
type snapshotStore struct {
	raft.SnapshotStore
	applied func() uint64 // the last index that raft has applied

	taking chan struct{} // full while raft takes one of its own: no mutex, for it is held across waits

	mu      sync.Mutex
	own     bool // one is being taken: from its order until raft has noted it
	created bool // and it has come to the store
}

func newSnapshotStore(s raft.SnapshotStore, applied func() uint64) *snapshotStore {
	return &snapshotStore{SnapshotStore: s, applied: applied, taking: make(chan struct{}, 1)}
}

var errOwnSnapshot = errors.New("this node is taking a snapshot of its own: send it again")

// take has raft take a snapshot of its own, with nothing beside it.
func (s *snapshotStore) take(order func() error) error {
	s.taking <- struct{}{}
	defer func() { <-s.taking }()
	s.set(true)
	defer s.set(false)
	return order()
}

func (s *snapshotStore) set(own bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.own, s.created = own, false
}

// Create implements raft.SnapshotStore. What raft takes itself never reaches further than what it has
// applied.
func (s *snapshotStore) Create(version raft.SnapshotVersion, index, term uint64, c raft.Configuration,
	configurationIndex uint64, t raft.Transport) (raft.SnapshotSink, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.own {
		if s.created || index > s.applied() {
			return nil, errOwnSnapshot
		}
		list, err := s.List()
		if err != nil {
			return nil, err
		}
		if len(list) > 0 && index < list[0].Index {
			return nil, fmt.Errorf("a snapshot up to %d has come from the leader, further than %d",
				list[0].Index, index)
		}
		s.created = true
	}
	return s.SnapshotStore.Create(version, index, term, c, configurationIndex, t)
}

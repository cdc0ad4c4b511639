// The beginning of a new cluster from a state that is there already: of a backup, or of the last node that
// is left of another cluster.

package cluster

import (
	"errors"
	"fmt"

	"github.com/hashicorp/raft"

	"github.com/divtxt/lockd/fsm"
)

// Where the new log begins: as if its first entry, in its first term, had been the configuration.
const firstIndex, firstTerm = 1, 1

// Begin makes empty stores those of a cluster that begins with the node self alone and with state, which
// fsm.Machine.BeginAnew must have made ready. It returns the cluster's name, which no other has, so that no
// node of an earlier one is taken for a member. The node is then started without a plan, and others join it.
func Begin(s Stores, self Founder, state *fsm.View) (cluster string, err error) {
	used, err := raft.HasExistingState(s.Log, s.Stable, s.Snapshots)
	if err != nil {
		return "", fmt.Errorf("raft state: %w", err)
	}
	if used {
		return "", errors.New("these stores are in use already")
	}
	m := &Membership{Cluster: randomCluster(), Complete: true, Members: []Founder{self}}
	// In this order each part is true when the next is written: the snapshot is of that term.
	if err := s.Stable.SetUint64([]byte("CurrentTerm"), firstTerm); err != nil {
		return "", fmt.Errorf("storing the term: %w", err)
	}
	if err := writeFirstSnapshot(s.Snapshots, self, state); err != nil {
		return "", fmt.Errorf("the first snapshot: %w", err)
	}
	return m.Cluster, m.write(s.Stable)
}

func writeFirstSnapshot(to raft.SnapshotStore, self Founder, state *fsm.View) error {
	voter := raft.Server{
		Suffrage: raft.Voter, ID: raft.ServerID(self.ID), Address: raft.ServerAddress(self.Address),
	}
	_, transport := raft.NewInmemTransport(voter.Address) // it only encodes the address, for old readers
	defer func() { _ = transport.Close() }()
	sink, err := to.Create(raft.SnapshotVersionMax, firstIndex, firstTerm,
		raft.Configuration{Servers: []raft.Server{voter}}, firstIndex, transport)
	if err != nil {
		return err
	}
	return snapshot{state}.Persist(sink)
}

// LastState is what a node's stores hold when it is not running.
type LastState struct {
	Machine  *fsm.Machine
	Cluster  string // its name
	Members  int    // voters of the last configuration
	Index    uint64 // of the last entry
	Term     uint64
	Snapshot uint64 // the entry up to which a snapshot had everything
}

// ReadState brings a state machine to the end of the log in the stores: to the last entry that this node has,
// whether or not a majority had it. Nothing is written.
func ReadState(s Stores, runner fsm.Runner) (*LastState, error) {
	l := &LastState{Machine: fsm.New(runner)}
	m, err := ReadMembership(s.Stable)
	if err != nil {
		return nil, err
	}
	if m != nil {
		l.Cluster, l.Members = m.Cluster, len(m.Members)
	}
	if err := l.readSnapshot(s.Snapshots); err != nil {
		return nil, err
	}
	return l, l.readLog(s.Log)
}

func (l *LastState) readSnapshot(from raft.SnapshotStore) error {
	list, err := from.List()
	if err != nil || len(list) == 0 {
		return err
	}
	meta, content, err := from.Open(list[0].ID)
	if err != nil {
		return err
	}
	defer content.Close()
	l.Index, l.Term, l.Snapshot = meta.Index, meta.Term, meta.Index
	l.Members = voters(meta.Configuration)
	return l.Machine.Restore(content)
}

func (l *LastState) readLog(from raft.LogStore) error {
	if inLog(from, l.Index, l.Term) == contradicted {
		return nil // nobody had committed what follows
	}
	first, last, err := bounds(from)
	if err != nil || last == 0 {
		return err
	}
	for i := max(first, l.Index+1); i <= last; i++ {
		var entry raft.Log
		if err := from.GetLog(i, &entry); err != nil {
			return fmt.Errorf("entry %d: %w", i, err)
		}
		switch entry.Type {
		case raft.LogCommand:
			err := l.Machine.Apply(entry.Index, entry.Term, entry.Data, nil, nobody{})
			if err != nil && !errors.Is(err, fsm.Void{}) {
				return err
			}
		case raft.LogConfiguration:
			l.Members = voters(raft.DecodeConfiguration(entry.Data))
		}
		l.Index, l.Term = entry.Index, entry.Term
	}
	return nil
}

func voters(c raft.Configuration) (n int) {
	for _, s := range c.Servers {
		if s.Suffrage == raft.Voter {
			n++
		}
	}
	return n
}

// nobody waits for the replies of entries that are applied again.
type nobody struct{}

func (nobody) Answer(fsm.Origin, uint64, fsm.Reply) {}
func (nobody) AnswerRead(int, fsm.Reply)            {}
func (nobody) LongRead(int, *fsm.View)              {}
func (nobody) Refuse(fsm.Origin, uint64)            {}
func (nobody) Silenced(fsm.Origin)                  {}

func (nobody) Push(string, uint64, fsm.Reply)       {}
func (nobody) Changed(int, string, fsm.Caller)      {}
func (nobody) Flushed(fsm.Caller)                   {}
func (nobody) Listens(string, uint64, fsm.Listens)  {}
func (nobody) Event(int, fsm.Event, string, string) {}

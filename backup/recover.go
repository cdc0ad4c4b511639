// Recovery after the loss of a majority: the data folder of one node that is left becomes that of a new
// cluster of one. Raft itself never does so, for it cannot know what the others acknowledged without this
// node; a person has to say that they are gone.

package backup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/divtxt/lockd/cluster"
	"github.com/divtxt/lockd/cluster/storage"
	"github.com/divtxt/lockd/fsm"
)

// Found is what a folder holds that is to be recovered.
type Found struct {
	Cluster string // the old cluster's name
	Members int    // its voters, as far as this node knows
	NodeID  string
	Index   uint64 // of the last log entry that this node has
	Term    uint64
	Keys    int
	Token   uint64

	machine *fsm.Machine
}

// Look reads the whole folder of a node that is not running, and makes the state from it. It changes nothing
// that matters: the folder counts one more start.
func Look(f *Folder, runner fsm.Runner) (found *Found, err error) {
	if _, err := os.Stat(f.path(storage.IdentityFile)); err != nil {
		return nil, fmt.Errorf("there is no data folder of lockd at %s: %w", f.Dir, err)
	}
	if f.LogStore == storage.LogMemory {
		return nil, errors.New("a log store in memory leaves nothing to recover")
	}
	s, err := storage.Open(storage.Options{
		Dir: f.Dir, NodeID: f.NodeID, LogStore: f.LogStore, Check: fsm.Check, Log: f.Log, Fail: func(error) {},
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	l, err := cluster.ReadState(cluster.Stores{Log: s.Log, Stable: s.Stable, Snapshots: s.Snapshots}, runner)
	if err != nil {
		return nil, fmt.Errorf("the state cannot be made from the log: %w", err)
	}
	if l.Index == 0 {
		return nil, fmt.Errorf("the data folder %s is empty: its node has never been part of a cluster", f.Dir)
	}
	stats := l.Machine.Stats()
	return &Found{
		Cluster: l.Cluster, Members: l.Members, NodeID: s.NodeID(), Index: l.Index, Term: l.Term,
		Keys: keysOf(&stats), Token: stats.Token, machine: l.Machine,
	}, nil
}

// Recover makes the folder that was found that of a new cluster of one. The old log is kept in a folder
// inside, whose path it returns.
func (found *Found) Recover(f *Folder, tokenFloor uint64) (r Result, kept string, err error) {
	f.NodeID = found.NodeID
	release, err := storage.Hold(f.Dir)
	if err != nil {
		return r, "", err
	}
	defer func() { err = errors.Join(err, release()) }()
	r, err = anew(found.machine, f, tokenFloor)
	if err != nil {
		return r, "", errors.Join(err, os.RemoveAll(f.path(making)))
	}
	kept = f.path("before-recovery-" + time.Now().UTC().Format("20060102T150405.000"))
	if err := f.setAside(kept); err != nil {
		return r, kept, err
	}
	return r, kept, f.place()
}

// setAside moves the old parts away. Whenever it is broken off, lockd refuses to start on what is left: the
// identity is missing while there is a log, and then it is one that no lockd takes.
func (f *Folder) setAside(to string) error {
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	if err := os.Rename(f.path(storage.IdentityFile), filepath.Join(to, storage.IdentityFile)); err != nil {
		return err
	}
	if err := storage.Unfinished(f.Dir, unfinished); err != nil {
		return err
	}
	if err := os.Rename(f.path(storage.RaftFolder), filepath.Join(to, storage.RaftFolder)); err != nil {
		return err
	}
	return storage.SyncDir(f.Dir)
}

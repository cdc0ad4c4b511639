// Putting a data folder together, so that a crash at any moment leaves one that lockd refuses to start on,
// or the finished one: never one that looks empty and would begin with no locks. While the work is under way
// the folder's identity is a text that no lockd takes; the new parts are made in a folder inside, on the same
// disk, and moved to their places, the identity last.

package backup

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/divtxt/lockd/cluster"
	"github.com/divtxt/lockd/cluster/storage"
	"github.com/divtxt/lockd/fsm"
)

// Folder says which data folder is made.
type Folder struct {
	Dir      string
	NodeID   string
	Address  string // host:port at which other nodes will reach its cluster port
	LogStore string // as storage.Options has it
	// Before is called when all is there but the identity: what the caller has to add to the folder.
	Before func() error
	Log    *slog.Logger
}

// making is the folder inside, in which the new one is made.
const making = "being-made"

const unfinished = "The restore or recovery that began to fill this folder was not finished. Nothing in " +
	"it is of use, but what may be in a folder before-recovery-…: see docs/backup.md of lockd."

func (f *Folder) path(names ...string) string {
	return filepath.Join(append([]string{f.Dir}, names...)...)
}

// make makes the parts of the new folder from a state, aside. It returns the cluster's name.
func (f *Folder) make(state *fsm.View) (cluster string, err error) {
	if err := os.RemoveAll(f.path(making)); err != nil {
		return "", err
	}
	s, err := storage.Open(storage.Options{
		Dir: f.path(making), NodeID: f.NodeID, LogStore: f.LogStore, Log: f.Log,
		Fail: func(error) {}, // every call gives the error too
	})
	if err != nil {
		return "", err
	}
	name, err := begin(s, f, state)
	return name, errors.Join(err, s.Close())
}

func begin(s *storage.Store, f *Folder, state *fsm.View) (string, error) {
	self := cluster.Founder{ID: f.NodeID, Address: f.Address, Disk: s.DiskID()}
	return cluster.Begin(cluster.Stores{Log: s.Log, Stable: s.Stable, Snapshots: s.Snapshots}, self, state)
}

// place moves what make has made to its place, which must be free.
func (f *Folder) place() error {
	if err := os.Rename(f.path(making, storage.RaftFolder), f.path(storage.RaftFolder)); err != nil {
		return err
	}
	if f.Before != nil {
		if err := f.Before(); err != nil {
			return err
		}
	}
	if err := storage.SyncDir(f.Dir); err != nil {
		return err
	}
	// From here on the folder is good.
	if err := os.Rename(f.path(making, storage.IdentityFile), f.path(storage.IdentityFile)); err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(f.path(making)), storage.SyncDir(f.Dir))
}

// mustBeEmpty refuses a folder with anything in it but what every folder may have.
func (f *Folder) mustBeEmpty() error {
	entries, err := os.ReadDir(f.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var names []string
	for _, e := range entries {
		// A disk's own folder; and what is left of a holder, which says nothing.
		if e.Name() != "lost+found" && e.Name() != storage.LockFile {
			names = append(names, e.Name())
		}
	}
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("the folder %s is not empty (%s), and a restore begins a new cluster: give an empty "+
		"--dir, or move what is in it away", f.Dir, strings.Join(names[:min(len(names), 5)], ", "))
}

// A restore: an empty data folder becomes that of the first node of a new cluster, with the state of a
// backup. It is a new cluster, with a name of its own, because what the old one acknowledged after the backup
// is not in it: the old one's nodes must not be able to mix with it.

package backup

import (
	"errors"
	"os"
	"time"

	"github.com/divtxt/lockd/cluster/storage"
	"github.com/divtxt/lockd/fsm"
)

// Result says what was made.
type Result struct {
	Cluster string // the new cluster's name
	Keys    int
	Locks   int    // of them that have an end
	Token   uint64 // the next fencing token is above it
}

// Restore makes the folder that of a new cluster with the state of the backup at path. It must be empty, and
// is empty again after an error. Fencing tokens go on above the backup's, above tokenFloor, and above the
// date in microseconds.
func Restore(path string, f *Folder, tokenFloor uint64) (r Result, h Header, err error) {
	m, h, err := Load(path, nil)
	if err != nil {
		return r, h, err
	}
	if err := f.mustBeEmpty(); err != nil {
		return r, h, err
	}
	release, err := storage.Hold(f.Dir)
	if err != nil {
		return r, h, err
	}
	defer func() { err = errors.Join(err, release()) }()
	if err := f.mustBeEmpty(); err != nil { // another restore may have been first
		return r, h, err
	}
	if err := storage.Unfinished(f.Dir, unfinished); err != nil {
		return r, h, err
	}
	r, err = anew(m, f, tokenFloor)
	if err == nil {
		err = f.place()
	}
	if err != nil {
		return r, h, errors.Join(err, f.clear())
	}
	return r, h, nil
}

// clear takes away what a restore that failed has made in an empty folder, the identity last.
func (f *Folder) clear() error {
	var errs []error
	for _, name := range []string{making, storage.RaftFolder, storage.IdentityFile} {
		errs = append(errs, os.RemoveAll(f.path(name)))
	}
	return errors.Join(errs...)
}

// anew makes the new folder's parts from a state.
func anew(m *fsm.Machine, f *Folder, tokenFloor uint64) (r Result, err error) {
	m.BeginAnew(floor(tokenFloor, time.Now()))
	s := m.Stats()
	r = Result{Keys: keysOf(&s), Token: s.Token}
	for _, n := range s.WithDeadline {
		r.Locks += n
	}
	r.Cluster, err = f.make(m.View())
	return r, err
}

// floor is a token that the old cluster cannot have reached: tokens begin with 1 and are given one at a time,
// or begin with the date of an earlier restore, and no cluster gives a million a second for as long as it
// lives. Tokens stay below 2^53, which every client can count to, for some centuries.
func floor(asked uint64, now time.Time) uint64 {
	return max(asked, uint64(max(0, now.UnixMilli()))*1000)
}

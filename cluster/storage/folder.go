// The data folder: who holds it, whose it is, and in what state it was left.
//
//	lockd.lock       held with flock as long as the process lives; says who
//	lockd.json       identity: format, disk id, node id, kind of log, incarnation, clean end
//	raft/stable.db   term and vote (bolt)
//	raft/wal/        the log (raft-wal), or raft/log.db (bolt)
//	raft/snapshots/  the snapshots
//
// lockd.json is written before anything else with ready=false and again with ready=true when all
// parts exist. So a crash in the very first start leaves a folder that may be filled anew (nothing
// was ever acknowledged from it), while a file that is missing from a ready folder was lost and is
// refused.

package storage

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	formatVersion = 1
	lockName      = "lockd.lock"
	identityName  = "lockd.json"
)

// identity is what lockd.json holds.
type identity struct {
	Format      int    `json:"format"`
	DiskID      string `json:"disk_id"`
	NodeID      string `json:"node_id"`
	LogStore    string `json:"log_store"`
	Ready       bool   `json:"ready"`
	Incarnation uint64 `json:"incarnation"`
	// Clean is there after an orderly Close: the log must then reach exactly so far. It is what
	// tells a damaged last batch from a torn one, where there is no other way to know.
	Clean *cleanEnd `json:"clean,omitempty"`
}

type cleanEnd struct {
	LastIndex uint64 `json:"last_index"`
}

// holder is what lockd.lock says of the process that holds it.
type holder struct {
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
	Node    string    `json:"node,omitempty"`
	Address string    `json:"address,omitempty"`
}

// folder is a data folder that this process holds.
type folder struct {
	dir  string
	lock *os.File
	who  holder
	id   identity
}

func (f *folder) path(names ...string) string {
	return filepath.Join(append([]string{f.dir}, names...)...)
}

// openFolder takes the folder for this process and reads whose it is.
func openFolder(o *Options) (*folder, error) {
	if err := makeDir(o.Dir); err != nil {
		return nil, unusable(o.Dir, err)
	}
	f := &folder{dir: o.Dir, who: holder{PID: os.Getpid(), Started: time.Now(), Node: o.NodeID}}
	if err := f.take(); err != nil {
		return nil, err
	}
	if err := f.identify(o); err != nil {
		_ = f.lock.Close()
		return nil, err
	}
	return f, nil
}

// unusable says in a sentence why the folder cannot be worked in.
func unusable(dir string, err error) error {
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return fmt.Errorf("data folder %s cannot be written by this user (%d): %w", dir, os.Getuid(), err)
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("data folder %s is on a full disk: free some space: %w", dir, err)
	}
	return fmt.Errorf("data folder %s cannot be used: %w", dir, err)
}

// take locks the folder. flock is freed by the kernel when the process dies in whatever way, so a
// stale lock cannot exist; the text in the file is only for people.
func (f *folder) take() error {
	file, err := os.OpenFile(f.path(lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return unusable(f.dir, err)
	}
	err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		f.lock = file
		return f.sayWho()
	}
	defer func() { _ = file.Close() }()
	if !errors.Is(err, unix.EWOULDBLOCK) {
		return fmt.Errorf("data folder %s cannot be locked: %w", f.dir, err)
	}
	inUse := &InUseError{Dir: f.dir}
	var other holder
	if data, err := os.ReadFile(f.path(lockName)); err == nil && json.Unmarshal(data, &other) == nil {
		inUse.PID, inUse.Started = other.PID, other.Started
		inUse.Node, inUse.Address = other.Node, other.Address
	}
	return inUse
}

// sayWho is not synced: after a power cut nobody holds the folder anyway.
func (f *folder) sayWho() error {
	text, err := json.Marshal(f.who)
	if err != nil {
		return err
	}
	if err := f.lock.Truncate(0); err != nil {
		return unusable(f.dir, err)
	}
	if _, err := f.lock.WriteAt(append(text, '\n'), 0); err != nil {
		return unusable(f.dir, err)
	}
	return nil
}

// identify reads lockd.json, or makes it, and raises the incarnation. The new incarnation is
// durable before anything is done in its name: an origin's numbers must never be used by two runs.
func (f *folder) identify(o *Options) error {
	err := readSealed(f.path(identityName), &f.id)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if exists(f.path("raft")) {
			return corrupt(f.path(identityName), "it is missing, but the folder holds a raft log")
		}
		f.id = identity{Format: formatVersion, LogStore: o.LogStore}
	case err != nil:
		return err
	}
	if err := f.accept(o); err != nil {
		return err
	}
	f.id.Incarnation++
	return f.save()
}

// accept refuses a folder that is not what the options say it is, before anything in it is touched.
func (f *folder) accept(o *Options) error {
	id := &f.id
	if id.Format != formatVersion {
		return fmt.Errorf("data folder %s has format %d, this lockd knows format %d: use the lockd that wrote it",
			f.dir, id.Format, formatVersion)
	}
	if o.NodeID != "" && id.NodeID != "" && id.NodeID != o.NodeID {
		return fmt.Errorf("data folder %s belongs to node %q, not to %q: correct --node-id or --dir",
			f.dir, id.NodeID, o.NodeID)
	}
	if o.NodeID != "" {
		id.NodeID = o.NodeID
	}
	if id.LogStore != o.LogStore {
		if id.LogStore != LogMemory {
			return fmt.Errorf("data folder %s keeps its log in %q, and --log-store %s would begin an empty one: "+
				"start with --log-store %s, or give a new --dir", f.dir, id.LogStore, o.LogStore, id.LogStore)
		}
		id.LogStore, id.Ready, id.Clean = o.LogStore, false, nil
	}
	if o.LogStore == LogMemory || !id.Ready {
		// Nothing of an earlier run is left, which to the other nodes is a new disk: one that keeps
		// its name after forgetting its vote could vote twice.
		id.DiskID = newDiskID()
	}
	return nil
}

func newDiskID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

// save makes the identity durable.
func (f *folder) save() error {
	if err := writeSealed(f.path(identityName), &f.id); err != nil {
		return unusable(f.dir, err)
	}
	return nil
}

// opened marks the folder as complete, and forgets the clean end, which from now on would be wrong.
func (f *folder) opened() error {
	f.id.Ready, f.id.Clean = true, nil
	return f.save()
}

// release gives the folder up. A nil end says that the log's end is not known for certain.
func (f *folder) release(end *cleanEnd) error {
	var err error
	if end != nil {
		f.id.Clean = end
		err = f.save()
	}
	return errors.Join(err, f.lock.Close())
}

// raise makes the incarnation higher than above, durably.
func (f *folder) raise(above uint64) (uint64, error) {
	if f.id.Incarnation > above {
		return f.id.Incarnation, nil
	}
	before := f.id.Incarnation
	f.id.Incarnation = above + 1
	if err := f.save(); err != nil {
		f.id.Incarnation = before
		return before, err
	}
	return f.id.Incarnation, nil
}

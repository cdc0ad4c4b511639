// The stores that are bolt files: term and vote always, the log with --log-store bolt.

package storage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"go.etcd.io/bbolt"
)

// boltWait bounds the wait for bolt's own lock. The folder's lock is ours by then, so only a
// foreign tool can hold it; without a bound bbolt waits for ever.
const boltWait = time.Second

// openStable opens the store of term and vote.
func (s *Store) openStable() (*guardedStable, error) {
	path := s.folder.path("raft", "stable.db")
	// The free list is synced here, unlike in the log: the file is tiny, and bbolt rebuilds an
	// unsynced list in a goroutine whose panic on a damaged page nobody could catch (db.go,
	// freepages).
	none := &chain{meter: &meter{}}
	db, err := s.openBoltFile(path, none, bbolt.Options{FreelistType: bbolt.FreelistMapType, Timeout: boltWait})
	if err != nil {
		return nil, err
	}
	return &guardedStable{gate: s.gate, inner: db, file: path}, nil
}

// openBolt opens the log, with what the check found in it.
func (s *Store) openBolt() (*guardedLog, span, error) {
	path := s.folder.path("raft", "log.db")
	c := &chain{check: s.opts.Check, meter: s.meter}
	db, err := s.openBoltFile(path, c, bbolt.Options{
		FreelistType: bbolt.FreelistMapType, NoFreelistSync: true, Timeout: boltWait,
		InitialMmapSize: 256 << 20, // growing the map stops all readers and writers
	})
	if err != nil {
		return nil, span{}, err
	}
	log := &guardedLog{
		gate: s.gate, inner: db, file: path, check: s.opts.Check, meter: s.meter, times: s.times,
	}
	return log, c.span, nil
}

// openBoltFile opens a bolt file, or makes it. A new one is made under another name and renamed,
// because bbolt cannot open what a crash in the middle of its first write leaves.
func (s *Store) openBoltFile(path string, c *chain, o bbolt.Options) (*raftboltdb.BoltStore, error) {
	if !exists(path) {
		if s.folder.id.Ready {
			return nil, corrupt(path, "it is missing")
		}
		if err := createBolt(path, o); err != nil {
			return nil, unusable(s.opts.Dir, err)
		}
	}
	if err := checkRaftBolt(path, c); err != nil {
		return nil, err
	}
	db, err := newBolt(path, o)
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, db)
	return db, nil
}

// createBolt makes an empty store at path, whole or not at all.
func createBolt(path string, o bbolt.Options) error {
	tmp := path + ".tmp"
	if err := os.RemoveAll(tmp); err != nil {
		return err
	}
	db, err := newBolt(tmp, o)
	if err != nil {
		return err
	}
	if err := db.Close(); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// newBolt lets raft-boltdb open a file. It was checked; what bbolt minds nevertheless is still an
// error for people and not a panic.
func newBolt(path string, o bbolt.Options) (db *raftboltdb.BoltStore, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = corrupt(path, "bolt cannot read it (%v)", p)
		}
	}()
	db, err = raftboltdb.New(raftboltdb.Options{Path: path, BoltOptions: &o})
	if errors.Is(err, bbolt.ErrTimeout) {
		return nil, fmt.Errorf("%s is open in another program: close that first", path)
	}
	for _, bad := range []error{bbolt.ErrInvalid, bbolt.ErrChecksum, bbolt.ErrVersionMismatch} {
		if errors.Is(err, bad) {
			return nil, corrupt(path, "bolt cannot read it (%v)", err)
		}
	}
	return db, err
}

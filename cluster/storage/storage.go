// Package storage is everything of lockd that touches the disk: the data folder, raft's log, its
// term and vote, and its snapshots. It promises three things to the layers above:
//
//   - what a store call acknowledged is on the disk, or the process stops (failstop.go);
//   - a folder that lost or damaged acknowledged data is refused at Open with a sentence that names the
//     file, while the torn end that a crash leaves behind is cut without a question (walscan.go);
//   - a folder is used by one process at a time, and each use has its own incarnation (folder.go).
//
// It knows raft's interfaces, and nothing of what the entries mean but Options.Check.
package storage

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// The values of Options.LogStore.
const (
	LogWAL    = "wal"    // raft-wal: one fsync a commit
	LogBolt   = "bolt"   // raft-boltdb: two
	LogMemory = "memory" // nothing outlives the process: for tests and caches only
)

// retainSnapshots is how many snapshots are kept: the newest, and one more for a person to fall
// back on.
const retainSnapshots = 2

// Options say where and how to store.
type Options struct {
	// Dir is the data folder; it is created for this user alone.
	Dir string
	// NodeID is written into the folder; another node's folder is refused. Empty: what is there
	// stands.
	NodeID string
	// LogStore is LogWAL (also when empty), LogBolt or LogMemory.
	LogStore string
	// MinFreeBytes is the low-water mark that Free compares with. It should be several times the
	// size of a log segment, for that much is taken at once when one is full.
	MinFreeBytes uint64
	// StallLimit is the age of a store call at which the process is stopped; 0 is no limit.
	StallLimit time.Duration
	// SnapshotRate bounds the bytes a second of writing a snapshot; 0 is no bound.
	SnapshotRate int
	// SegmentSize is the size of raft-wal's files; 0 is 16 MiB.
	SegmentSize int
	// Append, if there is one, calls store, which appends to the log, and returns its error: tests imitate a
	// slow or failing disk with it.
	Append func(store func() error) error
	// Check verifies the payload of a raft.LogCommand entry; nil is no check.
	Check func(data []byte) error
	// Fail is called once, with the first failure, before any call returns it. Nil logs the reason
	// and exits with ExitCode. When it returns, all calls, those in progress too, give an error.
	Fail func(error)
	// Log receives what is worth saying; nil is slog.Default.
	Log *slog.Logger
}

// Store is an open data folder.
type Store struct {
	Log       raft.LogStore
	Stable    raft.StableStore
	Snapshots raft.SnapshotStore
	// Logger is the same log as Options.Log for raft and its transports.
	Logger hclog.Logger

	opts   Options
	folder *folder
	gate   *gate
	disk   *diskWatch
	times  *histogram
	meter  *meter

	closers []io.Closer // in order of opening
	stop    chan struct{}
	wait    sync.WaitGroup
}

// Open takes the folder, checks everything in it, and opens the stores. An error is for people;
// those of type *CorruptError and *InUseError can be told apart.
func Open(o Options) (*Store, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	f, err := openFolder(&o)
	if err != nil {
		return nil, err
	}
	s := &Store{
		opts: o, folder: f,
		gate:   newGate(o.Fail, o.StallLimit),
		disk:   &diskWatch{dir: o.Dir, floor: o.MinFreeBytes},
		times:  &histogram{},
		meter:  &meter{},
		stop:   make(chan struct{}),
		Logger: NewHCLog(o.Log, "raft"),
	}
	if err := s.openStores(); err != nil {
		return nil, s.abandon(err)
	}
	if err := f.opened(); err != nil {
		return nil, s.abandon(err)
	}
	s.disk.look()
	s.wait.Go(func() { s.gate.watch(s.stop) })
	s.wait.Go(func() { housekeep(s.disk, s.times, s.stop) })
	return s, nil
}

// abandon undoes a half-done Open. The error that people must see comes alone: what fails after it
// is its consequence.
func (s *Store) abandon(err error) error {
	s.gate.closed.Store(true)
	close(s.stop)
	s.wait.Wait()
	_ = s.closeStores()
	_ = s.folder.release(nil)
	return err
}

// complete fills in what was left out, and refuses what makes no sense.
func (o *Options) complete() error {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.LogStore == "" {
		o.LogStore = LogWAL
	}
	switch o.LogStore {
	case LogWAL, LogBolt, LogMemory:
	default:
		return fmt.Errorf("unknown log store %q: it is %s, %s or %s", o.LogStore, LogWAL, LogBolt, LogMemory)
	}
	if o.Dir == "" {
		return errors.New("no data folder given")
	}
	if o.Fail == nil {
		log := o.Log
		o.Fail = func(err error) {
			log.Error("the disk cannot be trusted any more: stopping", "reason", err)
			os.Exit(ExitCode) //nolint:forbidigo // fail-stop
		}
	}
	return nil
}

// Close closes the stores; raft must have been shut down before. After it every call gives
// ErrClosed.
func (s *Store) Close() error {
	if s.gate.closed.Load() {
		return nil
	}
	var end *cleanEnd
	if s.gate.tripped() == nil {
		if last, err := s.Log.LastIndex(); err == nil {
			end = &cleanEnd{LastIndex: last}
		}
	}
	if s.gate.closed.Swap(true) {
		return nil
	}
	close(s.stop)
	s.wait.Wait()
	err := s.closeStores()
	if err != nil {
		end = nil
	}
	return errors.Join(err, s.folder.release(end))
}

// closeStores closes in reverse order, each of them whatever the others answer.
func (s *Store) closeStores() error {
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i].Close())
	}
	s.closers = nil
	return errors.Join(errs...)
}

// Free says how much disk is free, as of the last second, and whether that is above the low-water
// mark.
func (s *Store) Free() (bytes uint64, ok bool) { return s.disk.read() }

// SyncTimes says how long syncs of the log took lately.
func (s *Store) SyncTimes() SyncTimes { return s.times.read() }

// DiskID is the random name that the folder got when it was made. A memory store has another at
// each start, for it has forgotten its vote.
func (s *Store) DiskID() string { return s.folder.id.DiskID }

// NodeID is the node that the folder belongs to, empty if nobody has said yet.
func (s *Store) NodeID() string { return s.folder.id.NodeID }

// Incarnation is higher at each Open of the folder, durably.
func (s *Store) Incarnation() uint64 { return s.folder.id.Incarnation }

// RaiseIncarnation makes Incarnation higher than above, durably, and returns it: a data folder that takes the
// place of a lost one counts from 1, where the cluster has seen more of that node. It is for the one who
// opened the folder, before anybody else uses Incarnation.
func (s *Store) RaiseIncarnation(above uint64) (uint64, error) { return s.folder.raise(above) }

// LogBytes says how many bytes of log were written since Open, and about how many the log holds
// now.
func (s *Store) LogBytes() (written, live uint64) {
	written, live, _ = s.meter.read(0)
	return written, live
}

// LogBytesAfter says about how many bytes of log come after an entry, such as that of the last
// snapshot.
func (s *Store) LogBytesAfter(index uint64) uint64 {
	_, _, behind := s.meter.read(index)
	return behind
}

// Announce adds to the lock file what another process that wants the folder should be told.
func (s *Store) Announce(node, address string) error {
	s.folder.who.Node, s.folder.who.Address = node, address
	return s.folder.sayWho()
}

// Failed gives the reason of a fail-stop, nil while all is well.
func (s *Store) Failed() error { return s.gate.tripped() }

// openStores checks and opens the parts: the small and quick ones first, so that a mistake is told
// before a long log is read; what they say of each other last.
func (s *Store) openStores() error {
	if s.opts.LogStore == LogMemory {
		return s.openMemory()
	}
	if err := makeDir(s.folder.path("raft")); err != nil {
		return unusable(s.opts.Dir, err)
	}
	stable, err := s.openStable()
	if err != nil {
		return err
	}
	snaps, newest, err := openSnapshots(s)
	if err != nil {
		return err
	}
	open := s.openWAL
	if s.opts.LogStore == LogBolt {
		open = s.openBolt
	}
	guarded, tail, err := open()
	if err != nil {
		return err
	}
	if s.opts.Append != nil {
		guarded.appending = s.opts.Append
		s.opts.Log.Warn("the disk is made slower, or worse, as a test or a measurement has asked for")
	}
	s.Stable, s.Snapshots, s.Log = stable, snaps, guarded
	return s.agree(stable, newest, guarded, tail)
}

// openMemory opens stores that forget, and says so.
func (s *Store) openMemory() error {
	mem := raft.NewInmemStore()
	s.Log = &guardedLog{gate: s.gate, inner: mem, file: "memory", meter: s.meter}
	s.Stable = &guardedStable{gate: s.gate, inner: mem, file: "memory"}
	s.Snapshots = raft.NewInmemSnapshotStore()
	s.opts.Log.Warn("log store is memory: locks, term and vote are lost when this process ends")
	return nil
}

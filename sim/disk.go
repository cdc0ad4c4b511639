// A machine's disk, in memory. What was stored when its process is killed is what the next one finds: clone
// is taken in that moment, and what is left of the killed process goes on with the old one, which nobody
// sees any more. A write that is under way then leaves behind what a real one might: nothing, all of it, or,
// when the power fails, its first part.

package sim

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// disk is raft's three stores.
type disk struct {
	mu        sync.Mutex
	logs      map[uint64]raft.Log
	low, high uint64
	values    map[string][]byte
	numbers   map[string]uint64
	snapshot  *snapshotFile
	writing   []raft.Log      // what a call that is under way appends
	stalls    []chan struct{} // writes wait until all are closed
	slowness  time.Duration   // a write takes up to so long
	slower    time.Duration   // and so much more while something is wrong
	broken    func()          // what the first error does to the process; nil while all is well
	orphaned  chan struct{}   // closed once another process has the disk
	gapless   bool            // the log is one that refuses gaps, as raft-wal; raft-boltdb's has them
}

type snapshotFile struct {
	meta raft.SnapshotMeta
	data bytes.Buffer
	disk *disk
}

func newDisk(slowness time.Duration, gapless bool) *disk {
	return &disk{
		logs: map[uint64]raft.Log{}, values: map[string][]byte{}, numbers: map[string]uint64{},
		slowness: slowness, orphaned: make(chan struct{}), gapless: gapless,
	}
}

// clone is the disk as the next process finds it, and takes it away from the one that had it. powerCut keeps
// only the first part of what was being appended.
func (d *disk) clone(rng *rand.Rand, powerCut bool) *disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := newDisk(d.slowness, d.gapless)
	c.logs, c.values, c.numbers = maps.Clone(d.logs), maps.Clone(d.values), maps.Clone(d.numbers)
	c.low, c.high, c.snapshot = d.low, d.high, d.snapshot
	kept := len(d.writing) * rng.IntN(2)
	if powerCut {
		kept = rng.IntN(len(d.writing) + 1)
	}
	c.append(d.writing[:kept])
	select {
	case <-d.orphaned:
	default:
		close(d.orphaned)
	}
	return c
}

// stall makes writes wait until release is called. So does a process that is killed meanwhile.
func (d *disk) stall() (release func()) {
	over := make(chan struct{})
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stalls = append(d.stalls, over)
	return func() { close(over) }
}

// slow makes writes take so much longer.
func (d *disk) slow(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.slower = by
}

// fail makes the next write fail, which ends the process: lockd's stores stop it at the first error. died
// must take the disk away from it.
func (d *disk) fail(died func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.broken = died
}

// write waits as long as a write takes, and then lets it happen.
func (d *disk) write(what func()) {
	d.mu.Lock()
	stalls, most, broken := d.stalls, d.slowness+d.slower, d.broken
	d.mu.Unlock()
	if broken != nil {
		go broken()
		<-d.orphaned
		return
	}
	for _, over := range stalls {
		select {
		case <-over:
		case <-d.orphaned:
		}
	}
	time.Sleep(time.Duration(rand.Int64N(int64(most))))
	d.mu.Lock()
	defer d.mu.Unlock()
	what()
}

func (d *disk) FirstIndex() (uint64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.low, nil
}

func (d *disk) LastIndex() (uint64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.high, nil
}

func (d *disk) GetLog(index uint64, into *raft.Log) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	l, ok := d.logs[index]
	if !ok {
		return raft.ErrLogNotFound
	}
	*into = l
	return nil
}

// IsMonotonic implements raft.MonotonicLogStore.
func (d *disk) IsMonotonic() bool { return d.gapless }

func (d *disk) StoreLog(l *raft.Log) error { return d.StoreLogs([]*raft.Log{l}) }

func (d *disk) StoreLogs(logs []*raft.Log) error {
	own := make([]raft.Log, len(logs))
	for i, l := range logs {
		own[i] = *l
		own[i].Data = bytes.Clone(l.Data)
	}
	d.mu.Lock()
	gap := d.gapless && d.high > 0 && own[0].Index != d.high+1
	d.writing = own
	d.mu.Unlock()
	if gap {
		return fmt.Errorf("entry %d does not follow %d", own[0].Index, d.high)
	}
	d.write(func() {
		d.append(own)
		d.writing = nil
	})
	return nil
}

// append adds entries. The caller has d.mu.
func (d *disk) append(logs []raft.Log) {
	for _, l := range logs {
		d.logs[l.Index] = l
		if d.low == 0 {
			d.low = l.Index
		}
		d.high = max(d.high, l.Index)
	}
}

func (d *disk) DeleteRange(from, to uint64) error {
	d.write(func() {
		if d.low == 0 {
			return // raft cuts a log too that a snapshot has emptied
		}
		for i := from; i <= to; i++ {
			delete(d.logs, i)
		}
		if from <= d.low {
			d.low = to + 1
		}
		if to >= d.high {
			d.high = from - 1
		}
		if d.low > d.high {
			d.low, d.high = 0, 0
		}
	})
	return nil
}

// errMissing is spelled as raft expects it of a stable store.
var errMissing = errors.New("not found")

// Set takes no time: forming holds a mutex meanwhile, and in a bubble that would stop the time for all.
func (d *disk) Set(key, value []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.values[string(key)] = bytes.Clone(value)
	return nil
}

func (d *disk) Get(key []byte) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if v, ok := d.values[string(key)]; ok {
		return v, nil
	}
	return nil, errMissing
}

func (d *disk) SetUint64(key []byte, value uint64) error {
	d.write(func() { d.numbers[string(key)] = value })
	return nil
}

func (d *disk) GetUint64(key []byte) (uint64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if v, ok := d.numbers[string(key)]; ok {
		return v, nil
	}
	return 0, errMissing
}

// Create begins a snapshot, which is there once its sink is closed.
func (d *disk) Create(version raft.SnapshotVersion, index, term uint64, c raft.Configuration,
	configurationIndex uint64, _ raft.Transport) (raft.SnapshotSink, error) {
	return &snapshotFile{disk: d, meta: raft.SnapshotMeta{
		Version: version, ID: fmt.Sprintf("%d-%d-%d", term, index, time.Now().UnixNano()), Index: index, Term: term,
		Configuration: c, ConfigurationIndex: configurationIndex,
	}}, nil
}

func (d *disk) List() ([]*raft.SnapshotMeta, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.snapshot == nil {
		return nil, nil
	}
	meta := d.snapshot.meta
	return []*raft.SnapshotMeta{&meta}, nil
}

func (d *disk) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.snapshot == nil || d.snapshot.meta.ID != id {
		return nil, nil, fmt.Errorf("no snapshot %s", id)
	}
	meta := d.snapshot.meta
	return &meta, io.NopCloser(bytes.NewReader(d.snapshot.data.Bytes())), nil
}

func (s *snapshotFile) Write(p []byte) (int, error) { return s.data.Write(p) }

func (s *snapshotFile) ID() string { return s.meta.ID }

func (s *snapshotFile) Cancel() error { return nil }

func (s *snapshotFile) Close() error {
	s.meta.Size = int64(s.data.Len())
	s.disk.write(func() {
		// One that the leader has sent may have come meanwhile.
		if s.disk.snapshot == nil || s.disk.snapshot.meta.Index <= s.meta.Index {
			s.disk.snapshot = s
		}
	})
	return nil
}

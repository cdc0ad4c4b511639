package cluster_test

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

	"github.com/divtxt/lockd/cluster"
)

// disk is raft's three stores in memory. What was stored when a process is killed is what the next one finds:
// clone is taken in that moment, and what is left of the killed process goes on with the old one.
type disk struct {
	mu        sync.Mutex
	logs      map[uint64]raft.Log
	low, high uint64
	values    map[string][]byte
	numbers   map[string]uint64
	snapshot  *snapshotFile
	stalled   chan struct{} // writes wait until it is closed
	slowness  time.Duration // a write takes up to so long
}

type snapshotFile struct {
	meta raft.SnapshotMeta
	data bytes.Buffer
	disk *disk
}

func newDisk(slowness time.Duration) *disk {
	return &disk{
		logs: map[uint64]raft.Log{}, values: map[string][]byte{}, numbers: map[string]uint64{}, slowness: slowness,
	}
}

func (d *disk) clone() *disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := newDisk(d.slowness)
	c.logs, c.values, c.numbers = maps.Clone(d.logs), maps.Clone(d.values), maps.Clone(d.numbers)
	c.low, c.high, c.snapshot = d.low, d.high, d.snapshot
	return c
}

func (d *disk) stores() cluster.Stores { return cluster.Stores{Log: d, Stable: d, Snapshots: d} }

// stall makes writes wait for a while.
func (d *disk) stall(span time.Duration) {
	over := make(chan struct{})
	d.mu.Lock()
	d.stalled = over
	d.mu.Unlock()
	time.AfterFunc(span, func() { close(over) })
}

// write waits as long as a write takes, and then lets it happen.
func (d *disk) write(what func()) {
	d.mu.Lock()
	stalled := d.stalled
	d.mu.Unlock()
	if stalled != nil {
		<-stalled
	}
	time.Sleep(time.Duration(rand.Int64N(int64(d.slowness))))
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

func (d *disk) StoreLog(l *raft.Log) error { return d.StoreLogs([]*raft.Log{l}) }

func (d *disk) StoreLogs(logs []*raft.Log) error {
	d.write(func() {
		for _, l := range logs {
			c := *l
			c.Data = bytes.Clone(l.Data)
			d.logs[l.Index] = c
			if d.low == 0 {
				d.low = l.Index
			}
			d.high = max(d.high, l.Index)
		}
	})
	return nil
}

func (d *disk) DeleteRange(from, to uint64) error {
	d.write(func() {
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

// rawClock is a machine's monotonic clock: a little wrong, and standing still while the machine is paused.
type rawClock struct {
	began time.Time
	ppm   int64

	mu     sync.Mutex
	paused int64 // the reading that it stays at, 0 while it goes
}

func (c *rawClock) now() int64 {
	t := int64(time.Since(c.began))
	return t + t/1_000_000*c.ppm + int64(time.Hour)
}

func (c *rawClock) read() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.paused != 0 {
		return c.paused
	}
	return c.now()
}

// pause stops the clock, or lets it go on where it would be: to a stopped process, time has jumped.
func (c *rawClock) pause(paused bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.paused = 0; paused {
		c.paused = c.now()
	}
}

// slowNetwork is a network whose streams take a while, so that replies by them and by the log come in any
// order. What raft sends is as fast as the disks.
type slowNetwork struct {
	cluster.Network
	slowness time.Duration
}

type slowStream struct {
	cluster.Stream
	slowness time.Duration
}

type slowHandler struct {
	cluster.Handler
	slowness time.Duration
}

func (n slowNetwork) Serve(h cluster.Handler) { n.Network.Serve(slowHandler{h, n.slowness}) }

func (h slowHandler) Forward(from cluster.Identity, s cluster.Stream) error {
	return h.Handler.Forward(from, slowStream{s, h.slowness})
}

func (s slowStream) Send(frame []byte) error {
	time.Sleep(time.Duration(rand.Int64N(int64(s.slowness))))
	return s.Stream.Send(frame)
}

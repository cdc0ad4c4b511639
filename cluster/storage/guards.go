// The stores as raft sees them: each call passes the gate (failstop.go), and what is read is
// checked before it is believed.

package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/hashicorp/raft"
)

// guardedLog is the log store. raft.LogCache on top of it forwards IsMonotonic (log_cache.go:38).
type guardedLog struct {
	gate  *gate
	inner raft.LogStore
	file  string // named when an entry is damaged
	check func([]byte) error
	meter *meter
	times *histogram // nil when the store measures its syncs itself

	appending func(store func() error) error // nil but in tests: Options.Append
}

var (
	_ raft.LogStore          = (*guardedLog)(nil)
	_ raft.MonotonicLogStore = (*guardedLog)(nil)
)

// IsMonotonic forwards the store's promise; without it raft would leave gaps that raft-wal refuses.
func (g *guardedLog) IsMonotonic() bool {
	m, ok := g.inner.(raft.MonotonicLogStore)
	return ok && m.IsMonotonic()
}

func (g *guardedLog) FirstIndex() (index uint64, err error) {
	err = g.gate.do("reading the log's first index", func() error {
		index, err = g.inner.FirstIndex()
		return err
	})
	return index, err
}

func (g *guardedLog) LastIndex() (index uint64, err error) {
	err = g.gate.do("reading the log's last index", func() error {
		index, err = g.inner.LastIndex()
		return err
	})
	return index, err
}

// GetLog checks what it reads. The start's scan has seen the whole log, but a disk may rot later,
// and an entry read here is sent to followers, which would all stop at it; better that this node
// stops.
func (g *guardedLog) GetLog(index uint64, out *raft.Log) error {
	return g.gate.do("reading the log", func() error {
		if err := g.inner.GetLog(index, out); err != nil {
			return err
		}
		return checkEntry(g.file, index, out, g.check)
	})
}

func (g *guardedLog) StoreLog(l *raft.Log) error { return g.StoreLogs([]*raft.Log{l}) }

// StoreLogs returns when the entries are durable; raft counts this node's vote for them from then
// on.
func (g *guardedLog) StoreLogs(logs []*raft.Log) error {
	begin := time.Now()
	err := g.gate.do("writing the log", func() error {
		if g.appending != nil {
			return g.appending(func() error { return g.inner.StoreLogs(logs) })
		}
		return g.inner.StoreLogs(logs)
	})
	if err != nil {
		return err
	}
	if g.times != nil {
		g.times.add(time.Since(begin))
	}
	for _, l := range logs {
		g.meter.add(l.Index, len(l.Data)+len(l.Extensions))
	}
	return nil
}

// DeleteRange removes from the head after a snapshot, or from the tail what another leader did not
// have.
func (g *guardedLog) DeleteRange(from, to uint64) error {
	err := g.gate.do("cutting the log", func() error { return g.inner.DeleteRange(from, to) })
	if err == nil {
		g.meter.remove(from, to)
	}
	return err
}

// checkEntry is what both the scan and GetLog ask of an entry. An entry of another type whose data
// passes the check is a command whose type was damaged: raft would skip it without a word.
func checkEntry(file string, index uint64, l *raft.Log, check func([]byte) error) error {
	if l.Index != index {
		return corrupt(file, "entry %d calls itself %d", index, l.Index)
	}
	if check == nil {
		return nil
	}
	if l.Type == raft.LogCommand {
		if err := check(l.Data); err != nil {
			return corrupt(file, "entry %d does not match its checksum (%v)", index, err)
		}
		return nil
	}
	if len(l.Data) > 0 && check(l.Data) == nil {
		return corrupt(file, "entry %d is a command marked as %v", index, l.Type)
	}
	return nil
}

// guardedStable is the store of term and vote. bolt has no checksum over its values, and a flipped
// bit in the term or in the vote means two votes in one term; so each value carries one over key
// and value.
type guardedStable struct {
	gate  *gate
	inner raft.StableStore
	file  string
}

var _ raft.StableStore = (*guardedStable)(nil)

const sumSize = 4

// sealValue appends the checksum. The key is in it, so that a damaged key does not make a value
// vanish without trace.
func sealValue(key, value []byte) []byte {
	sum := crc32.Update(crc32.Checksum(key, castagnoli()), castagnoli(), value)
	return binary.LittleEndian.AppendUint32(append([]byte(nil), value...), sum)
}

// openValue gives back what sealValue took.
func openValue(file string, key, sealed []byte) ([]byte, error) {
	n := len(sealed) - sumSize
	if n < 0 || string(sealValue(key, sealed[:n])) != string(sealed) {
		return nil, corrupt(file, "the value of %q does not match its checksum", key)
	}
	return sealed[:n:n], nil
}

func (g *guardedStable) Set(key, value []byte) error {
	return g.gate.do("writing term and vote", func() error {
		return g.inner.Set(key, sealValue(key, value))
	})
}

func (g *guardedStable) Get(key []byte) (value []byte, err error) {
	err = g.gate.do("reading term and vote", func() error {
		sealed, err := g.inner.Get(key)
		if err != nil {
			return err
		}
		value, err = openValue(g.file, key, sealed)
		return err
	})
	return value, err
}

func (g *guardedStable) SetUint64(key []byte, value uint64) error {
	return g.Set(key, binary.BigEndian.AppendUint64(nil, value))
}

func (g *guardedStable) GetUint64(key []byte) (uint64, error) {
	value, err := g.Get(key)
	if err != nil {
		return 0, err
	}
	if len(value) != 8 {
		return 0, g.gate.trip(corrupt(g.file, "the value of %q is no number", key))
	}
	return binary.BigEndian.Uint64(value), nil
}

// term reads raft's current term, 0 when there is none yet.
func (g *guardedStable) term() (uint64, error) {
	term, err := g.GetUint64([]byte("CurrentTerm"))
	if err != nil && !errors.Is(err, raft.ErrLogNotFound) && err.Error() != "not found" {
		return 0, fmt.Errorf("reading the term: %w", err)
	}
	return term, nil
}

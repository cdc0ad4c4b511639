// What raft-boltdb keeps in a bolt file, read without bbolt (boltcheck.go) and checked.

package storage

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/hashicorp/raft"
)

// The buckets of raft-boltdb (bolt_store.go). Both are in each of its files.
const (
	bucketLogs = "logs"
	bucketConf = "conf"
)

// checkRaftBolt checks one of raft-boltdb's files: values of term and vote against their checksums,
// and entries as a chain.
func checkRaftBolt(path string, c *chain) error {
	buckets := 0
	err := checkBolt(path, func(bucket string, key, value []byte) error {
		switch {
		case key == nil && (bucket == bucketLogs || bucket == bucketConf):
			buckets++
			return nil
		case bucket == bucketConf && key != nil:
			_, err := openValue(path, key, value)
			return err
		case bucket == bucketLogs && len(key) == 8:
			index := binary.BigEndian.Uint64(key)
			e, ok := decodeBolt(value)
			if !ok {
				return corrupt(path, "entry %d cannot be read", index)
			}
			return c.add(path, index, e)
		}
		return errors.New("it holds what lockd has not written")
	})
	if err == nil && buckets != 2 {
		return corrupt(path, "a part of it is missing")
	}
	return err
}

// decodeBolt reads a raft.Log as raft-boltdb writes it: a msgpack map of the struct's fields. Only
// the forms that occur there are known; anything else is damage. raft-boltdb's own decoder makes 24
// allocations an entry, which for a million entries takes longer than everything else at start.
func decodeBolt(value []byte) (e entry, ok bool) {
	m := msgpack{rest: value}
	head := m.take(1)
	if m.bad || head[0]&0xf0 != 0x80 {
		return e, false
	}
	var extensions []byte
	var appended time.Time
	for range head[0] & 0x0f {
		switch string(m.bytes()) {
		case "Index":
			e.index = m.number()
		case "Term":
			e.term = m.number()
		case "Type":
			e.kind = raft.LogType(m.number())
		case "Data":
			e.data = m.bytes()
		case "Extensions":
			extensions = m.bytes()
		case "AppendedAt":
			if appended.UnmarshalBinary(m.bytes()) != nil {
				return e, false
			}
		default:
			return e, false
		}
	}
	e.size = len(e.data) + len(extensions)
	return e, !m.bad && len(m.rest) == 0
}

// msgpack reads unsigned numbers and byte strings, and remembers that something was wrong.
type msgpack struct {
	rest []byte
	bad  bool
}

// take gives the next n bytes.
func (m *msgpack) take(n uint64) []byte {
	if n > uint64(len(m.rest)) {
		m.bad = true
		m.rest = nil
		return make([]byte, min(n, 8)) // so that the caller need not look at once
	}
	b := m.rest[:n:n]
	m.rest = m.rest[n:]
	return b
}

// size reads a big-endian number of n bytes.
func (m *msgpack) size(n uint64) (v uint64) {
	for _, b := range m.take(n) {
		v = v<<8 | uint64(b)
	}
	return v
}

func (m *msgpack) number() uint64 {
	switch c := m.take(1)[0]; {
	case c < 0x80:
		return uint64(c)
	case c >= 0xcc && c <= 0xcf: // uint8 to uint64
		return m.size(1 << (c - 0xcc))
	case c >= 0xd0 && c <= 0xd3: // int8 to int64, never negative here
		return m.size(1 << (c - 0xd0))
	}
	m.bad = true
	return 0
}

func (m *msgpack) bytes() []byte {
	switch c := m.take(1)[0]; {
	case c == 0xc0: // nil
		return nil
	case c >= 0xa0 && c <= 0xbf:
		return m.take(uint64(c & 0x1f))
	case c >= 0xc4 && c <= 0xc6: // bin
		return m.take(m.size(1 << (c - 0xc4)))
	case c >= 0xd9 && c <= 0xdb: // str
		return m.take(m.size(1 << (c - 0xd9)))
	}
	m.bad = true
	return nil
}

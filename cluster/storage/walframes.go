// A reader of raft-wal's segment format (raft-wal README.md, "Segment Files"), for the check at
// start.
//
// raft-wal's own recovery believes the disk: it walks the frame headers of the tail, takes the
// first header that makes no sense for the end, and compares only the last batch with its checksum
// (segment/writer.go, recoverTail and readThroughSegment). So one flipped bit in the length of an
// early entry makes everything behind it vanish, acknowledged or not. This reader compares every
// batch, and where one does not match, looks for batches behind it: a crash can tear only the last.

package storage

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"

	"github.com/hashicorp/raft"
	"github.com/hashicorp/raft-wal/segment"
)

const (
	fileHeader  = 32
	frameHeader = 8
	indexItem   = 4
)

// frame is an entry's place in a segment: its payload.
type frame struct{ at, size uint32 }

// batch is what one append wrote: entries, an index if that sealed the segment, and a commit.
type batch struct {
	end     int // behind the commit
	entries []frame
	index   frame // of the sealing index's offsets; zero size without
}

// verdict is how reading a batch ended.
type verdict int

const (
	intact    verdict = iota
	broken            // the frames lead nowhere
	different         // the frames lead to a commit whose checksum is another
)

// readBatch reads the batch whose frames begin at from, and whose checksum begins at sumFrom: the
// two differ for the first batch of a file, which includes the file's header. b's memory is used
// again.
func readBatch(buf []byte, from, sumFrom int, b *batch) verdict {
	b.entries, b.index = b.entries[:0], frame{}
	for at := from; at+frameHeader <= len(buf); {
		head := binary.LittleEndian.Uint64(buf[at:])
		if head&0xffffff00 != 0 { // reserved, always zero
			return broken
		}
		kind, size := uint8(head), uint32(head>>32)
		if kind == segment.FrameCommit {
			b.end = at + frameHeader
			if crc32.Checksum(buf[sumFrom:at], castagnoli()) != size {
				return different
			}
			return intact
		}
		next := at + frameHeader + (int(size)+frameHeader-1)&^(frameHeader-1)
		if next > len(buf) || size > segment.MaxEntrySize || b.index.size != 0 {
			return broken
		}
		payload := frame{uint32(at + frameHeader), size}
		switch {
		case kind == segment.FrameEntry:
			b.entries = append(b.entries, payload)
		case kind == segment.FrameIndex && size > 0:
			b.index = payload
		default:
			return broken
		}
		at = next
	}
	return broken
}

// laterBatch looks for proof that data behind a damaged batch was once committed. from is where the
// damaged batch's frames begin. last is the index of the last entry before it.
//
// Everything is tried that could be the start of a batch, since the damage may be in a header that
// says where the next one is. An entry's payload can hold bytes that a client chose, but to look
// like a batch it would have to hold a commit with the right checksum and the entry's own future
// index.
func laterBatch(buf []byte, from int, last uint64) bool {
	var b batch
	// Only one batch is ever on its way to the disk. If the frames of this one lead to its commit,
	// and there is anything behind that, then this one was complete when that was written.
	if readBatch(buf, from, from, &b) == different && len(bytes.TrimRight(buf[b.end:], "\x00")) > 0 {
		return true
	}
	for at := from + frameHeader; at+frameHeader <= len(buf); at += frameHeader {
		if buf[at] != segment.FrameEntry && buf[at] != segment.FrameIndex {
			continue
		}
		if readBatch(buf, at, at, &b) != intact {
			continue
		}
		if len(b.entries) == 0 {
			return true
		}
		e, ok := decodeEntry(b.entries[0].of(buf))
		if ok && e.index > last {
			return true
		}
	}
	return false
}

// of gives the frame's payload, in the file's own memory.
func (f frame) of(buf []byte) []byte { return buf[f.at : f.at+f.size] }

// entry is the part of a stored raft.Log that the check needs; data points into the file's bytes.
type entry struct {
	index, term uint64
	kind        raft.LogType
	data        []byte
	size        int // of data and extensions
}

// decodeEntry reads raft-wal's BinaryCodec without copying. raft-wal's own decoder panics on a
// damaged number (codec.go, varint: a negative length), so nothing is given to it that was not read
// here.
func decodeEntry(payload []byte) (e entry, ok bool) {
	rest := payload
	number := func() (v uint64) {
		v, n := binary.Uvarint(rest)
		if n <= 0 {
			rest, n = nil, 0
		}
		rest = rest[n:]
		return v
	}
	field := func() []byte {
		n := number()
		if n > uint64(len(rest)) {
			rest = nil
			return nil
		}
		b := rest[:n:n]
		rest = rest[n:]
		return b
	}
	e.index, e.term = number(), number()
	kind := number()
	e.kind = raft.LogType(kind)
	e.data = field()
	e.size = len(e.data) + len(field())
	// What is left is the time, in time.Time's 15 or 16 bytes; an overrun above leaves nothing.
	return e, kind <= 255 && (len(rest) == 15 || len(rest) == 16)
}

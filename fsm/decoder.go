// Reading a snapshot: numbers and strings out of a stream, with a running checksum.

package fsm

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

// decoder reads a snapshot and keeps its first error. Damaged lengths cannot make it take more memory than
// the stream is long, and a piece.
type decoder struct {
	src     io.Reader
	version int
	piece   []byte // what was read of src
	rest    []byte // the part of piece that is still to be decoded
	sum     uint32 // of all before piece
	err     error
}

func newDecoder(src io.Reader) *decoder {
	return &decoder{src: src, piece: make([]byte, 0, pieceSize)}
}

// fill reads on until rest has n bytes, n being at most a piece, or the stream ends.
func (d *decoder) fill(n int) {
	if len(d.rest) >= n || d.err != nil {
		return
	}
	d.sum = d.sumSoFar()
	kept := copy(d.piece[:cap(d.piece)], d.rest)
	got, err := io.ReadAtLeast(d.src, d.piece[kept:cap(d.piece)], n-kept)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		d.fail(err)
	}
	d.piece = d.piece[:kept+got]
	d.rest = d.piece
}

// sumSoFar returns the checksum of all that was decoded.
func (d *decoder) sumSoFar() uint32 {
	return crc32.Update(d.sum, castagnoli(), d.piece[:len(d.piece)-len(d.rest)])
}

func (d *decoder) uint() uint64 {
	d.fill(binary.MaxVarintLen64)
	n, size := binary.Uvarint(d.rest)
	if size <= 0 {
		d.fail(errTruncated)
	}
	if d.err != nil {
		return 0
	}
	d.rest = d.rest[size:]
	return n
}

func (d *decoder) string() string {
	n := d.uint()
	if n <= pieceSize {
		return string(d.bytes(int(n)))
	}
	var long []byte
	for n > 0 && d.err == nil {
		b := d.bytes(int(min(n, pieceSize)))
		long = append(long, b...)
		n -= uint64(len(b))
	}
	return string(long)
}

// bytes returns the next n bytes, n being at most a piece. They are good until the next call.
func (d *decoder) bytes(n int) []byte {
	d.fill(n)
	if len(d.rest) < n {
		d.fail(errTruncated)
	}
	if d.err != nil {
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

// each calls f for as many things as the next number says.
func (d *decoder) each(f func()) {
	for n := d.uint(); n > 0 && d.err == nil; n-- {
		f()
	}
}

// database reads the number of a database.
func (d *decoder) database() int {
	n := d.uint()
	if n >= Databases {
		d.fail(errors.New("a database number in it is impossible"))
		return 0
	}
	return int(n)
}

// checkSum holds what was decoded against the checksum that follows.
func (d *decoder) checkSum() {
	want := d.sumSoFar()
	if b := d.bytes(4); d.err == nil && binary.LittleEndian.Uint32(b) != want {
		d.fail(errChecksum)
	}
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err, d.rest = err, nil
	}
}

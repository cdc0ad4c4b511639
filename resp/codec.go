package resp

// This file is how a reply travels from one node to another: lossless, unlike RESP2, and without a parser
// of text. A value is its kind in one byte and then, by kind,
//
//	integer, boolean       zigzag varint
//	double                 8 bytes, IEEE 754, little endian
//	simple, error, bulk, verbatim    varint length, bytes
//	array, map, set, push, pairs     varint number of values, the values
//	nulls, none            nothing
//
// Both ends are nodes of one cluster, yet a decoder takes no length on trust: what it allocates is bounded
// by the bytes that are there, and how deep it goes by MaxDepth.

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// MaxDepth is how many lists a value may be nested in on its way between nodes.
const MaxDepth = 128

// The errors of DecodeValue.
var (
	errValueShort = errors.New("a reply from another node ends too early")
	errValueDeep  = fmt.Errorf("a reply from another node is nested deeper than %d lists", MaxDepth)
	errValueKind  = errors.New("a reply from another node is of a kind that this lockd does not know: " +
		"start a newer one")
)

// tooDeep stands for a list that is nested in MaxDepth others: an error in its place leaves the rest of the
// reply, and the link that carries it, in order.
func tooDeep() Value {
	return Errorf("ERR this part of the reply is nested deeper than %d lists", MaxDepth)
}

// AppendValue appends v to b in the form for another node. DecodeValue gives the same value back; only a
// list nested in more than MaxDepth others is replaced by an error.
func AppendValue(b []byte, v Value) []byte { return appendValue(b, v, 0) }

func appendValue(b []byte, v Value, depth int) []byte {
	b = append(b, byte(v.kind))
	switch v.kind {
	case KindInt, KindBool:
		return binary.AppendVarint(b, v.num)
	case KindDouble:
		return binary.LittleEndian.AppendUint64(b, uint64(v.num))
	case KindSimple, KindError, KindBulk, KindVerbatim, KindBig:
		b = binary.AppendUvarint(b, uint64(len(v.str)))
		return append(b, v.str...)
	case KindArray, KindMap, KindSet, KindPush, KindPairs:
		if depth == MaxDepth {
			return appendValue(b[:len(b)-1], tooDeep(), depth)
		}
		b = binary.AppendUvarint(b, uint64(len(v.list)))
		for i := range v.list {
			b = appendValue(b, v.list[i], depth+1)
		}
	}
	return b
}

// DecodeValue reads the value at the beginning of b and returns what follows it. The value keeps nothing of
// b, and takes at most some hundred bytes of memory for each byte of it.
func DecodeValue(b []byte) (v Value, rest []byte, err error) {
	d := valueDecoder{rest: b}
	if v = d.value(0); d.err != nil {
		return Value{}, nil, d.err
	}
	return v, d.rest, nil
}

// valueDecoder takes bytes apart and keeps its first error.
type valueDecoder struct {
	rest []byte
	err  error
}

func (d *valueDecoder) value(depth int) Value {
	kind := d.bytes(1)
	if d.err != nil {
		return Value{}
	}
	v := Value{kind: Kind(kind[0])}
	switch v.kind {
	case KindNull, KindNullArray, KindNone:
	case KindInt, KindBool:
		v.num = d.varint()
	case KindDouble:
		if b := d.bytes(8); d.err == nil {
			v.num = int64(binary.LittleEndian.Uint64(b))
		}
	case KindSimple, KindError, KindBulk, KindBig:
		v.str = string(d.bytes(d.uvarint()))
	case KindVerbatim:
		if v.str = string(d.bytes(d.uvarint())); len(v.str) < len("txt:") {
			d.fail(errValueShort) // whoever writes it cuts the format off
		}
	case KindArray, KindMap, KindSet, KindPush, KindPairs:
		v.list = d.list(depth)
	default:
		d.fail(errValueKind)
	}
	return v
}

// room is for how many elements a list gets memory at once. More of them must be there first: a number
// that promises a million costs nothing.
const room = 64

func (d *valueDecoder) list(depth int) []Value {
	n := d.uvarint()
	switch {
	case depth == MaxDepth:
		d.fail(errValueDeep)
	case n > uint64(len(d.rest)): // each takes a byte at least
		d.fail(errValueShort)
	}
	if d.err != nil || n == 0 {
		return nil
	}
	list := make([]Value, 0, min(n, room))
	for ; n > 0 && d.err == nil; n-- {
		list = append(list, d.value(depth+1))
	}
	return list
}

// bytes returns the next n bytes, which point into the input.
func (d *valueDecoder) bytes(n uint64) []byte {
	if n > uint64(len(d.rest)) {
		d.fail(errValueShort)
	}
	if d.err != nil {
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

func (d *valueDecoder) uvarint() uint64 {
	n, size := binary.Uvarint(d.rest)
	return n * d.skip(size)
}

func (d *valueDecoder) varint() int64 {
	n, size := binary.Varint(d.rest)
	return n * int64(d.skip(size))
}

// skip leaves the size bytes of a number behind, and returns 1 if there was one and 0 if not.
func (d *valueDecoder) skip(size int) uint64 {
	if size <= 0 {
		d.fail(errValueShort)
		return 0
	}
	d.rest = d.rest[size:]
	return 1
}

func (d *valueDecoder) fail(err error) {
	if d.err == nil {
		d.err, d.rest = err, nil
	}
}

// The frames between a node and its leader.
//
//	to the leader:   'c' then calls: byte flags, varint number, command
//	                 's' then varints: last index applied here, last index in the log here
//	to the node:     'r' then replies: byte kind, varint number, value
//	                 's' then text: why nothing may grow now, empty when all is well
//	                 'h' then JSON: how the members are, for show
//	                 'm' then varint: an index; tell how far you are as soon as your log has come to it
//
// A logged call and its reply are named by the call's number among its node's commands; a read, which has
// none, by a name that its node made up for this stream. Frames are read with suspicion: the other side may
// be a newer program, or a mistaken one.

package cluster

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

const (
	frameCalls   = 'c'
	frameStatus  = 's'
	frameReplies = 'r'
	frameHealth  = 'h'
	frameMark    = 'm'
)

// Flags of a call.
const (
	flagRead = 1 << iota
	flagLong
)

// Kinds of reply.
const (
	replyNumbered = iota
	replyRead
)

var errFrame = errors.New("a frame from another node cannot be understood: is it another version of lockd?")

func appendCall(b []byte, number uint64, c *fsm.Call) []byte {
	var flags byte
	if c.Read {
		flags |= flagRead
	}
	if c.Long {
		flags |= flagLong
	}
	b = append(b, flags)
	b = binary.AppendUvarint(b, number)
	return c.Command.Append(b)
}

// decodeCalls takes a frame of calls apart. The calls point into it.
func decodeCalls(frame []byte, from *remote) ([]*call, error) {
	var calls []*call
	for rest := frame; len(rest) > 0; {
		flags := rest[0]
		number, n := binary.Uvarint(rest[1:])
		if n <= 0 {
			return nil, errFrame
		}
		command, left, err := fsm.DecodeCommand(rest[1+n:])
		if err != nil {
			return nil, fmt.Errorf("%w (%w)", errFrame, err)
		}
		rest = left
		c := &call{
			Call: &fsm.Call{Command: command, Read: flags&flagRead != 0, Long: flags&flagLong != 0},
			from: from, number: number,
		}
		if c.Read {
			c.number, c.name = 0, number
		}
		calls = append(calls, c)
	}
	return calls, nil
}

func appendReply(b []byte, kind byte, number uint64, v fsm.Reply) []byte {
	b = append(b, kind)
	b = binary.AppendUvarint(b, number)
	return resp.AppendValue(b, v)
}

// numberedReply is one reply of a frame.
type numberedReply struct {
	kind   byte
	number uint64
	value  fsm.Reply
}

func decodeReplies(frame []byte) ([]numberedReply, error) {
	var replies []numberedReply
	for rest := frame; len(rest) > 0; {
		r := numberedReply{kind: rest[0]}
		var n int
		if r.number, n = binary.Uvarint(rest[1:]); n <= 0 {
			return nil, errFrame
		}
		var err error
		if r.value, rest, err = resp.DecodeValue(rest[1+n:]); err != nil {
			return nil, fmt.Errorf("%w (%w)", errFrame, err)
		}
		replies = append(replies, r)
	}
	return replies, nil
}

func appendMark(b []byte, index uint64) []byte {
	return binary.AppendUvarint(append(b, frameMark), index)
}

func decodeMark(frame []byte) (index uint64, err error) {
	index, n := binary.Uvarint(frame)
	if n <= 0 {
		return 0, errFrame
	}
	return index, nil
}

// progress is what a node tells its leader now and then.
type progress struct{ applied, last uint64 }

func (p progress) append(b []byte) []byte {
	b = append(b, frameStatus)
	b = binary.AppendUvarint(b, p.applied)
	return binary.AppendUvarint(b, p.last)
}

func decodeProgress(frame []byte) (p progress, err error) {
	var n, m int
	p.applied, n = binary.Uvarint(frame)
	if n <= 0 {
		return p, errFrame
	}
	if p.last, m = binary.Uvarint(frame[n:]); m <= 0 {
		return p, errFrame
	}
	return p, nil
}

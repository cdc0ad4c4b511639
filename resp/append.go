package resp

// This file turns a Value into bytes, the only place that knows how the two protocols spell a reply.
// RESP2 lacks most of RESP3's types, so each of those has the stand-in that Redis 7 gives it; a client
// that never said HELLO 3 must not see a byte it cannot read. What RESP2 shares with RESP3 is spelled by
// redcon, what redcon does not know is written here.

import (
	"strconv"

	"github.com/tidwall/redcon"
)

// Append appends v to b, in RESP3 when proto is 3 and in RESP2 otherwise.
func Append(b []byte, v Value, proto int) []byte {
	switch v.kind {
	case KindBulk:
		return redcon.AppendBulkString(b, v.str)
	case KindSimple:
		return redcon.AppendString(b, v.str)
	case KindInt:
		return redcon.AppendInt(b, v.num)
	case KindError:
		return redcon.AppendError(b, v.str)
	case KindArray:
		return appendList(redcon.AppendArray(b, len(v.list)), v.list, proto)
	case KindNone:
		return b
	}
	if proto == 3 {
		return append3(b, v)
	}
	return append2(b, v)
}

// append2 spells for RESP2 the kinds that it has no type for.
func append2(b []byte, v Value) []byte {
	switch v.kind {
	case KindNullArray:
		return append(b, "*-1\r\n"...)
	case KindMap, KindSet, KindPush, KindPairs:
		return appendList(redcon.AppendArray(b, len(v.list)), v.list, 2)
	case KindBig:
		return redcon.AppendBulkString(b, v.str)
	case KindDouble:
		var digits [32]byte
		return redcon.AppendBulk(b, appendDouble(digits[:0], v.Float()))
	case KindBool:
		return redcon.AppendInt(b, v.num)
	case KindVerbatim:
		return redcon.AppendBulkString(b, v.str[len("txt:"):])
	default:
		return redcon.AppendNull(b)
	}
}

// append3 spells the kinds that only RESP3 has a type for.
func append3(b []byte, v Value) []byte {
	switch v.kind {
	case KindMap:
		return appendList(appendHead(b, '%', len(v.list)/2), v.list, 3)
	case KindSet:
		return appendList(appendHead(b, '~', len(v.list)), v.list, 3)
	case KindPush:
		return appendList(appendHead(b, '>', len(v.list)), v.list, 3)
	case KindPairs:
		b = redcon.AppendArray(b, len(v.list)/2)
		for i := 0; i+1 < len(v.list); i += 2 {
			b = appendList(redcon.AppendArray(b, 2), v.list[i:i+2], 3)
		}
		return b
	case KindDouble:
		b = appendDouble(append(b, ','), v.Float())
		return append(b, '\r', '\n')
	case KindBool:
		if v.num != 0 {
			return append(b, "#t\r\n"...)
		}
		return append(b, "#f\r\n"...)
	case KindBig:
		return append(append(append(b, '('), v.str...), '\r', '\n')
	case KindVerbatim:
		b = appendHead(b, '=', len(v.str))
		b = append(b, v.str...)
		return append(b, '\r', '\n')
	default:
		return append(b, "_\r\n"...)
	}
}

func appendList(b []byte, list []Value, proto int) []byte {
	for i := range list {
		b = Append(b, list[i], proto)
	}
	return b
}

func appendHead(b []byte, mark byte, n int) []byte {
	b = strconv.AppendInt(append(b, mark), int64(n), 10)
	return append(b, '\r', '\n')
}

package script

// The table `cmsgpack`: MessagePack as Redis' lua-cmsgpack 0.4.0 writes and reads it.

import (
	"encoding/binary"
	"math"

	lua "github.com/yuin/gopher-lua"
)

// maxMsgpackDepth is where lua-cmsgpack stops: deeper tables are nil.
const maxMsgpackDepth = 16

func (in *interp) openMsgpack() {
	t := in.library("cmsgpack", map[string]builtin{
		"pack":   msgpackPack,
		"unpack": func(c call) int { return c.unpack(0, 0, false) },
		"unpack_one": func(c call) int {
			return c.unpack(1, c.intOr(2, 0), true)
		},
		"unpack_limit": func(c call) int {
			return c.unpack(c.int(2), c.intOr(3, 0), true)
		},
	})
	t.RawSetString("_NAME", lua.LString("cmsgpack"))
	t.RawSetString("_VERSION", lua.LString("lua-cmsgpack 0.4.0"))
}

func msgpackPack(c call) int {
	n := c.L.GetTop()
	if n == 0 {
		c.argError(0, "MessagePack pack needs input.")
	}
	var b []byte
	for i := 1; i <= n; i++ {
		b = c.pack(b, c.L.Get(i), 0)
	}
	return c.pushText(string(b))
}

func (c call) pack(b []byte, v lua.LValue, depth int) []byte {
	c.in.budget.alloc(16)
	switch v := v.(type) {
	case lua.LBool:
		if v {
			return append(b, 0xc3)
		}
		return append(b, 0xc2)
	case lua.LNumber:
		return packNumber(b, float64(v))
	case lua.LString:
		c.in.budget.alloc(2 * len(v))
		return append(packHead(b, len(v), 0xa0, 32, 0xd9), v...)
	case *lua.LTable:
		if depth < maxMsgpackDepth {
			return c.packTable(b, v, depth+1)
		}
	}
	return append(b, 0xc0)
}

// packHead writes a length: within one byte where it is below small, else after a code for its width. A
// code of 0xdc or more has no form of 8 bits.
func packHead(b []byte, n int, fixed byte, small int, code byte) []byte {
	switch {
	case n < small:
		return append(b, fixed|byte(n))
	case n < 1<<8 && code == 0xd9:
		return append(b, code, byte(n))
	case n < 1<<16 && code == 0xd9:
		return binary.BigEndian.AppendUint16(append(b, code+1), uint16(n))
	case code == 0xd9:
		return binary.BigEndian.AppendUint32(append(b, code+2), uint32(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, code), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(b, code+1), uint32(n))
}

func packNumber(b []byte, f float64) []byte {
	be := binary.BigEndian
	if f != math.Trunc(f) || f >= 1<<63 || f < -1<<63 {
		if float64(float32(f)) == f {
			return be.AppendUint32(append(b, 0xca), math.Float32bits(float32(f)))
		}
		return be.AppendUint64(append(b, 0xcb), math.Float64bits(f))
	}
	n := int64(f)
	if n >= 0 {
		return packUnsigned(b, uint64(n))
	}
	switch {
	case n >= -32:
		return append(b, byte(n))
	case n >= math.MinInt8:
		return append(b, 0xd0, byte(n))
	case n >= math.MinInt16:
		return be.AppendUint16(append(b, 0xd1), uint16(n))
	case n >= math.MinInt32:
		return be.AppendUint32(append(b, 0xd2), uint32(n))
	}
	return be.AppendUint64(append(b, 0xd3), uint64(n))
}

func packUnsigned(b []byte, n uint64) []byte {
	be := binary.BigEndian
	switch {
	case n < 128:
		return append(b, byte(n))
	case n <= math.MaxUint8:
		return append(b, 0xcc, byte(n))
	case n <= math.MaxUint16:
		return be.AppendUint16(append(b, 0xcd), uint16(n))
	case n <= math.MaxUint32:
		return be.AppendUint32(append(b, 0xce), uint32(n))
	}
	return be.AppendUint64(append(b, 0xcf), n)
}

// packTable writes a list where the keys are 1 to n, else a map.
func (c call) packTable(b []byte, t *lua.LTable, depth int) []byte {
	items, list := 0, true
	for k, _ := c.next(t, lua.LNil); k != lua.LNil; k, _ = c.next(t, k) {
		c.in.budget.step(1)
		items++
		list = list && position(k) == items
	}
	if list {
		b = packHead(b, items, 0x90, 16, 0xdc)
		for i := 1; i <= items; i++ {
			b = c.pack(b, t.RawGetInt(i), depth)
		}
		return b
	}
	b = packHead(b, items, 0x80, 16, 0xde)
	for k, v := c.next(t, lua.LNil); k != lua.LNil; k, v = c.next(t, k) {
		b = c.pack(c.pack(b, k, depth), v, depth)
	}
	return b
}

// unpacker reads one string.
type unpacker struct {
	c  call
	s  string
	at int
}

// unpack pushes up to limit values (0 for all) from an offset on; where says that the next offset comes
// first.
func (c call) unpack(limit, offset int, where bool) int {
	u := &unpacker{c: c, s: c.text(1), at: offset}
	switch {
	case limit < 0 || offset < 0:
		c.raise("Invalid request to unpack with offset of %d and limit of %d.", offset, len(u.s))
	case offset > len(u.s):
		c.raise("Start offset %d greater than input length %d.", offset, len(u.s))
	}
	var values []lua.LValue
	for u.at < len(u.s) && (limit == 0 || len(values) < limit) {
		c.in.budget.alloc(32)
		values = append(values, u.value(0))
		if len(values) > maxResults {
			c.raise("too many results to unpack")
		}
	}
	if where {
		next := u.at
		if next >= len(u.s) {
			next = -1
		}
		c.push(lua.LNumber(next))
	}
	n := c.push(values...)
	if where {
		n++
	}
	return n
}

func (u *unpacker) take(n int) string {
	if n > len(u.s)-u.at {
		u.c.raise("Missing bytes in input.")
	}
	u.at += n
	return u.s[u.at-n : u.at]
}

func (u *unpacker) uint(width int) (n uint64) {
	for _, b := range []byte(u.take(width)) {
		n = n<<8 | uint64(b)
	}
	return n
}

func (u *unpacker) value(depth int) lua.LValue {
	u.c.in.budget.step(2)
	switch code := u.take(1)[0]; {
	case code < 0x80 || code >= 0xe0:
		return lua.LNumber(int8(code))
	case code < 0x90:
		return u.table(int(code&15), true, depth)
	case code < 0xa0:
		return u.table(int(code&15), false, depth)
	case code < 0xc0:
		return u.text(int(code & 31))
	case code >= 0xcc && code <= 0xcf:
		return lua.LNumber(u.uint(1 << (code - 0xcc)))
	case code >= 0xd0 && code <= 0xd3:
		width := 1 << (code - 0xd0)
		shift := 64 - 8*width
		return lua.LNumber(int64(u.uint(width)<<shift) >> shift)
	case code == 0xca:
		return lua.LNumber(math.Float32frombits(uint32(u.uint(4))))
	case code == 0xcb:
		return lua.LNumber(math.Float64frombits(u.uint(8)))
	default:
		return u.other(code, depth)
	}
}

func (u *unpacker) other(code byte, depth int) lua.LValue {
	switch code {
	case 0xc0:
		return lua.LNil
	case 0xc2, 0xc3:
		return lua.LBool(code == 0xc3)
	case 0xc4, 0xc5, 0xc6:
		return u.text(int(u.uint(1 << (code - 0xc4))))
	case 0xd9, 0xda, 0xdb:
		return u.text(int(u.uint(1 << (code - 0xd9))))
	case 0xdc, 0xdd:
		return u.table(int(u.uint(2<<(code-0xdc))), false, depth)
	case 0xde, 0xdf:
		return u.table(int(u.uint(2<<(code-0xde))), true, depth)
	}
	u.c.raise("Bad data format in input.")
	return lua.LNil
}

func (u *unpacker) text(n int) lua.LValue {
	u.c.in.budget.alloc(24)
	return lua.LString(u.take(n))
}

func (u *unpacker) table(n int, keyed bool, depth int) lua.LValue {
	c := u.c
	if depth > maxReplyDepth {
		c.raise("Found too many nested data structures")
	}
	c.in.budget.alloc(tableCost)
	t := c.L.NewTable()
	for i := 1; i <= n; i++ {
		key := lua.LValue(lua.LNumber(i))
		if keyed {
			key = u.value(depth + 1)
		}
		c.rawSet(t, key, u.value(depth+1))
	}
	return t
}

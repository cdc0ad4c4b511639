package script

// The table `struct`: binary layouts as Redis' copy of Roberto Ierusalimschy's library has them.

import (
	"math"
	"math/bits"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// maxStructInt is the widest integer in bytes.
const maxStructInt = 32

func (in *interp) openStruct() {
	in.library("struct", map[string]builtin{
		"pack": structPack, "unpack": structUnpack, "size": structSize,
	})
}

// layoutReader walks a format, one item after the other.
type layoutReader struct {
	c      call
	format string
	at     int
	big    bool
	align  int
}

// item is one field: its letter, how wide it is, and how many bytes are skipped before it.
type item struct {
	letter byte
	size   int
	skip   int
}

func (r *layoutReader) number(otherwise int) int {
	if r.at >= len(r.format) || !isDigit(r.format[r.at]) {
		return otherwise
	}
	n := 0
	for ; r.at < len(r.format) && isDigit(r.format[r.at]); r.at++ {
		if n = n*10 + int(r.format[r.at]-'0'); n > math.MaxInt32 {
			r.c.raise("integral size overflow")
		}
	}
	return n
}

// next returns the next field; total is the bytes so far.
func (r *layoutReader) next(total int) (item, bool) {
	for r.at < len(r.format) {
		r.c.in.budget.step(1)
		letter := r.format[r.at]
		r.at++
		it := item{letter: letter, size: r.size(letter)}
		switch letter {
		case ' ':
			continue
		case '>', '<':
			r.big = letter == '>'
			continue
		case '!':
			r.align = r.number(8)
			if r.align&(r.align-1) != 0 || r.align == 0 {
				r.c.raise("alignment is not a power of 2")
			}
			continue
		}
		if a := min(it.size, r.align); a > 1 && letter != 'c' && letter != 'x' && letter != 's' {
			it.skip = (a - total&(a-1)) & (a - 1)
		}
		return it, true
	}
	return item{}, false
}

func (r *layoutReader) size(letter byte) int {
	switch letter {
	case 'b', 'B', 'x':
		return 1
	case 'h', 'H':
		return 2
	case 'l', 'L', 'T', 'd', 'n':
		return 8
	case 'f':
		return 4
	case 'c':
		return r.number(1)
	case 'i', 'I':
		n := r.number(4)
		if n > maxStructInt {
			r.c.raise("integral size %d is larger than limit of %d", n, maxStructInt)
		}
		return n
	case 's', ' ', '<', '>', '!':
		return 0
	}
	r.c.argError(1, "invalid format option '"+string([]byte{letter})+"'")
	return 0
}

func (c call) layout() *layoutReader { return &layoutReader{c: c, format: c.text(1), align: 1} }

// structNumber is number; where an argument is missing, Redis' library says nil.
func (c call) structNumber(i int) float64 {
	if i > c.L.GetTop() {
		c.argError(i, "number expected, got nil")
	}
	return c.number(i)
}

func structPack(c call) int {
	r := c.layout()
	var b []byte
	arg := 2
	for it, ok := r.next(0); ok; it, ok = r.next(len(b)) {
		c.in.budget.alloc(2 * (it.size + it.skip))
		b = append(b, make([]byte, it.skip)...)
		switch it.letter {
		case 'x':
			b = append(b, 0)
			continue
		case 's', 'c':
			s := c.text(arg)
			c.in.budget.alloc(2 * len(s))
			if it.letter == 'c' && it.size > 0 {
				if len(s) < it.size {
					c.argError(arg, "string too short")
				}
				s = s[:it.size]
			}
			b = append(b, s...)
			if it.letter == 's' {
				b = append(b, 0)
			}
		case 'f':
			b = r.append(b, uint64(math.Float32bits(float32(c.structNumber(arg)))), 4)
		case 'd', 'n':
			b = r.append(b, math.Float64bits(c.structNumber(arg)), 8)
		default:
			f := c.structNumber(arg)
			n := uint64(toInt(f))
			if f >= 1<<63 && f < 1<<64 {
				n = uint64(f)
			}
			b = r.append(b, n, it.size)
		}
		arg++
	}
	return c.pushText(string(b))
}

// append writes an integer of size bytes.
func (r *layoutReader) append(b []byte, n uint64, size int) []byte {
	from := len(b)
	for range size {
		b = append(b, byte(n))
		n >>= 8
	}
	if r.big {
		for i, j := from, len(b)-1; i < j; i, j = i+1, j-1 {
			b[i], b[j] = b[j], b[i]
		}
	}
	return b
}

func structUnpack(c call) int { //nolint:gocognit // one field after the other
	r, s := c.layout(), c.text(2)
	at := c.intOr(3, 1) - 1
	if at < 0 {
		c.argError(3, "offset must be 1 or greater")
	}
	results := 0
	for it, ok := r.next(at); ok; it, ok = r.next(at) {
		at += it.skip
		if it.letter == 'c' && it.size == 0 {
			n, isNumber := c.L.Get(-1).(lua.LNumber)
			if results == 0 || !isNumber {
				c.raise("format 'c0' needs a previous size")
			}
			it.size = max(toInt(float64(n)), 0)
			c.L.Pop(1)
			results--
		}
		if it.letter == 's' {
			if at > len(s) || strings.IndexByte(s[at:], 0) < 0 {
				c.raise("unfinished string in data")
			}
			it.size = strings.IndexByte(s[at:], 0) + 1
		}
		if at > len(s) || it.size > len(s)-at {
			c.argError(2, "data string too short")
		}
		if it.letter != 'x' {
			c.L.Push(r.read(it, s[at:at+it.size]))
			if results++; results > maxResults {
				c.raise("too many results to unpack")
			}
		}
		at += it.size
	}
	c.L.Push(lua.LNumber(at + 1))
	return results + 1
}

func (r *layoutReader) read(it item, s string) lua.LValue {
	r.c.in.budget.alloc(24)
	switch it.letter {
	case 'c':
		return lua.LString(s)
	case 's':
		return lua.LString(s[:len(s)-1])
	}
	var n uint64
	for i := range min(len(s), 8) {
		ch := s[i]
		if r.big {
			ch = s[len(s)-1-i]
		}
		n |= uint64(ch) << (8 * i)
	}
	switch it.letter {
	case 'f':
		return lua.LNumber(math.Float32frombits(uint32(n)))
	case 'd', 'n':
		return lua.LNumber(math.Float64frombits(n))
	case 'b', 'h', 'l', 'i':
		shift := bits.UintSize - 8*min(len(s), 8)
		return lua.LNumber(int64(n<<shift) >> shift)
	}
	return lua.LNumber(n)
}

func structSize(c call) int {
	r, total := c.layout(), 0
	for it, ok := r.next(total); ok; it, ok = r.next(total) {
		if it.letter == 's' || it.letter == 'c' && it.size == 0 {
			c.argError(1, "variable-size format in size calculation")
		}
		total += it.skip + it.size
	}
	return c.pushNumber(float64(total))
}

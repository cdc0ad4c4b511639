package script

// The table `string`.

import (
	"bytes"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

func (in *interp) openString() {
	in.library("string", map[string]builtin{
		"byte": stringByte, "char": stringChar, "find": stringFind, "format": stringFormat,
		"gmatch": stringGmatch, "gfind": stringGmatch, "gsub": stringGsub, "len": stringLen,
		"lower": stringLower, "match": stringMatch, "rep": stringRep, "reverse": stringReverse,
		"sub": stringSub, "upper": stringUpper,
		"dump": func(c call) int {
			c.raise("unable to dump given function")
			return 0
		},
	})
}

// bounds turns Lua's positions, which may count from the end, into Go's.
func bounds(from, to, size int) (int, int) {
	if from < 0 {
		from = max(from+size+1, 1)
	} else if from == 0 {
		from = 1
	}
	if to < 0 {
		to += size + 1
	}
	to = min(to, size)
	if from > to {
		return 0, 0
	}
	return from - 1, to
}

func stringByte(c call) int {
	s := c.text(1)
	first := c.intOr(2, 1)
	from, to := bounds(first, c.intOr(3, first), len(s))
	if to-from > c.room() {
		c.raise("string slice too long")
	}
	c.in.budget.step((to - from) >> 3)
	for i := from; i < to; i++ {
		c.L.Push(lua.LNumber(s[i]))
	}
	return to - from
}

func stringChar(c call) int {
	n := c.L.GetTop()
	b := make([]byte, n)
	for i := range b {
		v := c.int(i + 1)
		if v < 0 || v > 255 {
			c.argError(i+1, "invalid value")
		}
		b[i] = byte(v)
	}
	return c.pushText(string(b))
}

func stringLen(c call) int { return c.pushNumber(float64(len(c.text(1)))) }

func stringSub(c call) int {
	s := c.text(1)
	from, to := bounds(c.int(2), c.intOr(3, -1), len(s))
	c.in.budget.alloc(24)
	return c.push(lua.LString(s[from:to]))
}

func stringRep(c call) int {
	s, n := c.text(1), c.int(2)
	if n <= 0 || s == "" {
		return c.push(lua.LString(""))
	}
	if n > 1<<40 {
		n = 1 << 40
	}
	c.in.budget.alloc(min(len(s)*n, 1<<50) + 16)
	return c.push(lua.LString(strings.Repeat(s, n)))
}

// mapped pushes a string changed byte by byte.
func (c call) mapped(f func(b []byte)) int {
	s := c.text(1)
	c.in.budget.alloc(2*len(s) + 16)
	b := []byte(s)
	f(b)
	return c.push(lua.LString(b))
}

func stringReverse(c call) int {
	return c.mapped(func(b []byte) {
		for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
			b[i], b[j] = b[j], b[i]
		}
	})
}

func stringLower(c call) int {
	return c.mapped(func(b []byte) {
		for i, ch := range b {
			if 'A' <= ch && ch <= 'Z' {
				b[i] = ch + 32
			}
		}
	})
}

func stringUpper(c call) int {
	return c.mapped(func(b []byte) {
		for i, ch := range b {
			if 'a' <= ch && ch <= 'z' {
				b[i] = ch - 32
			}
		}
	})
}

func stringFind(c call) int  { return c.find(true) }
func stringMatch(c call) int { return c.find(false) }

func (c call) find(places bool) int {
	s, p := c.text(1), c.text(2)
	at := c.intOr(3, 1)
	if at < 0 {
		at = max(at+len(s)+1, 1)
	}
	at = min(max(at, 1)-1, len(s))
	if places && (lua.LVAsBool(c.L.Get(4)) || !isSpecial(p)) {
		c.in.budget.step((len(s) - at + len(p)) >> 4)
		i := strings.Index(s[at:], p)
		if i < 0 {
			return c.push(lua.LNil)
		}
		return c.push(lua.LNumber(at+i+1), lua.LNumber(at+i+len(p)))
	}
	m, anchored := c.matcher(s, p)
	for ; at <= len(s); at++ {
		m.level = 0
		if end := m.match(at, 0); end >= 0 {
			if !places {
				return m.pushCaptures(at, end, true)
			}
			c.push(lua.LNumber(at+1), lua.LNumber(end))
			return 2 + m.pushCaptures(at, end, false)
		}
		if anchored {
			break
		}
	}
	return c.push(lua.LNil)
}

// matcher prepares a match; the anchor is taken off the pattern.
func (c call) matcher(s, p string) (m *matcher, anchored bool) {
	c.in.budget.alloc(600)
	if strings.HasPrefix(p, "^") {
		return &matcher{c: c, s: s, p: p[1:]}, true
	}
	return &matcher{c: c, s: s, p: p}, false
}

func stringGmatch(c call) int {
	s, p := c.text(1), c.text(2)
	at := 0
	c.in.budget.alloc(900)
	in := c.in
	return c.push(in.function("gmatch", func(c call) int {
		m := &matcher{c: c, s: s, p: p}
		c.in.budget.alloc(600)
		for ; at <= len(s); at++ {
			m.level = 0
			end := m.match(at, 0)
			if end < 0 {
				continue
			}
			from := at
			if at = end; end == from {
				at++
			}
			return m.pushCaptures(from, end, true)
		}
		return c.push(lua.LNil)
	}))
}

func stringGsub(c call) int {
	s, p, repl := c.text(1), c.text(2), c.L.Get(3)
	switch repl.Type() {
	case lua.LTString, lua.LTNumber, lua.LTTable, lua.LTFunction:
	default:
		c.argError(3, "string/function/table expected")
	}
	limit := c.intOr(4, len(s)+1)
	m, anchored := c.matcher(s, p)
	var out bytes.Buffer
	at, n := 0, 0
	for n < limit {
		m.level = 0
		c.in.budget.step(1)
		end := m.match(at, 0)
		if end >= 0 {
			n++
			c.substitute(m, &out, repl, at, end)
		}
		switch {
		case end > at:
			at = end
		case at < len(s):
			c.in.budget.bytes -= 2
			out.WriteByte(s[at])
			at++
		default:
			at++
		}
		if at > len(s) || anchored {
			break
		}
	}
	at = min(at, len(s))
	c.in.budget.alloc(2*(len(s)-at) + out.Len())
	out.WriteString(s[at:])
	return c.push(lua.LString(out.String()), lua.LNumber(n))
}

// substitute writes what takes the place of one match.
func (c call) substitute(m *matcher, out *bytes.Buffer, repl lua.LValue, from, to int) {
	whole := m.s[from:to]
	var v lua.LValue
	switch r := repl.(type) {
	case *lua.LTable:
		v = c.L.GetTable(r, m.capture(0, from, to))
	case *lua.LFunction:
		c.L.Push(r)
		c.L.Call(m.pushCaptures(from, to, true), 1)
		v = c.L.Get(-1)
		c.L.Pop(1)
	default:
		c.expand(m, out, toText(repl), from, to)
		return
	}
	if !lua.LVAsBool(v) {
		c.in.budget.alloc(2 * len(whole))
		out.WriteString(whole)
		return
	}
	if !isText(v) {
		c.raise("invalid replacement value (a %s)", v.Type())
	}
	text := toText(v)
	c.in.budget.alloc(2 * len(text))
	out.WriteString(text)
}

// expand writes a replacement with its %1 and the like.
func (c call) expand(m *matcher, out *bytes.Buffer, repl string, from, to int) {
	c.in.budget.alloc(2 * len(repl))
	c.in.budget.step(len(repl) >> 4)
	for i := 0; i < len(repl); i++ {
		ch := repl[i]
		if ch != '%' {
			out.WriteByte(ch)
			continue
		}
		i++
		switch {
		case i >= len(repl):
			out.WriteByte(0)
		case !isDigit(repl[i]):
			out.WriteByte(repl[i])
		default:
			part := m.s[from:to]
			if repl[i] != '0' {
				part = toText(m.capture(int(repl[i]-'1'), from, to))
			}
			c.in.budget.alloc(2 * len(part))
			out.WriteString(part)
		}
	}
}

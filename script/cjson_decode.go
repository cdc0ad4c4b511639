package script

// cjson.decode, with lua-cjson's words for what is wrong and where.

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	lua "github.com/yuin/gopher-lua"
)

// reader reads one JSON text.
type reader struct {
	c  call
	s  string
	at int
}

func cjsonDecode(c call) int {
	if c.L.GetTop() != 1 {
		c.argError(1, "expected 1 argument")
	}
	r := &reader{c: c, s: c.text(1)}
	c.in.budget.step(len(r.s) >> 4)
	if len(r.s) >= 2 && (r.s[0] == 0 || r.s[1] == 0) {
		c.raise("JSON parser does not support UTF-16 or UTF-32")
	}
	v := r.value(0)
	r.skip()
	if r.at < len(r.s) {
		r.unexpected("the end")
	}
	return c.push(v)
}

func (r *reader) skip() {
	for r.at < len(r.s) && strings.IndexByte(" \t\n\r", r.s[r.at]) >= 0 {
		r.at++
	}
}

// token names what stands at the place, for an error.
func (r *reader) token() string {
	if r.at >= len(r.s) {
		return "T_END"
	}
	switch ch := r.s[r.at]; {
	case ch == '{':
		return "T_OBJ_BEGIN"
	case ch == '}':
		return "T_OBJ_END"
	case ch == '[':
		return "T_ARR_BEGIN"
	case ch == ']':
		return "T_ARR_END"
	case ch == ',':
		return "T_COMMA"
	case ch == ':':
		return "T_COLON"
	case ch == '"':
		return "T_STRING"
	case isDigit(ch), ch == '-':
		return "T_NUMBER"
	case strings.HasPrefix(r.s[r.at:], "true"), strings.HasPrefix(r.s[r.at:], "false"):
		return "T_BOOLEAN"
	case strings.HasPrefix(r.s[r.at:], "null"):
		return "T_NULL"
	}
	return "invalid token"
}

func (r *reader) unexpected(want string) {
	r.c.raise("Expected %s but found %s at character %d", want, r.token(), r.at+1)
}

func (r *reader) value(depth int) lua.LValue {
	r.skip()
	r.c.in.budget.step(1)
	switch token := r.token(); token {
	case "T_OBJ_BEGIN":
		return r.object(r.deeper(depth))
	case "T_ARR_BEGIN":
		return r.list(r.deeper(depth))
	case "T_STRING":
		return lua.LString(r.text("value"))
	case "T_NULL":
		r.at += len("null")
		return r.c.in.null
	case "T_BOOLEAN":
		is := r.s[r.at] == 't'
		r.at += len("true")
		if !is {
			r.at++
		}
		return lua.LBool(is)
	}
	return r.number()
}

func (r *reader) deeper(depth int) int {
	r.at++
	if depth++; depth > r.c.in.cjson.decodeDepth {
		r.c.raise("Found too many nested data structures (%d) at character %d", depth, r.at)
	}
	return depth
}

func (r *reader) number() lua.LValue {
	end := r.at
	for end < len(r.s) && strings.IndexByte("+-.0123456789abcdefABCDEFxXpPintyINTY", r.s[end]) >= 0 {
		end++
	}
	for ; end > r.at; end-- {
		if f, ok := parseNumber(r.s[r.at:end]); ok {
			r.at = end
			return lua.LNumber(f)
		}
		r.c.in.budget.step(1 + (end-r.at)>>3)
	}
	r.unexpected("value")
	return lua.LNil
}

func (r *reader) object(depth int) lua.LValue {
	c := r.c
	c.in.budget.alloc(tableCost)
	t := c.L.NewTable()
	if r.skip(); r.at < len(r.s) && r.s[r.at] == '}' {
		r.at++
		return t
	}
	for {
		r.skip()
		if r.token() != "T_STRING" {
			r.unexpected("object key string")
		}
		key := r.text("object key string")
		if r.skip(); r.token() != "T_COLON" {
			r.unexpected("colon")
		}
		r.at++
		c.rawSet(t, lua.LString(key), r.value(depth))
		r.skip()
		switch r.token() {
		case "T_OBJ_END":
			r.at++
			return t
		case "T_COMMA":
			r.at++
		default:
			r.unexpected("comma or object end")
		}
	}
}

func (r *reader) list(depth int) lua.LValue {
	c := r.c
	c.in.budget.alloc(tableCost)
	t := c.L.NewTable()
	if r.skip(); r.at < len(r.s) && r.s[r.at] == ']' {
		r.at++
		return t
	}
	for i := 1; ; i++ {
		c.setAt(t, i, r.value(depth))
		r.skip()
		switch r.token() {
		case "T_ARR_END":
			r.at++
			return t
		case "T_COMMA":
			r.at++
		default:
			r.unexpected("comma or array end")
		}
	}
}

// text reads a string from its quote on.
func (r *reader) text(want string) string {
	c := r.c
	r.at++
	start := r.at
	var b []byte
	for r.at < len(r.s) {
		ch := r.s[r.at]
		switch {
		case ch == '"':
			c.in.budget.alloc(2*len(b) + 24)
			r.at++
			if b == nil {
				return r.s[start : r.at-1]
			}
			return string(b)
		case ch == '\\':
			if b == nil {
				b = append([]byte{}, r.s[start:r.at]...)
			}
			b = r.escape(b, want)
			continue
		case ch < 32 && ch == 0:
			c.raise("Expected %s but found invalid token at character %d", want, r.at+1)
		}
		if b != nil {
			b = append(b, ch)
		}
		r.at++
	}
	c.raise("Expected %s but found unexpected end of string at character %d", want, r.at+1)
	return ""
}

func (r *reader) escape(b []byte, want string) []byte {
	next := byte(0)
	if r.at+1 < len(r.s) {
		next = r.s[r.at+1]
	}
	if next == 'u' {
		return r.unicode(b, want)
	}
	i := strings.IndexByte(`"\/bfnrt`, next)
	if i < 0 || next == 0 {
		r.c.raise("Expected %s but found invalid escape code at character %d", want, r.at+1)
	}
	r.at += 2
	return append(b, "\"\\/\b\f\n\r\t"[i])
}

func (r *reader) unicode(b []byte, want string) []byte {
	first, ok := r.hex4(r.at)
	used := 6
	if ok && utf16.IsSurrogate(first) {
		second, ok2 := r.hex4(r.at + 6)
		first = utf16.DecodeRune(first, second)
		ok = ok2 && first != utf8.RuneError
		used = 12
	}
	if !ok {
		r.c.raise("Expected %s but found invalid unicode escape code at character %d", want, r.at+1)
	}
	r.at += used
	return utf8.AppendRune(b, first)
}

func (r *reader) hex4(at int) (rune, bool) {
	if at+6 > len(r.s) || r.s[at] != '\\' || r.s[at+1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(r.s[at+2:at+6], 16, 32)
	return rune(n), err == nil
}

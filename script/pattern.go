package script

// Lua's patterns. The matcher goes back and tries again, which can take for ever; each try is a step of the
// budget.

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
)

const (
	maxCaptures  = 32
	maxMatchDeep = 5000 // nested calls of the matcher
	openCapture  = -1
	placeCapture = -2
)

// matcher matches one pattern at places of one string.
type matcher struct {
	c        call
	s, p     string
	level    int // captures
	deep     int
	captures [maxCaptures]struct{ from, size int }
}

func isSpecial(p string) bool { return strings.ContainsAny(p, "^$*+?.([%-") }

// match matches the pattern from p on at place s, and returns where the match ends, or -1.
func (m *matcher) match(s, p int) int { //nolint:cyclop,gocognit // one loop over what a pattern can hold
	if m.deep++; m.deep > maxMatchDeep {
		m.c.raise("pattern too complex")
	}
	defer func() { m.deep-- }()
	for p < len(m.p) {
		m.c.in.budget.step(1)
		switch ch := m.p[p]; {
		case ch == '(':
			return m.open(s, p)
		case ch == ')':
			return m.close(s, p)
		case ch == '$' && p+1 == len(m.p):
			if s == len(m.s) {
				return s
			}
			return -1
		case ch == '%' && p+1 < len(m.p) && (m.p[p+1] == 'b' || m.p[p+1] == 'f' || isDigit(m.p[p+1])):
			if s, p = m.special(s, p+1); s < 0 || p < 0 {
				return -1
			}
			continue
		}
		end := m.classEnd(p)
		next := byte(0)
		if end < len(m.p) {
			next = m.p[end]
		}
		switch next {
		case '?':
			if m.single(s, p, end) {
				if r := m.match(s+1, end+1); r >= 0 {
					return r
				}
			}
			p = end + 1
		case '*':
			return m.greedy(s, p, end, 0)
		case '+':
			return m.greedy(s, p, end, 1)
		case '-':
			return m.lazy(s, p, end)
		default:
			if !m.single(s, p, end) {
				return -1
			}
			s, p = s+1, end
		}
	}
	return s
}

// special matches %b, %f and %1, and returns where it ends in both; one is negative where it does not match.
func (m *matcher) special(s, p int) (int, int) {
	switch m.p[p] {
	case 'b':
		return m.balance(s, p+1), p + 3
	case 'f':
		return s, m.frontier(s, p+1)
	}
	return m.again(s, m.p[p]), p + 1
}

func (m *matcher) greedy(s, p, end, least int) int {
	n := 0
	for m.single(s+n, p, end) {
		n++
		m.c.in.budget.step(1)
	}
	for ; n >= least; n-- {
		if r := m.match(s+n, end+1); r >= 0 {
			return r
		}
	}
	return -1
}

func (m *matcher) lazy(s, p, end int) int {
	for {
		if r := m.match(s, end+1); r >= 0 {
			return r
		}
		if !m.single(s, p, end) {
			return -1
		}
		s++
	}
}

func (m *matcher) open(s, p int) int {
	if m.level >= maxCaptures {
		m.c.raise("too many captures")
	}
	size := openCapture
	p++
	if p < len(m.p) && m.p[p] == ')' {
		size = placeCapture
		p++
	}
	m.captures[m.level].from, m.captures[m.level].size = s, size
	m.level++
	r := m.match(s, p)
	if r < 0 {
		m.level--
	}
	return r
}

func (m *matcher) close(s, p int) int {
	i := m.level - 1
	for i >= 0 && m.captures[i].size != openCapture {
		i--
	}
	if i < 0 {
		m.c.raise("invalid pattern capture")
	}
	m.captures[i].size = s - m.captures[i].from
	r := m.match(s, p+1)
	if r < 0 {
		m.captures[i].size = openCapture
	}
	return r
}

func (m *matcher) balance(s, p int) int {
	if p+1 >= len(m.p) {
		m.c.raise("unbalanced pattern")
	}
	if s >= len(m.s) || m.s[s] != m.p[p] {
		return -1
	}
	begin, end, depth := m.p[p], m.p[p+1], 1
	for i := s + 1; i < len(m.s); i++ {
		m.c.in.budget.step(1)
		switch m.s[i] {
		case end:
			if depth--; depth == 0 {
				return i + 1
			}
		case begin:
			depth++
		}
	}
	return -1
}

// frontier returns the place in the pattern after %f[set], or -1 where there is no frontier.
func (m *matcher) frontier(s, p int) int {
	if p >= len(m.p) || m.p[p] != '[' {
		m.c.raise("missing '[' after '%%f' in pattern")
	}
	end := m.classEnd(p)
	before, after := byte(0), byte(0)
	if s > 0 {
		before = m.s[s-1]
	}
	if s < len(m.s) {
		after = m.s[s]
	}
	if m.set(before, p, end-1) || !m.set(after, p, end-1) {
		return -1
	}
	return end
}

// again matches what a capture matched.
func (m *matcher) again(s int, digit byte) int {
	i := int(digit) - '1'
	if i < 0 || i >= m.level || m.captures[i].size == openCapture {
		m.c.raise("invalid capture index")
	}
	part := m.s[m.captures[i].from:][:max(m.captures[i].size, 0)]
	m.c.in.budget.step(len(part) >> 3)
	if strings.HasPrefix(m.s[s:], part) {
		return s + len(part)
	}
	return -1
}

// classEnd returns the place after the single character class at p.
func (m *matcher) classEnd(p int) int {
	ch := m.p[p]
	p++
	switch ch {
	case '%':
		if p >= len(m.p) {
			m.c.raise("malformed pattern (ends with '%%')")
		}
		return p + 1
	case '[':
		if p < len(m.p) && m.p[p] == '^' {
			p++
		}
		for first := true; first || p >= len(m.p) || m.p[p] != ']'; first = false {
			if p >= len(m.p) {
				m.c.raise("malformed pattern (missing ']')")
			}
			if m.p[p] == '%' {
				p++
			}
			p++
		}
		return p + 1
	}
	return p
}

// single tells whether the character at s is of the class at p.
func (m *matcher) single(s, p, end int) bool {
	if s >= len(m.s) {
		return false
	}
	switch m.p[p] {
	case '.':
		return true
	case '%':
		return inClass(m.s[s], m.p[p+1])
	case '[':
		return m.set(m.s[s], p, end-1)
	}
	return m.p[p] == m.s[s]
}

// set tells whether a character is in the set from '[' at p to ']' at last.
func (m *matcher) set(ch byte, p, last int) bool {
	in := true
	p++
	if m.p[p] == '^' {
		in = false
		p++
	}
	m.c.in.budget.step((last - p) >> 3)
	for ; p < last; p++ {
		switch {
		case m.p[p] == '%':
			p++
			if inClass(ch, m.p[p]) {
				return in
			}
		case p+2 < last && m.p[p+1] == '-':
			if m.p[p] <= ch && ch <= m.p[p+2] {
				return in
			}
			p += 2
		case m.p[p] == ch:
			return in
		}
	}
	return !in
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }
func isLower(c byte) bool { return 'a' <= c && c <= 'z' }
func isAlnum(c byte) bool { return isUpper(c) || isLower(c) || isDigit(c) }

// inClass tells whether a character is of the class %a, %d and so on; a capital letter is the opposite.
func inClass(c, class byte) bool { //nolint:cyclop // a table of classes
	lower := class | 0x20
	var is bool
	switch lower {
	case 'a':
		is = isAlnum(c) && !isDigit(c)
	case 'c':
		is = c < 32 || c == 127
	case 'd':
		is = isDigit(c)
	case 'l':
		is = isLower(c)
	case 'p':
		is = 32 < c && c < 127 && !isAlnum(c)
	case 's':
		is = strings.IndexByte(blanks, c) >= 0
	case 'u':
		is = isUpper(c)
	case 'w':
		is = isAlnum(c)
	case 'x':
		is = strings.IndexByte("0123456789abcdefABCDEF", c) >= 0
	case 'z':
		is = c == 0
	default:
		return class == c
	}
	return is == (class == lower)
}

// capture returns capture i, or the whole match where there are none.
func (m *matcher) capture(i, from, to int) lua.LValue {
	if i >= m.level {
		if i > 0 {
			m.c.raise("invalid capture index")
		}
		return m.text(m.s[from:to])
	}
	k := m.captures[i]
	switch k.size {
	case openCapture:
		m.c.raise("unfinished capture")
	case placeCapture:
		return lua.LNumber(k.from + 1)
	}
	return m.text(m.s[k.from : k.from+k.size])
}

func (m *matcher) text(s string) lua.LValue {
	m.c.in.budget.alloc(24)
	return lua.LString(s)
}

// pushCaptures pushes all captures; whole says that without one the match itself is pushed.
func (m *matcher) pushCaptures(from, to int, whole bool) int {
	n := m.level
	if n == 0 && whole {
		n = 1
	}
	for i := range n {
		m.c.L.Push(m.capture(i, from, to))
	}
	return n
}

package script

// The table `table`.

import (
	lua "github.com/yuin/gopher-lua"
)

func (in *interp) openTable() {
	in.library("table", map[string]builtin{
		"concat": tableConcat, "foreach": tableForeach, "foreachi": tableForeachi, "insert": tableInsert,
		"maxn": tableMaxn, "remove": tableRemove, "sort": tableSort,
		"getn": func(c call) int { return c.pushNumber(float64(c.length(c.table(1)))) },
		"setn": func(c call) int {
			c.raise("'setn' is obsolete")
			return 0
		},
	})
}

func tableConcat(c call) int {
	t, separator := c.table(1), ""
	if c.given(2) {
		separator = c.text(2)
	}
	first, last := c.intOr(3, 1), c.last(t, 4)
	b := c.in.run1.buf[:0]
	for i := first; i <= last; i++ {
		v := t.RawGetInt(i)
		if !isText(v) {
			c.raise("invalid value (%s) at index %d in table for 'concat'", v.Type(), i)
		}
		before := len(b)
		if i > first {
			b = append(b, separator...)
		}
		b = appendText(b, v)
		c.in.budget.alloc(2*(len(b)-before) + 8)
	}
	c.in.run1.buf = b
	return c.pushText(string(b))
}

func tableForeach(c call) int {
	t, f := c.table(1), c.value(2)
	for k, v := c.next(t, lua.LNil); k != lua.LNil; k, v = c.next(t, k) {
		if r := c.invoke(f, k, v); r != lua.LNil {
			return c.push(r)
		}
	}
	return 0
}

func tableForeachi(c call) int {
	t, f := c.table(1), c.value(2)
	for i := 1; i <= c.length(t); i++ {
		if r := c.invoke(f, lua.LNumber(i), t.RawGetInt(i)); r != lua.LNil {
			return c.push(r)
		}
	}
	return 0
}

func tableMaxn(c call) int {
	t := c.table(1)
	most := lua.LNumber(0)
	for k, _ := c.next(t, lua.LNil); k != lua.LNil; k, _ = c.next(t, k) {
		c.in.budget.step(1)
		if n, ok := k.(lua.LNumber); ok && n > most {
			most = n
		}
	}
	return c.push(most)
}

func tableInsert(c call) int {
	t := c.table(1)
	n := c.length(t)
	switch c.L.GetTop() {
	case 2:
		c.rawSet(t, lua.LNumber(n+1), c.L.Get(2))
	case 3:
		at := c.int(2)
		n = max(n+1, at)
		c.in.budget.step(max(n-max(at, 0), 0) >> 1)
		for i := n; i > at; i-- {
			c.rawSet(t, lua.LNumber(i), t.RawGet(lua.LNumber(i-1)))
		}
		c.rawSet(t, lua.LNumber(at), c.L.Get(3))
	default:
		c.raise("wrong number of arguments to 'insert'")
	}
	return 0
}

func tableRemove(c call) int {
	t := c.table(1)
	n := c.length(t)
	at := c.intOr(2, n)
	if at < 1 || at > n {
		return 0
	}
	c.guard(t)
	c.in.budget.step((n - at) >> 1)
	v := t.RawGetInt(at)
	for i := at; i < n; i++ {
		t.RawSetInt(i, t.RawGetInt(i+1))
	}
	t.RawSetInt(n, lua.LNil)
	return c.push(v)
}

// sorter sorts a list the way Lua 5.1 does, so that equal elements end where they end there.
type sorter struct {
	c    call
	t    *lua.LTable
	less lua.LValue
}

func tableSort(c call) int {
	t := c.table(1)
	n := c.length(t)
	if c.given(2) && c.L.Get(2).Type() != lua.LTFunction {
		c.typeError(2, "function")
	}
	c.guard(t)
	s := sorter{c: c, t: t, less: c.L.Get(2)}
	s.sort(1, n)
	return 0
}

func (s sorter) at(i int) lua.LValue { return s.t.RawGetInt(i) }

func (s sorter) swap(i, j int) {
	a, b := s.at(i), s.at(j)
	s.t.RawSetInt(i, b)
	s.t.RawSetInt(j, a)
}

func (s sorter) before(a, b lua.LValue) bool {
	s.c.in.budget.step(2)
	if s.less != lua.LNil {
		return lua.LVAsBool(s.c.invoke(s.less, a, b))
	}
	if a.Type() != b.Type() {
		s.c.raiseBare("attempt to compare " + a.Type().String() + " with " + b.Type().String())
	}
	if !isText(a) && s.c.event(a, b, "__lt") == lua.LNil {
		s.c.raiseBare("attempt to compare two " + a.Type().String() + " values")
	}
	return s.c.L.LessThan(a, b)
}

// sort is quicksort: the median of three is the pivot, and the larger part is done by the loop.
func (s sorter) sort(low, high int) {
	for low < high {
		if s.before(s.at(high), s.at(low)) {
			s.swap(low, high)
		}
		if high-low == 1 {
			return
		}
		middle := (low + high) / 2
		if s.before(s.at(middle), s.at(low)) {
			s.swap(middle, low)
		} else if s.before(s.at(high), s.at(middle)) {
			s.swap(middle, high)
		}
		if high-low == 2 {
			return
		}
		i := s.partition(low, high, middle)
		if i-low < high-i {
			s.sort(low, i-1)
			low = i + 1
		} else {
			s.sort(i+1, high)
			high = i - 1
		}
	}
}

func (s sorter) partition(low, high, middle int) int {
	pivot := s.at(middle)
	s.swap(middle, high-1)
	i, j := low, high-1
	for {
		for i++; s.before(s.at(i), pivot); i++ {
			if i > high {
				s.c.raise("invalid order function for sorting")
			}
		}
		for j--; s.before(pivot, s.at(j)); j-- {
			if j < low {
				s.c.raise("invalid order function for sorting")
			}
		}
		if j < i {
			s.swap(high-1, i)
			return i
		}
		s.swap(i, j)
	}
}

package script

// Tables: how a script's write reaches one, what it costs, and in which order a table is walked.
//
// gopher-lua keeps its fields to itself, but what a table costs depends on them: `t[60000000] = 1` fills a
// list of 60 million values, and what was deleted stays in the order of keys for ever. layout shows the
// fields; checkLayout makes sure that they are where it looks.

import (
	"fmt"
	"math"
	"reflect"
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

// layout is lua.LTable with its fields in sight. They are only read.
type layout struct {
	Metatable lua.LValue

	array   []lua.LValue
	dict    map[lua.LValue]lua.LValue
	strdict map[string]lua.LValue
	keys    []lua.LValue // every key that ever was outside of the array, in order of arrival
	k2i     map[lua.LValue]int
}

func look(t *lua.LTable) *layout { return (*layout)(unsafe.Pointer(t)) }

func checkLayout() {
	want, got := reflect.TypeFor[layout](), reflect.TypeFor[lua.LTable]()
	for i := range want.NumField() {
		if want.NumField() != got.NumField() || want.Field(i).Name != got.Field(i).Name ||
			want.Field(i).Type != got.Field(i).Type || want.Field(i).Offset != got.Field(i).Offset {
			panic(fmt.Sprintf("script: gopher-lua's table has changed: %v", got.Field(i)))
		}
	}
}

// maxArrayIndex is where gopher-lua stops to keep integer keys in the list.
const maxArrayIndex = 67108864

// position returns the place of a key in the list, or 0 where it is none.
func position(key lua.LValue) int {
	if n, ok := key.(lua.LNumber); ok && n >= 1 && n < maxArrayIndex && float64(n) == math.Trunc(float64(n)) {
		return int(n)
	}
	return 0
}

// set writes a field, and honours metatables.
func (c call) set(object, key, value lua.LValue) {
	for range 100 {
		t, ok := object.(*lua.LTable)
		if !ok {
			c.raise("attempt to index a %s value", object.Type())
		}
		if t.Metatable == lua.LNil || t.Metatable == c.in.readonly || t.Metatable == c.in.globalsMeta {
			c.rawSet(t, key, value)
			return
		}
		handler := t.Metatable.(*lua.LTable).RawGetString("__newindex")
		if handler == lua.LNil || t.RawGet(key) != lua.LNil {
			c.rawSet(t, key, value)
			return
		}
		if handler.Type() == lua.LTFunction {
			c.L.Push(handler)
			c.L.Push(t)
			c.L.Push(key)
			c.L.Push(value)
			c.L.Call(3, 0)
			return
		}
		object = handler
	}
	c.raise("loop in settable")
}

// rawSet writes a field and charges what the table grows by.
func (c call) rawSet(t *lua.LTable, key, value lua.LValue) {
	c.guard(t)
	if i := position(key); i > 0 {
		c.setAt(t, i, value)
		return
	}
	switch k := key.(type) {
	case *lua.LNilType:
		c.raise("table index is nil")
	case lua.LNumber:
		if k != k {
			c.raise("table index is NaN")
		}
	}
	l := look(t)
	if _, known := l.k2i[key]; !known {
		if value == lua.LNil {
			return
		}
		cost := fieldCost
		if len(l.keys) == 0 {
			cost += mapCost
		}
		c.in.budget.alloc(cost)
	}
	t.RawSet(key, value)
}

func (c call) setAt(t *lua.LTable, i int, value lua.LValue) {
	have := len(look(t).array)
	if i > have {
		if value == lua.LNil {
			return
		}
		c.in.budget.alloc((i-have)*40 + tableCost*min(1, max(0, 1-have)))
		c.in.budget.step((i - have) >> 5)
	}
	t.RawSetInt(i, value)
}

// guard refuses to change a table of the libraries.
func (c call) guard(t *lua.LTable) {
	if t.Metatable != lua.LNil && (t.Metatable == c.in.readonly || t.Metatable == c.in.globalsMeta) {
		c.raise("Attempt to modify a readonly table")
	}
}

// length is `#t` without metamethods. Holes at the end must be walked over, and are charged.
func (c call) length(t *lua.LTable) int {
	n := t.Len()
	if over := len(look(t).array) - n; over > 8 {
		c.in.budget.step(over >> 3)
	}
	return n
}

// next returns the field after key: the list first, then all others in the order in which they came.
func (c call) next(t *lua.LTable, key lua.LValue) (k, v lua.LValue) {
	l := look(t)
	after := 0
	if i := position(key); i > 0 || key == lua.LNil {
		for ; i < len(l.array); i++ {
			if l.array[i] != lua.LNil {
				return lua.LNumber(i + 1), l.array[i]
			}
			c.in.budget.step(1)
		}
	} else {
		at, ok := l.k2i[key]
		if !ok {
			c.raiseBare("invalid key to 'next'")
		}
		after = at + 1
	}
	for ; after < len(l.keys); after++ {
		if v := t.RawGetH(l.keys[after]); v != lua.LNil {
			return l.keys[after], v
		}
		c.in.budget.step(1)
	}
	return lua.LNil, lua.LNil
}

package script

// One call of a library function: its arguments, and the errors of wrong ones in Lua's words.

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	lua "github.com/yuin/gopher-lua"
)

// call is a call of a library function.
type call struct {
	in   *interp
	L    *lua.LState
	name string
}

// builtin is a library function. It pushes its results and returns how many they are.
type builtin func(c call) int

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// throw raises an error whose value is given.
func (c call) throw(value lua.LValue) {
	panic(&lua.ApiError{Type: lua.ApiErrorRun, Object: value})
}

// raise raises an error with the place of the caller in front.
func (c call) raise(format string, args ...any) {
	c.throw(lua.LString(c.where(1) + fmt.Sprintf(format, args...)))
}

// raiseBare raises an error without a place.
func (c call) raiseBare(text string) { c.throw(lua.LString(text)) }

// where names the line of the function at a level of the stack, the way error messages begin.
func (c call) where(level int) string {
	if line := currentLine(c.L, level); line > 0 {
		return chunkName + ":" + strconv.Itoa(line) + ": "
	}
	return ""
}

func (c call) argError(i int, text string) {
	c.raise("bad argument #%d to '%s' (%s)", i, c.name, text)
}

func (c call) typeError(i int, want string) {
	c.argError(i, want+" expected, got "+c.typeOf(i))
}

func (c call) typeOf(i int) string {
	if i > c.L.GetTop() {
		return "no value"
	}
	return c.L.Get(i).Type().String()
}

// given tells whether argument i is there and not nil.
func (c call) given(i int) bool { return c.L.Get(i) != lua.LNil }

// value returns argument i, which may be nil but must be there.
func (c call) value(i int) lua.LValue {
	if i > c.L.GetTop() {
		c.argError(i, "value expected")
	}
	return c.L.Get(i)
}

func (c call) table(i int) *lua.LTable {
	t, ok := c.L.Get(i).(*lua.LTable)
	if !ok {
		c.typeError(i, "table")
	}
	return t
}

// text returns argument i, a string or a number.
func (c call) text(i int) string {
	switch v := c.L.Get(i).(type) {
	case lua.LString:
		return string(v)
	case lua.LNumber:
		return toText(v)
	}
	c.typeError(i, "string")
	return ""
}

// number returns argument i, a number or a string that reads as one.
func (c call) number(i int) float64 {
	f, ok := toNumber(c.L.Get(i))
	if !ok {
		c.typeError(i, "number")
	}
	return f
}

// int returns argument i cut to an integer, the way C does it on the machines that Redis runs on.
func (c call) int(i int) int { return toInt(c.number(i)) }

// intOr is int with a value for an argument that is not given.
func (c call) intOr(i, otherwise int) int {
	if !c.given(i) {
		return otherwise
	}
	return c.int(i)
}

func toInt(f float64) int {
	if f != f || f >= 1<<63 || f < -1<<63 {
		return math.MinInt64
	}
	return int(f)
}

// push pushes results and counts them.
func (c call) push(values ...lua.LValue) int {
	for _, v := range values {
		c.L.Push(v)
	}
	return len(values)
}

// pushText pushes a string that is charged.
func (c call) pushText(s string) int {
	c.in.budget.alloc(len(s) + 16)
	c.L.Push(lua.LString(s))
	return 1
}

// pushNumber pushes a number.
func (c call) pushNumber(f float64) int {
	c.L.Push(lua.LNumber(f))
	return 1
}

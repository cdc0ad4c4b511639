package script

// The basic functions, those that Redis leaves to a script, and the hidden ones that rewrite.go calls.

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
)

func (in *interp) openBase() {
	functions := map[string]builtin{
		"assert": baseAssert, "collectgarbage": baseCollect, "error": baseError, "gcinfo": baseGCInfo,
		"getmetatable": baseGetMetatable, "load": baseLoad, "loadstring": baseLoadString,
		"next": baseNext, "pcall": basePCall, "rawequal": baseRawEqual, "rawget": baseRawGet,
		"rawset": baseRawSet, "select": baseSelect, "setmetatable": baseSetMetatable,
		"tonumber": baseToNumber, "tostring": baseToString, "type": baseType, "unpack": baseUnpack,
		"xpcall": baseXPCall,

		nameSet: hiddenSet, nameLen: hiddenLen, nameConcat: hiddenConcat, nameTable: hiddenTable,
		nameCharge: hiddenCharge, nameGlobal: hiddenGlobal,
	}
	for _, name := range sortedKeys(functions) {
		in.globals.RawSetString(name, in.function(name, functions[name]))
	}
	next := in.globals.RawGetString("next")
	step := in.function("ipairs", ipairsStep)
	in.globals.RawSetString("pairs", in.function("pairs", func(c call) int {
		return c.push(next, c.table(1), lua.LNil)
	}))
	in.globals.RawSetString("ipairs", in.function("ipairs", func(c call) int {
		return c.push(step, c.table(1), lua.LNumber(0))
	}))
	in.globals.RawSetString("_G", in.globals)
	in.globals.RawSetString("_VERSION", lua.LString("Lua 5.1"))
	in.globalsMeta.RawSetString("__index", in.function("global", func(c call) int {
		c.raise("Script attempted to access nonexistent global variable '%s'", c.in.describe(c.L.Get(2)))
		return 0
	}))
	in.globals.Metatable = in.globalsMeta
}

// describe is tostring without metamethods. What has an address in Lua has a name without one here.
func (in *interp) describe(v lua.LValue) string {
	switch v := v.(type) {
	case lua.LString, lua.LNumber:
		return toText(v)
	case *lua.LUserData:
		return "userdata: (nil)"
	case *lua.LTable, *lua.LFunction:
		return v.Type().String() + ": 0x000000000000"
	}
	return v.String()
}

func ipairsStep(c call) int {
	t, i := c.table(1), c.int(2)+1
	v := t.RawGetInt(i)
	if v == lua.LNil {
		return c.push(lua.LNil)
	}
	return c.push(lua.LNumber(i), v)
}

func baseAssert(c call) int {
	if lua.LVAsBool(c.value(1)) {
		return c.L.GetTop()
	}
	message := "assertion failed!"
	if c.given(2) {
		message = c.text(2)
	}
	c.raise("%s", message)
	return 0
}

func baseCollect(c call) int {
	if c.given(1) && c.text(1) == "count" {
		return c.pushNumber(float64(c.in.bytes-c.in.budget.bytes)/1024 + 1)
	}
	return c.pushNumber(0)
}

func baseGCInfo(c call) int {
	return c.pushNumber(float64((c.in.bytes-c.in.budget.bytes)/1024 + 1))
}

func baseError(c call) int {
	v, level := c.L.Get(1), c.intOr(2, 1)
	if s, ok := v.(lua.LString); ok && level > 0 {
		v = lua.LString(c.where(level) + string(s))
	} else if n, ok := v.(lua.LNumber); ok && level > 0 {
		v = lua.LString(c.where(level) + toText(n))
	}
	c.throw(v)
	return 0
}

func baseGetMetatable(c call) int {
	mt, ok := c.in.metatable(c.value(1)).(*lua.LTable)
	if !ok {
		return c.push(lua.LNil)
	}
	if hidden := mt.RawGetString("__metatable"); hidden != lua.LNil {
		return c.push(hidden)
	}
	return c.push(mt)
}

// metatable returns what a script may know of a value's metatable.
func (in *interp) metatable(v lua.LValue) lua.LValue {
	switch v := v.(type) {
	case *lua.LTable:
		if v.Metatable == in.readonly || v.Metatable == in.globalsMeta {
			return lua.LNil
		}
		return v.Metatable
	case lua.LString:
		return in.L.GetMetatable(v)
	}
	return lua.LNil
}

func baseSetMetatable(c call) int {
	t := c.table(1)
	mt := c.L.Get(2)
	if c.L.GetTop() < 2 || mt != lua.LNil && mt.Type() != lua.LTTable {
		c.argError(2, "nil or table expected")
	}
	if old, ok := t.Metatable.(*lua.LTable); ok && old.RawGetString("__metatable") != lua.LNil {
		c.raise("cannot change a protected metatable")
	}
	if t.Metatable != lua.LNil && (t.Metatable == c.in.readonly || t.Metatable == c.in.globalsMeta) {
		c.raiseBare("Attempt to modify a readonly table")
	}
	t.Metatable = mt
	return c.push(t)
}

func baseNext(c call) int {
	k, v := c.next(c.table(1), c.L.Get(2))
	if k == lua.LNil {
		return c.push(lua.LNil)
	}
	return c.push(k, v)
}

func baseRawEqual(c call) int { return c.push(lua.LBool(c.L.RawEqual(c.value(1), c.value(2)))) }

func baseRawGet(c call) int { return c.push(c.table(1).RawGet(c.value(2))) }

func baseRawSet(c call) int {
	t, k, v := c.table(1), c.value(2), c.value(3)
	c.rawSetBare(t, k, v)
	return c.push(t)
}

// rawSetBare is rawSet, whose errors name no line, as those of Lua's own C functions.
func (c call) rawSetBare(t *lua.LTable, k, v lua.LValue) {
	switch {
	case t.Metatable != lua.LNil && (t.Metatable == c.in.readonly || t.Metatable == c.in.globalsMeta):
		c.raiseBare("Attempt to modify a readonly table")
	case k == lua.LNil:
		c.raiseBare("table index is nil")
	}
	c.rawSet(t, k, v)
}

func baseSelect(c call) int {
	n := c.L.GetTop()
	if s, ok := c.L.Get(1).(lua.LString); ok && s == "#" {
		return c.pushNumber(float64(n - 1))
	}
	i := c.int(1)
	if i < 0 {
		i += n
	} else if i > n {
		i = n
	}
	if i < 1 {
		c.argError(1, "index out of range")
	}
	return n - i
}

func baseToNumber(c call) int {
	v := c.value(1)
	base := c.intOr(2, 10)
	if base == 10 {
		if f, ok := toNumber(v); ok {
			return c.pushNumber(f)
		}
		return c.push(lua.LNil)
	}
	s := c.text(1)
	if base < 2 || base > 36 {
		c.argError(2, "base out of range")
	}
	if f, ok := parseBase(s, base); ok {
		return c.pushNumber(f)
	}
	return c.push(lua.LNil)
}

func baseToString(c call) int {
	v := c.value(1)
	if mt, ok := c.in.metatable(v).(*lua.LTable); ok {
		if f := mt.RawGetString("__tostring"); f != lua.LNil {
			return c.push(c.invoke(f, v))
		}
	}
	if s, ok := v.(lua.LString); ok {
		return c.push(s)
	}
	return c.pushText(c.in.describe(v))
}

// invoke calls a function for one result.
func (c call) invoke(f lua.LValue, args ...lua.LValue) lua.LValue {
	c.L.Push(f)
	for _, a := range args {
		c.L.Push(a)
	}
	c.L.Call(len(args), 1)
	v := c.L.Get(-1)
	c.L.Pop(1)
	return v
}

func baseType(c call) int { return c.push(lua.LString(c.value(1).Type().String())) }

// last returns argument i, or the length of the table where it is not given.
func (c call) last(t *lua.LTable, i int) int {
	if c.given(i) {
		return c.int(i)
	}
	return c.length(t)
}

// maxStack is how many values a function of C may have on Lua's stack, its arguments among them; maxResults
// is what is left of them to one with a few arguments.
const (
	maxStack   = 8000
	maxResults = maxStack - 4
)

// room is how many values the function may return.
func (c call) room() int { return maxStack - c.L.GetTop() }

func baseUnpack(c call) int {
	t := c.table(1)
	first := c.intOr(2, 1)
	last := c.last(t, 3)
	if first > last {
		return 0
	}
	n := last - first + 1
	if n <= 0 || n > c.room() {
		c.raise("too many results to unpack")
	}
	c.in.budget.step(n >> 3)
	for i := first; ; i++ {
		c.L.Push(t.RawGet(lua.LNumber(i)))
		if i == last {
			return n
		}
	}
}

// errorCost is the steps of catching an error, which costs the machine far more than an instruction.
const (
	errorCost     = 50
	deepErrorCost = 30_000
	maxProtected  = 190 // protected calls within another
)

func basePCall(c call) int {
	c.value(1)
	return c.protected(c.L.GetTop()-1, nil)
}

func baseXPCall(c call) int {
	handler := c.value(2)
	c.L.SetTop(1)
	return c.protected(0, handler)
}

// protected calls the function below n arguments, and hands a caught error to the handler.
func (c call) protected(n int, handler lua.LValue) int {
	r := &c.in.run1
	if r.depth >= maxProtected {
		c.raise("C stack overflow")
	}
	line, depth := r.line, r.depth
	r.depth++
	err := c.L.PCall(n, lua.MultRet, c.in.handler)
	r.line, r.depth = line, depth
	if err == nil {
		c.L.Insert(lua.LTrue, 1)
		return c.L.GetTop()
	}
	if c.in.budget.err != nil {
		c.raiseBare(c.in.budget.err.Error())
	}
	c.in.budget.step(errorCost)
	if r.depth > 0 || strings.Contains(err.Error(), "overflow") {
		c.in.budget.step(deepErrorCost) // the machine writes a trace of the whole stack
	}
	object := lua.LValue(lua.LString(err.Error()))
	if api, ok := err.(*lua.ApiError); ok { //nolint:errorlint // the machine returns it as it is
		object = api.Object
	}
	switch o := object.(type) {
	case lua.LString:
		object = lua.LString(clean(string(o)))
	case *lua.LTable:
		if text, ok := o.RawGetString("err").(lua.LString); ok && handler == nil {
			object = text // Redis 7 hands the text of its errors to a script that catches them
		}
	}
	if handler != nil {
		object = c.invoke(handler, object)
	}
	return c.push(lua.LFalse, object)
}

func baseLoadString(c call) int {
	s := c.text(1)
	return c.loadText(s)
}

func baseLoad(c call) int {
	f := c.value(1)
	if f.Type() != lua.LTFunction {
		c.typeError(1, "function")
	}
	var body strings.Builder
	for {
		part := c.invoke(f)
		if part == lua.LNil || part == lua.LString("") {
			return c.loadText(body.String())
		}
		s, ok := part.(lua.LString)
		if !ok {
			c.raise("reader function must return a string")
		}
		c.in.budget.alloc(2 * len(s))
		body.WriteString(string(s))
	}
}

// loadText compiles a text within the script. It costs steps by its length.
func (c call) loadText(s string) int {
	c.in.budget.step(500 + 4*len(s))
	c.in.budget.alloc(200*len(s) + 16_000) // a parser's and a compiler's tables
	first, _, _ := strings.Cut(s, "\n")
	proto, err := compile([]byte(s), `[string "`+first+`"]`)
	if err != nil {
		return c.push(lua.LNil, lua.LString(err.Error()))
	}
	return c.push(c.L.NewFunctionFromProto(proto))
}

func hiddenSet(c call) int {
	c.set(c.L.Get(1), c.L.Get(2), c.L.Get(3))
	return 0
}

func hiddenGlobal(c call) int {
	c.raise("Attempt to modify a readonly table")
	return 0
}

func hiddenCharge(c call) int {
	n, _ := c.L.Get(1).(lua.LNumber)
	c.in.budget.alloc(int(n))
	return 0
}

func hiddenLen(c call) int {
	switch v := c.L.Get(1).(type) {
	case lua.LString:
		return c.pushNumber(float64(len(v)))
	case *lua.LTable:
		return c.pushNumber(float64(c.length(v)))
	default:
		c.raise("attempt to get length of a %s value", v.Type())
	}
	return 0
}

func hiddenTable(c call) int {
	t := c.table(1)
	c.in.budget.alloc(32 * len(look(t).array))
	for i := 2; i < c.L.GetTop(); i += 2 {
		c.rawSet(t, c.L.Get(i), c.L.Get(i+1))
	}
	return c.push(t)
}

// hiddenConcat joins its arguments. Only where one is neither string nor number are metamethods looked for.
func hiddenConcat(c call) int {
	n := c.L.GetTop()
	size := 0
	for i := 1; i <= n; i++ {
		switch v := c.L.Get(i).(type) {
		case lua.LString:
			size += len(v)
		case lua.LNumber:
			size += 24
		default:
			return c.concatMeta(n)
		}
	}
	c.in.budget.alloc(2*size + 16)
	b := c.in.run1.buf[:0]
	if size > 4096 {
		b = make([]byte, 0, size) // the scratch buffer stays small
	}
	for i := 1; i <= n; i++ {
		b = appendText(b, c.L.Get(i))
	}
	if size <= 4096 {
		c.in.run1.buf = b
	}
	return c.push(lua.LString(b))
}

func appendText(b []byte, v lua.LValue) []byte {
	switch v := v.(type) {
	case lua.LString:
		return append(b, v...)
	case lua.LNumber:
		return appendNumber(b, float64(v), digits)
	}
	return b
}

func isText(v lua.LValue) bool { return v.Type() == lua.LTString || v.Type() == lua.LTNumber }

func (c call) concatMeta(n int) int {
	right := c.L.Get(n)
	for i := n - 1; i >= 1; i-- {
		left := c.L.Get(i)
		if isText(left) && isText(right) {
			s := string(appendText(appendText(nil, left), right))
			c.in.budget.alloc(len(s) + 16)
			right = lua.LString(s)
			continue
		}
		f := c.event(left, right, "__concat")
		if f == lua.LNil {
			culprit := left
			if isText(left) {
				culprit = right
			}
			c.raise("attempt to concatenate a %s value", culprit.Type())
		}
		right = c.invoke(f, left, right)
	}
	return c.push(right)
}

// event returns the metamethod of two operands that are tables.
func (c call) event(a, b lua.LValue, name string) lua.LValue {
	for _, v := range []lua.LValue{a, b} {
		t, ok := v.(*lua.LTable)
		if !ok {
			continue
		}
		if mt, ok := t.Metatable.(*lua.LTable); ok {
			if f := mt.RawGetString(name); f != lua.LNil {
				return f
			}
		}
	}
	return lua.LNil
}

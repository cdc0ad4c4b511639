package script

// Metatables of the types that are not tables. gopher-lua looks there before it gives up, which is where
// errors get Lua's words, and where strings become numbers by Lua's rules.

import (
	"math"

	lua "github.com/yuin/gopher-lua"
)

func (in *interp) openTypes() {
	index := in.function("index", func(c call) int {
		c.raise("attempt to index a %s value", c.L.Get(1).Type())
		return 0
	})
	called := in.function("call", func(c call) int {
		c.raise("attempt to call a %s value", c.L.Get(1).Type())
		return 0
	})
	values := []lua.LValue{lua.LNil, lua.LFalse, lua.LNumber(0), in.handler}
	for _, v := range values {
		mt := in.L.NewTable()
		mt.RawSetString("__index", index)
		if v != lua.LValue(in.handler) {
			mt.RawSetString("__call", called)
		}
		if v.Type() != lua.LTNumber { // a number's would hide the other operand's
			in.arithmetic(mt)
		}
		in.L.SetMetatable(v, mt)
	}
	mt := in.L.NewTable()
	in.arithmetic(mt)
	mt.RawSetString("__index", index)
	mt.RawSetString("__call", called)
	in.null.Metatable = mt

	text := in.L.NewTable()
	in.arithmetic(text)
	text.RawSetString("__index", in.globals.RawGetString("string"))
	text.RawSetString("__call", called)
	text.Metatable = in.readonly
	in.L.SetMetatable(lua.LString(""), text)
}

// arithmetic adds the operators.
func (in *interp) arithmetic(mt *lua.LTable) {
	operators := map[string]func(a, b float64) float64{
		"__add": func(a, b float64) float64 { return a + b },
		"__sub": func(a, b float64) float64 { return a - b },
		"__mul": func(a, b float64) float64 { return a * b },
		"__div": func(a, b float64) float64 { return a / b },
		"__mod": modulo,
		"__pow": math.Pow,
		"__unm": func(a, _ float64) float64 { return -a },
	}
	for _, event := range sortedKeys(operators) {
		operate := operators[event]
		mt.RawSetString(event, in.function(event, func(c call) int {
			a, b := c.L.Get(1), c.L.Get(2)
			if event == "__unm" {
				b = lua.LNumber(0)
			}
			if f := c.event(a, b, event); f != lua.LNil {
				return c.push(c.invoke(f, a, b))
			}
			x, ok1 := toNumber(a)
			y, ok2 := toNumber(b)
			if !ok1 || !ok2 {
				culprit := a
				if ok1 {
					culprit = b
				}
				c.raise("attempt to perform arithmetic on a %s value", culprit.Type())
			}
			return c.pushNumber(operate(x, y))
		}))
	}
}

// modulo is Lua's %, whose result has the sign of the divisor.
func modulo(a, b float64) float64 {
	m := math.Mod(a, b)
	if m != 0 && (m < 0) != (b < 0) {
		m += b
	}
	return m
}

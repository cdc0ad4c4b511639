package script

// Replies to Lua values and back, by Redis' rules for both versions of the protocol.

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/divtxt/lockd/resp"
)

// maxReplyDepth is how deep a result may nest.
const maxReplyDepth = 500

// fromReply is what a script sees of a command's reply.
func (c call) fromReply(v resp.Value) lua.LValue {
	switch v.Kind() {
	case resp.KindSimple:
		t := c.L.CreateTable(0, 1)
		t.RawSetString("ok", lua.LString(v.Str()))
		c.in.budget.alloc(tableCost + len(v.Str()))
		return t
	case resp.KindError:
		return c.failure(v.Str())
	case resp.KindInt:
		return lua.LNumber(v.Num())
	case resp.KindBulk:
		c.in.budget.alloc(len(v.Str()) + 16)
		return lua.LString(v.Str())
	case resp.KindArray, resp.KindPush:
		return c.fromList(v.List())
	}
	if c.in.run1.proto == 3 {
		return c.fromReply3(v)
	}
	switch v.Kind() {
	case resp.KindMap, resp.KindSet, resp.KindPairs:
		return c.fromList(v.List())
	case resp.KindDouble:
		return lua.LString(resp.FormatDouble(v.Float()))
	case resp.KindBool:
		return lua.LNumber(v.Num())
	case resp.KindVerbatim:
		_, text, _ := strings.Cut(v.Str(), ":")
		c.in.budget.alloc(len(text) + 16)
		return lua.LString(text)
	}
	return lua.LFalse
}

func (c call) fromList(list []resp.Value) lua.LValue {
	c.in.budget.alloc(tableCost + 40*len(list))
	t := c.L.CreateTable(len(list), 0)
	for i := range list {
		t.RawSetInt(i+1, c.fromReply(list[i]))
	}
	return t
}

// fromPairs makes a table of tables of two.
func (c call) fromPairs(list []resp.Value) lua.LValue {
	pairs := make([]resp.Value, 0, len(list)/2)
	for i := 0; i+1 < len(list); i += 2 {
		pairs = append(pairs, resp.Array(list[i:i+2]...))
	}
	return c.fromList(pairs)
}

// fromReply3 is fromReply for the types that only version 3 has.
func (c call) fromReply3(v resp.Value) lua.LValue {
	c.in.budget.alloc(2 * (tableCost + mapCost))
	outer := c.L.NewTable()
	switch v.Kind() {
	case resp.KindMap:
		inner, list := c.L.NewTable(), v.List()
		for i := 0; i+1 < len(list); i += 2 {
			c.rawSet(inner, c.fromReply(list[i]), c.fromReply(list[i+1]))
		}
		outer.RawSetString("map", inner)
	case resp.KindPairs:
		return c.fromPairs(v.List())
	case resp.KindSet:
		inner := c.L.NewTable()
		for _, e := range v.List() {
			c.rawSet(inner, c.fromReply(e), lua.LTrue)
		}
		outer.RawSetString("set", inner)
	case resp.KindDouble:
		outer.RawSetString("double", lua.LNumber(v.Float()))
	case resp.KindBool:
		return lua.LBool(v.Num() != 0)
	case resp.KindVerbatim:
		inner := c.L.NewTable()
		format, text, _ := strings.Cut(v.Str(), ":")
		c.in.budget.alloc(len(text))
		inner.RawSetString("format", lua.LString(format))
		inner.RawSetString("string", lua.LString(text))
		outer.RawSetString("verbatim_string", inner)
	default:
		return lua.LNil
	}
	return outer
}

// toReply is the reply that a script's result makes.
func (c call) toReply(v lua.LValue, depth int) resp.Value {
	c.in.budget.step(1)
	if depth > maxReplyDepth {
		return resp.Error("ERR reached lua stack limit")
	}
	switch v := v.(type) {
	case lua.LString:
		c.in.budget.alloc(64)
		return resp.Bulk(string(v))
	case lua.LNumber:
		return resp.Int(int64(toInt(float64(v))))
	case lua.LBool:
		switch {
		case c.in.run1.proto == 3:
			return resp.Bool(bool(v))
		case bool(v):
			return resp.Int(1)
		}
	case *lua.LTable:
		return c.tableToReply(v, depth)
	}
	return resp.Null()
}

func (c call) tableToReply(t *lua.LTable, depth int) resp.Value {
	if len(look(t).keys) > 0 {
		if v, ok := c.markedReply(t, depth); ok {
			return v
		}
	}
	var list []resp.Value
	for i := 1; ; i++ {
		e := t.RawGetInt(i)
		if e == lua.LNil {
			return resp.Array(list...)
		}
		c.in.budget.alloc(112)
		list = append(list, c.toReply(e, depth+1))
	}
}

// markedReply is the reply of a table with a field that says what it is.
func (c call) markedReply(t *lua.LTable, depth int) (resp.Value, bool) {
	if s, ok := t.RawGetString("err").(lua.LString); ok {
		return resp.Error(strings.TrimPrefix(string(s), "-")), true
	}
	if s, ok := t.RawGetString("ok").(lua.LString); ok {
		return resp.Simple(oneLine(string(s))), true
	}
	if n, ok := t.RawGetString("double").(lua.LNumber); ok {
		return resp.Double(float64(n)), true
	}
	if m, ok := t.RawGetString("map").(*lua.LTable); ok {
		return resp.Map(c.fields(m, depth, true)...), true
	}
	if m, ok := t.RawGetString("set").(*lua.LTable); ok {
		return resp.Set(c.fields(m, depth, false)...), true
	}
	if s, ok := t.RawGetString("big_number").(lua.LString); ok {
		return resp.Big(oneLine(string(s))), true
	}
	if m, ok := t.RawGetString("verbatim_string").(*lua.LTable); ok {
		format, ok1 := m.RawGetString("format").(lua.LString)
		text, ok2 := m.RawGetString("string").(lua.LString)
		if ok1 && ok2 && len(format) == 3 {
			return resp.Verbatim(string(format), string(text)), true
		}
	}
	return resp.Value{}, false
}

// oneLine is what may stand in a reply that ends with its line.
func oneLine(s string) string { return strings.NewReplacer("\r", " ", "\n", " ").Replace(s) }

// fields lists a table's keys, with their values where these count.
func (c call) fields(t *lua.LTable, depth int, values bool) (list []resp.Value) {
	for k, v := c.next(t, lua.LNil); k != lua.LNil; k, v = c.next(t, k) {
		c.in.budget.alloc(224)
		list = append(list, c.toReply(k, depth+1))
		if values {
			list = append(list, c.toReply(v, depth+1))
		}
	}
	return list
}

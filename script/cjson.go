package script

// cjson.encode and the settings of cjson, as in Redis' copy of lua-cjson 2.1.

import (
	"math"

	lua "github.com/yuin/gopher-lua"
)

// cjsonConfig is what a script may set; it holds until its end.
type cjsonConfig struct {
	sparseConvert bool
	sparseRatio   int
	sparseSafe    int
	encodeDepth   int
	decodeDepth   int
	precision     int
	invalidEncode string // "off", "on" or "null"
	invalidDecode bool
	keepBuffer    bool
}

func defaultCJSON() cjsonConfig {
	return cjsonConfig{sparseRatio: 2, sparseSafe: 10, encodeDepth: 1000, decodeDepth: 1000,
		precision: digits, invalidEncode: "off", invalidDecode: true, keepBuffer: true}
}

func (in *interp) openCJSON() {
	functions := map[string]builtin{
		"encode": cjsonEncode, "decode": cjsonDecode, "encode_sparse_array": cjsonSparse,
		"encode_max_depth": func(c call) int {
			return c.intSetting(&c.in.cjson.encodeDepth, 1, 1000)
		},
		"decode_max_depth": func(c call) int {
			return c.intSetting(&c.in.cjson.decodeDepth, 1, 1000)
		},
		"encode_number_precision": func(c call) int { return c.intSetting(&c.in.cjson.precision, 1, 14) },
		"encode_keep_buffer":      func(c call) int { return c.boolSetting(&c.in.cjson.keepBuffer) },
		"decode_invalid_numbers":  func(c call) int { return c.boolSetting(&c.in.cjson.invalidDecode) },
		"encode_invalid_numbers":  cjsonInvalid,
	}
	t := in.library("cjson", functions)
	t.RawSetString("null", in.null)
	t.RawSetString("_NAME", lua.LString("cjson"))
	t.RawSetString("_VERSION", lua.LString("2.1.0"))
	t.RawSetString("new", in.function("new", func(c call) int { return c.push(t) }))
}

func (c call) intSetting(v *int, least, most int) int {
	if c.given(1) {
		n := c.int(1)
		if n < least || n > most {
			c.raise("bad argument #1 to '%s' (expected integer between %d and %d)", c.name, least, most)
		}
		*v = n
	}
	return c.pushNumber(float64(*v))
}

func (c call) boolSetting(v *bool) int {
	if c.given(1) {
		*v = lua.LVAsBool(c.L.Get(1)) && c.L.Get(1) != lua.LString("off")
	}
	return c.push(lua.LBool(*v))
}

func cjsonInvalid(c call) int {
	v := &c.in.cjson.invalidEncode
	if c.given(1) {
		switch a := c.L.Get(1).(type) {
		case lua.LBool:
			*v = "off"
			if a {
				*v = "on"
			}
		case lua.LString:
			*v = string(a)
		}
	}
	if *v == "null" {
		return c.push(lua.LString("null"))
	}
	return c.push(lua.LBool(*v == "on"))
}

func cjsonSparse(c call) int {
	cfg := &c.in.cjson
	if c.given(1) {
		cfg.sparseConvert = lua.LVAsBool(c.L.Get(1))
	}
	cfg.sparseRatio = c.intOr(2, cfg.sparseRatio)
	cfg.sparseSafe = c.intOr(3, cfg.sparseSafe)
	return c.push(lua.LBool(cfg.sparseConvert), lua.LNumber(cfg.sparseRatio), lua.LNumber(cfg.sparseSafe))
}

func cjsonEncode(c call) int {
	if c.L.GetTop() != 1 {
		c.argError(1, "expected 1 argument")
	}
	b := c.encode(nil, c.L.Get(1), 0)
	return c.pushText(string(b))
}

func (c call) encode(b []byte, v lua.LValue, depth int) []byte {
	before := len(b)
	switch v := v.(type) {
	case lua.LString:
		c.in.budget.alloc(3 * len(v))
		b = appendJSON(b, string(v))
	case lua.LNumber:
		b = c.encodeNumber(b, float64(v))
	case lua.LBool:
		b = append(b, v.String()...)
	case *lua.LNilType:
		b = append(b, "null"...)
	case *lua.LTable:
		c.in.budget.step(2)
		if depth++; depth > c.in.cjson.encodeDepth {
			c.raise("Cannot serialise, excessive nesting (%d)", depth)
		}
		if n, ok := c.arrayLength(v); ok {
			b = c.encodeList(b, v, n, depth)
		} else {
			b = c.encodeObject(b, v, depth)
		}
		return b
	default:
		if v != lua.LValue(c.in.null) {
			c.raise("Cannot serialise %s: type not supported", v.Type())
		}
		b = append(b, "null"...)
	}
	c.in.budget.alloc(2*(len(b)-before) + 8)
	return b
}

func (c call) encodeNumber(b []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		switch c.in.cjson.invalidEncode {
		case "off":
			c.raise("Cannot serialise number: must not be NaN or Inf")
		case "null":
			return append(b, "null"...)
		}
	}
	return appendNumber(b, f, c.in.cjson.precision)
}

// arrayLength tells whether a table is a list, and how long it is.
func (c call) arrayLength(t *lua.LTable) (int, bool) {
	most, items := 0, 0
	for k, _ := c.next(t, lua.LNil); k != lua.LNil; k, _ = c.next(t, k) {
		c.in.budget.step(1)
		i := position(k)
		if i == 0 {
			return 0, false
		}
		most, items = max(most, i), items+1
	}
	cfg := c.in.cjson
	if cfg.sparseRatio > 0 && most > items*cfg.sparseRatio && most > cfg.sparseSafe {
		if !cfg.sparseConvert {
			c.raise("Cannot serialise table: excessively sparse array")
		}
		return 0, false
	}
	return most, most > 0
}

func (c call) encodeList(b []byte, t *lua.LTable, n, depth int) []byte {
	b = append(b, '[')
	for i := 1; i <= n; i++ {
		if i > 1 {
			b = append(b, ',')
		}
		b = c.encode(b, t.RawGetInt(i), depth)
	}
	return append(b, ']')
}

func (c call) encodeObject(b []byte, t *lua.LTable, depth int) []byte {
	b = append(b, '{')
	first := true
	for k, v := c.next(t, lua.LNil); k != lua.LNil; k, v = c.next(t, k) {
		if !first {
			b = append(b, ',')
		}
		first = false
		switch k := k.(type) {
		case lua.LNumber:
			b = append(c.encodeNumber(append(b, '"'), float64(k)), '"')
		case lua.LString:
			b = c.encode(b, k, depth)
		default:
			c.raise("Cannot serialise %s: table key must be a number or string", k.Type())
		}
		b = append(b, ':')
		b = c.encode(b, v, depth)
	}
	return append(b, '}')
}

// appendJSON writes a string; bytes beyond ASCII stay what they are.
func appendJSON(b []byte, s string) []byte {
	const digits = "0123456789abcdef"
	b = append(b, '"')
	for i := range len(s) {
		ch := s[i]
		switch {
		case ch == '"', ch == '\\', ch == '/':
			b = append(b, '\\', ch)
		case ch >= 8 && ch <= 13 && ch != 11:
			b = append(b, '\\', "btn_fr"[ch-8])
		case ch < 32 || ch == 127:
			b = append(b, '\\', 'u', '0', '0', digits[ch>>4], digits[ch&15])
		default:
			b = append(b, ch)
		}
	}
	return append(b, '"')
}

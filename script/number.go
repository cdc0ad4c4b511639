package script

// Numbers as Lua 5.1 reads and writes them, which is as C does.

import (
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// digits is how many digits a number is written with.
const digits = 14

// toText is tostring of a string or number.
func toText(v lua.LValue) string {
	switch v := v.(type) {
	case lua.LString:
		return string(v)
	case lua.LNumber:
		return string(appendNumber(make([]byte, 0, 24), float64(v), digits))
	}
	return ""
}

// appendNumber writes a number as C's %.14g or %.17g does.
func appendNumber(b []byte, f float64, precision int) []byte {
	if f == math.Trunc(f) && math.Abs(f) < 1e14 && (f != 0 || !math.Signbit(f)) {
		return strconv.AppendInt(b, int64(f), 10)
	}
	switch {
	case math.IsNaN(f) && math.Signbit(f):
		return append(b, "-nan"...)
	case math.IsNaN(f):
		return append(b, "nan"...)
	case math.IsInf(f, 1):
		return append(b, "inf"...)
	case math.IsInf(f, -1):
		return append(b, "-inf"...)
	}
	return strconv.AppendFloat(b, f, 'g', precision, 64)
}

// toNumber reads a value as arithmetic does: a number, or a string that holds one.
func toNumber(v lua.LValue) (float64, bool) {
	switch v := v.(type) {
	case lua.LNumber:
		return float64(v), true
	case lua.LString:
		return parseNumber(string(v))
	}
	return 0, false
}

const blanks = " \t\n\v\f\r"

// parseNumber reads a number as C's strtod, and hexadecimal integers.
func parseNumber(s string) (float64, bool) {
	s = strings.Trim(s, blanks)
	if s == "" || strings.ContainsRune(s, '_') {
		return 0, false
	}
	body := strings.TrimLeft(s, "+-")
	if len(s)-len(body) > 1 {
		return 0, false
	}
	lower := strings.ToLower(body)
	switch {
	case lower == "nan":
		return math.Copysign(math.NaN(), sign(s)), true
	case lower == "inf", lower == "infinity":
		return math.Inf(int(sign(s))), true
	case strings.HasPrefix(lower, "0x"):
		return parseHex(lower, s)
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil && !math.IsInf(f, 0) {
		return 0, false
	}
	return f, true
}

func sign(s string) float64 {
	if s[0] == '-' {
		return -1
	}
	return 1
}

// parseHex reads what follows 0x: digits, perhaps with a point and a power of two.
func parseHex(lower, s string) (float64, bool) {
	if !strings.ContainsRune(lower, 'p') {
		lower += "p0"
	}
	f, err := strconv.ParseFloat(lower, 64)
	if err != nil && !math.IsInf(f, 0) {
		return 0, false
	}
	return f * sign(s), true
}

// parseBase reads an integer in a base of 2 to 36, as C's strtoul does.
func parseBase(s string, base int) (float64, bool) {
	s = strings.Trim(s, blanks)
	body := strings.TrimPrefix(strings.TrimPrefix(s, "-"), "+")
	if base == 16 && len(body) > 2 && (body[:2] == "0x" || body[:2] == "0X") {
		body = body[2:]
	}
	if body == "" || strings.ContainsAny(body, "_+-") {
		return 0, false
	}
	n, err := strconv.ParseUint(body, base, 64)
	if err != nil && n != math.MaxUint64 {
		return 0, false
	}
	if s[0] == '-' {
		n = -n
	}
	return float64(n), true
}

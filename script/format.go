package script

// string.format, which follows C's printf.

import (
	"math"
	"strconv"
	"strings"
)

// spec is one conversion: %[flags][width][.precision]verb.
type spec struct {
	flags            string
	width, precision int // -1 for none
	verb             byte
}

func stringFormat(c call) int {
	format := c.text(1)
	c.in.budget.alloc(len(format))
	var out []byte
	arg := 1
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			out = append(out, format[i])
			continue
		}
		i++
		if i < len(format) && format[i] == '%' {
			out = append(out, '%')
			continue
		}
		var s spec
		s, i = c.spec(format, i)
		arg++
		before := len(out)
		out = c.convert(out, s, arg)
		c.in.budget.alloc(2 * (len(out) - before))
	}
	return c.pushText(string(out))
}

// spec reads a conversion that begins at i, and returns the place of its verb.
func (c call) spec(format string, i int) (spec, int) {
	start := i
	s := spec{width: -1, precision: -1}
	for i < len(format) && strings.IndexByte("-+ #0", format[i]) >= 0 {
		i++
	}
	if i-start > 5 {
		c.raise("invalid format (repeated flags)")
	}
	s.flags = format[start:i]
	two := func() int {
		from := i
		for i < len(format) && isDigit(format[i]) && i-from < 2 {
			i++
		}
		n, _ := strconv.Atoi(format[from:i])
		return n
	}
	if i < len(format) && isDigit(format[i]) {
		s.width = two()
	}
	if i < len(format) && format[i] == '.' {
		i++
		s.precision = two()
	}
	if i < len(format) && isDigit(format[i]) {
		c.raise("invalid format (width or precision too long)")
	}
	if i >= len(format) || strings.IndexByte("cdiouxXeEfgGqs", format[i]) < 0 {
		c.raise("invalid option '%%%s' to 'format'", format[start:min(i+1, len(format))])
	}
	s.verb = format[i]
	return s, i
}

func (c call) convert(out []byte, s spec, arg int) []byte {
	if arg > c.L.GetTop() {
		c.argError(arg, "no value")
	}
	switch s.verb {
	case 'q':
		return appendQuoted(out, c.text(arg))
	case 's':
		text := c.text(arg)
		if s.precision >= 0 && len(text) > s.precision {
			text = text[:s.precision]
		}
		return s.pad(out, "", text, false)
	case 'c':
		return s.pad(out, "", string([]byte{byte(c.int(arg))}), false)
	case 'e', 'E', 'f', 'g', 'G':
		return s.float(out, c.number(arg))
	}
	return s.integer(out, c.int(arg))
}

func (s spec) has(flag byte) bool { return strings.IndexByte(s.flags, flag) >= 0 }

// pad writes a sign or prefix and a body to the width.
func (s spec) pad(out []byte, prefix, body string, zeros bool) []byte {
	missing := max(s.width-len(prefix)-len(body), 0)
	switch {
	case s.has('-'):
		out = append(append(out, prefix...), body...)
		return append(out, strings.Repeat(" ", missing)...)
	case zeros && s.has('0'):
		out = append(append(out, prefix...), strings.Repeat("0", missing)...)
		return append(out, body...)
	}
	out = append(out, strings.Repeat(" ", missing)...)
	return append(append(out, prefix...), body...)
}

func (s spec) plus(negative bool) string {
	switch {
	case negative:
		return "-"
	case s.has('+'):
		return "+"
	case s.has(' '):
		return " "
	}
	return ""
}

func (s spec) integer(out []byte, n int) []byte {
	var prefix, body string
	switch s.verb {
	case 'd', 'i':
		body = strconv.Itoa(n)
		prefix = s.plus(n < 0)
		body = strings.TrimPrefix(body, "-")
	case 'u':
		body = strconv.FormatUint(uint64(n), 10)
	case 'o':
		body = strconv.FormatUint(uint64(n), 8)
		if s.has('#') && n != 0 {
			body = "0" + body
		}
	default:
		body = strconv.FormatUint(uint64(n), 16)
		if s.has('#') && n != 0 {
			prefix = "0x"
		}
		if s.verb == 'X' {
			prefix, body = strings.ToUpper(prefix), strings.ToUpper(body)
		}
	}
	if s.precision == 0 && n == 0 {
		body = ""
	}
	body = strings.Repeat("0", max(s.precision-len(body), 0)) + body
	return s.pad(out, prefix, body, s.precision < 0)
}

func (s spec) float(out []byte, f float64) []byte {
	prefix := s.plus(math.Signbit(f))
	f = math.Abs(f)
	if math.IsInf(f, 0) || math.IsNaN(f) {
		body := "inf"
		if math.IsNaN(f) {
			body = "nan"
		}
		if s.verb < 'a' {
			body = strings.ToUpper(body)
		}
		return s.pad(out, prefix, body, false)
	}
	precision := s.precision
	if precision < 0 {
		precision = 6
	}
	if precision == 0 && s.verb|0x20 == 'g' {
		precision = 1
	}
	body := strconv.FormatFloat(f, s.verb, precision, 64)
	if s.has('#') && !strings.ContainsRune(body, '.') && s.verb|0x20 != 'g' {
		mantissa, exponent, found := strings.Cut(body, string(s.verb))
		body = mantissa + "."
		if found {
			body += string(s.verb) + exponent
		}
	}
	return s.pad(out, prefix, body, true)
}

// appendQuoted writes a string as Lua can read it back.
func appendQuoted(out []byte, s string) []byte {
	out = append(out, '"')
	for i := range len(s) {
		switch s[i] {
		case '"', '\\', '\n':
			out = append(out, '\\', s[i])
		case '\r':
			out = append(out, '\\', 'r')
		case 0:
			out = append(out, '\\', '0', '0', '0')
		default:
			out = append(out, s[i])
		}
	}
	return append(out, '"')
}

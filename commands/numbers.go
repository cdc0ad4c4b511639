// Counting in strings: INCR and its like.
//
// INCRBYFLOAT must give the same digits as Redis, which computes in the 80 bit numbers of x86 (long double)
// and prints 17 digits after the point. Go has no such type, but big.Float rounds to any precision, so 64
// bits of it are the same numbers; range and spelling are checked here. It is also what makes the result
// the same on every kind of processor, which a replicated state needs.

package commands

import (
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

func numberCommands() []Command {
	one := Keys{1, 1, 1}
	str := []string{"string"}
	const flags = Write | DenyOOM | Fast
	return []Command{
		{
			Name: "incr", Arity: 2, Flags: flags, Keys: one, KeyFlags: "RW access update", Group: "string",
			Since: "1.0.0", Syntax: "key", Complexity: "O(1)", Categories: str, Handler: count(1),
			Summary: "Add one to the integer in a key.",
		},
		{
			Name: "decr", Arity: 2, Flags: flags, Keys: one, KeyFlags: "RW access update", Group: "string",
			Since: "1.0.0", Syntax: "key", Complexity: "O(1)", Categories: str, Handler: count(-1),
			Summary: "Take one from the integer in a key.",
		},
		{
			Name: "incrby", Arity: 3, Flags: flags, Keys: one, KeyFlags: "RW access update", Group: "string",
			Since: "1.0.0", Syntax: "key increment", Complexity: "O(1)", Categories: str, Handler: incrBy,
			Summary: "Add to the integer in a key.",
		},
		{
			Name: "decrby", Arity: 3, Flags: flags, Keys: one, KeyFlags: "RW access update", Group: "string",
			Since: "1.0.0", Syntax: "key decrement", Complexity: "O(1)", Categories: str, Handler: decrBy,
			Summary: "Subtract from the integer in a key.",
		},
		{
			Name: "incrbyfloat", Arity: 3, Flags: flags, Keys: one, KeyFlags: "RW access update",
			Group: "string", Since: "2.6.0", Syntax: "key increment", Complexity: "O(1)", Categories: str,
			Handler: incrByFloat, Summary: "Add to the decimal number in a key.",
		},
	}
}

// count returns the handler that adds a fixed number.
func count(by int64) Handler {
	return func(tx *fsm.Tx, a Args) resp.Value { return add(tx, a.Str(1), by) }
}

func incrBy(tx *fsm.Tx, a Args) resp.Value {
	n, ok := a.Int(2)
	if !ok {
		return errNotInt()
	}
	return add(tx, a.Str(1), n)
}

func decrBy(tx *fsm.Tx, a Args) resp.Value {
	n, ok := a.Int(2)
	if !ok {
		return errNotInt()
	}
	if n == math.MinInt64 {
		return resp.Error("ERR decrement would overflow")
	}
	return add(tx, a.Str(1), -n)
}

func add(tx *fsm.Tx, key string, by int64) resp.Value {
	n, deadline := int64(0), fsm.NoDeadline
	it, problem := stringAt(tx, key)
	if problem.IsError() {
		return problem
	}
	if it != nil {
		var ok bool
		if n, ok = parseInt(it.Str); !ok {
			return errNotInt()
		}
		deadline = it.Deadline
	}
	if (by < 0 && n < math.MinInt64-by) || (by > 0 && n > math.MaxInt64-by) {
		return resp.Error("ERR increment or decrement would overflow")
	}
	setString(tx, it, key, strconv.FormatInt(n+by, 10), deadline, "incrby")
	return resp.Int(n + by)
}

func incrByFloat(tx *fsm.Tx, a Args) resp.Value {
	key, old, deadline := a.Str(1), "0", fsm.NoDeadline
	it, problem := stringAt(tx, key)
	if problem.IsError() {
		return problem
	}
	if it != nil {
		old, deadline = it.Str, it.Deadline
	}
	x, okX := parseFloat(old)
	y, okY := parseFloat(a.Str(2))
	if !okX || !okY {
		return errNotFloat()
	}
	if x.IsInf() || y.IsInf() {
		return errNoNumber() // inf-inf is no number either, and has the same error
	}
	sum := newFloat().Add(x, y)
	if sum.MantExp(nil) > maxExponent {
		return errNoNumber()
	}
	value := formatFloat(sum)
	setString(tx, it, key, value, deadline, "incrbyfloat")
	return resp.Bulk(value)
}

func errNoNumber() resp.Value {
	return resp.Error("ERR increment would produce NaN or Infinity")
}

// The numbers of x86's long double: 64 bits of precision, and the exponents (of a mantissa below one)
// above which they are infinite and below which they are zero.
const (
	floatBits   = 64
	maxExponent = 16384
	minExponent = -16445
)

func newFloat() *big.Float { return new(big.Float).SetPrec(floatBits) }

// longestFloat is the length from which on Redis takes no number.
const longestFloat = 5 * 1024

// parseFloat reads a number as C's strtold does, and like Redis takes all of s or nothing: no blanks, no
// NaN, nothing too large or too small to tell from infinity or zero.
func parseFloat(s string) (*big.Float, bool) {
	if s == "" || len(s) >= longestFloat {
		return nil, false
	}
	unsigned := s
	if s[0] == '+' || s[0] == '-' {
		unsigned = s[1:]
	}
	switch strings.ToLower(unsigned) {
	case "inf", "infinity":
		return newFloat().SetInf(s[0] == '-'), true
	}
	zero, ok := floatGrammar(unsigned)
	if !ok {
		return nil, false
	}
	if zero {
		return newFloat(), true
	}
	// Base 0 reads the hexadecimal prefix; the grammar has ruled out what else it would take.
	base := 10
	if len(unsigned) > 1 && unsigned[1]|0x20 == 'x' {
		base = 0
	}
	f, _, err := newFloat().Parse(s, base)
	if err != nil || f.IsInf() || f.Sign() == 0 {
		return nil, false
	}
	if e := f.MantExp(nil); e > maxExponent || e < minExponent {
		return nil, false
	}
	return f, true
}

// floatGrammar tells whether s, which has no sign, is a decimal or hexadecimal number in C's grammar, and
// whether all its digits are zero. So a zero with any exponent costs nothing to read.
func floatGrammar(s string) (zero, ok bool) {
	hex := len(s) > 2 && s[0] == '0' && s[1]|0x20 == 'x'
	exponent := byte('e')
	if hex {
		s, exponent = s[2:], 'p'
	}
	digits, point, i := 0, false, 0
	zero = true
	for ; i < len(s); i++ {
		switch ch := s[i]; {
		case isDigit(ch, hex):
			digits++
			zero = zero && ch == '0'
			continue
		case ch == '.' && !point:
			point = true
			continue
		}
		break
	}
	if digits == 0 {
		return false, false
	}
	if i == len(s) {
		return zero, true
	}
	return zero, s[i]|0x20 == exponent && isExponent(s[i+1:])
}

// isExponent tells whether s is the number behind an exponent's letter. Its length is bounded, for a
// number with a longer one is zero or infinite.
func isExponent(s string) bool {
	if s != "" && (s[0] == '+' || s[0] == '-') {
		s = s[1:]
	}
	if s == "" {
		return false
	}
	for i := range len(s) {
		if !isDigit(s[i], false) {
			return false
		}
	}
	return len(strings.TrimLeft(s, "0")) <= 6
}

func isDigit(ch byte, hex bool) bool {
	if '0' <= ch && ch <= '9' {
		return true
	}
	ch |= 0x20
	return hex && 'a' <= ch && ch <= 'f'
}

// formatFloat writes f as Redis does for people: 17 digits after the point, without the zeros at the end.
func formatFloat(f *big.Float) string {
	s := f.Text('f', 17)
	s = strings.TrimRight(s, "0")
	s = strings.TrimSuffix(s, ".")
	if s == "-0" {
		return "0"
	}
	return s
}

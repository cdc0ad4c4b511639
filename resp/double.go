// How a floating point number is written: the fewest digits that read back as the same number, as Redis does
// since version 7.2 (before, it wrote 17 digits always: 0.10000000000000001 for 0.1).

package resp

import (
	"math"
	"strconv"
)

// FormatDouble writes f as a reply shows it.
func FormatDouble(f float64) string {
	var digits [32]byte
	return string(appendDouble(digits[:0], f))
}

// mostInteger is up to where an integer is written without an exponent.
const mostInteger = 1 << 62

// appendDouble appends f. Which numbers get an exponent is Redis' rule, not C's.
func appendDouble(b []byte, f float64) []byte {
	switch {
	case math.IsInf(f, 1):
		return append(b, "inf"...)
	case math.IsInf(f, -1):
		return append(b, "-inf"...)
	case math.IsNaN(f):
		return append(b, "nan"...)
	case f == 0 && math.Signbit(f):
		return append(b, "-0"...)
	case f == math.Trunc(f) && math.Abs(f) <= mostInteger:
		return strconv.AppendInt(b, int64(f), 10)
	}
	var buf [32]byte
	scientific := strconv.AppendFloat(buf[:0], f, 'e', -1, 64) // -d.ddde±xx
	digits, exponent := digitsOf(scientific)
	if behind := exponent - digits + 1; behind >= 0 && exponent < digits+7 ||
		behind < 0 && (behind > -7 || max(exponent, -exponent) < 4) {
		return strconv.AppendFloat(b, f, 'f', -1, 64)
	}
	return appendScientific(b, scientific, exponent)
}

// digitsOf returns how many digits stand in front of the exponent, and the exponent.
func digitsOf(scientific []byte) (digits, exponent int) {
	for i, ch := range scientific {
		if ch == 'e' {
			exponent, _ = strconv.Atoi(string(scientific[i+1:])) // it is what AppendFloat wrote
			break
		}
		if '0' <= ch && ch <= '9' {
			digits++
		}
	}
	return digits, exponent
}

// appendScientific appends the number with an exponent that has no zero in front, as 1e-7.
func appendScientific(b, scientific []byte, exponent int) []byte {
	for _, ch := range scientific {
		if ch == 'e' {
			break
		}
		b = append(b, ch)
	}
	if exponent < 0 {
		return strconv.AppendInt(append(b, 'e'), int64(exponent), 10)
	}
	return strconv.AppendInt(append(b, "e+"...), int64(exponent), 10)
}

// Package resp is the wire: what a reply is (Value), how it becomes bytes (RESP2 and RESP3), and the
// guarded listener that turns bytes from a client into commands. Nothing here knows what a command does.
//
// A reply stays a Value until the edge of this package, so that a script, a transaction, or another node
// can hand it on without writing and parsing bytes in between.
package resp

import (
	"fmt"
	"math"
)

// Kind tells what a Value is. The names follow the RESP3 specification.
type Kind uint8

// The kinds of reply. Those that RESP2 lacks are written to a RESP2 connection the way Redis does it:
// a Map, Set or Pairs as a flat array, a Double or Big as a bulk string, a Bool as an integer, a Push as an
// array.
const (
	KindNull      Kind = iota // "$-1" in RESP2, "_" in RESP3
	KindNullArray             // "*-1" in RESP2, "_" in RESP3
	KindSimple                // status reply, as OK
	KindError                 // error reply, the text begins with its code
	KindInt                   // 64 bit signed integer
	KindBulk                  // binary-safe string
	KindArray                 // ordered values
	KindMap                   // key, value, key, value, …
	KindSet                   // unordered values
	KindDouble                // floating point number
	KindBool                  // true or false
	KindVerbatim              // text with a three-letter format, as "txt"
	KindPush                  // out-of-band data
	KindNone                  // no reply at all (CLIENT REPLY OFF, a parked command)
	KindPairs                 // values of which two belong together each: members and their scores
	KindBig                   // digits of a whole number of any size, which only scripts reply
)

// Value is one reply. The zero Value is the null reply. It is immutable once built: a slice given to
// Array and its like belongs to the Value from then on.
type Value struct {
	kind Kind
	num  int64 // KindInt, KindBool (0 or 1), KindDouble (IEEE 754 bits)
	str  string
	list []Value
}

// Kind returns what v is.
func (v Value) Kind() Kind { return v.kind }

// Str returns the text of a simple, error, bulk or verbatim reply, and "" for any other kind.
func (v Value) Str() string { return v.str }

// Num returns the number of an integer or boolean reply, and 0 for any other kind but a double.
func (v Value) Num() int64 { return v.num }

// Float returns the number of a double reply.
func (v Value) Float() float64 { return math.Float64frombits(uint64(v.num)) }

// List returns the elements of an array, set, map or pairs (keys and values in turn) or push reply.
// The caller must not change it.
func (v Value) List() []Value { return v.list }

// IsError tells whether v is an error reply.
func (v Value) IsError() bool { return v.kind == KindError }

// IsNull tells whether v is a null of either form.
func (v Value) IsNull() bool { return v.kind == KindNull || v.kind == KindNullArray }

// OK is the usual status reply.
func OK() Value { return Simple("OK") }

// Null is the missing value: "$-1" in RESP2.
func Null() Value { return Value{} }

// NullArray is the missing array: "*-1" in RESP2.
func NullArray() Value { return Value{kind: KindNullArray} }

// None is the absence of a reply; nothing is written for it.
func None() Value { return Value{kind: KindNone} }

// Simple is a status reply; s must not hold CR or LF.
func Simple(s string) Value { return Value{kind: KindSimple, str: s} }

// Error is an error reply. text begins with its upper-case code, as "WRONGTYPE Operation against …".
// CR and LF in it are written as blanks.
func Error(text string) Value { return Value{kind: KindError, str: text} }

// Errorf is Error with a format.
func Errorf(format string, args ...any) Value { return Error(fmt.Sprintf(format, args...)) }

// Int is an integer reply.
func Int(n int64) Value { return Value{kind: KindInt, num: n} }

// Bulk is a binary-safe string reply.
func Bulk(s string) Value { return Value{kind: KindBulk, str: s} }

// Verbatim is text for people to read; format has three letters ("txt", "mkd"). RESP2 gets a bulk string.
func Verbatim(format, s string) Value { return Value{kind: KindVerbatim, str: format + ":" + s} }

// Big is a whole number of any size by its digits; they must hold no end of line.
func Big(digits string) Value { return Value{kind: KindBig, str: digits} }

// Double is a floating point reply, written as FormatDouble does; RESP2 gets that as a bulk string.
func Double(f float64) Value { return Value{kind: KindDouble, num: int64(math.Float64bits(f))} }

// Bool is true or false; RESP2 gets 1 or 0.
func Bool(b bool) Value {
	if b {
		return Value{kind: KindBool, num: 1}
	}
	return Value{kind: KindBool}
}

// Array is an ordered list of replies.
func Array(list ...Value) Value { return Value{kind: KindArray, list: list} }

// Set is a list without order; RESP2 gets an array.
func Set(list ...Value) Value { return Value{kind: KindSet, list: list} }

// Map has keys and values in turn; RESP2 gets them as one flat array.
func Map(pairs ...Value) Value { return Value{kind: KindMap, list: pairs} }

// Pairs has values of which the first and the second belong together, the third and the fourth, and so on.
// RESP3 gets an array of arrays of two, RESP2 one flat array.
func Pairs(pairs ...Value) Value { return Value{kind: KindPairs, list: pairs} }

// Push is out-of-band data; RESP2 gets an array.
func Push(list ...Value) Value { return Value{kind: KindPush, list: list} }

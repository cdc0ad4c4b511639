// The words of a command, and reading numbers and options from them the way Redis does.

package commands

import (
	"unsafe"
)

// Args is the words of a command; the first is its name.
type Args [][]byte

// Str returns word i without copying it: the string is good until the handler returns. What a handler
// stores through fsm.Tx is copied there.
func (a Args) Str(i int) string { return unsafe.String(unsafe.SliceData(a[i]), len(a[i])) }

// Is tells whether word i is the option word, in any case. word is upper case.
func (a Args) Is(i int, word string) bool {
	b := a[i]
	if len(b) != len(word) {
		return false
	}
	for j, ch := range b {
		if 'a' <= ch && ch <= 'z' {
			ch -= 'a' - 'A'
		}
		if ch != word[j] {
			return false
		}
	}
	return true
}

// Int reads word i as a 64 bit integer. Like Redis it takes the one shortest form only: no plus sign, no
// leading zeros, no blanks.
func (a Args) Int(i int) (int64, bool) { return parseInt(a.Str(i)) }

func parseInt(s string) (int64, bool) {
	digits, negative := s, false
	if len(s) > 0 && s[0] == '-' {
		digits, negative = s[1:], true
	}
	if digits == "0" && !negative {
		return 0, true
	}
	if len(digits) == 0 || len(digits) > 19 || digits[0] < '1' || digits[0] > '9' {
		return 0, false
	}
	var n uint64
	for _, ch := range []byte(digits) {
		if ch < '0' || ch > '9' {
			return 0, false
		}
		n = n*10 + uint64(ch-'0')
	}
	if negative {
		return -int64(n), n <= 1<<63
	}
	return int64(n), n < 1<<63
}

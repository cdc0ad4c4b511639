package resp

// This file understands framing: where a command ends and where its words lie, nothing else. It copies
// nothing and looks at each byte once, however the bytes arrive: everything it knows about a half received
// command is kept as offsets from the command's first byte, so the buffer may move and grow meanwhile.
// That is what makes a megabyte in one-byte reads cost a megabyte's work.
//
// It is as strict and as lax as Redis 7.0, which tests compare byte by byte: numbers without sign or
// leading zeros, but any two bytes where CR LF end a word. A NUL in a length or an inline line hides what
// follows, as C's strchr does there, so that such a line runs into its size limit.

import (
	"bytes"
	"math"
	"strconv"
)

// span is where a word lies, counted from the first byte of its command.
type span struct{ from, to int32 }

// redisMaxBulk is where Redis itself calls a length invalid (proto-max-bulk-len).
const redisMaxBulk = 512 << 20

// parser keeps what is known of the command being received. Its zero value with limits is ready.
type parser struct {
	limits *Limits
	words  []span // of the command being received; of the whole one after next returned n > 0
	pos    int    // bytes understood
	left   int    // words still missing; 0 before the "*" line is read
	bulk   int    // length of the word at pos, valid if inWord
	seen   int    // bytes of the line at pos that were searched for its end in vain
	inWord bool   // the word's "$" line has been read
	got    byte   // what stood in place of "$", for badMark
}

// next reads on in b, which begins with the first byte of the command and holds all that was received
// since; it must not be empty. n > 0 says that the command is whole and n bytes long; p.words are its
// words, none for an empty line. n == 0 with reason fine says that more bytes are needed.
func (p *parser) next(b []byte, trusted bool) (n int, why reason) {
	if p.left == 0 {
		p.words = p.words[:0]
		if b[0] != '*' {
			return p.inline(b, trusted)
		}
		if n, why = p.count(b, trusted); n == 0 || why != fine || p.left == 0 {
			return n, why
		}
	}
	for p.left > 0 {
		if !p.inWord {
			if ok, why := p.length(b, trusted); !ok {
				return 0, why
			}
		}
		end := p.pos + p.bulk
		if len(b) < end+2 {
			return 0, fine
		}
		p.words = append(p.words, span{int32(p.pos), int32(end)})
		p.pos, p.inWord = end+2, false
		p.left--
	}
	n, p.pos = p.pos, 0
	return n, fine
}

// count reads the "*" line. n > 0 says that the line is whole; p.left stays 0 for an empty command.
func (p *parser) count(b []byte, trusted bool) (n int, why reason) {
	value, size, ok := shortNumber(b[1:])
	if !ok {
		cr, tooLong := p.lineEnd(b, '\r')
		if tooLong {
			return 0, longCount
		}
		if cr < 0 || cr+1 >= len(b) {
			return 0, fine
		}
		if value, ok = number(b[1:cr]); !ok || value > math.MaxInt32 {
			return 0, badCount
		}
		size = cr + 1
	}
	p.seen = 0
	switch {
	case value <= 0:
		return 1 + size, fine
	case !trusted && value > p.limits.PreAuthArgs:
		return 0, preAuthCount
	case value > p.limits.Args:
		return 0, manyWords
	}
	p.left, p.pos = value, 1+size
	return p.pos, fine
}

// length reads the "$" line at p.pos; ok says that it is whole and good.
func (p *parser) length(b []byte, trusted bool) (ok bool, why reason) {
	if p.pos >= len(b) {
		return false, fine
	}
	value, size, short := shortNumber(b[p.pos+1:])
	if !short || b[p.pos] != '$' {
		cr, tooLong := p.lineEnd(b, '\r')
		if tooLong {
			return false, longLength
		}
		if cr < 0 || cr+1 >= len(b) {
			return false, fine
		}
		if p.got = b[p.pos]; p.got != '$' {
			return false, badMark
		}
		if value, ok = number(b[p.pos+1 : cr]); !ok || value < 0 || value > redisMaxBulk {
			return false, badLength
		}
		size = cr - p.pos + 1
	}
	p.seen = 0
	switch {
	case !trusted && value > p.limits.PreAuthBytes:
		return false, preAuthLength
	case p.pos+1+size+value+2 > p.limits.CommandBytes:
		return false, bigCommand
	}
	p.pos, p.bulk, p.inWord = p.pos+1+size, value, true
	return true, fine
}

// inline reads a line of words in place: a word is never longer than its spelling, so unquoting needs no
// other memory.
func (p *parser) inline(b []byte, trusted bool) (n int, why reason) {
	lf, tooLong := p.lineEnd(b, '\n')
	if tooLong {
		return 0, longInline
	}
	if lf < 0 {
		return 0, fine
	}
	p.seen = 0
	end := lf
	if end > 0 && b[end-1] == '\r' {
		end--
	}
	if p.words, why = splitWords(b[:end], p.words, p.limits.Args); why != fine {
		return 0, why
	}
	if trusted {
		return lf + 1, fine
	}
	if len(p.words) > p.limits.PreAuthArgs {
		return 0, preAuthCount
	}
	for _, w := range p.words {
		if int(w.to-w.from) > p.limits.PreAuthBytes {
			return 0, preAuthLength
		}
	}
	return lf + 1, fine
}

// lineEnd finds mark in the line at p.pos and returns its index in b, or -1. It remembers how far it has
// searched, and stops for good at a NUL.
func (p *parser) lineEnd(b []byte, mark byte) (at int, tooLong bool) {
	line := b[p.pos:]
	at = -1
	if rest := line[p.seen:]; len(rest) > 0 && rest[0] != 0 {
		i := bytes.IndexByte(rest, mark)
		head := rest
		if i >= 0 {
			head = rest[:i]
		}
		if nul := bytes.IndexByte(head, 0); nul >= 0 {
			p.seen += nul
		} else if i >= 0 {
			at = p.seen + i
		} else {
			p.seen = len(line)
		}
	}
	if at > p.limits.InlineBytes || at < 0 && len(line) > p.limits.InlineBytes {
		return -1, true
	}
	if at < 0 {
		return -1, false
	}
	// When the byte after CR is still missing the search begins again at the CR.
	p.seen = at
	return p.pos + at, false
}

// shortNumber reads what nearly every length line is: few digits, CR and one more byte. It fails for
// everything else, which number then looks at.
func shortNumber(b []byte) (value, size int, ok bool) {
	for i := 0; i < len(b)-1 && i < 8; i++ {
		digit := b[i] - '0'
		if digit > 9 {
			return value, i + 2, b[i] == '\r' && i > 0
		}
		if i > 0 && value == 0 {
			return 0, 0, false
		}
		value = value*10 + int(digit)
	}
	return 0, 0, false
}

// number reads a whole decimal 64 bit number as Redis' string2ll does: no blanks, no plus, no leading
// zero, no "-0". There is but one way to write a number, so whatever is not written back the same is none.
func number(b []byte) (int, bool) {
	var again [20]byte
	if len(b) > len(again) {
		return 0, false
	}
	n, err := strconv.ParseInt(string(b), 10, 64)
	return int(n), err == nil && bytes.Equal(strconv.AppendInt(again[:0], n, 10), b)
}

package resp

// This file splits an inline line, what a person types into telnet, into words. The rules are those of
// Redis' sdssplitargs, its oddities included, so that a line means the same here and there: quotes may
// begin within a word but must end it, \xHH and the usual escapes work in double quotes only, and vertical
// tab and form feed separate words but do not end one.

// words is the state of one split. It writes unquoted bytes over the line itself, at or before the
// place they were read from.
type words struct {
	line []byte
	at   int // next byte to read
	to   int // next byte to write
}

// splitWords appends the words of line to spans. A NUL cannot occur: the parser stops at it.
func splitWords(line []byte, spans []span, most int) ([]span, reason) {
	w := words{line: line}
	for {
		for w.at < len(line) && isSpace(line[w.at]) {
			w.at++
		}
		if w.at == len(line) {
			return spans, fine
		}
		if len(spans) == most {
			return spans, manyWords
		}
		from := w.at
		w.to = from
		if !w.word() {
			return spans, unbalanced
		}
		spans = append(spans, span{int32(from), int32(w.to)})
	}
}

// word reads one word; false says that its quotes do not match.
func (w *words) word() bool {
	for ; w.at < len(w.line); w.at++ {
		switch c := w.line[w.at]; c {
		case ' ', '\n', '\r', '\t':
			return true
		case '"':
			w.at++
			return w.quoted()
		case '\'':
			w.at++
			return w.singleQuoted()
		default:
			w.put(c)
		}
	}
	return true
}

// quoted reads up to and with the closing double quote, which must end the word.
func (w *words) quoted() bool {
	for ; w.at < len(w.line); w.at++ {
		switch c := w.line[w.at]; {
		case c == '"':
			return w.closed()
		case c == '\\' && w.at+1 < len(w.line):
			w.escape()
		default:
			w.put(c)
		}
	}
	return false
}

// escape reads what follows a backslash and leaves w.at on its last byte.
func (w *words) escape() {
	rest := w.line[w.at+1:]
	if len(rest) >= 3 && rest[0] == 'x' {
		high, low := hexDigit(rest[1]), hexDigit(rest[2])
		if high >= 0 && low >= 0 {
			w.put(byte(high<<4 | low))
			w.at += 3
			return
		}
	}
	c := rest[0]
	switch c {
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'b':
		c = '\b'
	case 'a':
		c = '\a'
	}
	w.put(c)
	w.at++
}

// singleQuoted is quoted without escapes but \'.
func (w *words) singleQuoted() bool {
	for ; w.at < len(w.line); w.at++ {
		c := w.line[w.at]
		if c == '\'' {
			return w.closed()
		}
		if c == '\\' && w.at+1 < len(w.line) && w.line[w.at+1] == '\'' {
			w.at++
			c = '\''
		}
		w.put(c)
	}
	return false
}

// closed steps over a closing quote and tells whether the word ends there.
func (w *words) closed() bool {
	w.at++
	return w.at == len(w.line) || isSpace(w.line[w.at])
}

func (w *words) put(c byte) {
	w.line[w.to] = c
	w.to++
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// hexDigit returns the digit's value, or -1.
func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

package resp

// The reference parser: slow and obviously right. It looks at everything a client ever sent at once, knows
// nothing of splits, copies every word, and is written from the rules rather than from parser.go. Tests
// and fuzzing hold the guard against it.

import (
	"strconv"
	"strings"
)

// outcome is what must come of an input: the commands, quoted, and how it ended.
type outcome struct {
	commands []string
	why      reason
	got      byte
}

// reference reads all of input. A command "AUTH" makes what follows trusted.
func reference(input string, limits Limits, trusted bool) outcome {
	var o outcome
	for input != "" {
		words, rest, why := refCommand(input, limits, trusted, &o)
		if why != fine || rest == input {
			o.why = why
			return o
		}
		input = rest
		if len(words) == 0 {
			continue
		}
		if strings.EqualFold(words[0], "post") || strings.EqualFold(words[0], "host:") {
			o.why = crossProtocol
			return o
		}
		trusted = trusted || strings.EqualFold(words[0], "auth")
		o.commands = append(o.commands, quoteAll(words))
	}
	return o
}

func quoteAll(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = strconv.Quote(w)
	}
	return "[" + strings.Join(quoted, " ") + "]"
}

// refCommand reads one command; rest == in says that it is not whole.
func refCommand(in string, limits Limits, trusted bool, o *outcome) (words []string, rest string, why reason) {
	if in[0] != '*' {
		return refInline(in, limits, trusted)
	}
	line, rest, why := refLine(in, limits, longCount)
	if why != fine || rest == in {
		return nil, in, why
	}
	count, err := strconv.ParseInt(line[1:], 10, 64)
	switch {
	case err != nil || strconv.FormatInt(count, 10) != line[1:] || count > 1<<31-1:
		return nil, in, badCount
	case count > int64(limits.PreAuthArgs) && !trusted:
		return nil, in, preAuthCount
	case count > int64(limits.Args):
		return nil, in, manyWords
	}
	for range max(count, 0) {
		if rest == "" {
			return nil, in, fine
		}
		before := rest
		if line, rest, why = refLine(rest, limits, longLength); why != fine || rest == before {
			return nil, in, why
		}
		if line[:min(1, len(line))] != "$" {
			o.got = before[0]
			return nil, in, badMark
		}
		size, err := strconv.ParseInt(line[1:], 10, 64)
		switch {
		case err != nil || strconv.FormatInt(size, 10) != line[1:] || size < 0 || size > 512<<20:
			return nil, in, badLength
		case size > int64(limits.PreAuthBytes) && !trusted:
			return nil, in, preAuthLength
		case len(in)-len(rest)+int(size)+2 > limits.CommandBytes:
			return nil, in, bigCommand
		case len(rest) < int(size)+2:
			return nil, in, fine
		}
		words = append(words, rest[:size])
		rest = rest[size+2:]
	}
	return words, rest, fine
}

// refLine reads up to a CR and one byte more; rest == in says that the line is not whole.
func refLine(in string, limits Limits, tooLong reason) (line, rest string, why reason) {
	at := strings.IndexByte(upToNul(in), '\r')
	if at > limits.InlineBytes || at < 0 && len(in) > limits.InlineBytes {
		return "", in, tooLong
	}
	if at < 0 || at+2 > len(in) {
		return "", in, fine
	}
	return in[:at], in[at+2:], fine
}

func upToNul(s string) string {
	s, _, _ = strings.Cut(s, "\x00")
	return s
}

func refInline(in string, limits Limits, trusted bool) (words []string, rest string, why reason) {
	at := strings.IndexByte(upToNul(in), '\n')
	if at > limits.InlineBytes || at < 0 && len(in) > limits.InlineBytes {
		return nil, in, longInline
	}
	if at < 0 {
		return nil, in, fine
	}
	words, why = refWords(strings.TrimSuffix(in[:at], "\r"), limits.Args)
	if why != fine {
		return nil, in, why
	}
	for _, w := range words {
		if len(words) > limits.PreAuthArgs && !trusted {
			return nil, in, preAuthCount
		}
		if len(w) > limits.PreAuthBytes && !trusted {
			return nil, in, preAuthLength
		}
	}
	return words, in[at+1:], fine
}

// refWords splits a line by the rules of sdssplitargs, one word at a time.
func refWords(line string, most int) (words []string, why reason) {
	const blanks = " \t\n\v\f\r"
	for line = strings.TrimLeft(line, blanks); line != ""; line = strings.TrimLeft(line, blanks) {
		if len(words) == most {
			return nil, manyWords
		}
		plain := line
		if end := strings.IndexAny(line, " \n\r\t\"'"); end >= 0 {
			plain = line[:end]
		}
		word, line2 := plain, line[len(plain):]
		if line2 != "" && strings.IndexByte("\"'", line2[0]) >= 0 {
			inner, after, ok := refQuoted(line2[1:], line2[0])
			if !ok || after != "" && strings.IndexByte(blanks, after[0]) < 0 {
				return nil, unbalanced
			}
			word, line2 = word+inner, after
		}
		words, line = append(words, word), line2
	}
	return words, fine
}

// refQuoted reads up to the closing quote.
func refQuoted(s string, quote byte) (inner, after string, ok bool) {
	for s != "" {
		if s[0] == quote {
			return inner, s[1:], true
		}
		switch {
		case quote == '"' && len(s) >= 4 && s[:2] == `\x` && isHex(s[2]) && isHex(s[3]):
			n, _ := strconv.ParseUint(s[2:4], 16, 8)
			inner, s = inner+string([]byte{byte(n)}), s[4:]
		case quote == '"' && len(s) >= 2 && s[0] == '\\':
			c := s[1:2]
			if i := strings.Index("nrtba", c); i >= 0 {
				c = "\n\r\t\b\a"[i : i+1]
			}
			inner, s = inner+c, s[2:]
		case quote == '\'' && strings.HasPrefix(s, `\'`):
			inner, s = inner+"'", s[2:]
		default:
			inner, s = inner+s[:1], s[1:]
		}
	}
	return "", "", false
}

func isHex(c byte) bool { return strings.IndexByte("0123456789abcdefABCDEF", c) >= 0 }

// This file reads configuration files as Redis reads its redis.conf: one directive a line, its words
// apart by spaces, quoted where they must be, comments only as whole lines.

package server

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// directive is one line of a file.
type directive struct {
	at    string // file:line, for messages
	name  string // in lower case
	words []string
}

// Bounds on what a file may do to us.
const (
	maxConfLine    = 1 << 20
	maxIncludeDeep = 8
)

// readConf returns the directives of the file at path, those of included files in their place. deep counts
// the files that include this one.
func readConf(path string, deep int) ([]directive, error) {
	if deep > maxIncludeDeep {
		return nil, fmt.Errorf("%s: files include each other more than %d deep", path, maxIncludeDeep)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("configuration file: %w", err)
	}
	defer f.Close()

	var all []directive
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxConfLine)
	for number := 1; lines.Scan(); number++ {
		d, err := parseDirective(lines.Text())
		d.at = fmt.Sprintf("%s:%d", path, number)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d.at, err)
		}
		switch d.name {
		case "":
		case "include":
			included, err := readIncluded(path, d, deep)
			if err != nil {
				return nil, err
			}
			all = append(all, included...)
		default:
			all = append(all, d)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("configuration file %s: %w", path, err)
	}
	return all, nil
}

// readIncluded reads what an include names. A relative path starts at the file that says it, for a
// service's working folder is anywhere. A pattern may match nothing, as in Redis (conf.d/*.conf).
func readIncluded(path string, d directive, deep int) ([]directive, error) {
	if len(d.words) != 1 {
		return nil, fmt.Errorf("%s: include takes one file name", d.at)
	}
	pattern := d.words[0]
	if !filepath.IsAbs(pattern) {
		pattern = filepath.Join(filepath.Dir(path), pattern)
	}
	files := []string{pattern}
	if strings.ContainsAny(pattern, "*?[") {
		matches, err := filepath.Glob(pattern)
		if err != nil {
			return nil, fmt.Errorf("%s: include: %w", d.at, err)
		}
		files = matches // in order: Glob sorts
	}
	var all []directive
	for _, file := range files {
		included, err := readConf(file, deep+1)
		if err != nil {
			return nil, fmt.Errorf("%s: include: %w", d.at, err)
		}
		all = append(all, included...)
	}
	return all, nil
}

// parseDirective splits a line. A comment or an empty line gives a directive without a name.
func parseDirective(line string) (directive, error) {
	line = strings.TrimSpace(strings.TrimPrefix(line, "\ufeff"))
	if line == "" || line[0] == '#' {
		return directive{}, nil
	}
	words, err := splitWords(line)
	if err != nil {
		return directive{}, err
	}
	if len(words) == 0 || words[0] == "" {
		return directive{}, errors.New("a line must begin with the name of a setting")
	}
	return directive{name: strings.ToLower(words[0]), words: words[1:]}, nil
}

// errQuotes is what is wrong with a line that splitWords cannot split.
var errQuotes = errors.New("unbalanced quotes in configuration line")

// splitWords splits as Redis does (sdssplitargs): "…" with \n \r \t \b \a \" \\ \xHH, '…' with \' only, and
// a closing quote must end its word.
func splitWords(line string) ([]string, error) {
	var words []string
	for {
		line = strings.TrimLeft(line, " \t\r\n\v\f\x00")
		if line == "" {
			return words, nil
		}
		word, rest, err := cutWord(line)
		if err != nil {
			return nil, err
		}
		words, line = append(words, word), rest
	}
}

// cutWord returns the first word of line, which begins with it, and what follows.
func cutWord(line string) (word, rest string, err error) {
	var b strings.Builder
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case isSpace(c):
			return b.String(), line[i:], nil
		case c == '"' || c == '\'':
			n, err := cutQuoted(&b, line[i:])
			if err != nil {
				return "", "", err
			}
			return b.String(), line[i+n:], nil
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), "", nil
}

// cutQuoted appends to b what is between the quotes that line begins with, and returns how long it is
// with them.
func cutQuoted(b *strings.Builder, line string) (int, error) {
	quote := line[0]
	for i := 1; i < len(line); i++ {
		switch c := line[i]; {
		case c == quote:
			if i+1 < len(line) && !isSpace(line[i+1]) {
				return 0, errQuotes
			}
			return i + 1, nil
		case c == '\\' && quote == '\'' && i+1 < len(line) && line[i+1] == '\'':
			b.WriteByte('\'')
			i++
		case c == '\\' && quote == '"' && i+1 < len(line):
			i += unescape(b, line[i:])
		default:
			b.WriteByte(c)
		}
	}
	return 0, errQuotes
}

// unescape appends the byte that line, a backslash and at least one more byte, stands for, and returns how
// many bytes after the backslash it took.
func unescape(b *strings.Builder, line string) int {
	if line[1] == 'x' && len(line) >= 4 && isHex(line[2]) && isHex(line[3]) {
		b.WriteByte(unhex(line[2])<<4 | unhex(line[3]))
		return 3
	}
	if i := strings.IndexByte("nrtba", line[1]); i >= 0 {
		b.WriteByte("\n\r\t\b\a"[i])
	} else {
		b.WriteByte(line[1])
	}
	return 1
}

func isSpace(c byte) bool { return strings.IndexByte(" \t\r\n\v\f\x00", c) >= 0 }

func isHex(c byte) bool { return strings.IndexByte("0123456789abcdefABCDEF", c) >= 0 }

// unhex returns the value of a hexadecimal digit.
func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}

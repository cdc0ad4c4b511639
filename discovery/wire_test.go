package discovery

// A small reader of RESP, for raw bytes, and what two replies have in common if they are of one shape.

import (
	"bufio"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// value is a reply as it was on the wire.
type value struct {
	kind byte
	text string // without a list
	list []value
}

func readValue(in *bufio.Reader) (value, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return value{}, err
	}
	v := value{kind: line[0], text: strings.TrimSuffix(line[1:], "\r\n")}
	n, _ := strconv.Atoi(v.text)
	switch {
	case strings.IndexByte("$=*%~>", v.kind) < 0:
		return v, nil
	case n < 0:
		v.text = "null"
		return v, nil
	case v.kind == '$' || v.kind == '=':
		data := make([]byte, n+2)
		_, err = io.ReadFull(in, data)
		v.text = string(data[:n])
		return v, err
	case v.kind == '%':
		n *= 2
	}
	for range n {
		e, err := readValue(in)
		if err != nil {
			return v, err
		}
		v.list = append(v.list, e)
	}
	v.text = ""
	return v, nil
}

// readAll reads the replies in text.
func readAll(text string) (list []value) {
	in := bufio.NewReader(strings.NewReader(text))
	for {
		v, err := readValue(in)
		if err != nil {
			return list
		}
		list = append(list, v)
	}
}

// String shows a reply on a line.
func (v value) String() string { return v.show(func(text string) string { return text }) }

func (v value) show(text func(string) string) string {
	switch v.kind {
	case '$', '+':
		return text(v.text)
	case '=':
		return "=\n" + text(strings.TrimPrefix(v.text, "txt:"))
	case '*', '%', '~', '>':
		if v.text != "" {
			return string(v.kind) + v.text
		}
		parts := make([]string, len(v.list))
		for i, e := range v.list {
			parts[i] = e.show(text)
		}
		return string(v.kind) + "[" + strings.Join(parts, " ") + "]"
	}
	return string(v.kind) + text(v.text)
}

// shape shows a reply with names left out and figures replaced: what is left are kinds, and words such as the
// names of fields.
func (v value) shape() string {
	return v.show(func(text string) string {
		for _, r := range []struct{ what, by string }{
			{`[0-9a-f]{40}`, "ID"}, {`127\.0\.0\.1`, "HOST"}, {`[0-9]+(\.[0-9]+)*`, "N"},
		} {
			text = regexp.MustCompile(r.what).ReplaceAllString(text, r.by)
		}
		return text
	})
}

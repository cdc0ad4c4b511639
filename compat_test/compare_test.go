// When two replies count as equal.
package compat_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// reply is a reply taken apart.
type reply struct {
	kind  byte // its first byte
	text  string
	inner []reply
}

// parseReply takes raw apart. The bytes come from peer.reply, so they are well formed.
func parseReply(raw string) (r reply, rest string) {
	head, rest, _ := strings.Cut(raw, "\r\n")
	r = reply{kind: head[0], text: head[1:]}
	n, err := strconv.Atoi(r.text)
	switch r.kind {
	case '$', '=':
		if err == nil && n >= 0 {
			r.text, rest = rest[:n], rest[n+2:]
		}
		return r, rest
	case '%':
		n *= 2
	case '*', '~', '>':
	default:
		return r, rest
	}
	for ; n > 0; n-- {
		var element reply
		element, rest = parseReply(rest)
		r.inner = append(r.inner, element)
	}
	return r, rest
}

// compare returns what is wrong with got, or "". age is how long ago Redis gave the reply that is wanted.
func (r rule) compare(want, got string, age time.Duration) string {
	if r.kind == "differs" || want == got {
		return ""
	}
	a, _ := parseReply(want)
	b, _ := parseReply(got)
	same := false
	switch r.kind {
	case "near":
		most, _ := strconv.ParseInt(r.arg, 10, 64)
		same = near(a, b, most, age)
	case "number":
		same = fmt.Sprint(numbers(a)) == fmt.Sprint(numbers(b))
	case "anynumber":
		a, b = numbers(a), numbers(b)
		sortReply(&a)
		sortReply(&b)
		same = fmt.Sprint(a) == fmt.Sprint(b)
	case "anyorder":
		sortReply(&a)
		sortReply(&b)
		same = fmt.Sprint(a) == fmt.Sprint(b)
	case "shape":
		same = shape(a) == shape(b)
	}
	if same {
		return ""
	}
	return fmt.Sprintf("redis %q\n   lockd %q", clipped(want), clipped(got))
}

// near tells whether two replies are equal but for integers that differ by at most so much. What is left
// until a date has become less by the age of the recorded reply, in milliseconds or seconds.
func near(a, b reply, most int64, age time.Duration) bool {
	if a.kind != b.kind || len(a.inner) != len(b.inner) {
		return false
	}
	for i := range a.inner {
		if !near(a.inner[i], b.inner[i], most, age) {
			return false
		}
	}
	if a.text == b.text || len(a.inner) > 0 {
		return true
	}
	x, errX := strconv.ParseInt(a.text, 10, 64)
	y, errY := strconv.ParseInt(b.text, 10, 64)
	if a.kind != ':' || errX != nil || errY != nil {
		return false
	}
	for _, gone := range []int64{0, age.Milliseconds(), age.Milliseconds() / 1000} {
		if off := x - gone - y; -most <= off && off <= most {
			return true
		}
	}
	return false
}

// numbers spells the numbers in r one way: Redis 7.0 writes 17 digits, lockd as few as are needed.
func numbers(r reply) reply {
	if f, err := strconv.ParseFloat(r.text, 64); err == nil && (r.kind == '$' || r.kind == ',') {
		r.text = strconv.FormatFloat(f+0, 'g', -1, 64) // -0 is 0: negative-zero in the list of differences
	}
	inner := make([]reply, len(r.inner))
	for i := range r.inner {
		inner[i] = numbers(r.inner[i])
	}
	r.inner = inner
	return r
}

func sortReply(r *reply) {
	for i := range r.inner {
		sortReply(&r.inner[i])
	}
	slices.SortFunc(r.inner, func(a, b reply) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
}

// shape is what is left of a reply without its words and numbers.
func shape(r reply) string {
	s := string(r.kind)
	for _, element := range r.inner {
		s += shape(element)
	}
	if _, err := strconv.ParseInt(r.text, 10, 64); err == nil && len(r.inner) == 0 {
		s += "#"
	}
	return s + "."
}

func clipped(s string) string {
	if len(s) > 300 {
		return s[:300] + "…"
	}
	return s
}

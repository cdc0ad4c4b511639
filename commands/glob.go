// Glob patterns as Redis understands them: * ? [abc] [^a-z] \x, on bytes. Its odd corners are kept: a class
// without its end goes to the end of the pattern, a range may be given backwards, bytes from 0x80 on are
// negative in a range (Redis' char is signed on x86), and nothing but the empty pattern matches the empty
// string.
//
// Redis tries every length for every star, one inside the other. Here a mismatch goes back to the last star
// only, which finds the same matches, because whatever an earlier star might take instead the last one can
// take as well. So the cost is at most length times length, and it is counted, so that callers can stop.

package commands

// matchSteps bounds the work of one Match: far more than a pattern and a key of sensible length need. What
// takes longer does not match.
const matchSteps = 1 << 22

// Match tells whether s matches a glob pattern.
func Match(pattern, s string) bool {
	g := glob{pattern: pattern, steps: matchSteps}
	return g.match(s)
}

// MatchFold is Match that takes small and capital letters for the same, as names of settings and commands
// are matched.
func MatchFold(pattern, s string) bool {
	g := glob{pattern: pattern, fold: true, steps: matchSteps}
	return g.match(s)
}

// glob matches many strings with one pattern and one allowance of work.
type glob struct {
	pattern string
	fold    bool
	steps   int // what is left; below zero nothing matches any more
}

// spent tells whether the allowance is used up, so that the last answers are worth nothing.
func (g *glob) spent() bool { return g.steps < 0 }

// prefix returns what every match begins with, so that an ordered listing can begin there.
func (g *glob) prefix() string {
	for i := range len(g.pattern) {
		switch g.pattern[i] {
		case '*', '?', '[', '\\':
			return g.pattern[:i]
		}
	}
	return g.pattern
}

// all tells whether every string matches. Redis checks this apart, for "" would not match "*" otherwise.
func (g *glob) all() bool { return g.pattern == "*" }

func (g *glob) match(s string) bool {
	p := g.pattern
	if s == "" {
		return p == ""
	}
	i, j := 0, 0              // places in p and s
	afterStar, retry := -1, 0 // where to go on in p, and in s, when the rest does not match
	for j < len(s) && g.steps >= 0 {
		g.steps--
		if i < len(p) && p[i] == '*' {
			i++
			afterStar, retry = i, j
			continue
		}
		if i < len(p) {
			if next, ok := g.one(i, s[j]); ok {
				i, j = next, j+1
				continue
			}
		}
		if afterStar < 0 {
			return false
		}
		retry++
		i, j = afterStar, retry
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p) && g.steps >= 0
}

// one matches a single byte with the element of the pattern at place i, and returns the place behind it.
func (g *glob) one(i int, ch byte) (next int, ok bool) {
	p := g.pattern
	switch p[i] {
	case '?':
		return i + 1, true
	case '[':
		return g.class(i+1, ch)
	case '\\':
		if i+1 < len(p) {
			i++
		}
	}
	return i + 1, g.lower(p[i]) == g.lower(ch)
}

// class matches ch with the class whose first byte after the bracket is at place i.
func (g *glob) class(i int, ch byte) (next int, ok bool) {
	p, from := g.pattern, i
	negated := i < len(p) && p[i] == '^'
	if negated {
		i++
	}
	hit := false
	for ; i < len(p) && p[i] != ']'; i++ {
		switch {
		case p[i] == '\\' && i+1 < len(p):
			i++
			hit = hit || p[i] == ch // Redis compares an escaped byte exactly, whatever the case
		case i+2 < len(p) && p[i+1] == '-':
			hit = hit || g.within(p[i], p[i+2], ch)
			i += 2
		default:
			hit = hit || g.lower(p[i]) == g.lower(ch)
		}
	}
	g.steps -= i - from
	return min(i+1, len(p)), hit != negated
}

// within tells whether ch lies in the range from a to b, given in either order.
func (g *glob) within(a, b, ch byte) bool {
	low, high := int8(a), int8(b)
	if low > high {
		low, high = high, low
	}
	if g.fold {
		low, high = int8(g.lower(byte(low))), int8(g.lower(byte(high)))
	}
	c := int8(g.lower(ch))
	return low <= c && c <= high
}

func (g *glob) lower(ch byte) byte {
	if g.fold && 'A' <= ch && ch <= 'Z' {
		return ch + 'a' - 'A'
	}
	return ch
}

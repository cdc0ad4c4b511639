package commands

import (
	"strings"
	"testing"
	"time"
)

// naive is the matching as Redis defines it: every star tries every length. It is the model that the fast
// one is held against; it takes for ever where there are many stars.
func naive(p, s string) bool {
	for len(p) > 0 && len(s) > 0 {
		if p[0] == '*' {
			for len(p) > 1 && p[1] == '*' {
				p = p[1:]
			}
			if len(p) == 1 {
				return true
			}
			for ; len(s) > 0; s = s[1:] {
				if naive(p[1:], s) {
					return true
				}
			}
			return false
		}
		n, ok := naiveOne(p, s[0])
		if !ok {
			return false
		}
		p, s = p[n:], s[1:]
		if s == "" {
			p = strings.TrimLeft(p, "*")
		}
	}
	return p == "" && s == ""
}

// naiveOne matches one byte and returns how long its part of the pattern is.
func naiveOne(p string, ch byte) (int, bool) {
	switch {
	case p[0] == '?':
		return 1, true
	case p[0] == '\\' && len(p) > 1:
		return 2, p[1] == ch
	case p[0] != '[':
		return 1, p[0] == ch
	}
	i, hit, not := 1, false, false
	if i < len(p) && p[i] == '^' {
		not, i = true, i+1
	}
	for i < len(p) && p[i] != ']' {
		switch rest := p[i:]; {
		case rest[0] == '\\' && len(rest) >= 2:
			hit = hit || rest[1] == ch
			i += 2
		case len(rest) >= 3 && rest[1] == '-':
			a, b := int8(rest[0]), int8(rest[2])
			hit = hit || min(a, b) <= int8(ch) && int8(ch) <= max(a, b)
			i += 3
		default:
			hit = hit || rest[0] == ch
			i++
		}
	}
	return min(i+1, len(p)), hit != not
}

func FuzzMatch(f *testing.F) {
	for _, seed := range []string{
		"*|", "|", "*|a", "a*b|ab", "[a-c]|b", "[^a-c]|d", "[a|a", "[|[", "[^|x", "\\*|*", "\\|\\", "h[ae]llo|hello", "**a|ba",
		"[c-a]|b", "[\xff-a]|\x80", "[a-]|]", "*[b]*|abc", "a\\|a\\", "[\\]]|]", "?*?|ab", "*?*|", "[]a]|a]", "[--a]|a",
	} {
		p, s, _ := strings.Cut(seed, "|")
		f.Add(p, s)
	}
	f.Fuzz(func(t *testing.T, p, s string) {
		if strings.Count(p, "*") > 4 || len(p) > 64 || len(s) > 64 {
			return
		}
		if got, want := Match(p, s), naive(p, s); got != want {
			t.Errorf("Match(%q, %q) is %v, the definition says %v", p, s, got, want)
		}
		g := glob{pattern: p}
		if naive(p, s) && !strings.HasPrefix(s, g.prefix()) {
			t.Errorf("%q matches %q, which does not begin with %q", p, s, g.prefix())
		}
		if naive(strings.ToLower(p), s) && isASCII(p) && !MatchFold(strings.ToUpper(p), s) && !strings.ContainsAny(p, "[\\") {
			t.Errorf("MatchFold(%q, %q) is false", strings.ToUpper(p), s)
		}
	})
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 }) < 0
}

func TestMatchFold(t *testing.T) {
	for p, s := range map[string]string{
		"MAX*": "maxmemory", "max*": "MAXMEMORY", "[A-C]": "b", "[a-c]": "B", "?ET": "get", "\\GET": "get", "[ABC]x": "aX",
	} {
		if !MatchFold(p, s) || Match(p, s) {
			t.Errorf("%q %q", p, s)
		}
	}
	if MatchFold("[\\A]", "a") {
		t.Error("an escaped byte in a class is compared exactly, as Redis does")
	}
}

// What takes Redis' first matcher longer than the age of the universe takes no time, and beyond the
// allowance the answer is no.
func TestMatchIsBounded(t *testing.T) {
	start := time.Now()
	if Match(strings.Repeat("a*", 500)+"b", strings.Repeat("a", 1000)) {
		t.Error("matched")
	}
	if Match(strings.Repeat("*a", 400)+"*b*c", strings.Repeat("ab", 500)) {
		t.Error("matched")
	}
	if Match("*"+strings.Repeat("[^"+strings.Repeat("x", 1000)+"]", 900)+"!", strings.Repeat("a", 1000)) {
		t.Error("matched")
	}
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("it took %v", d)
	}
}

func TestKeysIsBounded(t *testing.T) {
	d := newDriver(t)
	d.logged = true
	d.words("SET", strings.Repeat("a", 1000), "v")
	got := d.words("KEYS", "*"+strings.Repeat("[^"+strings.Repeat("x", 1000)+"]", 900)+"!")
	if got != "[]" && !strings.HasPrefix(got, "ERR this pattern takes too long") {
		t.Error(got)
	}
}

func BenchmarkMatch(b *testing.B) {
	for b.Loop() {
		Match("lock:*:[0-9]?", "lock:orders:region-7:42")
	}
}

package compat_test

import "strings"

// Glob patterns, through KEYS: a few dozen keys against some hundred patterns. The patterns with a bar, which
// separates words in a form, go in one by one.
func patternCases() []group {
	patterns := []string{
		"*", "**", "***", "?", "??", "???", "?*", "*?", "*?*", "a*", "*a", "*a*", "*a*b*", "a*b", "a?b", "a*?b", "ab", "abc",
		"a**b", "*abc", "abc*", "*b*", "a*a", "*aab", "*a*a*b", "[a]", "[ab]", "[a-c]", "[c-a]", "[a-c]*", "[^a]", "[^a]*",
		"[^a-c]", "[^]", "[]", "[a", "[a-", "[a-c", "[^", "[^a", "[", "a[", "[]a]", "[a]]", "[a-]", "[a-]]", "[-a]", "[--a]",
		"[a-a]", "[a-bc]", "[ab-]", "[\\]]", "[\\a]", "[\\", "[\\\\]", "[a\\-c]", "[\\^a]", "[^\\^]", "[*]", "[?]", "[[]", "a[b]c",
		"a[^b]c", "a[b-d]c", "*[b]*", "*[^b]", "[a-c][a-c]", "[a][b][c]", "\\a", "\\*", "\\?", "\\[", "\\\\", "\\", "a\\", "a\\*",
		"a\\b", "*\\*", "*\\**", "\\", "^a", "a]", "]", "-", "^", "a-c", "A", "[A-Z]", "[A-z]", "[0-9]", "[0-9]*", "*[0-9]",
		"\x00", "*\x00*", "\xff", "[\x80-\xff]", "[a-\xff]", "[\xff-a]", "[^\x80-\xff]", "\xd0*", "??????", "[\x00-\x7f]", "a b",
		"* *", "a*b*c", "*a?c*", "a*c?", "*ab*ab*", "lock:*", "lock:?:*", "lock:[12]:*", "*:a", "*:*:*", "lock\\:1*",
		"aaaa*aaaab", "*a*a*a*a*a*b", "[a-c]?[a-c]", "*.*", "a.b", "a*[^c]", "[^a-c]*[0-9]", "*[", "*\\", "*]", "a[b", "*[a",
	}
	keys := []string{
		"a", "b", "c", "ab", "abc", "aab", "aaab", "ba", "cab", "abab", "acb", "axb", "a*b", "a?b", "*", "?", "[", "]", "\\", "-",
		"^", "a]", "a[", "a\\", "[a]", "A", "Z", "a1", "1", "12", "a b", "\x00", "a\x00b", "\xff", "\x80", "ключ", "lock:1:a",
		"lock:2:b", "lock:3:a", "lock:10:a", "a.b", "aaaaaaaaaaaaaaaaaaaaaaaaab", "aaaaaaaaaaaaaaaaaaaaaaaaaa", "", "a-c",
	}
	setup := "MSET"
	for _, k := range keys {
		setup += " " + quote(k) + " 1"
	}
	var forms strings.Builder
	for _, p := range patterns {
		forms.WriteString("anyorder: KEYS " + quote(p) + "\n")
		forms.WriteString("anyorder: SCAN 0 COUNT 1000 MATCH " + quote(p) + "\n")
	}
	return []group{{name: "patterns", setup: setup, forms: forms.String()}}
}

package commands

import (
	"math"
	"math/big"
	"regexp"
	"strconv"
	"testing"
)

func FuzzParseInt(f *testing.F) {
	for _, s := range []string{
		"0", "-0", "+1", "01", "1", "-1", "", "-", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
		"-9223372036854775809", "18446744073709551617", "99999999999999999999", " 1", "1 ", "1\x00",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want, err := strconv.ParseInt(s, 10, 64)
		ok := err == nil && strconv.FormatInt(want, 10) == s // the one shortest form
		if !ok {
			want = 0
		}
		got, gotOK := parseInt(s)
		if gotOK != ok || (ok && got != want) {
			t.Errorf("parseInt(%q) is %d, %v; want %d, %v", s, got, gotOK, want, ok)
		}
	})
}

func FuzzParseFloat(f *testing.F) {
	for _, s := range []string{
		"0", "-0", "1.5", ".5", "5.", ".", "1e5", "1e", "1e+", "inf", "-Infinity", "nan", "0x10", "0x1.8p3", "0x", "0x.p1", "1p3",
		"1_0", "0b1", "1e99999999999", "0e99999999999", "1e4932", "1e4933", "1e-4950", "1e-4951", "+1", "++1", " 1",
	} {
		f.Add(s)
	}
	decimal := regexp.MustCompile(`^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$`)
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := parseFloat(s)
		if ok && got.IsInf() {
			return
		}
		if decimal.MatchString(s) && len(s) < 1000 {
			want, _, err := big.ParseFloat(s, 10, floatBits, big.ToNearestEven)
			if !ok || err != nil || got.Cmp(want) != 0 {
				t.Fatalf("parseFloat(%q) is %v, %v; want %v", s, got, ok, want)
			}
		}
		if !ok {
			return
		}
		// What it prints is a number again, and the same digits: counting from there goes on exactly.
		text := formatFloat(got)
		again, ok := parseFloat(text)
		if !ok && len(text) < longestFloat {
			t.Fatalf("%q prints as %q, which is no number", s, text)
		}
		if ok && formatFloat(again) != text {
			t.Errorf("%q prints as %q, and that as %q", s, text, formatFloat(again))
		}
	})
}

func TestWholeSeconds(t *testing.T) {
	for ms, want := range map[int64]int64{
		0: 0, 499: 0, 500: 1, 1499: 1, 1500: 2, math.MaxInt64: math.MaxInt64/1000 + 1,
	} {
		if got := wholeSeconds(ms); got != want {
			t.Errorf("%d ms are %d s, want %d", ms, got, want)
		}
	}
}

func TestAddSaturated(t *testing.T) {
	for _, c := range [][3]int64{
		{1, 2, 3}, {math.MaxInt64, 1, math.MaxInt64}, {math.MinInt64, -1, math.MinInt64}, {math.MinInt64, 5, math.MinInt64 + 5},
		{math.MaxInt64, math.MinInt64, -1}, {5, -7, -2},
	} {
		if got := addSaturated(c[0], c[1]); got != c[2] {
			t.Errorf("%d + %d is %d, want %d", c[0], c[1], got, c[2])
		}
	}
}

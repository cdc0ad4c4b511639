package commands

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// fill sets n keys.
func (d *driver) fill(prefix string, n int) {
	words := []string{"MSET"}
	for i := range n {
		words = append(words, fmt.Sprintf("%s%05d", prefix, i), "v")
	}
	d.words(words...)
}

// scanPage runs one SCAN and returns the next cursor and the keys.
func (d *driver) scanPage(cursor string, options ...string) (string, []string) {
	v := d.value(append([]string{"SCAN", cursor}, options...)...)
	var keys []string
	for _, k := range v.List()[1].List() {
		keys = append(keys, k.Str())
	}
	return v.List()[0].Str(), keys
}

func TestScanReturnsEachKeyOnce(t *testing.T) {
	for _, logged := range []bool{false, true} {
		d := newDriver(t)
		d.logged = logged
		d.fill("k", 1000)
		d.do("SET expired v PX 1")
		d.pass(2)
		seen := map[string]int{}
		cursor, pages := "0", 0
		for {
			var keys []string
			cursor, keys = d.scanPage(cursor, "COUNT", "7")
			for _, k := range keys {
				seen[k]++
			}
			if pages++; cursor == "0" {
				break
			}
		}
		for k, n := range seen {
			if n != 1 || k == "expired" {
				t.Errorf("%s came %d times", k, n)
			}
		}
		if len(seen) != 1000 || pages != 143 {
			t.Errorf("%d keys in %d pages", len(seen), pages)
		}
	}
}

// Keys that stay must come, whatever else comes and goes, also for a cursor that the node does not know:
// after a change of leader, or in the log.
func TestScanFindsWhatStays(t *testing.T) {
	for _, forgetful := range []bool{false, true} {
		d := newDriver(t)
		d.logged = forgetful
		rng := rand.New(rand.NewPCG(1, 2))
		d.fill("stay:", 300)
		d.fill("go:", 300)
		d.fill("zgo:", 300)
		seen := map[string]bool{}
		cursor, pages := "0", 0
		for {
			var keys []string
			cursor, keys = d.scanPage(cursor, "COUNT", "10")
			for _, k := range keys {
				seen[k] = true
			}
			if pages++; cursor == "0" || pages > 5000 {
				break
			}
			for range 5 { // the very keys that cursors point to go as well
				words := []string{"DEL", fmt.Sprintf("go:%05d", rng.IntN(300)), fmt.Sprintf("zgo:%05d", rng.IntN(300))}
				if len(keys) > 0 && !strings.HasPrefix(keys[len(keys)-1], "stay") {
					words = append(words, keys[len(keys)-1])
				}
				d.words(words...)
			}
			d.words("SET", fmt.Sprintf("new:%05d", rng.IntN(1000)), "v")
		}
		for i := range 300 {
			if k := fmt.Sprintf("stay:%05d", i); !seen[k] {
				t.Errorf("forgetful %v: %s never came", forgetful, k)
			}
		}
		if pages > 5000 {
			t.Errorf("forgetful %v: it does not end", forgetful)
		}
	}
}

// The usual way to delete by pattern, inside a script, where every page deletes the key that its cursor
// points to.
func TestScanAndDeleteEverything(t *testing.T) {
	d := newDriver(t)
	d.logged = true
	d.fill("a:", 200)
	d.fill("b:", 200)
	cursor, pages := "0", 0
	for {
		var keys []string
		cursor, keys = d.scanPage(cursor, "MATCH", "[b]:*", "COUNT", "10")
		if len(keys) > 0 {
			d.words(append([]string{"DEL"}, keys...)...)
		}
		if pages++; cursor == "0" || pages > 1000 {
			break
		}
	}
	if got := d.do("DBSIZE"); got != "200" || pages > 1000 {
		t.Errorf("%s keys are left after %d pages", got, pages)
	}
}

func TestScanCursorsFitIntoFloats(t *testing.T) {
	d := newDriver(t)
	d.fill("k", 100)
	cursor := "0"
	for {
		if cursor, _ = d.scanPage(cursor); cursor == "0" {
			return
		}
		if n, ok := parseCursor(cursor); !ok || n == 0 || n >= 1<<53 {
			t.Fatalf("cursor %s", cursor)
		}
	}
}

// A pattern with a fixed beginning looks only at the keys that begin so.
func TestScanGoesStraightToThePrefix(t *testing.T) {
	d := newDriver(t)
	d.fill("a", 500)
	d.fill("m", 5)
	d.fill("z", 500)
	cursor, keys := d.scanPage("0", "MATCH", "m*")
	if cursor != "0" || len(keys) != 5 {
		t.Errorf("cursor %s, %d keys", cursor, len(keys))
	}
	if got := d.do("KEYS m0000[13]"); got != "[m00001 m00003]" {
		t.Error(got)
	}
}

func TestScanKeepsDatabasesApart(t *testing.T) {
	d := newDriver(t)
	d.fill("k", 50)
	cursor, _ := d.scanPage("0")
	d.db = 1
	d.fill("other", 50)
	var all []string
	for cursor != "0" {
		var keys []string
		cursor, keys = d.scanPage(cursor, "COUNT", "50")
		all = append(all, keys...)
	}
	if len(all) != 50 || slices.ContainsFunc(all, func(k string) bool { return !strings.HasPrefix(k, "other") }) {
		t.Errorf("%d keys", len(all))
	}
}

// A page ends early where matching is expensive, and goes on with the next.
func TestScanPageIsBounded(t *testing.T) {
	d := newDriver(t)
	d.fill(strings.Repeat("a", 200), 200)
	pattern := "*[^" + strings.Repeat("x", 300) + "]y"
	cursor, pages := "0", 0
	for {
		cursor, _ = d.scanPage(cursor, "MATCH", pattern, "COUNT", "1000000")
		if pages++; cursor == "0" {
			break
		}
	}
	if pages < 2 || pages > 200 {
		t.Errorf("%d pages", pages)
	}
}

func TestRandomKey(t *testing.T) {
	d := newDriver(t)
	if got := d.do("RANDOMKEY"); got != "(nil)" {
		t.Error(got)
	}
	d.fill("k", 10)
	for i := range 5 {
		d.words("PEXPIRE", fmt.Sprintf("k%05d", i*2), "10")
	}
	d.do("SET last v")
	d.clock += 11 // due, and only reads from here on: nothing removes them
	seen := map[string]bool{}
	for range 300 {
		seen[d.do("RANDOMKEY")] = true
	}
	for i := range 5 {
		if seen[fmt.Sprintf("k%05d", i*2)] || !seen[fmt.Sprintf("k%05d", i*2+1)] {
			t.Errorf("seen: %v", seen)
		}
	}
}

func FuzzParseCursor(f *testing.F) {
	for _, s := range []string{"", "0", "+0", "-1", "-", "18446744073709551615", "18446744073709551616", " 1", "1x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, ok := parseCursor(s)
		digits := strings.TrimLeft(s, "+-")
		if want := s == "" || len(s)-len(digits) <= 1 && digits != "" && strings.Trim(digits, "0123456789") == ""; ok && !want {
			t.Errorf("%q was taken for %d", s, n)
		} else if want && !ok && len(digits) < 20 {
			t.Errorf("%q was refused", s)
		}
	})
}

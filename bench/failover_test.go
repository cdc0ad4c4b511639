//go:build linux

package main

import (
	"testing"
	"time"
)

// A gap counts from the fault, ends with the success that follows it, and is not lost when nothing follows.
func TestLongest(t *testing.T) {
	begin := time.Now()
	at := func(list ...int) (times []time.Time) {
		for _, ms := range list {
			times = append(times, begin.Add(time.Duration(ms)*time.Millisecond))
		}
		return times
	}
	for _, c := range []struct {
		name     string
		at       []time.Time
		from, to int
		want     int
	}{
		{"from the fault, not from the success before it", at(0, 90, 130, 150), 100, 160, 30},
		{"a success that was on its way does not end it", at(0, 101, 180, 190), 100, 195, 79},
		{"beyond the end, as it began before", at(101, 400), 100, 200, 299},
		{"not what begins after the end", at(101, 150, 199, 205, 900), 100, 200, 49},
		{"nothing follows", at(0, 10), 100, 300, 200},
		{"nothing follows a late one", at(0, 110), 100, 300, 190},
	} {
		got := longest(c.at, at(c.from)[0], at(c.to)[0])
		if got != time.Duration(c.want)*time.Millisecond {
			t.Errorf("%s: %s, want %d ms", c.name, got, c.want)
		}
	}
}

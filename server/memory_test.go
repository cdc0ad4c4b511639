package server

import "testing"

func TestGCPercent(t *testing.T) {
	for _, c := range []struct {
		live uint64
		want int
	}{
		{0, mostPercent},
		{1 << 20, mostPercent},
		{8 << 20, 400},
		{32 << 20, 100},
		{64 << 20, 50},
		{200_000_000, garbagePercent},
		{1 << 40, garbagePercent},
	} {
		if got := gcPercent(c.live); got < c.want-1 || got > c.want {
			t.Errorf("%d bytes live: %d %%, want %d", c.live, got, c.want)
		}
	}
}

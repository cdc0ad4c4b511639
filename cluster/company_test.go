package cluster

import (
	"testing"
	"testing/synctest"
	"time"
)

// waited runs one wait of a company in which some come after a while, and returns how long it took.
func waited(c *company, answered int, took time.Duration, queued int, comes map[time.Duration]int) time.Duration {
	c.bell.came(queued)
	c.note(answered, took)
	for after, n := range comes {
		time.AfterFunc(after, func() { c.bell.came(n) })
	}
	begun := time.Now()
	c.await(nil)
	d := time.Since(begun)
	synctest.Wait()
	time.Sleep(time.Second) // the rest comes
	c.bell.took(int(c.bell.count.Load()))
	select {
	case <-c.bell.ring:
	default:
	}
	return d
}

const (
	us = time.Microsecond
	ms = time.Millisecond
)

func TestCompanyIsAwaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &company{bell: newBell()}
		all := map[time.Duration]int{100 * us: 4, 200 * us: 4}
		for _, k := range []struct {
			what             string
			answered, queued int
			took             time.Duration
			comes            map[time.Duration]int
			want             time.Duration
		}{
			{"those who come back are awaited", 8, 1, ms, all, 200 * us},
			{"and no longer than half of what an entry took", 8, 1, 300 * us, all, 150 * us},
			{"or than the limit", 8, 1, time.Second, map[time.Duration]int{ms: 4, 10 * ms: 4}, companyLimit},
			{"a lone client is not", 1, 1, ms, all, 0},
			{"those who had waited already are none of theirs", 8, 20, ms, all, 200 * us},
			{"where nobody waits for an entry, nobody is awaited", 8, 0, ms, all, 0},
		} {
			if got := waited(c, k.answered, k.took, k.queued, k.comes); got != k.want {
				t.Errorf("%s: waited %v, want %v", k.what, got, k.want)
			}
		}
	})
}

// Clients that do not come back at once cost the others a few waits in a hundred entries.
func TestCompanyThatDoesNotComeIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &company{bell: newBell()}
		waits := 0
		for range 10 * companyRest {
			if waited(c, 8, ms, 1, nil) > 0 {
				waits++
			}
		}
		if most := 11 * companyTries; waits == 0 || waits > most {
			t.Errorf("%d of %d entries waited in vain, want 1 to %d", waits, 10*companyRest, most)
		}
	})
}

// TestFirstOfCompanyWaitsForOthers has nobody come before the proposer goes to sleep: whoever wakes it waits
// for the others, as the release of a lock does for the next request of whoever had it before.
func TestFirstOfCompanyWaitsForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &company{bell: newBell()}
		// returns how long an entry was held up after the first came, and how many it had then
		entry := func(answered int, comes map[time.Duration]int) (time.Duration, int64) {
			c.note(answered, ms)
			c.await(nil)
			for after, n := range comes {
				time.AfterFunc(after, func() { c.bell.came(n) })
			}
			<-c.bell.ring
			begun := time.Now()
			c.await(nil)
			d, had := time.Since(begun), c.bell.count.Load()
			time.Sleep(time.Second)
			c.bell.took(int(c.bell.count.Load()))
			select {
			case <-c.bell.ring:
			default:
			}
			return d, had
		}
		if d, had := entry(2, map[time.Duration]int{ms: 1, ms + 200*us: 1}); d != 200*us || had != 2 {
			t.Errorf("the first of two waited %v, and %d went together", d, had)
		}
		if d, had := entry(1, map[time.Duration]int{ms: 1, ms + 200*us: 1}); d != 0 || had != 1 {
			t.Errorf("one that was answered alone waited %v, and %d went together", d, had)
		}
		waits := 0
		for range 10 * companyRest {
			if d, _ := entry(2, map[time.Duration]int{ms: 1}); d > 0 {
				waits++
			}
		}
		if most := 11 * companyTries; waits == 0 || waits > most {
			t.Errorf("%d of %d entries waited for one who does not come back, want 1 to %d", waits,
				10*companyRest, most)
		}
	})
}

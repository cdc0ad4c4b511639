// How long the disk takes to sync, for INFO and for warnings. The write path pays a few atomic
// adds; percentiles are computed only when somebody asks.

package storage

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// SyncTimes sums up the syncs of the log in the last one to two minutes.
type SyncTimes struct {
	Count          uint64 // since Open
	Last           time.Duration
	P50, P99, Peak time.Duration // upper bounds, at most 1/8 too high
}

const (
	histParts   = 8 // steps within a doubling
	histBuckets = 36 * histParts
	histWindow  = time.Minute
)

// histogram counts durations by their logarithm.
type histogram struct {
	count, last atomic.Uint64
	// current counts now, previous is the window before: asking right after a turn still sees
	// enough.
	current, previous [histBuckets]atomic.Uint32
}

// bucketOf maps microseconds to a bucket: exact below 8, then 8 steps a doubling.
func bucketOf(d time.Duration) int {
	us := uint64(max(d.Microseconds(), 0))
	if us < histParts {
		return int(us)
	}
	octave := bits.Len64(us) - 4 // 8..15 is octave 0
	return min((octave+1)*histParts+int(us>>octave)-histParts, histBuckets-1)
}

// upperBound is the largest duration that belongs to bucket b.
func upperBound(b int) time.Duration {
	if b < histParts {
		return time.Duration(b+1) * time.Microsecond
	}
	octave := b/histParts - 1
	return time.Duration(uint64(b%histParts+histParts+1)<<octave) * time.Microsecond
}

// add is called by whoever has just waited for the disk.
func (h *histogram) add(d time.Duration) {
	h.count.Add(1)
	h.last.Store(uint64(d))
	h.current[bucketOf(d)].Add(1)
}

// turn begins a new window. A few counts that race with it land in either, which nobody will miss.
func (h *histogram) turn() {
	for i := range h.current {
		h.previous[i].Store(h.current[i].Swap(0))
	}
}

// read sums both windows up.
func (h *histogram) read() SyncTimes {
	s := SyncTimes{Count: h.count.Load(), Last: time.Duration(h.last.Load())}
	var counts [histBuckets]uint64
	var total uint64
	for i := range counts {
		counts[i] = uint64(h.current[i].Load()) + uint64(h.previous[i].Load())
		total += counts[i]
	}
	var sum uint64
	for i, n := range counts {
		if n == 0 {
			continue
		}
		sum += n
		s.Peak = upperBound(i)
		if s.P50 == 0 && sum*2 >= total {
			s.P50 = s.Peak
		}
		if s.P99 == 0 && sum*100 >= total*99 {
			s.P99 = s.Peak
		}
	}
	return s
}

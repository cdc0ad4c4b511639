// How long commands take, counted by the logarithm, so that percentiles cost a few atomic adds and bounded
// memory: four steps within each doubling.

package session

import (
	"math/bits"
	"sync/atomic"
	"time"
)

const (
	histogramSteps   = 4
	histogramBuckets = 36 * histogramSteps // up to about 19 hours
)

// histogram counts durations in microseconds.
type histogram struct {
	buckets [histogramBuckets]atomic.Uint32
}

func (h *histogram) add(us uint64) { h.buckets[bucketOf(us)].Add(1) }

// bucketOf is exact below 4 microseconds.
func bucketOf(us uint64) int {
	if us < histogramSteps {
		return int(us)
	}
	doubling := bits.Len64(us) - 3 // 4 to 7 are the first
	return min((doubling+1)*histogramSteps+int(us>>doubling)-histogramSteps, histogramBuckets-1)
}

// upperBound is the largest number of microseconds in a bucket.
func upperBound(bucket int) uint64 {
	if bucket < histogramSteps {
		return uint64(bucket)
	}
	doubling := bucket/histogramSteps - 1
	return uint64(bucket%histogramSteps+histogramSteps+1)<<doubling - 1
}

// percentile returns an upper bound, at most a quarter too high, of what share (0 to 1) of all is not above.
func (h *histogram) percentile(share float64) time.Duration {
	var total, seen uint64
	for i := range h.buckets {
		total += uint64(h.buckets[i].Load())
	}
	for i := range h.buckets {
		seen += uint64(h.buckets[i].Load())
		if seen > 0 && float64(seen) >= share*float64(total) {
			return time.Duration(upperBound(i)) * time.Microsecond
		}
	}
	return 0
}

// doublings returns how many took less than 1, 2, 4, … microseconds, without the bounds at which nothing new
// comes in.
func (h *histogram) doublings() (bounds, counts []uint64) {
	var seen, last uint64
	for i := range h.buckets {
		seen += uint64(h.buckets[i].Load())
		bound := upperBound(i) + 1
		if bits.OnesCount64(bound) != 1 || seen == last {
			continue
		}
		bounds, counts = append(bounds, bound), append(counts, seen)
		last = seen
	}
	return bounds, counts
}

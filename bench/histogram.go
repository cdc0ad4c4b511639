//go:build linux

// Latencies are kept in buckets that grow with the value: 128 for each power of two, so a quantile is
// wrong by less than one percent, and recording costs an addition.

package main

import (
	"math/bits"
	"time"
)

const (
	subBits    = 7
	subBuckets = 1 << subBits
)

// histogram counts latencies. It is not safe for concurrent use.
type histogram struct {
	buckets [64 * subBuckets]uint32
	count   uint64
	max     time.Duration
}

func bucketOf(d time.Duration) int {
	n := uint64(max(d, 0))
	if n < subBuckets {
		return int(n)
	}
	shift := bits.Len64(n) - subBits - 1
	return (shift+1)<<subBits + int(n>>shift) - subBuckets
}

// valueOf returns the lowest value of a bucket.
func valueOf(bucket int) time.Duration {
	if bucket < subBuckets {
		return time.Duration(bucket)
	}
	shift := bucket>>subBits - 1
	return time.Duration(bucket&(subBuckets-1)+subBuckets) << shift
}

func (h *histogram) add(d time.Duration) {
	h.buckets[bucketOf(d)]++
	h.count++
	h.max = max(h.max, d)
}

// quantile returns the latency that the fraction q did not exceed.
func (h *histogram) quantile(q float64) time.Duration {
	want := uint64(q * float64(h.count))
	seen := uint64(0)
	for i, n := range h.buckets {
		seen += uint64(n)
		if n > 0 && seen > want {
			return min(valueOf(i), h.max)
		}
	}
	return h.max
}

func (h *histogram) merge(o *histogram) {
	for i, n := range o.buckets {
		h.buckets[i] += n
	}
	h.count += o.count
	h.max = max(h.max, o.max)
}

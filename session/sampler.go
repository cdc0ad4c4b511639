// Rates for INFO: operations and bytes a second, over about the last second and a half.
//
// There is no goroutine for it. Whoever serves a pipeline takes a sample when the last one is a tenth of a
// second old; while nobody is served nothing changes, so the samples need not be taken then either.

package session

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	sampleEvery = 100 * time.Millisecond
	sampleCount = 16
)

// sampler keeps the last samples.
type sampler struct {
	next atomic.Int64 // Unix nanoseconds from which the next sample is due

	mu      sync.Mutex
	samples []sample // the newest last
}

// sample is what counters showed.
type sample struct {
	at            time.Time
	ops           uint64
	input, output uint64
}

// due tells whether a sample is to be taken now, to one caller only.
func (s *sampler) due(now time.Time) bool {
	next := s.next.Load()
	return now.UnixNano() >= next && s.next.CompareAndSwap(next, now.Add(sampleEvery).UnixNano())
}

func (s *sampler) add(one sample) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.samples) == sampleCount {
		copy(s.samples, s.samples[1:])
		s.samples = s.samples[:sampleCount-1]
	}
	s.samples = append(s.samples, one)
}

func (s *sampler) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.samples = nil
}

// rates are a second's worth.
type rates struct{ ops, input, output float64 }

// until returns the rates over the last samples up to now. One that is older than the window is as good as
// one taken when the window began: a newer one is missing because nothing was served in between.
func (s *sampler) until(now sample) rates {
	s.mu.Lock()
	defer s.mu.Unlock()
	const window = sampleCount * sampleEvery
	from := now
	for i := len(s.samples) - 1; i >= 0; i-- {
		from = s.samples[i]
		if now.at.Sub(from.at) >= window {
			break
		}
	}
	took := now.at.Sub(from.at).Seconds()
	if took <= 0 || now.ops < from.ops {
		return rates{}
	}
	took = min(max(took, sampleEvery.Seconds()), window.Seconds())
	return rates{
		ops:    float64(now.ops-from.ops) / took,
		input:  float64(now.input-from.input) / took,
		output: float64(now.output-from.output) / took,
	}
}

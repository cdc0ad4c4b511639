// What INFO tells about commands and traffic.

package session

import (
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/divtxt/lockd/commands"
	"github.com/divtxt/lockd/resp"
)

// statistics counts commands by name and errors by code.
type statistics struct {
	table     *commands.Table
	commands  map[*commands.Command]*commandStats // fixed once made
	processed atomic.Uint64
	errors    atomic.Uint64
	hits      atomic.Uint64 // reads that found their key
	misses    atomic.Uint64
	badLogins atomic.Uint64
	rate      sampler

	mu      sync.Mutex
	byError map[string]uint64
	zero    resp.Stats // the wire's counters when CONFIG RESETSTAT was sent
}

type commandStats struct {
	calls, failed, rejected atomic.Uint64
	micros                  atomic.Uint64
	histogram               atomic.Pointer[histogram] // nil: never called
}

// errorCodes bounds how many kinds of error are told apart.
const errorCodes = 128

func newStatistics(t *commands.Table) *statistics {
	s := &statistics{table: t, commands: map[*commands.Command]*commandStats{}, byError: map[string]uint64{}}
	for _, c := range t.All() {
		s.commands[c] = &commandStats{}
		for i := range c.Sub {
			s.commands[&c.Sub[i]] = &commandStats{}
		}
	}
	return s
}

// each calls f with every command in the order of the table.
func (s *statistics) each(f func(*commands.Command, *commandStats)) {
	for _, c := range s.table.All() {
		f(c, s.commands[c])
		for i := range c.Sub {
			f(&c.Sub[i], s.commands[&c.Sub[i]])
		}
	}
}

// times returns the histogram, which exists from the first call on: most commands are never called.
func (s *commandStats) times() *histogram {
	if h := s.histogram.Load(); h != nil {
		return h
	}
	s.histogram.CompareAndSwap(nil, new(histogram))
	return s.histogram.Load()
}

func (s *statistics) done(c *commands.Command, v resp.Value, took time.Duration) {
	s.processed.Add(1)
	us := uint64(max(0, took.Microseconds()))
	of := s.commands[c]
	of.calls.Add(1)
	of.micros.Add(us)
	of.times().add(us)
	switch {
	case v.IsError():
		of.failed.Add(1)
		s.fail(v)
	case !c.Has(commands.ReadOnly) || c.Keys.First == 0:
	case v.IsNull():
		s.misses.Add(1)
	default:
		s.hits.Add(1)
	}
}

// rejected counts a command that was refused before it ran; c is nil for an unknown one.
func (s *statistics) rejected(c *commands.Command, v resp.Value) {
	if of := s.commands[c]; of != nil {
		of.rejected.Add(1)
	}
	s.fail(v)
}

func (s *statistics) fail(v resp.Value) {
	s.errors.Add(1)
	code, _, _ := strings.Cut(v.Str(), " ")
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.byError[code]; known || len(s.byError) < errorCodes {
		s.byError[code]++
	}
}

func (s *statistics) errorCounts() map[string]uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.byError)
}

// since returns the wire's counters without what was before the last reset.
func (s *statistics) since(wire resp.Stats) resp.Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	wire.Connections -= s.zero.Connections
	wire.Rejected -= s.zero.Rejected
	wire.Input -= s.zero.Input
	wire.Output -= s.zero.Output
	return wire
}

// reset begins all counters anew; wire is what the wire has counted until now.
func (s *statistics) reset(wire resp.Stats) {
	s.each(func(_ *commands.Command, of *commandStats) {
		of.calls.Store(0)
		of.failed.Store(0)
		of.rejected.Store(0)
		of.micros.Store(0)
		of.histogram.Store(nil)
	})
	for _, n := range []*atomic.Uint64{&s.processed, &s.errors, &s.hits, &s.misses, &s.badLogins} {
		n.Store(0)
	}
	s.rate.reset()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byError = map[string]uint64{}
	s.zero = wire
}

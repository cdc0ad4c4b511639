// What INFO tells about commands.

package session

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/divtxt/lockd/commands"
	"github.com/divtxt/lockd/resp"
)

// statistics counts commands by name and errors by code.
type statistics struct {
	commands  map[*commands.Command]*commandStats // fixed once made
	processed atomic.Uint64
	errors    atomic.Uint64

	mu      sync.Mutex
	byError map[string]uint64
}

type commandStats struct {
	calls, failed, rejected atomic.Uint64
	micros                  atomic.Uint64
}

// errorCodes bounds how many kinds of error are told apart.
const errorCodes = 128

func newStatistics(t *commands.Table) *statistics {
	s := &statistics{commands: map[*commands.Command]*commandStats{}, byError: map[string]uint64{}}
	for _, c := range t.All() {
		s.commands[c] = &commandStats{}
		for i := range c.Sub {
			s.commands[&c.Sub[i]] = &commandStats{}
		}
	}
	return s
}

func (s *statistics) done(c *commands.Command, v resp.Value, took time.Duration) {
	s.processed.Add(1)
	of := s.commands[c]
	of.calls.Add(1)
	of.micros.Add(uint64(took.Microseconds()))
	if v.IsError() {
		of.failed.Add(1)
		s.fail(v)
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

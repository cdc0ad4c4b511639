// Fail-stop. After the first I/O error nothing the disk says can be believed: a failed fsync may
// drop the dirty pages, and the next fsync then succeeds over a hole. raft itself goes on after
// such errors (a leader steps down and may be elected again at once), so every call to a store
// passes this gate: the first failure calls Options.Fail, once, and no call after it succeeds. A
// disk that hangs is the same thing more slowly: raft's heartbeats go on while its main loop is
// stuck in a write, so nobody would ever take over; the watchdog notices.

package storage

import (
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// watchTick is how often the watchdog looks.
	watchTick = 100 * time.Millisecond
	// watchCap bounds what one look may add to the age of a call. A process that was stopped
	// (SIGSTOP, a suspended machine) sees one late tick, not the hours that passed; so it is not
	// killed on resume.
	watchCap = 2 * watchTick
)

// gate lets calls through until the first failure.
type gate struct {
	fail   func(error)
	limit  time.Duration
	once   sync.Once
	reason atomic.Pointer[error]
	closed atomic.Bool

	mu    sync.Mutex // held for a few instructions, never across I/O
	calls []openCall // calls in progress; a free place has an empty name
}

// openCall is a call that has not come back.
type openCall struct {
	name string
	age  time.Duration
}

func newGate(fail func(error), limit time.Duration) *gate {
	return &gate{fail: fail, limit: limit}
}

// trip records the first reason, runs fail once, and gives back the error for raft. Calls that fail
// while fail still runs wait for it: raft panics on some errors, and must not do so in the middle
// of an orderly end.
func (g *gate) trip(err error) error {
	if g.closed.Load() {
		return ErrClosed
	}
	g.reason.CompareAndSwap(nil, &err)
	g.once.Do(func() { g.fail(*g.reason.Load()) })
	return g.tripped()
}

// tripped gives what every call answers after the first failure, nil before.
func (g *gate) tripped() error {
	if p := g.reason.Load(); p != nil {
		return fmt.Errorf("storage has stopped: %w", *p)
	}
	return nil
}

// do runs one call through the gate. A panic counts as an error: bbolt panics on a damaged page,
// and raft-wal's decoder on a damaged number; a read error of a memory-mapped file arrives as a
// fault.
func (g *gate) do(name string, call func() error) (err error) {
	place, err := g.enter(name)
	if err != nil {
		return err
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
		err = g.leave(place, name, err)
	}()
	return call()
}

// enter takes a place among the calls in progress, or refuses.
func (g *gate) enter(name string) (int, error) {
	if g.closed.Load() {
		return 0, ErrClosed
	}
	if g.reason.Load() != nil {
		return 0, g.trip(nil)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range g.calls {
		if g.calls[i].name == "" {
			g.calls[i] = openCall{name: name}
			return i, nil
		}
	}
	g.calls = append(g.calls, openCall{name: name})
	return len(g.calls) - 1, nil
}

// leave gives the place back and judges how the call ended.
func (g *gate) leave(place int, name string, err error) error {
	g.mu.Lock()
	g.calls[place] = openCall{}
	g.mu.Unlock()
	switch {
	case g.reason.Load() != nil: // failed while this call ran: its success counts for nothing
		return g.trip(nil)
	case benign(err):
		return err
	}
	return g.trip(fmt.Errorf("%s: %w", name, err))
}

// step makes every call in progress older by d, capped, and trips on one that is too old.
func (g *gate) step(d time.Duration) {
	if g.limit <= 0 {
		return
	}
	d = min(d, watchCap)
	var stalled *StallError
	g.mu.Lock()
	for i := range g.calls {
		c := &g.calls[i]
		if c.name == "" {
			continue
		}
		if c.age += d; c.age > g.limit {
			stalled = &StallError{Call: c.name, Age: c.age}
		}
	}
	g.mu.Unlock()
	if stalled != nil {
		_ = g.trip(stalled)
	}
}

// watch is the watchdog's goroutine. It does no I/O, so that it cannot hang on what it watches.
func (g *gate) watch(stop <-chan struct{}) {
	tick := time.NewTicker(watchTick)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			now := time.Now()
			g.step(now.Sub(last))
			last = now
		}
	}
}

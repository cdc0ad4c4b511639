// A way to stop the main loop of a node's raft while everything else on the machine goes on: it waits for its
// log, as it would for a pipe that nobody reads.

package sim

import (
	"strings"
	"sync"

	"github.com/hashicorp/go-hclog"
)

// gate is the log of one machine's raft. What it says is not kept.
type gate struct {
	hclog.Logger

	mu     sync.Mutex
	closed chan struct{} // nil while it is open
	waits  chan struct{} // has a value once somebody waits
}

func newGate() *gate { return &gate{Logger: hclog.NewNullLogger()} }

// Warn implements hclog.Logger. A leader says from its main loop that it cannot reach a follower.
func (g *gate) Warn(text string, _ ...any) {
	if !strings.HasPrefix(text, "failed to contact") {
		return
	}
	g.mu.Lock()
	closed, waits := g.closed, g.waits
	g.mu.Unlock()
	if closed == nil {
		return
	}
	select {
	case waits <- struct{}{}:
	default:
	}
	<-closed
}

// Debug implements hclog.Logger. After a while raft says the same as with Warn here.
func (g *gate) Debug(text string, _ ...any) { g.Warn(text) }

// shut makes the next one who says so wait until open is called; stuck has a value once it does.
func (g *gate) shut() (stuck <-chan struct{}, open func()) {
	closed, waits := make(chan struct{}), make(chan struct{}, 1)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed, g.waits = closed, waits
	return waits, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		close(closed)
		if g.closed == closed {
			g.closed = nil
		}
	}
}

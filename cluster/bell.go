// The bell rings when calls have come. While the proposer waits for company it rings only when enough of them
// are there: to be woken for each would cost more than the waiting saves.

package cluster

import "sync/atomic"

// bell is safe for concurrent use.
type bell struct {
	ring  chan struct{}
	count atomic.Int64 // calls that wait in the outbox and in the inbox
	want  atomic.Int64 // how many of them are worth ringing for
}

func newBell() *bell { return &bell{ring: make(chan struct{}, 1)} }

// came tells that n calls were queued.
func (b *bell) came(n int) {
	if b.count.Add(int64(n)) >= b.want.Load() {
		select {
		case b.ring <- struct{}{}:
		default:
		}
	}
}

// took tells that n calls were taken from a queue.
func (b *bell) took(n int) { b.count.Add(-int64(n)) }

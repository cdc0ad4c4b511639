// Calls on their way out: taken from the outbox, not yet put into an entry or sent to the leader. They stay
// when the way changes, so that whatever has no reply goes again, in its old order, before all that is newer.

package cluster

// pending is used by one goroutine.
type pending struct {
	outbox  *outbox
	calls   []*call
	backing []*call // the array behind calls
	again   bool    // calls has some that were on their way before
}

// take gets what is queued, if nothing older waits.
func (p *pending) take() {
	if len(p.calls) == 0 {
		p.backing = p.outbox.take(p.backing[:0])
		p.calls = p.backing
	}
}

// putBack makes those of calls that have no reply the first to go again.
func (p *pending) putBack(calls []*call) {
	if again := p.outbox.uncut(calls); len(again) > 0 {
		p.calls = append(again, p.calls...)
		p.again = true
	}
}

// cutting runs cut, which reads the words of calls that wait. An earlier copy may answer those that were on
// their way before at any moment, and whoever sent them then uses their words' memory for other things: that
// is kept from happening while they are read.
func (p *pending) cutting(cut func()) {
	if !p.again {
		cut()
		return
	}
	p.outbox.mu.Lock()
	defer p.outbox.mu.Unlock()
	p.calls = p.outbox.settled(p.calls)
	cut()
	p.again = len(p.calls) > 0
}

// The proposer: on the leader it packs all that waits into one entry and keeps one entry in flight. No
// entry waits for company: while one is being synced, the next fills by itself. After a commit it yields
// once, so that the clients just answered get their next commands into the entry that is cut then; without
// it two halves of the clients take turns, at half the throughput.

package cluster

import (
	"errors"
	"log/slog"
	"runtime"
	"time"

	"github.com/hashicorp/raft"

	"github.com/divtxt/lockd/fsm"
)

// proposer runs on one goroutine.
type proposer struct {
	node    *Node
	clock   *clock
	term    uint64        // of this leadership, as its first entry had it
	last    time.Time     // when the last entry was proposed
	waiting []*call       // taken from the outbox, not yet in an entry
	backing []*call       // the array behind waiting
	spare   []fsm.Command // the memory of the last batch's run
	timer   *time.Timer
	nonce   uint64
	again   bool // waiting has calls that were in an entry before
	failed  int  // entries in a row that did not commit
}

// run leads whenever this node is the leader, until the node stops.
func (p *proposer) run() {
	defer close(p.node.stopped)
	p.timer = time.NewTimer(time.Hour)
	for p.awaitLeadership() {
		if err := p.begin(); err != nil {
			p.setback(err)
			continue
		}
		for p.leads() && p.awaitWork() {
			if err := p.proposeNext(); err != nil {
				break
			}
			runtime.Gosched()
		}
	}
	p.node.outbox.close(p.waiting)
}

func (p *proposer) leads() bool {
	return p.node.raft.State() == raft.Leader && !p.node.stopping()
}

// awaitLeadership returns false when the node stops.
func (p *proposer) awaitLeadership() bool {
	for p.node.raft.State() != raft.Leader {
		select {
		case <-p.node.stop:
			return false
		case <-p.node.leading:
		case <-time.After(10 * time.Millisecond):
		}
	}
	return !p.node.stopping()
}

// begin proposes the first entry of a leadership: empty and unstamped. Its application gives the term and
// the clock to go on from; what this node heard or remembers otherwise does not count. Then the node's
// origin is registered, once.
func (p *proposer) begin() error {
	p.term = 0
	first := &batch{nonce: p.nextNonce()}
	first.encode(fsm.Entry{}, p.node.origin)
	got, err := p.propose(first)
	if err != nil {
		return err
	}
	p.term = got.term
	p.clock.start(got.clock)
	if p.node.registered.Load() {
		return nil
	}
	b := &batch{nonce: p.nextNonce(), first: 1, run: []fsm.Command{{Kind: fsm.KindRegister}}}
	b.encode(p.stamp(), p.node.origin)
	if _, err := p.propose(b); err != nil {
		return err
	}
	p.node.registered.Store(true)
	close(p.node.ready)
	return nil
}

// nextNonce never repeats within the life of the data folder: incarnations do not.
func (p *proposer) nextNonce() uint64 {
	p.nonce++
	return p.node.origin.Incarnation<<40 | p.nonce
}

// stamp is the head of an entry cut now.
func (p *proposer) stamp() fsm.Entry {
	e := fsm.Entry{
		Term:   p.term,
		Clock:  p.clock.now(),
		Wall:   fsm.Wall(p.node.opts.WallClock().UnixMicro()),
		Limits: p.node.limits(),
	}
	e.DigestIndex, e.Digest = p.node.replica.lastDigest()
	return e
}

// awaitWork returns when there is something to propose, or false when the node stops or a moment has
// passed in which leadership may have been lost.
func (p *proposer) awaitWork() bool {
	for {
		if len(p.waiting) == 0 {
			p.backing = p.node.outbox.take(p.backing[:0])
			p.waiting = p.backing
		}
		pause := p.untilEmptyEntry()
		if len(p.waiting) > 0 || pause <= 0 {
			return true
		}
		p.timer.Reset(min(pause, time.Second))
		select {
		case <-p.node.outbox.wake:
		case <-p.node.replica.changed:
		case <-p.node.leading: // taken at all times: raft stops where nobody takes its notices
			if p.node.raft.State() != raft.Leader {
				return false
			}
		case <-p.timer.C:
			if p.node.raft.State() != raft.Leader {
				return false
			}
		case <-p.node.stop:
			return false
		}
	}
}

// idleEntry is how old the last entry may be while anything in the state has a deadline: what is not in the
// log when a leader dies is added to every lock's life.
const idleEntry = time.Second

// untilEmptyEntry returns how long it is until an entry must be proposed though no command came.
func (p *proposer) untilEmptyEntry() time.Duration {
	need := p.node.replica.needs()
	if need.due {
		return 0
	}
	pause := time.Duration(1<<62 - 1)
	if need.deadlines {
		pause = idleEntry - time.Since(p.last)
	}
	if need.wakes {
		// Whoever waits looks again after a second, and ages of milliseconds do not fit into a Duration.
		left := time.Duration(min(max(0, need.wake-p.clock.now()), 1000)) * time.Millisecond
		pause = min(pause, left+left/1000) // the clock runs a little slow
	}
	return pause
}

// proposeNext cuts the next entry and waits until it is applied.
func (p *proposer) proposeNext() error {
	b := p.cut()
	_, err := p.propose(b)
	if again := p.node.outbox.uncut(b); len(again) > 0 {
		// Not committed as far as is known, void, or refused for want of what came before: the same
		// numbers go again, in order, before all that came later.
		p.waiting = append(again, p.waiting...)
		p.again = true
	}
	if err != nil {
		p.setback(err)
	} else {
		p.failed = 0
	}
	return err
}

// cut makes the next entry from what waits.
func (p *proposer) cut() *batch {
	o := p.node.outbox
	b := &batch{nonce: p.nextNonce(), run: p.spare}
	if p.again {
		// An earlier copy may answer these calls at any moment, and whoever sent them then uses their
		// words' memory for other things: keep that from happening while they are read.
		o.mu.Lock()
		p.waiting = o.settled(p.waiting)
		p.waiting = b.fill(p.waiting, p.node.opts.EntryBytes, p.node.origin)
		b.encode(p.stamp(), p.node.origin)
		o.mu.Unlock()
		p.again = len(p.waiting) > 0
	} else {
		p.waiting = b.fill(p.waiting, p.node.opts.EntryBytes, p.node.origin)
		b.encode(p.stamp(), p.node.origin)
	}
	o.cut(b)
	clear(b.run) // the words belong to the connections
	p.spare, b.run = b.run, nil
	return b
}

// setback tells about an entry whose outcome is not known, and keeps from spinning.
func (p *proposer) setback(err error) {
	if p.failed++; p.failed == 1 || p.failed%100 == 0 {
		p.node.log.Warn("an entry was not committed, its commands are sent again", "error", err,
			slog.Int("times", p.failed))
	}
	if p.failed > 1 {
		time.Sleep(5 * time.Millisecond)
	}
}

// propose puts b into the log and waits until it is applied here.
func (p *proposer) propose(b *batch) (applied, error) {
	p.node.replica.expect(b)
	p.clock.proposed()
	p.last = time.Now()
	future := p.node.raft.Apply(b.data, 0)
	err := future.Error()
	p.clock.committed()
	p.node.replica.forget(b)
	if err != nil {
		return applied{}, err
	}
	got, ok := future.Response().(applied)
	if !ok {
		return applied{}, errors.New("raft answered for an entry that was not applied here")
	}
	return got, got.err
}

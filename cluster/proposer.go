// The proposer: on the leader it packs all that waits into one entry and keeps one entry in flight: while
// it is being synced, the next fills by itself. Between two entries it yields once and then waits a little
// for the clients just answered (company.go), so that their next commands get into the entry that is cut
// then; without it two halves of the clients take turns, at half the throughput.

package cluster

import (
	"errors"
	"runtime"
	"time"

	"github.com/hashicorp/raft"

	"github.com/divtxt/lockd/fsm"
)

// proposer runs on the router's goroutine.
type proposer struct {
	*pending // this node's calls
	node     *Node
	clock    *clock
	term     uint64    // of this leadership, as its first entry had it
	last     time.Time // when the last entry was proposed
	timer    *time.Timer
	nonce    uint64

	others  []*call // calls of other nodes
	backing []*call // the array behind others
	company company // for the next entry
	turn    bool    // whose calls come first into the next entry, where not all fit

	spare struct { // memory of the last batch
		commands []fsm.Command
		runs     []fsm.Run
	}
}

// lead proposes entries until this node does not lead any more, for which the error says why, or stops.
func (p *proposer) lead() error {
	if p.timer == nil {
		p.timer = time.NewTimer(time.Hour)
	}
	p.node.remotes.begin()
	defer p.end()
	if going, err := p.write(p.begin); !going {
		return err
	}
	p.company = company{bell: p.outbox.bell}
	for p.leads() && p.awaitWork() {
		if going, err := p.write(p.proposeNext); !going {
			return err
		}
		runtime.Gosched()
	}
	return nil
}

// write runs what appends an entry, when it is this one's turn to append, and tells whether to go on. To the
// clock it is unanswered from here on: who holds the pen may have to wait for a disk or for another node.
func (p *proposer) write(entry func() error) (going bool, err error) {
	p.clock.proposed()
	defer p.clock.committed()
	at := p.node.leads.Load()
	if !at.leading || !p.node.pen.take(at, p.node.stop) {
		return false, nil
	}
	defer p.node.pen.giveBack()
	err = entry()
	return err == nil, err
}

func (p *proposer) leads() bool {
	return p.node.raft.State() == raft.Leader && !p.node.stopping()
}

// end drops what other nodes sent: they send it again to the next leader.
func (p *proposer) end() {
	p.node.remotes.end()
	clear(p.others)
	p.others = nil
}

// begin proposes the first entry of a leadership: empty and unstamped. Its application gives the term and
// the clock to go on from; what this node heard or remembers otherwise does not count.
func (p *proposer) begin() error {
	p.term = 0
	first := &batch{nonce: p.nextNonce()}
	first.encode(fsm.Entry{Version: byte(p.node.replica.level())})
	got, err := p.propose(first)
	if err != nil {
		return err
	}
	p.term = got.term
	p.clock.start(got.clock)
	p.node.version.Store(uint32(p.node.commonVersion())) // what it was in an earlier leadership may be too new
	return nil
}

// nextNonce never repeats within the life of the data folder: incarnations do not. Another node may use the
// same in another term.
func (p *proposer) nextNonce() uint64 {
	p.nonce++
	return p.node.origin.Incarnation<<40 | p.nonce
}

// stamp is the head of an entry cut now. Both of its times are of one moment, that at which the cluster
// clock's millisecond began: a key that is to live until a date would else end up to a millisecond before it,
// early enough to take a lock from a library that asks again in its last millisecond (rueidislock).
func (p *proposer) stamp() fsm.Entry {
	at, since := p.clock.reading()
	e := fsm.Entry{
		Version: p.node.entryVersion(),
		Term:    p.term,
		Clock:   at,
		Wall:    fsm.Wall(p.node.opts.WallClock().Add(-since).UnixMicro()),
		Limits:  p.node.limits(),
	}
	e.DigestIndex, e.Digest = p.node.replica.lastDigest()
	return e
}

// gather takes what came meanwhile, and tells whether anything is to be proposed.
func (p *proposer) gather() bool {
	p.take()
	if len(p.others) == 0 {
		p.backing = p.node.remotes.take(p.backing[:0])
		p.others = p.backing
	}
	return len(p.calls) > 0 || len(p.others) > 0
}

// awaitWork returns when there is something to propose, or false when the node stops or a moment has
// passed in which leadership may have been lost.
func (p *proposer) awaitWork() bool {
	for {
		if len(p.calls) == 0 && len(p.others) == 0 {
			p.company.await(p.node.stop)
		}
		work := p.gather()
		pause := p.untilEmptyEntry()
		if work || pause <= 0 {
			return true
		}
		p.timer.Reset(min(pause, time.Second))
		at := p.node.leads.Load()
		if !at.leading {
			return false
		}
		select {
		case <-p.node.outbox.bell.ring:
		case <-p.node.replica.changed:
		case <-at.changed:
			return p.node.raft.State() == raft.Leader && p.node.raft.CurrentTerm() == p.term
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

// proposeNext cuts the next entry and waits until it is applied. What of this node's calls has no reply then
// goes again: the entry was not committed as far as is known, void, or refused for want of what came before.
func (p *proposer) proposeNext() error {
	b := p.cut()
	got, err := p.propose(b)
	p.company.note(got.answered, time.Since(p.last))
	p.putBack(b.calls)
	return err
}

// cut makes the next entry from what waits.
func (p *proposer) cut() *batch {
	b := &batch{nonce: p.nextNonce(), term: p.term, commands: p.spare.commands, runs: p.spare.runs}
	limit, self := p.node.opts.EntryBytes, p.node.origin
	head := p.stamp() // first, for it asks for the date, which is not to happen while the outbox is held
	p.turn = !p.turn
	if p.turn {
		p.others = b.fill(p.others, limit, self)
	}
	p.cutting(func() {
		p.calls = b.fill(p.calls, limit, self)
		if !p.turn {
			p.others = b.fill(p.others, limit, self)
		}
		b.encode(head)
	})
	p.outbox.cut(b.own.calls, b.own.bytes)
	clear(b.commands) // the words belong to the connections
	clear(b.runs)
	p.spare.commands, p.spare.runs = b.commands[:0], b.runs[:0]
	b.commands, b.runs = nil, nil
	return b
}

// propose puts b into the log and waits until it is applied here.
func (p *proposer) propose(b *batch) (applied, error) {
	p.node.replica.expect(b)
	p.last = time.Now()
	future := p.node.raft.Apply(b.data, 0)
	err := future.Error()
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

// What the leader does about the members by itself: a learner that has caught up gets a vote, a removal that
// its leader could not finish is finished, and a node that leads under a new address tells raft so. One thing
// at a time, and nothing while a person makes a change.

package cluster

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/divtxt/lockd/fsm"
)

// growth follows how close the learners are.
//
// A learner is close when it has applied what was committed a second ago: entries come at very different
// rates, so a number of them would be never reached under load, or reached too early without.
type growth struct {
	term    uint64
	commits [6]uint64 // the last commit indexes, one each tendEvery; the first is the oldest

	mu         sync.Mutex
	since      map[string]time.Time // since when a learner has been close
	complained time.Time
}

// mayComplain lets one complaint pass now and then.
func (g *growth) mayComplain() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if time.Since(g.complained) < hereSay {
		return false
	}
	g.complained = time.Now()
	return true
}

// close tells for how long a learner has been close, at least a nanosecond if it is, 0 if it is not.
func (g *growth) close(id string) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	since, is := g.since[id]
	if !is {
		return 0
	}
	return max(1, time.Since(since))
}

// look notes how close the learners are. The tending goroutine of the leader calls it each tendEvery.
func (g *growth) look(n *Node, term uint64) {
	commit := n.raft.CommitIndex()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.term != term || g.since == nil {
		g.term, g.since = term, map[string]time.Time{}
		for i := range g.commits {
			g.commits[i] = commit
		}
	}
	copy(g.commits[:], g.commits[1:])
	g.commits[len(g.commits)-1] = commit
	for _, m := range n.Members() {
		_, already := g.since[m.ID]
		switch isClose := !m.Voter && m.Up && m.Index >= g.commits[0]; {
		case !isClose:
			delete(g.since, m.ID)
		case !already:
			g.since[m.ID] = time.Now()
		}
	}
}

// growWithin bounds what the leader does by itself.
const growWithin = 5 * time.Second

// grow does one thing that is due, if nothing else is being done.
func (n *Node) grow() {
	if !n.settled() {
		return
	}
	r, err := n.roll()
	if err != nil {
		return
	}
	what, do := n.due(&r)
	if do == nil {
		return
	}
	select {
	case n.changes.turn <- struct{}{}:
	default:
		return
	}
	n.wait.Go(func() {
		defer n.endTurn()
		ctx, cancel := n.within(growWithin)
		defer cancel()
		if err := do(ctx); err != nil && n.growth.mayComplain() {
			n.log.Warn("what is due about a member could not be done, it is tried again", "what", what, "error", err)
		}
	})
}

// due finds what is to be done.
func (n *Node) due(r *roll) (what string, do func(context.Context) error) {
	for _, s := range r.servers {
		about := r.about[string(s.ID)]
		switch {
		case string(s.ID) == n.opts.NodeID && about.Removed:
			return "another must lead", func(ctx context.Context) error { return n.handOver(ctx, "") }
		case about.Removed:
			return "remove " + about.Node, func(ctx context.Context) error {
				return n.dropServer(ctx, r, string(s.ID))
			}
		case string(s.ID) == n.opts.NodeID && string(s.Address) != n.opts.Address:
			return "own address", func(ctx context.Context) error {
				return n.move(ctx, r, s, n.Identity())
			}
		case s.Suffrage == raft.Nonvoter && n.ripe(about):
			return "vote for " + about.Node, func(ctx context.Context) error {
				n.log.Info("a learner has caught up and gets a vote", "node", string(s.ID))
				return n.reconfigure(ctx, func(d time.Duration) raft.IndexFuture {
					return n.raft.AddVoter(s.ID, s.Address, r.index, d)
				})
			}
		}
	}
	return "", nil
}

// ripe tells whether a learner may get a vote: it has said what it understands, and has been close for long.
func (n *Node) ripe(about fsm.Member) bool {
	return !about.NoVote && about.Version >= n.replica.level() &&
		n.growth.close(about.Node) >= n.opts.PromoteAfter
}

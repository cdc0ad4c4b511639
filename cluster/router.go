// The router: the one goroutine that carries this node's calls to whoever leads, by its own entries while it
// leads itself, by an uplink to the leader otherwise. Its loop is short on purpose: whatever happens, what
// has no reply is in pending and goes by the next way.

package cluster

import (
	"errors"
	"log/slog"
	"time"
)

type router struct {
	pending
	node     *Node
	proposer proposer
	failures int       // in a row, of whatever way
	since    time.Time // when this node last was in touch with a leader, or was it
	cutOff   bool      // what waits was given up because there was no leader for so long
}

func newRouter(n *Node) *router {
	r := &router{node: n, pending: pending{outbox: n.outbox}, since: time.Now()}
	r.proposer = proposer{node: n, clock: n.clock, pending: &r.pending}
	return r
}

// run goes on until the node stops.
func (r *router) run() {
	n := r.node
	defer close(n.stopped)
	for !n.stopping() {
		at := *n.leads.Load()
		switch {
		case at.leading:
			err := r.proposer.lead()
			r.since, r.cutOff = time.Now(), false
			r.setback(err, "an entry was not committed, its commands are sent again")
		case at.leader != "" && string(at.leader) != n.opts.NodeID && n.opts.Network != nil:
			r.follow(at)
		default:
			if n.alone() {
				n.stand("it is the only voter") // there is nobody to wait for
			}
			r.wait(at, time.Second)
		}
		r.checkCutOff()
	}
	n.outbox.close(r.pending.calls)
}

// aloneWait is how long a node that is its whole cluster waits for its own election.
const aloneWait = 20 * time.Millisecond

// wait waits for another leadership, at most for a while.
func (r *router) wait(at leadership, most time.Duration) {
	if r.node.alone() {
		most = aloneWait
	}
	timer := time.NewTimer(min(most, r.node.opts.NodeTimeout/8))
	defer timer.Stop()
	select {
	case <-at.changed:
	case <-timer.C:
	case <-r.node.stop:
	}
}

// setback tells about a way that did not work, and keeps from spinning.
func (r *router) setback(err error, what string) {
	if err == nil {
		r.failures = 0
		return
	}
	if r.failures++; r.failures == 1 || r.failures%100 == 0 {
		r.node.log.Warn(what, "error", err, slog.Int("times", r.failures))
	}
	if r.failures > 1 {
		time.Sleep(5 * time.Millisecond)
	}
}

// connected notes that a leader takes calls.
func (r *router) connected() { r.since, r.cutOff = time.Now(), false }

// unreachable is called when no stream to the leader could be opened.
func (r *router) unreachable(at leadership, err error) {
	var refused *Refusal
	switch {
	case errors.As(err, &refused):
		r.node.refused(refused)
	case errors.Is(err, ErrNotListening):
		r.node.failover.leaderIsDead(at)
	}
	if r.failures++; r.failures%100 == 20 {
		r.node.log.Warn("the leader cannot be reached", "leader", string(at.leader),
			"address", string(at.address), "error", err)
	}
	r.wait(at, min(time.Duration(r.failures)*2*time.Millisecond, 100*time.Millisecond))
}

// lost is called when a stream to the leader has ended, because it broke or because there is another leader.
func (r *router) lost(at leadership, err error) {
	r.since, r.failures = time.Now(), 0
	var refused *Refusal
	if errors.As(err, &refused) {
		r.node.refused(refused)
		r.wait(at, 5*time.Millisecond)
		return
	}
	if now := r.node.leads.Load().leader; now != "" && now != at.leader {
		return
	}
	// Also where another node's candidacy has made this one forget its leader: that one may not win.
	// The knock may take long at a machine that does not answer, and calls need the router before.
	r.node.wait.Go(func() { r.node.failover.streamBroke(at) })
	r.wait(at, 2*time.Millisecond)
}

const msgCutOff = "UNKNOWN this node has had no leader for too long (half of node-timeout), so the others " +
	"may have given up your place in the queue: look before you send the command again"

// checkCutOff gives up what is parked here, and what hangs on connections, once this node has been without a
// leader for so long that the others will soon drop it. It comes first, so that nobody believes to hold a
// place, or a lock, that is gone.
func (r *router) checkCutOff() {
	n := r.node
	if r.cutOff || n.leads.Load().leading || time.Since(r.since) < n.opts.NodeTimeout/2 {
		return
	}
	r.cutOff = true
	n.opts.Effects.CutOff()
	n.giveUpParked(msgCutOff)
}

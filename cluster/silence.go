// Nodes that are silent. Their clients' places in queues would hold up everybody behind them, so the leader
// gives them up after node-timeout, by an entry.

package cluster

import (
	"strconv"
	"time"

	"github.com/divtxt/lockd/fsm"
)

// silence counts for how long each node has not been heard. It counts in the leader's capped steps and from
// its own beginning, as the clock does: what stopped the leader counts for nobody.
type silence struct {
	node   *Node
	term   uint64
	last   int64                    // raw clock
	silent map[string]time.Duration // by node; counted
	done   map[string]uint64        // the incarnation that was given up
}

func (s *silence) reset() { s.term, s.silent, s.done = 0, nil, nil }

func (s *silence) look(term uint64) {
	now := s.node.opts.Raw()
	if s.term != term {
		s.term, s.last = term, now
		s.silent, s.done = map[string]time.Duration{}, map[string]uint64{}
		return
	}
	step := min(time.Duration(now-s.last), 2*tendEvery)
	s.last = now
	for _, m := range s.node.replica.members() {
		if m.Node == s.node.opts.NodeID || m.Removed {
			continue
		}
		if r := s.node.remotes.get(m.Node); r != nil && now-r.heard.Load() < int64(4*tellEvery) {
			s.silent[m.Node] = 0
			delete(s.done, m.Node)
			continue
		}
		s.silent[m.Node] += step
		if s.silent[m.Node] >= s.node.opts.NodeTimeout && s.done[m.Node] != m.Incarnation {
			s.done[m.Node] = m.Incarnation
			s.giveUp(m)
		}
	}
}

// giveUp gives up the places that a node's connections have in queues. It does not wait for that.
func (s *silence) giveUp(m fsm.Member) {
	n := s.node
	// The state's level, for another leader may write the entry: it could still write an older version.
	if n.replica.level() < fsm.KindSilence.Since() || m.Incarnation == 0 {
		return
	}
	n.log.Warn("a node was not heard of for longer than node-timeout: its places in queues are given up",
		"node", m.Node, "silent", s.silent[m.Node].Round(time.Millisecond))
	n.command(fsm.KindSilence, m.Node, strconv.FormatUint(m.Incarnation, 10))
}

// command submits a command of this node's own and does not wait for it.
func (n *Node) command(kind fsm.Kind, words ...string) <-chan struct{} {
	calls := n.ownCall(kind, words...)
	done := make(chan struct{}, 1)
	n.outbox.submit(newGroup(calls, done), "")
	return done
}

func (n *Node) ownCall(kind fsm.Kind, words ...string) []fsm.Call {
	c := fsm.Command{Kind: kind}
	for _, w := range words {
		c.Words = append(c.Words, []byte(w))
	}
	return []fsm.Call{{Command: c}}
}

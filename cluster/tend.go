// What a node looks after now and then; most of it only while it leads.

package cluster

import "time"

// tendEvery is how often it looks.
const tendEvery = 200 * time.Millisecond

// tend looks after the cluster until the node stops.
func (n *Node) tend() {
	defer n.wait.Done()
	tick := time.NewTicker(tendEvery)
	defer tick.Stop()
	s := silence{node: n}
	full := ""
	for {
		select {
		case <-n.stop:
			return
		case <-n.versions:
			if n.leads.Load().leading {
				n.raiseVersion()
			}
			continue
		case <-tick.C:
		}
		at := n.leads.Load()
		n.noticeMembers()
		n.lookAtSelf()
		if !at.leading {
			s.reset()
			continue
		}
		n.raiseVersion()
		s.look(at.term)
		if now := n.noGrowth(); now != full || now != "" {
			full = now
			for _, r := range n.remotes.all() {
				r.tell(append([]byte{frameStatus}, full...))
			}
		}
		n.tellHealth()
		n.growth.look(n, at.term)
		n.grow()
	}
}

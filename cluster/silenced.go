package cluster

import "github.com/divtxt/lockd/fsm"

// Silenced is told that a node's waiters have left their queues. A node alone never says so of itself.
func (r *replica) Silenced(fsm.Origin) {}

package cluster

import (
	"github.com/divtxt/lockd/fsm"
)

// What the tests of package cluster_test, which may import cluster/memnet, need of those of this one.

// Pipeline submits lines together and returns their replies.
var Pipeline = pipeline

// FrameMark is the kind of frame that older nodes do not know.
const FrameMark = frameMark

// Forget is the first half of a removal.
func Forget(n *Node, id string) error {
	ctx, cancel := n.within(changeWithin)
	defer cancel()
	r, err := n.roll()
	if err == nil {
		err = n.membersLevel(ctx, &r)
	}
	if err == nil {
		_, err = n.order(ctx, fsm.KindForget, id)
	}
	return err
}

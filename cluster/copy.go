// A copy of the state for a backup, on whichever node is asked. It must hold whatever any node acknowledged
// before, and a follower may be behind. So a read goes to the leader first and tells at which entry it was
// answered: this node waits until it has applied as far. The copy itself is made here, in constant time, and
// costs the leader nothing.

package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

// Copy returns a copy of the state that holds everything that was acknowledged before the call. It waits for
// a leader and for this node to have applied as far, at most until ctx ends.
func (n *Node) Copy(ctx context.Context) (*fsm.View, error) {
	index, err := n.readIndex(ctx)
	if err != nil {
		return nil, err
	}
	if err := n.awaitApplied(ctx, index); err != nil {
		return nil, err
	}
	return n.replica.view(), nil
}

// View returns a copy of this node's state as of the last entry that it has applied, which may be older than
// what was acknowledged.
func (n *Node) View() *fsm.View { return n.replica.view() }

// readIndex asks the leader how far the log is, as a client's read would.
func (n *Node) readIndex(ctx context.Context) (uint64, error) {
	calls := []fsm.Call{{Read: true, Command: fsm.Command{Words: [][]byte{[]byte("RAFT.INDEX")}}}}
	done := make(chan struct{}, 1)
	n.Submit(calls, done)
	select {
	case <-done:
	case <-ctx.Done(): // the calls are the node's until it answers
		return 0, fmt.Errorf("there is no leader (most nodes of the cluster do not answer): %w", ctx.Err())
	case <-n.stop:
		return 0, errStopping
	}
	switch v := calls[0].Reply; {
	case v.IsError():
		return 0, errors.New(v.Str())
	case v.Kind() == resp.KindInt && v.Num() > 0:
		return uint64(v.Num()), nil
	}
	return 0, errors.New("the leader does not know RAFT.INDEX: is it another version of lockd?")
}

var errStopping = errors.New("this node is shutting down")

// appliedEvery is how often a node that is behind is looked at.
const appliedEvery = 2 * time.Millisecond

// awaitApplied waits until this node has applied the entry at index.
func (n *Node) awaitApplied(ctx context.Context, index uint64) error {
	tick := time.NewTicker(appliedEvery)
	defer tick.Stop()
	for {
		n.replica.mu.Lock()
		at := n.replica.stats.Index
		n.replica.mu.Unlock()
		if at >= index {
			return nil
		}
		select {
		case <-tick.C:
		case <-n.stop:
			return errStopping
		case <-ctx.Done():
			return fmt.Errorf("this node is behind: it has applied entry %d, and the leader was at %d: ask another "+
				"node, or later: %w", at, index, ctx.Err())
		}
	}
}

// view copies the state beside the entries: whoever reads it under the lock must not see the trees change
// hands.
func (r *replica) view() *fsm.View {
	r.state.Lock()
	defer r.state.Unlock()
	return r.machine.View()
}

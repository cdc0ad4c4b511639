// Questions of one node to all others that are not about the cluster itself: what their connections are and
// do. This package carries them and knows nothing of them.

package cluster

import (
	"context"
	"errors"
	"sync"
)

const opOthers = "others" // asked by a member; what Hooks.Asked answers

// errNotAsked is the answer of a node that has nothing to say.
var errNotAsked = errors.New("this node answers no questions about its connections")

// AskOthers asks all other members at the same time, and returns the answers of those that gave one before
// ctx ended. Who did not is left out, and the log says so.
func (n *Node) AskOthers(ctx context.Context, question []byte) (answers [][]byte) {
	if n.opts.Network == nil {
		return nil
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	for _, s := range n.configuration().Servers {
		if string(s.ID) == n.opts.NodeID {
			continue
		}
		all.Go(func() {
			answer, who, err := n.opts.Network.Ask(ctx, string(s.Address), opOthers, question)
			if err == nil && who.Node != string(s.ID) {
				err = errors.New("node " + who.Node + " answers there")
			}
			if err != nil {
				n.log.Warn("a node did not tell about its connections, it is left out", "node", string(s.ID),
					"address", string(s.Address), "error", err)
				return
			}
			mu.Lock()
			answers = append(answers, answer)
			mu.Unlock()
		})
	}
	all.Wait()
	return answers
}

// answerOthers answers such a question of a member.
func (n *Node) answerOthers(ctx context.Context, from Identity, question []byte) ([]byte, error) {
	if err := n.mayAsk(from); err != nil {
		return nil, err
	}
	if n.opts.Asked == nil {
		return nil, errNotAsked
	}
	return n.opts.Asked(ctx, question)
}

// Joining a cluster that is there: asking its members to be taken in, or waiting for a leader's invitation. A
// node that asks takes an invitation as well.

package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// join returns when the node was taken in.
func (f *former) join(ctx context.Context) (*Membership, error) {
	if f.o.Plan.Wait {
		f.o.Log.Info("waiting to be added: give a node of the cluster the command RAFT.ADD",
			"id", f.o.Self.Node, "address", f.o.Self.Address)
	}
	pause := firstPause
	for {
		var missing []string
		for _, address := range f.o.Plan.Join {
			why, err := f.askJoin(ctx, address)
			if err != nil {
				return nil, err
			}
			missing = append(missing, address+": "+why)
		}
		if m := f.joined(); m != nil {
			return m, nil
		}
		if ctx.Err() == nil && len(missing) > 0 {
			f.say(append([]string{"a cluster to join"}, missing...))
		}
		if err := f.rest(ctx, pause); err != nil {
			return nil, err
		}
		pause = min(pause*2, longPause)
	}
}

// joined returns the membership once there is one.
func (f *former) joined() *Membership {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.view.m
}

// askJoin asks one member, and the leader if that member sends us there. It returns why there is no answer
// yet; an error is final.
func (f *former) askJoin(ctx context.Context, first string) (why string, err error) {
	address, to := first, ""
	for range 2 {
		if f.joined() != nil {
			return "", nil
		}
		answer, err := f.askJoinOnce(ctx, address)
		var refusal *Refusal
		switch {
		case errors.As(err, &refusal):
			return "", fmt.Errorf("the cluster at %s does not take this node in: %w", address, err)
		case err != nil:
			return to + plainError(err), nil
		case answer.Cluster != "":
			return "", f.accept(&Membership{
				Cluster: answer.Cluster, Members: answer.Members, IncarnationFloor: answer.IncarnationFloor,
			})
		case answer.Leader == "" || answer.Leader == address:
			return to + orElse(answer.Busy, "it knows no leader at this moment"), nil
		}
		address, to = answer.Leader, "the leader at "+answer.Leader+": "
	}
	return "the leader changes at this moment", nil
}

func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

func (f *former) askJoinOnce(ctx context.Context, address string) (*joinAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, joinLimit)
	defer cancel()
	question, err := json.Marshal(joinQuestion{f.o.Self})
	if err != nil {
		return nil, err
	}
	text, who, err := f.o.Network.Ask(ctx, address, opJoin, question)
	if err != nil {
		return nil, err
	}
	if who.Disk == f.o.Self.Disk {
		return &joinAnswer{Busy: "that is this node itself"}, nil
	}
	answer := new(joinAnswer)
	if err := json.Unmarshal(text, answer); err != nil {
		return nil, fmt.Errorf("its answer is not understood: %w", err)
	}
	return answer, nil
}

// accept stores the cluster that takes this node in, unless another has come first.
func (f *former) accept(m *Membership) error {
	m.Joined, m.Complete = true, true
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.view.m != nil {
		return nil
	}
	if err := f.keep(m); err != nil {
		return err
	}
	f.o.Log.Info("this node was taken into a cluster", "cluster", m.Cluster, "members", m.ids())
	return nil
}

// invited answers a leader that adds this node.
func (f *former) invited(question []byte) ([]byte, error) {
	if f.joined() == nil {
		if !f.o.Plan.joins() {
			return nil, fmt.Errorf("node %s waits for no invitation, its plan is %v: start it with --join wait",
				f.o.Self.Node, f.o.Plan)
		}
		var q inviteQuestion
		if err := json.Unmarshal(question, &q); err != nil || q.Cluster == "" {
			return nil, errors.New("the invitation is not understood")
		}
		m := &Membership{Cluster: q.Cluster, Members: q.Members, IncarnationFloor: q.IncarnationFloor}
		// Judged as if it were stored already, so that there is one place for that.
		if _, err := answerInvite(f.o.Self, m, question); err != nil {
			return nil, err
		}
		if err := f.accept(m); err != nil {
			return nil, err
		}
		f.wake()
	}
	return answerInvite(f.o.Self, f.joined(), question)
}

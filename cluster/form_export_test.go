package cluster

import (
	"context"
	"encoding/json"
	"log/slog"

	"github.com/hashicorp/raft"
)

// What the tests need that stand outside of this package, because the network in memory imports it.

// FormFor forms as Open does.
func FormFor(
	ctx context.Context, self Identity, plan Plan, used bool, stable raft.StableStore, n Network, log *slog.Logger,
) (*Membership, error) {
	return form(ctx, formOptions{Self: self, Plan: plan, Used: used, Stable: stable, Network: n, Log: log})
}

// FormedNode answers as a node does that has formed; Join and State may be nil.
type FormedNode struct {
	Self  Identity
	Of    *Membership
	Join  func(Identity) (FormJoinAnswer, error)
	State func(node string) (disk string, incarnation uint64, removed, ok bool)
}

// FormJoinAnswer is the answer to the question to be taken in.
type FormJoinAnswer = joinAnswer

// FormInvite is a leader's question to an empty node.
type FormInvite = inviteQuestion

// FormInviteOp is its name.
const FormInviteOp = opInvite

func (m FormedNode) Identity() Identity {
	self := m.Self
	self.Cluster = m.Of.Cluster
	return self
}

func (m FormedNode) Admit(other Identity, why Purpose) error {
	if why == ForAsk {
		return nil
	}
	return admit(m.Identity(), m.Of, other, m.State)
}

func (m FormedNode) Forward(Identity, Stream) error { return nil }

func (m FormedNode) Ask(_ context.Context, from Identity, op string, question []byte) ([]byte, error) {
	switch op {
	case opForm:
		return answerForm(m.Self, m.Of, m.State, from)
	case opInvite:
		return answerInvite(m.Self, m.Of, question)
	}
	var q joinQuestion
	if err := json.Unmarshal(question, &q); err != nil {
		return nil, err
	}
	answer, err := m.Join(q.Identity)
	if err != nil {
		return nil, err
	}
	return json.Marshal(answer)
}

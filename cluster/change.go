// The leader's side of changes: it looks whether one can go well, and makes it.

package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/raft"

	"github.com/divtxt/lockd/fsm"
)

// errElsewhere tells that this node does not lead, or not any longer, and that nothing was changed.
var errElsewhere = errors.New("another node leads")

// answerChange answers a member that has a change made.
func (n *Node) answerChange(ctx context.Context, from Identity, question []byte) ([]byte, error) {
	if !n.leads.Load().leading { // it may not even have its raft yet
		return json.Marshal(changeAnswer{Elsewhere: true})
	}
	if err := n.mayAsk(from); err != nil {
		return nil, err
	}
	var c change
	if err := json.Unmarshal(question, &c); err != nil {
		return nil, fmt.Errorf("the change is not understood: %w", err)
	}
	answer, err := n.makeChange(ctx, c)
	if err != nil {
		return nil, err
	}
	return json.Marshal(answer)
}

// makeChange makes one change, after those that came before.
func (n *Node) makeChange(ctx context.Context, c change) (answer changeAnswer, err error) {
	ctx, cancel := context.WithTimeout(ctx, changeWithin)
	defer cancel()
	done, err := "", n.inTurn(ctx)
	if err == nil {
		defer n.endTurn()
		done, err = n.makeInTurn(ctx, c)
	}
	if errors.Is(err, errElsewhere) {
		return changeAnswer{Elsewhere: true}, nil
	}
	if err == nil {
		n.log.Info("a change was made", "change", c.Do, "node", c.ID)
	}
	return changeAnswer{Done: done}, err
}

// inTurn waits until no other change is made and this node, as leader, knows all that was before.
func (n *Node) inTurn(ctx context.Context) error {
	select {
	case n.changes.turn <- struct{}{}:
	case <-ctx.Done():
		return errors.New("another change of the members is still under way: look at RAFT.NODES and try again")
	}
	err := n.awaitSettled(ctx)
	if err != nil {
		n.endTurn()
	}
	return err
}

func (n *Node) endTurn() { <-n.changes.turn }

// settled tells whether this node leads and its state has all that was committed before it did.
func (n *Node) settled() bool {
	at := n.leads.Load()
	n.replica.mu.Lock()
	defer n.replica.mu.Unlock()
	return at.leading && n.replica.stats.Term == at.term
}

// sleep waits, and returns false where ctx ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (n *Node) makeInTurn(ctx context.Context, c change) (done string, err error) {
	r, err := n.roll()
	if err != nil {
		return "", err
	}
	if c.Do == doAdd {
		return "", n.addNode(ctx, &r, c)
	}
	server, member := r.find(c.ID)
	switch {
	case c.Do == doTransfer && c.ID == "":
	case c.Do == doRemove && !member && r.about[c.ID].Node != "" && !r.about[c.ID].Removed:
		// It was admitted, and its leader died before it was a member.
	case !member:
		return "", fmt.Errorf("the cluster has no member %q: its members are %s", c.ID, namesOf(r.founders()))
	}
	switch c.Do {
	case doPromote:
		return "", n.promote(ctx, &r, server)
	case doDemote:
		return "", n.demote(ctx, &r, server, c.Force)
	case doRemove:
		return "", n.removeNode(ctx, &r, c.ID, c.Force)
	case doTransfer:
		return n.transfer(ctx, &r, c.ID)
	}
	return "", fmt.Errorf("the leader's version of lockd does not know the change %q", c.Do)
}

// reconfigure makes one change of raft's configuration and waits until it is committed.
func (n *Node) reconfigure(ctx context.Context, f func(enqueue time.Duration) raft.IndexFuture) error {
	err := n.configure(ctx, f)
	switch {
	case err == nil:
		n.tellWatchers()
		// Raft takes no snapshot as long as nothing was applied after a change of the configuration.
		_, _ = n.order(ctx, fsm.KindUnblock, "TIMEOUT") // of connection 0, which does not exist
		return nil
	case errors.Is(err, raft.ErrNotLeader):
		return errElsewhere
	case strings.Contains(err.Error(), "configuration changed since"):
		return errors.New("somebody else changed the members at this moment: look at RAFT.NODES and try again")
	case errors.Is(err, raft.ErrLeadershipLost), ctx.Err() != nil:
		return fmt.Errorf("it is not known whether this was done (%w): most of the voters do not answer; look at "+
			"RAFT.NODES before you send it again", err)
	}
	return err
}

// configure has raft append a configuration to the log, when this one may append, and waits until it is
// committed.
func (n *Node) configure(ctx context.Context, f func(enqueue time.Duration) raft.IndexFuture) error {
	if at := n.leads.Load(); !at.leading || !n.pen.take(at, ctx.Done()) {
		return errElsewhere
	}
	defer n.pen.giveBack()
	deadline, _ := ctx.Deadline()
	result := make(chan error, 1)
	go func() { result <- f(time.Until(deadline)).Error() }()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// versionMembers is the version of entries that first can say who is a member.
const versionMembers = 2

// membersLevel sees to it that the log may have orders about members: all members must know them.
func (n *Node) membersLevel(ctx context.Context, r *roll) error {
	var old []string
	for _, s := range r.servers {
		if m := r.about[string(s.ID)]; m.Version < versionMembers && n.replica.level() < versionMembers {
			old = append(old, fmt.Sprintf("%s (knows version %d)", s.ID, m.Version))
		}
	}
	if len(old) > 0 {
		return fmt.Errorf("the members cannot be changed while a node does not understand log entries of version "+
			"%d: %s; start a newer lockd there first (version 0: it has not been seen yet, start it)",
			versionMembers, strings.Join(old, ", "))
	}
	// The level comes with the first entry of that version, and then whoever leads writes no older one.
	n.version.Store(uint32(n.commonVersion()))
	for n.replica.level() < versionMembers {
		if _, err := n.order(ctx, fsm.KindUnblock, "TIMEOUT"); err != nil { // of connection 0, which does not exist
			return err
		}
	}
	return nil
}

// promote gives a learner a vote.
func (n *Node) promote(ctx context.Context, r *roll, server raft.Server) error {
	id := string(server.ID)
	if r.about[id].NoVote {
		if err := n.mark(ctx, r, server, ""); err != nil {
			return err
		}
	}
	if server.Suffrage == raft.Voter {
		return nil
	}
	waiting, cancel := context.WithTimeout(ctx, changeWithin/2)
	defer cancel()
	for n.growth.close(id) == 0 {
		if !sleep(waiting, tendEvery/4) {
			return fmt.Errorf("node %s has not caught up with the log yet (see its state and lag in RAFT.NODES): it "+
				"gets its vote by itself as soon as it has", id)
		}
	}
	return n.reconfigure(ctx, func(d time.Duration) raft.IndexFuture {
		return n.raft.AddVoter(server.ID, server.Address, r.index, d)
	})
}

// mark makes the state remember whether a member is to stay without a vote.
func (n *Node) mark(ctx context.Context, r *roll, server raft.Server, word string) error {
	if err := n.membersLevel(ctx, r); err != nil {
		return err
	}
	id := string(server.ID)
	_, err := n.order(ctx, fsm.KindAdmit, id, r.disk(id), string(server.Address), word)
	return err
}

// demote takes a member's vote away.
func (n *Node) demote(ctx context.Context, r *roll, server raft.Server, force bool) error {
	id := string(server.ID)
	if server.Suffrage == raft.Voter {
		if err := n.mayLose(ctx, r, id, force); err != nil {
			return err
		}
	}
	if !r.about[id].NoVote {
		if err := n.mark(ctx, r, server, fsm.AdmitNoVote); err != nil {
			return err
		}
	}
	if server.Suffrage != raft.Voter {
		return nil
	}
	return n.reconfigure(ctx, func(d time.Duration) raft.IndexFuture {
		return n.raft.DemoteVoter(server.ID, r.index, d)
	})
}

// removeNode takes a member out.
func (n *Node) removeNode(ctx context.Context, r *roll, id string, force bool) error {
	server, member := r.find(id)
	if member && server.Suffrage == raft.Voter {
		if err := n.mayLose(ctx, r, id, force); err != nil {
			return err
		}
	}
	rest := *r
	rest.servers = slices.DeleteFunc(slices.Clone(r.servers), func(s raft.Server) bool {
		return string(s.ID) == id
	})
	if r.about[id].Version < versionMembers && n.replica.level() < versionMembers {
		// What keeps the others from saying it in the log is this very node: it goes first.
		if err := n.dropServer(ctx, r, id); err != nil {
			return err
		}
		member = false
	}
	if err := n.membersLevel(ctx, &rest); err != nil {
		return err
	}
	if _, err := n.order(ctx, fsm.KindForget, id); err != nil || !member {
		return err
	}
	n.awaitNews(ctx, id)
	return n.dropServer(ctx, r, id)
}

// awaitNews gives a node the time to read in its log that it was removed: from a configuration without it, it
// gets nothing any more, and has to find out by asking around.
func (n *Node) awaitNews(ctx context.Context, id string) {
	index := n.raft.AppliedIndex()
	for begun := time.Now(); time.Since(begun) < 5*tellEvery; {
		r := n.remotes.get(id)
		if r == nil {
			return
		}
		r.mu.Lock()
		applied := r.progress.applied
		r.mu.Unlock()
		if applied >= index || !sleep(ctx, 2*time.Millisecond) {
			return
		}
	}
}

func (n *Node) dropServer(ctx context.Context, r *roll, id string) error {
	err := n.reconfigure(ctx, func(d time.Duration) raft.IndexFuture {
		return n.raft.RemoveServer(raft.ServerID(id), r.index, d)
	})
	if remote := n.remotes.get(id); remote != nil && err == nil {
		remote.end()
	}
	return err
}

// mayLose refuses what would leave too few voters. Where the voter is this node, another one leads first.
func (n *Node) mayLose(ctx context.Context, r *roll, id string, force bool) error {
	left := r.without(id)
	if len(left) == 0 {
		return fmt.Errorf("node %s is the only voter: without it there is no cluster; add another node first, and "+
			"wait until RAFT.NODES shows it as a voter", id)
	}
	up := n.upAmong(ctx, left)
	if len(up) < len(left)/2+1 && !force {
		return fmt.Errorf("without %s the voters are %s, and only %d of them are up, which is no majority of %d: "+
			"the cluster would stand still until more of them are back. Start those that are down, or remove them "+
			"first; add the word FORCE to do it all the same", id, strings.Join(left, ", "), len(up), len(left))
	}
	if id != n.opts.NodeID {
		return nil
	}
	if _, err := n.transfer(ctx, r, ""); err != nil {
		return fmt.Errorf("node %s leads, and another must lead first: %w", id, err)
	}
	return errElsewhere
}

// upAmong returns those of the voters that are up. A new leader waits a moment for them to come.
func (n *Node) upAmong(ctx context.Context, ids []string) (up []string) {
	for begun := time.Now(); ; sleep(ctx, 5*time.Millisecond) {
		up = nil
		for _, m := range n.Members() {
			if m.Up && slices.Contains(ids, m.ID) {
				up = append(up, m.ID)
			}
		}
		if len(up) == len(ids) || time.Since(begun) > suspectAfter || ctx.Err() != nil {
			return up
		}
	}
}

// transfer makes another voter lead.
func (n *Node) transfer(ctx context.Context, r *roll, id string) (leader string, err error) {
	others := r.without(n.opts.NodeID)
	switch {
	case id == n.opts.NodeID:
		return id, nil
	case id != "" && !slices.Contains(others, id):
		return "", fmt.Errorf("node %s is a learner, and only a voter can lead: send RAFT.PROMOTE %s first", id, id)
	case len(others) == 0:
		return "", errors.New("there is no other voter that could lead")
	case id != "":
		others = []string{id}
	}
	if len(n.upAmong(ctx, others)) == 0 {
		return "", fmt.Errorf("it cannot lead: of %s nothing has been heard for more than %v",
			strings.Join(others, ", "), suspectAfter)
	}
	trying, cancel := context.WithTimeout(ctx, transferWithin)
	defer cancel()
	if err := n.handOver(trying, id); err != nil {
		return "", fmt.Errorf("leadership could not be handed over (%w): is the other node far behind? Look at "+
			"RAFT.NODES and try again", err)
	}
	next, err := n.awaitOther(ctx)
	if err == nil && id != "" && string(next) != id {
		err = fmt.Errorf("node %s leads now, and not %s: try again", next, id)
	}
	if err != nil {
		return "", err
	}
	return string(next), nil
}

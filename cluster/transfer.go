// Leadership given to another voter, because a person wants it there or this node is about to end: the leader
// lets nothing be appended, waits until the other one has the whole log, and tells it to stand for election
// (raft's TimeoutNow). Until it has lost the leadership it may go on as if nothing had been, and does so when
// the time is over.
//
// Raft has this too, and must not be asked for it: in hashicorp/raft 1.7.3 a transfer to a voter that does
// not answer can wait for ever, the leader refuses all commands meanwhile, and still does so when it leads
// again (docs/decisions.md). Here everything that waits has a limit, and nothing outlives the call but an RPC
// that nobody waits for.

package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/raft"
)

const (
	transferWithin = 4 * time.Second // how long the leader tries when a person wants another one

	handOverTries = 4
	handOverPause = 100 * time.Millisecond // between two, in which what has waited is done
	handOverLook  = 10 * time.Millisecond  // how often the leader looks for new streams
	markLook      = time.Millisecond       // how often a node looks whether its log has come to a mark
)

// pen is what one must hold to append to the log: the proposer takes it for each entry, a change of the
// configuration takes it, and so does a transfer, which needs the log to end somewhere. Who waits for it gets
// it in turn.
type pen chan struct{}

func newPen() pen { return make(pen, 1) }

// take waits until this is the one that may append, and returns false where at is no longer true or over is
// closed first.
func (p pen) take(at *leadership, over <-chan struct{}) bool {
	select {
	case p <- struct{}{}:
		return true
	default:
	}
	select {
	case p <- struct{}{}:
		return true
	case <-at.changed:
	case <-over:
	}
	return false
}

func (p pen) giveBack() { <-p }

// HandOver makes another node lead, if this one does and there is another, and returns when it leads or after
// a while. Clients of the others then notice nothing of this node's end.
func (n *Node) HandOver(within time.Duration) {
	if !n.leads.Load().leading || n.alone() {
		return
	}
	ctx, cancel := n.within(within)
	defer cancel()
	err := errLeadsAgain
	for errors.Is(err, errLeadsAgain) && ctx.Err() == nil {
		err = n.awaitSettled(ctx) // else it lacks entries of its own, which nobody could have yet
		if err == nil {
			err = n.handOver(ctx, "")
		}
		if err == nil {
			_, err = n.awaitOther(ctx)
		}
	}
	if err != nil && !errors.Is(err, errElsewhere) {
		n.log.Warn("leadership could not be handed over: the others elect when they notice", "error", err)
	}
}

// handOver gives the leadership to a voter, the one of that id or any for "". It returns nil as soon as this
// node has lost it, to whomever.
func (n *Node) handOver(ctx context.Context, id string) (err error) {
	var tried []raft.ServerID
	for range handOverTries {
		r, errRoll := n.roll()
		if errRoll != nil {
			return errRoll
		}
		heirs := n.heirs(&r, id, tried)
		if len(heirs) == 0 {
			tried = nil
			heirs = n.heirs(&r, id, nil)
		}
		to, failed := n.giveWay(ctx, heirs)
		if failed == nil {
			return nil
		}
		tried = append(tried, to)
		if err == nil || ctx.Err() == nil && !errors.Is(failed, errNoHeir) {
			err = failed // else what went wrong before says more
		}
		if !sleep(ctx, handOverPause) {
			break
		}
	}
	return err
}

var errNoHeir = errors.New("there is no other voter that could lead")

// heirs are the voters that may lead next, or the one of that id, but for those that were tried. The one that
// has applied most comes first, as a leader must have applied all before it serves; then who was heard last.
// Those that have no stream to this leader, and cannot tell how far they are, come last: a leader that was
// removed has no others, for its streams are refused.
func (n *Node) heirs(r *roll, id string, tried []raft.ServerID) (heirs []raft.Server) {
	type state struct {
		applied uint64
		heard   int64
	}
	of := map[raft.ServerID]state{}
	for _, s := range r.servers {
		mayLead := s.Suffrage == raft.Voter && string(s.ID) != n.opts.NodeID && !r.about[string(s.ID)].Removed
		if !mayLead || id != "" && id != string(s.ID) || slices.Contains(tried, s.ID) {
			continue
		}
		if remote := n.remotes.get(string(s.ID)); remote != nil {
			of[s.ID] = state{remote.lastTold().applied, remote.heard.Load()}
		}
		heirs = append(heirs, s)
	}
	slices.SortFunc(heirs, func(a, b raft.Server) int {
		x, y := of[a.ID], of[b.ID]
		return cmp.Or(cmp.Compare(y.applied, x.applied), cmp.Compare(y.heard, x.heard))
	})
	return heirs
}

// giveWay tries it with the first of the heirs that has the whole log. What comes meanwhile waits: for an
// election timeout until one has it, and for another until that one leads.
func (n *Node) giveWay(ctx context.Context, heirs []raft.Server) (to raft.ServerID, err error) {
	at := n.leads.Load()
	if !at.leading {
		return "", nil
	}
	if len(heirs) == 0 {
		return "", errNoHeir
	}
	if !n.pen.take(at, ctx.Done()) {
		return "", ctx.Err() // nil: the leadership is lost
	}
	defer n.pen.giveBack()
	heir, err := n.awaitLog(ctx, at, heirs, n.raft.LastIndex())
	if heir == nil || err != nil {
		return "", err
	}
	return heir.ID, n.crown(ctx, at, heir)
}

// awaitLog waits until one of the heirs has the log up to index. It returns nil where this node has lost the
// leadership first.
func (n *Node) awaitLog(ctx context.Context, at *leadership, heirs []raft.Server, index uint64) (
	heir *raft.Server, err error,
) {
	limit := time.NewTimer(n.opts.Heartbeat)
	defer limit.Stop()
	look := time.NewTicker(handOverLook)
	defer look.Stop()
	asked := make([]*remote, len(heirs))
	for {
		for i := range heirs {
			switch r := n.remotes.get(string(heirs[i].ID)); {
			case r == nil:
			case r.lastTold().last >= index:
				return &heirs[i], nil
			case r != asked[i]:
				asked[i] = r
				r.tell(appendMark(nil, index))
			}
		}
		select {
		case <-n.remotes.told:
		case <-look.C:
		case <-at.changed:
			return nil, nil
		case <-limit.C:
			if !slices.ContainsFunc(asked, func(r *remote) bool { return r != nil }) {
				return &heirs[0], nil // nobody can tell; nothing was appended for a while, so it may well have all
			}
			return nil, fmt.Errorf("%s did not catch up within %v: the log ends at %d, and %s",
				namesOfServers(heirs), n.opts.Heartbeat, index, farAs(asked))
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func namesOfServers(servers []raft.Server) string {
	var names []string
	for _, s := range servers {
		names = append(names, string(s.ID))
	}
	return strings.Join(names, ", ")
}

// farAs says how far nodes are, as they have told.
func farAs(nodes []*remote) string {
	var far []string
	for _, r := range nodes {
		if r != nil {
			far = append(far, fmt.Sprintf("%s has told of %d", r.origin.Node, r.lastTold().last))
		}
	}
	return strings.Join(far, ", ")
}

// crown tells a voter to stand for election, and waits until this node has lost the leadership.
func (n *Node) crown(ctx context.Context, at *leadership, heir *raft.Server) error {
	told := make(chan error, 1)
	go func() { told <- n.timeoutNow(heir.ID, heir.Address) }() // across a cut link it waits for long
	limit := time.NewTimer(n.opts.Heartbeat)
	defer limit.Stop()
	for {
		select {
		case <-at.changed:
			return nil
		case err := <-told:
			if err != nil {
				return fmt.Errorf("node %s could not be told to stand for election: %w", heir.ID, err)
			}
			told = nil
		case <-limit.C:
			return fmt.Errorf("node %s was told to stand for election, and has not won it within %v", heir.ID,
				n.opts.Heartbeat)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// errLeadsAgain tells that nobody else won the election that was to make another node lead.
var errLeadsAgain = errors.New("this node lost the leadership, and was elected again: try again")

// awaitOther waits until another node leads, once this one has lost the leadership.
func (n *Node) awaitOther(ctx context.Context) (leader raft.ServerID, err error) {
	for {
		at := n.leads.Load()
		switch {
		case at.leading:
			return "", errLeadsAgain
		case at.leader != "":
			return at.leader, nil
		}
		select {
		case <-at.changed:
		case <-ctx.Done():
			return "", errors.New("leadership was handed over, and who leads now is not known yet: look at RAFT.NODES")
		}
	}
}

// awaitSettled waits until this node, as leader, knows all that was before.
func (n *Node) awaitSettled(ctx context.Context) error {
	for !n.settled() {
		if !n.leads.Load().leading || !sleep(ctx, 2*time.Millisecond) {
			return errElsewhere
		}
	}
	return nil
}

// reachMark makes the uplink tell the leader how far this node is once its log has come to an index. It gives
// up when the leader will have heard of it without that.
func (u *uplink) reachMark(index uint64) {
	tick := time.NewTicker(markLook)
	defer tick.Stop()
	for begun := time.Now(); u.node.raft.LastIndex() < index; {
		select {
		case <-tick.C:
		case <-u.broken:
			return
		case <-u.node.stop:
			return
		}
		if time.Since(begun) > u.node.opts.Heartbeat {
			return // the leader does not wait any longer
		}
	}
	select {
	case u.tell <- struct{}{}:
	default:
	}
}

// Raft's part: raft's own transport in memory, with the network's cuts and deaths around each RPC.
// Requests are copied, because raft's transport hands the same bytes to both sides, which no real network
// can do.

package memnet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/divtxt/lockd/cluster"
)

// transport is a raft.Transport that asks the network first.
type transport struct {
	*raft.InmemTransport
	node   *node
	closed chan struct{}
	calls  sync.WaitGroup // RPCs that have reached it and are not answered

	mu    sync.Mutex
	ended bool
}

var (
	_ raft.Transport   = (*transport)(nil)
	_ raft.WithPreVote = (*transport)(nil)
	_ raft.WithClose   = (*transport)(nil)
)

// errRPCTimeout is the error of an RPC whose request or answer was lost.
var errRPCTimeout = errors.New("the RPC timed out")

func newTransport(x *node) *transport {
	address := raft.ServerAddress(x.address)
	_, inner := raft.NewInmemTransportWithTimeout(address, RaftTimeout)
	inner.Connect(address, inner) // a node may tell itself to stand for election
	return &transport{InmemTransport: inner, node: x, closed: make(chan struct{})}
}

// Close implements raft.WithClose: raft calls it when it has been shut down, and so does the network when the
// process dies. RPCs that raft has not read end, as those on a closed socket do; it will not read them any
// longer. None is left behind, which would outlive a bubble of virtual time. Close itself waits for nothing:
// what dies is dead at once.
func (t *transport) Close() error {
	t.mu.Lock()
	first := !t.ended
	t.ended = true
	t.mu.Unlock()
	if first {
		close(t.closed)
		go t.drain()
	}
	return t.InmemTransport.Close()
}

// drain ends what has reached t.
func (t *transport) drain() {
	none := make(chan struct{})
	go func() {
		t.calls.Wait()
		close(none)
	}()
	for {
		select {
		case rpc := <-t.Consumer():
			rpc.Respond(nil, errStopped)
		case <-none:
			return
		}
	}
}

// serve runs an RPC that has reached t, unless t is closed.
func (t *transport) serve(rpc func() error) error {
	t.mu.Lock()
	if t.ended {
		t.mu.Unlock()
		return errStopped
	}
	t.calls.Add(1)
	t.mu.Unlock()
	defer t.calls.Done()
	return rpc()
}

// AppendEntriesPipeline is refused, as with cluster/peer: a pipeline stops replicating after a follower's
// write error.
func (t *transport) AppendEntriesPipeline(raft.ServerID, raft.ServerAddress) (raft.AppendPipeline, error) {
	return nil, raft.ErrPipelineReplicationNotSupported
}

// AppendEntries implements raft.Transport.
func (t *transport) AppendEntries(id raft.ServerID, target raft.ServerAddress,
	q *raft.AppendEntriesRequest, a *raft.AppendEntriesResponse) error {
	c := *q
	c.Entries = make([]*raft.Log, len(q.Entries))
	for i, entry := range q.Entries {
		e := *entry
		e.Data, e.Extensions = bytes.Clone(e.Data), bytes.Clone(e.Extensions)
		c.Entries[i] = &e
	}
	return call(t, target, a, func(a *raft.AppendEntriesResponse) error {
		return t.InmemTransport.AppendEntries(id, target, &c, a)
	})
}

// RequestVote implements raft.Transport.
func (t *transport) RequestVote(id raft.ServerID, target raft.ServerAddress,
	q *raft.RequestVoteRequest, a *raft.RequestVoteResponse) error {
	c := *q
	return call(t, target, a, func(a *raft.RequestVoteResponse) error {
		return t.InmemTransport.RequestVote(id, target, &c, a)
	})
}

// RequestPreVote implements raft.WithPreVote.
func (t *transport) RequestPreVote(id raft.ServerID, target raft.ServerAddress,
	q *raft.RequestPreVoteRequest, a *raft.RequestPreVoteResponse) error {
	c := *q
	return call(t, target, a, func(a *raft.RequestPreVoteResponse) error {
		return t.InmemTransport.RequestPreVote(id, target, &c, a)
	})
}

// TimeoutNow implements raft.Transport.
func (t *transport) TimeoutNow(id raft.ServerID, target raft.ServerAddress,
	q *raft.TimeoutNowRequest, a *raft.TimeoutNowResponse) error {
	c := *q
	return call(t, target, a, func(a *raft.TimeoutNowResponse) error {
		return t.InmemTransport.TimeoutNow(id, target, &c, a)
	})
}

// InstallSnapshot implements raft.Transport.
func (t *transport) InstallSnapshot(id raft.ServerID, target raft.ServerAddress,
	q *raft.InstallSnapshotRequest, a *raft.InstallSnapshotResponse, data io.Reader) error {
	c := *q
	content := &snapshotReader{from: data, t: t, target: string(target)}
	// Raft closes the snapshot when this returns, perhaps while the other side still reads.
	defer content.detach()
	return call(t, target, a, func(a *raft.InstallSnapshotResponse) error {
		return t.InmemTransport.InstallSnapshot(id, target, &c, a, content)
	})
}

// call runs one RPC as the network allows it. The answer is copied to its place only if it arrives: an RPC
// that was given up may still be answered while raft is done with it.
func call[A any](t *transport, target raft.ServerAddress, answer *A, rpc func(*A) error) error {
	ctx, cancel := context.WithTimeout(t.node.life, RaftTimeout)
	defer cancel()
	to := string(target)
	var died <-chan struct{} // never, for oneself: one's own death ends life
	at := t
	if to != t.node.address {
		other, err := t.node.connectRaft(ctx, to)
		if err != nil {
			return err
		}
		t.Connect(target, other.transport.InmemTransport)
		died, at = other.life.Done(), other.transport
	}
	if err := t.cross(ctx, t.node.address, to); err != nil {
		return err
	}
	if w := t.node.net.weatherOf(t.node.address, to); w.repeats() {
		if _, once := any(answer).(*raft.InstallSnapshotResponse); !once { // whose bytes are read but once
			time.AfterFunc(upTo(w.Late), func() { _ = at.serve(func() error { return rpc(new(A)) }) })
		}
	}
	got, done := new(A), make(chan error, 1)
	go func() { done <- at.serve(func() error { return rpc(got) }) }()
	select {
	case err := <-done:
		if err != nil {
			return err
		}
	case <-died:
		return fmt.Errorf("raft's RPC to %s: %w", to, errDied)
	case <-at.closed:
		return fmt.Errorf("raft's RPC to %s: %w", to, errStopped)
	case <-t.node.life.Done():
		return errStopped
	}
	// An answer waits for the link to be healed, and comes late then, if its time is not over: a leader may
	// hear that it was obeyed when it is obeyed no longer.
	if err := t.node.crossing(ctx, to, t.node.address); err != nil {
		t.node.disconnectRaft()
		return fmt.Errorf("raft's RPC to %s: %w", to, errRPCTimeout)
	}
	if err := t.cross(ctx, to, t.node.address); err != nil {
		return err
	}
	*answer = *got
	return nil
}

// cross is a message's way through the weather.
func (t *transport) cross(ctx context.Context, from, to string) error {
	w := t.node.net.weatherOf(from, to)
	if takes := w.takes(); takes > 0 {
		wait(ctx, takes)
	}
	if w.loses() {
		<-ctx.Done() // its time, which whoever sent it waits in vain
	}
	if ctx.Err() != nil {
		return fmt.Errorf("raft's RPC from %s to %s: %w", from, to, errRPCTimeout)
	}
	return nil
}

// wait waits for a time, or less if ctx ends.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// snapshotReader is a snapshot on its way. It ends with an error when the link is cut or an end is gone, as a
// connection would.
type snapshotReader struct {
	t      *transport
	target string

	mu   sync.Mutex
	from io.Reader // nil when the sender has given up
}

func (r *snapshotReader) Read(p []byte) (int, error) {
	if isCut, _ := r.t.node.net.cut(r.t.node.address, r.target); isCut {
		return 0, errRPCTimeout
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.from == nil || r.t.node.life.Err() != nil {
		return 0, errDied
	}
	return r.from.Read(p)
}

func (r *snapshotReader) detach() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.from = nil
}

// connectRaft returns the node at address once it is reached. Nodes that know each other already from an
// RPC need only the way there, as on an open connection.
func (x *node) connectRaft(ctx context.Context, address string) (*node, error) {
	if err := x.crossing(ctx, x.address, address); err != nil {
		x.disconnectRaft()
		return nil, err
	}
	other, err := x.find(address)
	if err != nil {
		return nil, err
	}
	x.mu.Lock()
	connected := x.raftPeers[other]
	x.mu.Unlock()
	if connected {
		return other, nil
	}
	if other, err = x.reach(ctx, address); err != nil {
		return nil, err
	}
	if _, _, err := x.greet(ctx, other, cluster.ForRaft); err != nil {
		return nil, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.raftPeers[other] = true
	return other, nil
}

// disconnectRaft makes all nodes greet again, as raft's transport does after an RPC that failed.
func (x *node) disconnectRaft() {
	x.mu.Lock()
	defer x.mu.Unlock()
	clear(x.raftPeers)
}

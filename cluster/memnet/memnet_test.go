// What only this network can do: cuts, deaths and returns, in virtual time. What it has in common with the
// real one is tested with that, in cluster/peer.

package memnet_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"github.com/divtxt/lockd/cluster"
	"github.com/divtxt/lockd/cluster/memnet"
)

// echo is a node that sends every frame back.
type echo struct{ name string }

func (e echo) Identity() cluster.Identity { return cluster.Identity{Node: e.name, Address: e.name} }

func (e echo) Admit(cluster.Identity, cluster.Purpose) error { return nil }

func (e echo) Forward(_ cluster.Identity, s cluster.Stream) error {
	for {
		frame, err := s.Recv()
		if err != nil {
			return err
		}
		if err := s.Send(frame); err != nil {
			return err
		}
	}
}

func (e echo) Ask(_ context.Context, _ cluster.Identity, _ string, question []byte) ([]byte, error) {
	return question, nil
}

// start makes a node that serves echo, and answers raft's RPCs until the test ends.
func start(t *testing.T, n *memnet.Net, name string) cluster.Network {
	x := n.Node(name)
	x.Serve(echo{name})
	stop := make(chan struct{})
	t.Cleanup(func() {
		close(stop)
		n.Stop(name)
	})
	go func() {
		for {
			select {
			case rpc := <-x.Transport().Consumer():
				switch rpc.Command.(type) {
				case *raft.AppendEntriesRequest:
					rpc.Respond(&raft.AppendEntriesResponse{Success: true}, nil)
				default:
					rpc.Respond(nil, errors.New("not expected"))
				}
			case <-stop:
				return
			}
		}
	}()
	return x
}

// within runs f in a bubble with two nodes.
func within(t *testing.T, f func(t *testing.T, n *memnet.Net, a, b cluster.Network)) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		f(t, n, start(t, n, "a"), start(t, n, "b"))
	})
}

func appendTo(x cluster.Network, address raft.ServerAddress) error {
	var answer raft.AppendEntriesResponse
	q := raft.AppendEntriesRequest{Entries: []*raft.Log{{Index: 1, Data: []byte("x")}}}
	err := x.Transport().AppendEntries("id", address, &q, &answer)
	if err == nil && !answer.Success {
		return errors.New("no answer was copied")
	}
	return err
}

func open(t *testing.T, x cluster.Network, address string) cluster.Stream {
	t.Helper()
	s, id, err := x.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	if id.Node != address {
		t.Fatalf("%s answered as %v", address, id)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func exchange(t *testing.T, s cluster.Stream, text string) {
	t.Helper()
	if err := s.Send([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Recv(); err != nil || string(got) != text {
		t.Fatalf("%q came back as %q, %v", text, got, err)
	}
}

func TestShortCutDelays(t *testing.T) {
	for _, direction := range []struct{ from, to string }{{"a", "b"}, {"b", "a"}} {
		t.Run(direction.from+" to "+direction.to, func(t *testing.T) {
			within(t, func(t *testing.T, n *memnet.Net, a, _ cluster.Network) {
				s := open(t, a, "b")
				exchange(t, s, "before")
				n.CutOneWay(direction.from, direction.to)
				time.AfterFunc(2*time.Second, func() { n.Heal("a", "b") })
				begin := time.Now()
				exchange(t, s, "across")
				if d := time.Since(begin); d != 2*time.Second {
					t.Errorf("a frame took %v across a link that was cut for 2 s", d)
				}
			})
		})
	}
}

func TestLongCutBreaks(t *testing.T) {
	within(t, func(t *testing.T, n *memnet.Net, a, _ cluster.Network) {
		s := open(t, a, "b")
		begin := time.Now()
		n.Cut("a", "b")
		if _, err := s.Recv(); err == nil {
			t.Error("a stream lived on without a link")
		}
		if d := time.Since(begin); d != memnet.SilenceLimit {
			t.Errorf("it broke after %v", d)
		}
		if err := a.Probe(t.Context(), "b"); err == nil || errors.Is(err, cluster.ErrNotListening) {
			t.Errorf("Probe across a cut: %v", err)
		}
		if _, _, err := a.Ask(t.Context(), "b", "op", nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Ask across a cut: %v", err)
		}
		n.Heal("a", "b")
		exchange(t, open(t, a, "b"), "healed")
	})
}

func TestCutStopsRaft(t *testing.T) {
	within(t, func(t *testing.T, n *memnet.Net, a, b cluster.Network) {
		if err := appendTo(a, "b"); err != nil {
			t.Fatal(err)
		}
		n.CutOneWay("b", "a")
		for _, x := range []struct {
			from cluster.Network
			to   raft.ServerAddress
		}{{a, "b"}, {b, "a"}} {
			begin := time.Now()
			if err := appendTo(x.from, x.to); err == nil {
				t.Errorf("an RPC to %s got an answer across a cut", x.to)
			}
			if d := time.Since(begin); d < memnet.RaftTimeout {
				t.Errorf("an RPC to %s failed after %v, as if the cut were known", x.to, d)
			}
		}
		n.Heal("a", "b")
		if err := errors.Join(appendTo(a, "b"), appendTo(b, "a")); err != nil {
			t.Error(err)
		}
	})
}

// TestLateAnswer holds back an answer that is on its way: it arrives once the link is whole.
func TestLateAnswer(t *testing.T) {
	within(t, func(t *testing.T, n *memnet.Net, a, _ cluster.Network) {
		if err := appendTo(a, "b"); err != nil {
			t.Fatal(err)
		}
		n.CutOneWay("b", "a")
		const late = memnet.RaftTimeout / 2
		time.AfterFunc(late, func() { n.Heal("a", "b") })
		begin := time.Now()
		if err := appendTo(a, "b"); err != nil || time.Since(begin) != late {
			t.Errorf("the answer came after %v, %v", time.Since(begin), err)
		}
	})
}

func TestDeathAndReturn(t *testing.T) {
	within(t, func(t *testing.T, n *memnet.Net, a, b cluster.Network) {
		s := open(t, a, "b")
		exchange(t, s, "before")
		begin := time.Now()
		n.Stop("b")
		if _, err := s.Recv(); err == nil {
			t.Error("a stream outlived its other end")
		}
		if err := s.Send([]byte("x")); err == nil {
			t.Error("a dead node takes frames")
		}
		for what, err := range map[string]error{
			"raft": appendTo(a, "b"), "probe": a.Probe(t.Context(), "b"),
		} {
			if !errors.Is(err, cluster.ErrNotListening) {
				t.Errorf("%s to a dead node: %v", what, err)
			}
		}
		for what, err := range map[string]error{"raft": appendTo(b, "a"), "probe": b.Probe(t.Context(), "a")} {
			if err == nil {
				t.Errorf("%s of a dead node still works", what)
			}
		}
		if d := time.Since(begin); d != 0 {
			t.Errorf("a death was noticed after %v", d)
		}
		start(t, n, "b")
		exchange(t, open(t, a, "b"), "after")
		if err := appendTo(a, "b"); err != nil {
			t.Error(err)
		}
	})
}

// TestElection runs raft itself across the network: cut off the leader, and another one follows.
func TestElection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		var all []*raft.Raft
		var voters raft.Configuration
		for i := range 3 {
			name := fmt.Sprint("n", i)
			voters.Servers = append(voters.Servers,
				raft.Server{ID: raft.ServerID(name), Address: raft.ServerAddress(name)})
		}
		for _, voter := range voters.Servers {
			x := n.Node(string(voter.Address))
			x.Serve(echo{string(voter.ID)})
			c := raft.DefaultConfig()
			c.LocalID, c.LogOutput = voter.ID, t.Output()
			logs, snapshots := raft.NewInmemStore(), raft.NewInmemSnapshotStore()
			if err := raft.BootstrapCluster(c, logs, logs, snapshots, x.Transport(), voters); err != nil {
				t.Fatal(err)
			}
			r, err := raft.NewRaft(c, nothing{}, logs, logs, snapshots, x.Transport())
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, r)
		}
		first := leader(all, -1)
		for i, voter := range voters.Servers {
			if i != first {
				n.Cut(string(voters.Servers[first].Address), string(voter.Address))
			}
		}
		second := leader(all, first)
		for _, voter := range voters.Servers {
			n.Heal(string(voters.Servers[first].Address), string(voter.Address))
		}
		if err := all[second].Apply([]byte("x"), time.Minute).Error(); err != nil {
			t.Error(err)
		}
		for all[first].LastIndex() < all[second].LastIndex() {
			time.Sleep(time.Second)
		}
		for _, r := range all {
			if err := r.Shutdown().Error(); err != nil {
				t.Error(err)
			}
		}
	})
}

// leader waits for a leader other than the given one.
func leader(all []*raft.Raft, other int) int {
	for {
		for i, r := range all {
			if i != other && r.State() == raft.Leader {
				return i
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// nothing is a state machine without a state.
type nothing struct{}

func (nothing) Apply(*raft.Log) any { return nil }

func (nothing) Snapshot() (raft.FSMSnapshot, error) { return nil, errors.New("nothing to keep") }

func (nothing) Restore(r io.ReadCloser) error { return r.Close() }

// TestShutDownEndsCalls: an RPC that raft has not read ends when raft shuts its transport, as it does with a
// socket. A node that stood for election when it was stopped would otherwise be up to ten seconds about it.
func TestShutDownEndsCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := memnet.New().Node("a:1")
		transport := x.Transport()
		begun, done := time.Now(), make(chan error)
		go func() {
			done <- transport.TimeoutNow("a", "a:1", &raft.TimeoutNowRequest{}, new(raft.TimeoutNowResponse))
		}()
		synctest.Wait()
		if err := transport.(raft.WithClose).Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err == nil || time.Since(begun) > 0 {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
		err := transport.TimeoutNow("a", "a:1", &raft.TimeoutNowRequest{}, new(raft.TimeoutNowResponse))
		if err == nil || time.Since(begun) > 0 {
			t.Errorf("another one afterwards: %v", err)
		}
	}) // which fails where anything of them is left
}

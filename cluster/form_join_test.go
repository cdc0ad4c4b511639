package cluster_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/divtxt/lockd/cluster"
	"github.com/divtxt/lockd/cluster/memnet"
)

// members are a leader at host2:1 and a follower at host1:1, as far as joining goes.
type members struct {
	of      *cluster.Membership
	taken   atomic.Int32 // nodes taken in
	leading atomic.Bool
	refuse  atomic.Bool
}

func newMembers() *members {
	return &members{of: &cluster.Membership{Cluster: "c", Complete: true, Members: []cluster.Founder{
		{ID: "n1", Address: "host1:1", Disk: "d1"}, {ID: "n2", Address: "host2:1", Disk: "d2"},
	}}}
}

func (m *members) run(n *memnet.Net, at int) {
	founder := m.of.Members[at]
	way := n.Node(founder.Address)
	way.Serve(cluster.FormedNode{
		Self: cluster.Identity{Node: founder.ID, Disk: founder.Disk, Address: founder.Address}, Of: m.of,
		Join: func(who cluster.Identity) (cluster.FormJoinAnswer, error) {
			switch {
			case m.refuse.Load():
				return cluster.FormJoinAnswer{}, fmt.Errorf("node %s is known with another disk", who.Node)
			case !m.leading.Load():
				return cluster.FormJoinAnswer{}, nil
			case at == 0:
				return cluster.FormJoinAnswer{Leader: "host2:1"}, nil
			}
			m.taken.Add(1)
			return cluster.FormJoinAnswer{Cluster: "c", Members: m.of.Members, IncarnationFloor: 41}, nil
		},
	})
}

func wantJoined(t *testing.T, h *host) {
	t.Helper()
	if err := h.end(t); err != nil {
		t.Fatal(err)
	}
	stored, err := cluster.ReadMembership(h.store)
	if err != nil || !stored.Joined || !stored.Complete || stored.Cluster != "c" || stored.IncarnationFloor != 41 ||
		len(stored.Members) != 2 || stored.Alone() {
		t.Errorf("stored %+v %v", stored, err)
	}
}

// TestJoin: the first address is dead, the second a follower, which knows no leader at first.
func TestJoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, m := memnet.New(), newMembers()
		h := newHost(n, "n3", "host3:1", cluster.Plan{Join: []string{"host3:1", "dead:1", "host1:1"}})
		defer h.kill()
		h.start()
		time.Sleep(time.Hour)
		m.run(n, 0)
		defer n.Stop("host1:1")
		time.Sleep(10 * time.Second)
		if !h.lives() {
			t.Fatal("joined nothing")
		}
		m.leading.Store(true)
		time.Sleep(10 * time.Second)
		if !h.lives() {
			t.Fatal("joined without a leader")
		}
		m.run(n, 1)
		defer n.Stop("host2:1")
		wantJoined(t, h)
		log := h.log.String()
		for _, want := range []string{"dead:1: connection refused", "that is this node itself", "it knows no leader",
			"host1:1: the leader at host2:1: connection refused"} {
			if !strings.Contains(log, want) {
				t.Errorf("the log does not say %q:\n%s", want, log)
			}
		}
		h.kill()
		h.start() // and again, without asking anybody
		wantJoined(t, h)
		if m.taken.Load() != 1 {
			t.Errorf("taken in %d times", m.taken.Load())
		}
	})
}

// TestJoinRefused: a refusal is final.
func TestJoinRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, m := memnet.New(), newMembers()
		m.refuse.Store(true)
		m.run(n, 1)
		defer n.Stop("host2:1")
		h := newHost(n, "n3", "host3:1", cluster.Plan{Join: []string{"host2:1"}})
		defer h.kill()
		h.start()
		h.wantError(t, "the cluster at host2:1 does not take this node in: node n3 is known with another disk")
		if stored, err := cluster.ReadMembership(h.store); stored != nil || err != nil {
			t.Errorf("stored %+v %v", stored, err)
		}
	})
}

// TestJoinCrash dies before and after the write; the leader answers a second time.
func TestJoinCrash(t *testing.T) {
	for _, before := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			n, m := memnet.New(), newMembers()
			m.leading.Store(true)
			m.run(n, 1)
			defer n.Stop("host2:1")
			h := newHost(n, "n3", "host3:1", cluster.Plan{Join: []string{"host2:1"}})
			defer h.kill()
			if before {
				h.store.before = 0
			} else {
				h.store.after = 0
			}
			h.start()
			if err := h.end(t); !errors.Is(err, errKilled) {
				t.Fatal(err)
			}
			h.kill()
			h.store.before, h.store.after = -1, -1
			h.start()
			wantJoined(t, h)
		})
	}
}

// TestInvited: RAFT.ADD on a leader takes in a node that waits, once and to one cluster.
func TestInvited(t *testing.T) {
	for _, plan := range []cluster.Plan{{Wait: true}, {Join: []string{"dead:1"}}} {
		synctest.Test(t, func(t *testing.T) {
			n, m := memnet.New(), newMembers()
			leader := n.Node("host2:1")
			leader.Serve(cluster.FormedNode{Self: cluster.Identity{Node: "n2", Disk: "d2", Address: "host2:1"}, Of: m.of})
			defer n.Stop("host2:1")
			h := newHost(n, "n3", "host3:1", plan)
			defer h.kill()
			h.start()
			time.Sleep(time.Hour)
			invite := func(node, name string) error {
				question, err := json.Marshal(cluster.FormInvite{
					Node: node, Cluster: name, Members: m.of.Members, IncarnationFloor: 41})
				if err != nil {
					return err
				}
				_, _, err = leader.Ask(t.Context(), "host3:1", cluster.FormInviteOp, question)
				return err
			}
			var refusal *cluster.Refusal
			if err := invite("n4", "c"); !errors.As(err, &refusal) || !strings.Contains(err.Error(), "is n3, not n4") {
				t.Errorf("invited under another name: %v", err)
			}
			if err := invite("n3", ""); !errors.As(err, &refusal) {
				t.Errorf("invited to nothing: %v", err)
			}
			if !h.lives() {
				t.Fatal("joined nothing")
			}
			if err := invite("n3", "c"); err != nil {
				t.Fatal(err)
			}
			wantJoined(t, h)
			if err := invite("n3", "c"); err != nil {
				t.Errorf("the second invitation: %v", err)
			}
			if err := invite("n3", "other"); !errors.As(err, &refusal) ||
				!strings.Contains(err.Error(), "belongs to cluster c and cannot be added to cluster other") {
				t.Errorf("invited to another cluster: %v", err)
			}
		})
	}
}

// TestNotInvited: a node that forms a cluster of its own takes no invitation, and nothing else either.
func TestNotInvited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		hosts := threeHosts(n)
		defer killAll(hosts)
		hosts[0].start()
		hosts[1].start()
		time.Sleep(time.Second)
		question := []byte(`{"node":"n1","cluster":"c"}`)
		var refusal *cluster.Refusal
		if _, _, err := hosts[1].way.Ask(t.Context(), "host1:1", cluster.FormInviteOp, question); !errors.As(err, &refusal) ||
			!strings.Contains(err.Error(), "waits for no invitation") {
			t.Errorf("invited: %v", err)
		}
		if _, _, err := hosts[1].way.Ask(t.Context(), "host1:1", "transfer", nil); !errors.As(err, &refusal) {
			t.Errorf("asked something else: %v", err)
		}
		if _, _, err := hosts[1].way.Open(t.Context(), "host1:1"); !errors.As(err, &refusal) ||
			!strings.Contains(err.Error(), "has not finished its start") {
			t.Errorf("forwarded: %v", err)
		}
		hosts[2].start()
		wantOne(t, hosts)
	})
}

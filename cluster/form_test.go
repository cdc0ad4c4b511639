// Forming over a network, in virtual time: each node is started as Open would start it, dies at chosen
// points, and comes back on what it has stored.

package cluster_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"github.com/divtxt/lockd/cluster"
	"github.com/divtxt/lockd/cluster/memnet"
)

// TestFormInAnyOrder starts three nodes one after the other. Until the last is there nobody is done.
func TestFormInAnyOrder(t *testing.T) {
	for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		synctest.Test(t, func(t *testing.T) {
			hosts := threeHosts(memnet.New())
			defer killAll(hosts)
			for i, at := range order {
				if i > 0 {
					time.Sleep(20 * time.Second)
				}
				for _, started := range order[:i] {
					if !hosts[started].lives() {
						t.Fatalf("%s is done, and %d of 3 are there: %v", hosts[started].id, i, hosts[started].err)
					}
				}
				hosts[at].start()
			}
			begin := time.Now()
			wantOne(t, hosts)
			if took := time.Since(begin); took > time.Second {
				t.Errorf("the last node came, and forming took %v", took)
			}
			last := fmt.Sprintf("n%d (host%d:1): connection refused", order[2]+1, order[2]+1)
			if log := hosts[order[0]].log.String(); !strings.Contains(log, last) ||
				strings.Count(log, "waiting for") > 12 {
				t.Errorf("the log does not say who is missing, or too often:\n%s", log)
			}
		})
	}
}

// TestFormAgain starts nodes anew that have formed: each alone, without the others.
func TestFormAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hosts := threeHosts(memnet.New())
		defer killAll(hosts)
		for _, h := range hosts {
			h.start()
		}
		wantOne(t, hosts)
		killAll(hosts)
		begin := time.Now()
		for _, h := range hosts {
			h.used = true
			h.start()
			wantMembers(t, []*host{h}, 3)
			h.kill()
		}
		if time.Since(begin) != 0 {
			t.Error("a node that has formed waits for others")
		}
	})
}

// TestFormWithCrashPoints kills each node before or after each of its two writes, in all combinations, and
// starts it again after a while.
func TestFormWithCrashPoints(t *testing.T) {
	const points = 5 // none, before the first write, after it, before the second, after it
	for c := range points * points * points {
		synctest.Test(t, func(t *testing.T) {
			hosts := threeHosts(memnet.New())
			defer killAll(hosts)
			for i, point := range []int{c % points, c / points % points, c / points / points} {
				if point%2 == 1 {
					hosts[i].store.before = point / 2
				} else if point > 0 {
					hosts[i].store.after = point/2 - 1
				}
				hosts[i].store.look = func(value []byte) {
					if bytes.Contains(value, []byte(`"complete":true`)) {
						wantStored(t, hosts)
					}
				}
				hosts[i].start()
			}
			revive(hosts, func(*host) {})
			wantOne(t, hosts)
		})
	}
}

// revive starts anew, after a while, what has died in its store.
func revive(hosts []*host, before func(*host)) {
	for range 6 { // more often than nodes can die one after the other
		time.Sleep(5 * time.Second)
		for _, h := range hosts {
			if !h.lives() && errors.Is(h.err, errKilled) {
				h.kill()
				h.store.before, h.store.after = -1, -1
				before(h)
				h.start()
			}
		}
	}
}

// wantStored tells of hosts that have stored nothing.
func wantStored(t *testing.T, hosts []*host) {
	for _, h := range hosts {
		if stored, err := cluster.ReadMembership(h.store.InmemStore); stored == nil || err != nil {
			t.Errorf("a node is complete, and %s has stored nothing: %v", h.id, err)
		}
	}
}

// TestFormWithCutLinks forms while two nodes cannot reach each other, and after they can.
func TestFormWithCutLinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		hosts := threeHosts(n)
		defer killAll(hosts)
		n.CutOneWay("host1:1", "host2:1")
		for _, h := range hosts {
			h.start()
		}
		time.Sleep(time.Minute)
		for _, h := range hosts {
			if !h.lives() {
				t.Fatalf("%s is done while a link is cut: %v", h.id, h.err)
			}
		}
		n.Heal("host1:1", "host2:1")
		wantOne(t, hosts)
	})
}

// TestFormRefusals are first starts that must end with a sentence for the one who made the mistake.
func TestFormRefusals(t *testing.T) {
	for _, c := range []struct {
		name  string
		wrong func(hosts []*host) // before the start
		then  func(t *testing.T, hosts []*host)
	}{
		{"lists differ", func(hosts []*host) {
			hosts[1].plan.Members[2].Address = "host4:1"
		}, func(t *testing.T, hosts []*host) {
			hosts[0].wantError(t, "node n2 at host2:1 was started with another plan",
				"only it has n3=host4:1", "only this node has n3=host3:1")
		}},
		{"other number of nodes", func(hosts []*host) {
			hosts[1].plan.Members = hosts[1].plan.Members[:2]
		}, func(t *testing.T, hosts []*host) {
			hosts[0].wantError(t, "started with another plan", "only this node has n3=host3:1")
		}},
		{"other plan", func(hosts []*host) { hosts[1].plan = cluster.Plan{Wait: true} }, func(t *testing.T, hosts []*host) {
			hosts[0].wantError(t, "it has to be taken into a cluster, and node n1 has the list n1=host1:1,n2=host2:1,n3=host3:1: give the same")
		}},
		{"two with one name", func(hosts []*host) { hosts[1].id = "n1" }, func(t *testing.T, hosts []*host) {
			hosts[0].wantError(t, "two nodes say that they are n1", hosts[0].disk, hosts[1].disk)
			hosts[2].wantError(t, "the node that runs there says that it is n1")
		}},
		{"wrong name", func(hosts []*host) { hosts[1].id = "n4" }, func(t *testing.T, hosts []*host) {
			hosts[0].wantError(t, "node n2 at host2:1, and the node that runs there says that it is n4")
		}},
		{"leads back", func(hosts []*host) { hosts[0].at, hosts[0].id = "host2:1", "n1"; hosts[1].at = "host9:1" },
			func(t *testing.T, hosts []*host) {
				hosts[0].wantError(t, "node n2 at host2:1, and that address leads back to this node, n1")
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hosts := threeHosts(memnet.New())
				defer killAll(hosts)
				c.wrong(hosts)
				for _, h := range hosts {
					h.start()
				}
				c.then(t, hosts)
			})
		})
	}
}

// TestFormWipedDisk replaces the disk of the third node while the others are at different stages.
func TestFormWipedDisk(t *testing.T) {
	for _, c := range []struct {
		name     string
		before   [3]int // the writes before which the nodes die, once
		wiped    string // what the third says then
		complete bool   // whether the first two become a cluster
	}{
		{"the others are complete", [3]int{-1, -1, -1}, "send RAFT.REMOVE n3 to a living node, then start this one with --join host1:1", true},
		{"one is complete", [3]int{1, -1, -1}, "n3", true},
		{"none is complete", [3]int{1, 1, 1}, "lost before the cluster was complete", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hosts := threeHosts(memnet.New())
				defer killAll(hosts)
				for i, h := range hosts {
					h.store.before = c.before[i]
					h.start()
				}
				time.Sleep(5 * time.Second)
				for i, h := range hosts {
					if c.before[i] >= 0 || i == 2 {
						h.kill()
						h.store.before = -1
					}
				}
				hosts[2].newDisk("second")
				for _, h := range hosts {
					if h.stop == nil {
						h.start()
					}
				}
				hosts[2].wantError(t, c.wiped)
				if c.complete {
					wantMembers(t, hosts[:2], 3)
					return
				}
				hosts[2].kill() // somebody must be there to be seen
				hosts[2].plan = cluster.Plan{Wait: true}
				hosts[2].start()
				time.Sleep(time.Minute)
				synctest.Wait()
				for _, h := range hosts[:2] {
					const says = "n3 at host3:1 has another data folder (disk-of-host3:1-second) than it had (disk-of-host3:1-first)"
					if said := fmt.Sprint(h.log.String(), h.err); h.got != nil || !strings.Contains(said, says) {
						t.Errorf("%s has %+v and says %s", h.id, h.got, said)
					}
				}
			})
		})
	}
}

// TestFormBesideACluster starts an empty node with a list beside a cluster that does not know it, and
// one that the cluster has removed.
func TestFormBesideACluster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		hosts := threeHosts(n)
		for _, h := range hosts {
			h.start()
		}
		wantOne(t, hosts)
		list := append(slices.Clone(hosts[0].plan.Members), cluster.Peer{ID: "n4", Address: "host4:1"})
		fourth := newHost(n, "n4", "host4:1", cluster.Plan{Members: list})
		defer killAll(append(hosts, fourth))
		fourth.start()
		fourth.wantError(t, "node n1 at host1:1 belongs to cluster "+hosts[0].got.Cluster, "--join host1:1")
		fourth.kill()
		hosts[0].kill()
		hosts[0].state = func(node string) (string, uint64, bool, bool) { return "old", 3, true, node == "n4" }
		hosts[0].start()
		wantMembers(t, hosts[:1], 3)
		fourth.start()
		fourth.wantError(t, "node n4 was removed from cluster")
	})
}

// TestFormAlone: without a plan, and on the folder of a node that ran before there were clusters.
func TestFormAlone(t *testing.T) {
	names := map[string]bool{}
	for _, used := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			h := newHost(memnet.New(), "n1", "host1:1", cluster.Plan{})
			h.used = used
			h.start()
			defer h.kill()
			if err := h.end(t); err != nil || !h.got.Alone() || !h.got.Complete || h.got.Members[0].Disk != h.disk {
				t.Errorf("%+v %v", h.got, err)
			}
			names[h.got.Cluster] = true
			h.kill()
			h.used = true
			h.start()
			if err := h.end(t); err != nil || !names[h.got.Cluster] {
				t.Errorf("%+v %v", h.got, err)
			}
		})
	}
	if len(names) != 2 {
		t.Error("two clusters have one name")
	}
	// Without a network: its port may be another program's.
	self := cluster.Identity{Node: "n1", Disk: "d", Address: "127.0.0.1:1"}
	m, err := cluster.FormFor(t.Context(), self, cluster.Plan{}, false, raft.NewInmemStore(), nil, slog.New(slog.DiscardHandler))
	if err != nil || !m.Alone() {
		t.Errorf("%+v %v", m, err)
	}
}

// TestLoneNodeWithAPlan has a node that was alone, and is told to be part of something.
func TestLoneNodeWithAPlan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		other := newHost(n, "n1", "host1:1", cluster.Plan{})
		lone := newHost(n, "n2", "host2:1", cluster.Plan{})
		defer killAll([]*host{other, lone})
		other.start()
		lone.start()
		if err := errors.Join(other.end(t), lone.end(t)); err != nil {
			t.Fatal(err)
		}
		lone.kill()
		lone.plan = cluster.Plan{Join: []string{"host1:1"}}
		lone.start()
		lone.wantError(t, "belongs to a cluster of its own", "empty --dir")
		lone.kill()
		other.kill()
		lone.start() // nobody can be asked: it starts as it is
		if err := lone.end(t); err != nil {
			t.Error(err)
		}
		lone.kill()
		lone.plan = cluster.Plan{Members: []cluster.Peer{{ID: "n1", Address: "host1:1"}, {ID: "n2", Address: "host2:1"}}}
		lone.start()
		if err := lone.end(t); err != nil || !strings.Contains(lone.log.String(), "must be started with --join") {
			t.Errorf("%v, and the log says %s", err, lone.log.String())
		}
		lone.kill()
		old := newHost(n, "n3", "host3:1", cluster.Plan{Join: []string{"host2:1"}})
		old.used = true
		old.start()
		defer old.kill()
		old.wantError(t, "locks of a node that ran alone")
	})
}

// TestPlanChangedInTheMiddle: a node at B comes back with another list.
func TestPlanChangedInTheMiddle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hosts := threeHosts(memnet.New())
		defer killAll(hosts)
		hosts[0].store.before = 1
		for _, h := range hosts {
			h.start()
		}
		if err := hosts[0].end(t); !errors.Is(err, errKilled) {
			t.Fatal(err)
		}
		hosts[0].kill()
		hosts[0].store.before = -1
		for _, plan := range []cluster.Plan{
			{}, {Wait: true}, {Join: []string{"host2:1"}}, {Members: hosts[0].plan.Members[:2]}, {Expect: 4, Name: "x:1"},
		} {
			hosts[0].plan, plan = plan, hosts[0].plan
			hosts[0].start()
			hosts[0].wantError(t, "had begun to form a cluster of n1=host1:1,n2=host2:1,n3=host3:1")
			hosts[0].kill()
			hosts[0].plan = plan
		}
		good := hosts[0].disk
		hosts[0].disk = "copied"
		hosts[0].start()
		hosts[0].wantError(t, "it was copied")
		hosts[0].kill()
		hosts[0].disk = good
		hosts[0].start()
		wantOne(t, hosts)
	})
}

// Hosts for the tests of forming: machines with a disk and a process that dies at chosen points.

package cluster_test

import (
	"bytes"
	"context"
	"encoding/json"
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

// errKilled is what a store says in whose call the process dies.
var errKilled = errors.New("killed")

// dyingStore is a stable store in which the process dies. Its writes are counted from 0.
type dyingStore struct {
	*raft.InmemStore
	writes int
	before int // dies before this write
	after  int // dies after this write
	look   func(value []byte)
}

func (s *dyingStore) Set(key, value []byte) error {
	n := s.writes
	s.writes++
	if n == s.before {
		return errKilled
	}
	if err := s.InmemStore.Set(key, value); err != nil {
		return err
	}
	if s.look != nil {
		s.look(value)
	}
	if n == s.after {
		return errKilled
	}
	return nil
}

// host is a machine with one disk and at most one process.
type host struct {
	net   *memnet.Net
	id    string
	at    string
	disk  string
	plan  cluster.Plan
	used  bool
	state func(string) (string, uint64, bool, bool)

	store *dyingStore
	log   bytes.Buffer
	stop  context.CancelFunc
	done  chan struct{}
	way   cluster.Network
	got   *cluster.Membership
	err   error
}

func newHost(n *memnet.Net, id, at string, plan cluster.Plan) *host {
	h := &host{net: n, id: id, at: at, plan: plan}
	h.newDisk("first")
	return h
}

func (h *host) newDisk(name string) {
	h.disk = "disk-of-" + h.at + "-" + name
	h.store = &dyingStore{InmemStore: raft.NewInmemStore(), before: -1, after: -1}
}

func (h *host) self() cluster.Identity {
	return cluster.Identity{Node: h.id, Disk: h.disk, Address: h.at, Incarnation: 1}
}

// start starts the process. It answers as a member once it has formed.
func (h *host) start() {
	ctx, cancel := context.WithCancel(context.Background())
	h.stop, h.done, h.way = cancel, make(chan struct{}), h.net.Node(h.at)
	h.got, h.err = nil, nil
	way, done := h.way, h.done
	go func() {
		defer close(done)
		log := slog.New(slog.NewTextHandler(&h.log, nil))
		h.got, h.err = cluster.FormFor(ctx, h.self(), h.plan, h.used, h.store, way, log)
		if h.err == nil {
			way.Serve(cluster.FormedNode{Self: h.self(), Of: h.got, State: h.state})
		} else {
			_ = way.Close()
		}
	}()
}

// kill ends the process.
func (h *host) kill() {
	if h.stop == nil {
		return
	}
	h.net.Stop(h.at)
	h.stop()
	<-h.done
	h.stop = nil
}

// end waits for the end of forming.
func (h *host) end(t *testing.T) error {
	t.Helper()
	select {
	case <-h.done:
		return h.err
	case <-time.After(time.Minute):
		t.Fatalf("%s is not done: %s", h.id, h.log.String())
		return nil
	}
}

// lives tells that forming goes on.
func (h *host) lives() bool {
	synctest.Wait()
	select {
	case <-h.done:
		return false
	default:
		return true
	}
}

// wantError waits for the end, which must be an error with these words.
func (h *host) wantError(t *testing.T, words ...string) {
	t.Helper()
	err := h.end(t)
	for _, w := range words {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("%s says %v, want %q", h.id, err, w)
		}
	}
}

// threeHosts are three hosts of one list.
func threeHosts(n *memnet.Net) []*host {
	var list []cluster.Peer
	for i := range 3 {
		list = append(list, cluster.Peer{ID: fmt.Sprintf("n%d", i+1), Address: fmt.Sprintf("host%d:1", i+1)})
	}
	var hosts []*host
	for _, p := range list {
		hosts = append(hosts, newHost(n, p.ID, p.Address, cluster.Plan{Members: slices.Clone(list)}))
	}
	return hosts
}

func killAll(hosts []*host) {
	for _, h := range hosts {
		h.kill()
	}
}

// wantOne waits until all are members of one cluster, with the same membership, stored.
func wantOne(t *testing.T, hosts []*host) {
	t.Helper()
	wantMembers(t, hosts, len(hosts))
}

// wantMembers is wantOne for some of the members.
func wantMembers(t *testing.T, hosts []*host, members int) {
	t.Helper()
	for _, h := range hosts {
		if err := h.end(t); err != nil {
			t.Fatalf("%s: %v", h.id, err)
		}
	}
	first, err := json.Marshal(hosts[0].got)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range hosts {
		stored, err := cluster.ReadMembership(h.store)
		if err != nil || !h.got.Complete || len(stored.Members) != members {
			t.Errorf("%s has %+v %v", h.id, stored, err)
		}
		if text, err := json.Marshal(stored); err != nil || !bytes.Equal(text, first) {
			t.Errorf("%s has stored %s, and %s has %s (%v)", h.id, text, hosts[0].id, first, err)
		}
	}
}

// How a node comes to belong to a cluster, before there is any Raft: this file has the plan, and the loop
// that asks the others and follows what is decided.
//
// The danger is that a part of the nodes elects a leader and acknowledges writes while others, with the same
// names and with empty or exchanged disks, do the same. So the first start has two durable steps:
//
//	A  nothing is stored. The node asks all others until it has seen every one of them empty in one round.
//	B  the membership is stored, all disks named in it. The node asks until every other has stored the same.
//	C  it is stored that the membership is complete. Only now raft starts.
//
// Whoever is at C knows that all have passed B, so a node at B that meets one at C may follow. Nothing is
// ever taken back: a node that was seen at B stays there, or has lost its disk. The name of the cluster is
// made of the disks, so two nodes with the same name of a cluster have stored the same membership to the
// letter; a node that lost its disk after it was seen has another disk, and can be part of no such
// membership. A crash at any point goes on from what is stored.
//
// What is decided after a round of asking is in form_judge.go, free of network and disk.

package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// Plan says how an empty node comes to belong to a cluster. At most one of Members, Expect, Join and Wait is
// set; none means: alone.
type Plan struct {
	Members []Peer   // form a cluster of these, by id, all of which must be there and empty
	Expect  int      // form a cluster of so many nodes, which Lookup finds under Name
	Name    string   // host:port
	Join    []string // ask these members, host:port each, to be taken in
	Wait    bool     // wait until a leader adds this node
	// Lookup resolves Name to the addresses of all nodes, host:port each.
	Lookup func(ctx context.Context, name string) ([]string, error)
}

// Peer is a node of a list, this one included.
type Peer struct {
	ID      string `json:"id"`
	Address string `json:"address"` // host:port of its cluster port
}

func (p Plan) forms() bool { return len(p.Members) > 0 || p.Expect > 0 }
func (p Plan) joins() bool { return len(p.Join) > 0 || p.Wait }

// String says what the plan is, for people.
func (p Plan) String() string {
	switch {
	case len(p.Members) > 0:
		return "the list " + listPeers(p.Members)
	case p.Expect > 0:
		return fmt.Sprintf("%d nodes under the name %s", p.Expect, p.Name)
	case p.joins():
		return "to be taken into a cluster"
	}
	return "to be alone"
}

func listPeers(peers []Peer) string {
	var words []string
	for _, p := range peers {
		words = append(words, p.ID+"="+p.Address)
	}
	return strings.Join(words, ",")
}

// formOptions are what form needs.
type formOptions struct {
	Self    Identity // Cluster is empty
	Plan    Plan
	Used    bool // raft has state here: the folder of a node that has run
	Stable  raft.StableStore
	Network Network // a node alone needs none
	Log     *slog.Logger
}

// Times of forming. A round is short while something happens, for somebody waits at a terminal, and gets
// rarer while a node is missing, which may take until it is bought.
const (
	firstPause = 100 * time.Millisecond
	longPause  = time.Second
	askLimit   = 2 * time.Second  // for one answer
	joinLimit  = 10 * time.Second // for one that waits for a commit
	sayEvery   = time.Second      // who is missing, when that changes
	sayAgain   = 10 * time.Second // when it does not
)

// maxTargets bounds whom a name may lead to, and how many are asked at one time.
const maxTargets = 64

// form returns the membership of this node once it is complete and durable; raft may start then. It serves
// the network until another Handler does. Its errors are final and tell what to do, those of ctx apart.
func form(ctx context.Context, o formOptions) (*Membership, error) {
	m, err := ReadMembership(o.Stable)
	if err != nil {
		return nil, err
	}
	f := &former{
		o: o, view: forming{self: o.Self, plan: o.Plan, m: m},
		heard: map[string]string{}, nudge: make(chan struct{}, 1),
		told: told{at: time.Now()}, // nodes that are started together are not missing
	}
	if o.Network != nil {
		o.Network.Serve(f)
	}
	switch {
	case m != nil && m.Complete:
		return m, f.stays(ctx)
	case m == nil && o.Used:
		return f.standsAlone(ctx)
	case m == nil && !o.Plan.forms() && !o.Plan.joins():
		return f.standsAlone(ctx)
	case m == nil && o.Plan.joins():
		return f.join(ctx)
	}
	if err := f.view.begin(); err != nil {
		return nil, err
	}
	return f.run(ctx)
}

// former is the forming node as the network sees it.
type former struct {
	o     formOptions
	nudge chan struct{} // somebody who asked has got further, or has added this node
	told  told          // of the one goroutine that asks

	mu    sync.Mutex // guards what follows, and the order of what is stored
	view  forming
	heard map[string]string // by node: the state in which it last asked
}

// standsAlone makes the node a cluster of its own.
func (f *former) standsAlone(ctx context.Context) (*Membership, error) {
	if f.o.Plan.joins() {
		return nil, fmt.Errorf("this data folder has the locks of a node that ran alone, and joining another "+
			"cluster would throw them away: to do so, start with an empty --dir; to keep them, leave --join out "+
			"(the plan is %v)", f.o.Plan)
	}
	m := &Membership{
		Cluster: randomCluster(), Complete: true,
		Members: []Founder{{ID: f.o.Self.Node, Address: f.o.Self.Address, Disk: f.o.Self.Disk}},
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.keep(m); err != nil {
		return nil, err
	}
	f.warnOfList()
	return m, ctx.Err()
}

// stays looks at a plan that a node with a membership cannot follow. It does not keep a node from starting
// again when no other is there, but one that was once started alone by mistake must not go on so in silence
// when it is told to join: its clients would get locks that others have too.
func (f *former) stays(ctx context.Context) error {
	m := f.view.m
	if !m.Alone() {
		return nil
	}
	f.warnOfList()
	for _, address := range f.o.Plan.Join {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		v, err := f.askForm(ctx, address)
		cancel()
		if err == nil && v.Complete && v.Cluster != m.Cluster {
			return fmt.Errorf("this data folder belongs to a cluster of its own (%s), made when the node was "+
				"started without --join, and cannot join cluster %s at %s: its locks would be lost; start with "+
				"an empty --dir to join, or without --join to go on alone", m.Cluster, v.Cluster, address)
		}
	}
	return nil
}

// warnOfList warns of listed nodes that this one knows nothing of.
func (f *former) warnOfList() {
	if len(f.o.Plan.Members) > 1 || f.o.Plan.Expect > 1 {
		f.o.Log.Warn("this data folder is that of a cluster already, so the other nodes cannot form one with it; "+
			"those that are new must be started with --join and this node's address",
			"cluster", f.view.m.Cluster, "plan", f.o.Plan.String())
	}
}

// run asks and stores until the membership is complete.
func (f *former) run(ctx context.Context) (*Membership, error) {
	pause := firstPause
	for {
		seen := f.look(ctx)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		f.mu.Lock()
		v, err := f.view.judge(seen)
		if err == nil && v.store != nil {
			err = f.keep(v.store)
		}
		m := f.view.m
		f.mu.Unlock()
		if err != nil {
			f.lastWords(ctx)
			return nil, err
		}
		if m != nil && m.Complete {
			f.o.Log.Info("the cluster is formed", "cluster", m.Cluster, "members", m.ids())
			return m, nil
		}
		if v.store != nil {
			pause = firstPause
			continue
		}
		if f.say(v.missing) {
			pause = firstPause
		}
		if err := f.rest(ctx, pause); err != nil {
			return nil, err
		}
		pause = min(pause*2, longPause)
	}
}

// lastWords goes on answering for a moment, so that the other nodes find out as well what is wrong, instead
// of waiting for one that is gone.
func (f *former) lastWords(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, longPause)
	defer cancel()
	_ = f.look(ctx) // who hears of this state for the first time looks here at once
	<-ctx.Done()
}

// rest waits for the next round.
func (f *former) rest(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-f.nudge:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// keep makes m durable and only then shows it to others. The caller has mu.
func (f *former) keep(m *Membership) error {
	if err := m.write(f.o.Stable); err != nil {
		return err
	}
	f.view.m = m
	return nil
}

// look asks all that the plan names, at the same time.
func (f *former) look(ctx context.Context) []sighting {
	addresses, err := f.targets(ctx)
	seen := slices.Repeat([]sighting{{}}, len(addresses))
	var all sync.WaitGroup
	for i, address := range addresses {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, askLimit)
			defer cancel()
			v, err := f.askForm(ctx, address)
			seen[i] = sighting{address, v, err}
		})
	}
	all.Wait()
	if err != nil {
		seen = append(seen, sighting{f.o.Plan.Name, nil, err})
	}
	return seen
}

// targets are the addresses to ask. This node's own are among them: who answers there must be this node.
func (f *former) targets(ctx context.Context) (addresses []string, err error) {
	f.mu.Lock()
	peers := f.view.peers()
	f.mu.Unlock()
	for _, p := range peers {
		addresses = append(addresses, p.Address)
	}
	if f.o.Plan.Expect > 0 {
		ctx, cancel := context.WithTimeout(ctx, askLimit)
		defer cancel()
		var more []string
		more, err = f.o.Plan.Lookup(ctx, f.o.Plan.Name)
		slices.Sort(more)
		addresses = append(addresses, more...)
	}
	return addresses[:min(len(addresses), maxTargets)], err
}

// askForm asks one node how far it is.
func (f *former) askForm(ctx context.Context, address string) (*formView, error) {
	f.mu.Lock()
	question, err := json.Marshal(f.view.show(""))
	f.mu.Unlock()
	if err != nil {
		return nil, err
	}
	answer, _, err := f.o.Network.Ask(ctx, address, opForm, question)
	if err != nil {
		return nil, err
	}
	v := new(formView)
	if err := json.Unmarshal(answer, v); err != nil {
		return nil, fmt.Errorf("its answer is not understood: %w", err)
	}
	return v, nil
}

// told is what was last logged of who is missing.
type told struct {
	last   string // of the last round
	logged string
	at     time.Time
}

// say logs who is missing, and tells whether that has changed since the last round.
func (f *former) say(missing []string) (changed bool) {
	text := strings.Join(missing, "; ")
	changed, f.told.last = text != f.told.last, text
	since := time.Since(f.told.at)
	if text != f.told.logged && since >= sayEvery || since >= sayAgain {
		f.told.logged, f.told.at = text, time.Now()
		f.o.Log.Info("waiting for " + text)
	}
	return changed
}

// plainError is the text of an error for people. That nothing listens is the most common one.
func plainError(err error) string {
	var timeout net.Error
	switch {
	case errors.Is(err, ErrNotListening):
		return "connection refused, no lockd runs there yet"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "no answer in time"
	}
	return err.Error()
}

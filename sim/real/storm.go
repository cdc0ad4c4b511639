// A storm: a cluster under load for as long as asked, to which something happens all the time.
//
// It goes by rounds and epochs. In a round one to three faults befall the nodes, one upon the other, and
// end; then every node must serve again within seconds. An epoch is some rounds on keys of its own: when it
// is over, all clients let go, its history is whole, and it is judged before the next one begins. So a storm
// of any length needs memory for one epoch. What happens is drawn from the epoch's seed: the same faults come
// again, in the same order; how they meet what clients do, and so whom they befall, is not the same.

package real

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/divtxt/lockd/sim/history"
	"github.com/divtxt/lockd/sim/report"
)

// storm is a cluster, its clients, and the epoch that they are in.
type storm struct {
	*Cluster
	dice     *rand.Rand // of the epoch
	keepIn   string     // the folder for what violations leave behind
	previous string     // the program of the build before; "" if there is none
	library  dialer     // of the Go client that people use
	clients  []*clientProgram
	rounds   int // in an epoch
	epoch    *epoch
	judged   func(*epoch, []batch) // called with each epoch that is over
}

// epoch is what is known of one.
type epoch struct {
	number  int
	seed    uint64
	dir     string // of the cluster
	keepIn  string // for what a violation leaves behind
	began   time.Time
	history *history.Recorder
	load    *Load
	excuses []*history.Excuse
	run     report.Run
}

// wrong notes a violation.
func (e *epoch) wrong(format string, args ...any) {
	e.run.Violations = append(e.run.Violations, fmt.Sprintf(format, args...))
}

// The clients of an epoch, beside those of other languages: so many for each node.
const (
	ownClients     = 2
	goRedisClients = 2
)

// pass lets one epoch pass.
func (s *storm) pass(number int, seed uint64) error {
	s.dice = rand.New(rand.NewPCG(seed, 0))
	e := &epoch{number: number, seed: seed, dir: s.Dir, keepIn: s.keepIn, began: time.Now()}
	e.history = history.Shared()
	e.run = report.Run{
		Part: "real", Seed: seed, Nodes: len(s.Nodes), Began: e.began, Faults: map[string]int{},
		Checked: map[string]int{},
	}
	s.epoch = e
	prefix := fmt.Sprintf("e%d:", number)
	own := newLoad(e.history, dialOwn, prefix, "own")
	lib := newLoad(history.Shared(), s.library, prefix, "go-redis-")
	e.load = own
	targets := s.Targets()
	for _, l := range []*Load{own, lib} {
		l.SetTargets(targets)
	}
	own.start(ownClients*len(targets), seed)
	lib.start(goRedisClients*len(targets), seed+1)
	much := startVolume(e.history, prefix, seed, targets)
	for _, c := range s.clients {
		if err := c.begin(e, append(own.counts, much.counts...), targets); err != nil {
			return err
		}
	}

	var failed error
	for i := 0; i < s.rounds && failed == nil; i++ {
		failed = s.round()
	}
	for _, c := range s.clients {
		_ = c.resume() // one may have been stopped when a round ended early
	}
	much.end()
	lib.Stop()
	own.Stop()
	var batches []batch
	for _, c := range s.clients {
		ops, err := c.end(e.history.Zero())
		if err != nil { // without these the history is not whole
			failed = errors.Join(failed, err)
			e.wrong("nothing was judged: %v", failed)
			s.judged(e, nil)
			return failed
		}
		batches = append(batches, batch{c.name, ops, c.paused})
	}
	if failed == nil {
		e.run.Violations = append(e.run.Violations, own.Drain(patience)...)
		s.nothingLeft()
	} else {
		e.wrong("the storm ended: %v", failed)
	}
	e.run.Took = time.Since(e.began)
	e.run.Spanned = e.run.Took
	s.judged(e, append(batches,
		batch{name: "own", ops: e.history.Ops()},
		batch{name: "go-redis", ops: history.Shift(lib.History.Ops(), lib.History.Zero()-e.history.Zero())}))
	return failed
}

// event is something that is due in a round.
type event struct {
	at time.Duration
	do func() error
}

// round lets some faults befall the nodes, and waits until all is well again.
func (s *storm) round() error {
	r := &round{storm: s, held: map[*Node]part{}, noticed: map[*Node]notice{}}
	deck := s.suited()
	s.dice.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
	r.deck = deck
	for range 1 + s.dice.IntN(3) {
		r.due = append(r.due, event{s.upTo(1500 * time.Millisecond), r.strike})
	}
	began := time.Now()
	for len(r.due) > 0 {
		slices.SortStableFunc(r.due, func(a, b event) int { return int(a.at - b.at) })
		next := r.due[0]
		r.due = r.due[1:]
		time.Sleep(next.at - time.Since(began))
		r.now = next.at
		if err := next.do(); err != nil {
			return err
		}
	}
	return r.recover()
}

func (s *storm) upTo(most time.Duration) time.Duration {
	return time.Duration(s.dice.Int64N(int64(most)))
}

// lasts is how long a fault lasts: as often shorter than an election takes as longer.
func (s *storm) lasts() time.Duration {
	if s.dice.IntN(2) == 0 {
		return 20*time.Millisecond + s.upTo(300*time.Millisecond)
	}
	return 300*time.Millisecond + s.upTo(3*time.Second)
}

// suited is the kinds that can happen to this cluster.
func (s *storm) suited() []fault {
	kinds := faults()
	if s.Control {
		kinds = append(kinds, handFaults()...)
	}
	if s.DiskBytes > 0 {
		kinds = append(kinds, smallFaults()...)
	}
	return slices.DeleteFunc(kinds, func(f fault) bool {
		return f.needsNet() && s.Net == nil || f.touches&program != 0 && f.on == aClient && len(s.clients) == 0
	})
}

// round is what is going on in one.
type round struct {
	*storm
	deck    []fault
	due     []event
	now     time.Duration // since it began
	held    map[*Node]part
	whole   part // what of the cluster as a whole is taken
	noticed map[*Node]notice
	members []func() error // that bring members back
	crowd   bool           // all nodes are excused
}

// strike lets the next kind that can happen now happen.
func (r *round) strike() error {
	for len(r.deck) > 0 {
		f := r.deck[0]
		r.deck = r.deck[1:]
		nodes := r.pick(&f)
		if len(nodes) == 0 {
			continue
		}
		err := r.begin(&f, nodes)
		if !errors.Is(err, errUnsuited) {
			return err
		}
	}
	return nil
}

// begin begins a fault at some nodes, and makes its end due.
func (r *round) begin(f *fault, nodes []*Node) error {
	e := r.epoch
	from := e.history.Now()
	ends := map[*Node]func() error{}
	for _, n := range nodes {
		if f.on != aClient {
			r.excuse(n, f.noticed)
		}
		end, err := f.begin(r.storm, n)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", f.name, n.ID, err)
		}
		if end != nil {
			ends[n] = end
			r.held[n] |= f.touches
		}
	}
	r.whole |= f.touches & members
	e.run.Faults[f.name]++
	i := len(e.run.Events)
	name := nodes[0].ID
	for _, n := range nodes[1:] {
		name += " " + n.ID
	}
	e.run.Events = append(e.run.Events, report.Event{Kind: f.name, Node: name, From: from, To: from})
	over := func() (err error) {
		for _, n := range nodes {
			if end := ends[n]; end != nil {
				err = errors.Join(err, end())
				r.held[n] &^= f.touches
			}
		}
		e.run.Events[i].To = e.history.Now()
		if err != nil {
			return fmt.Errorf("the end of %q at %s: %w", f.name, name, err)
		}
		return nil
	}
	switch {
	case len(ends) == 0:
	case f.touches&members != 0:
		r.members = append(r.members, over)
	default:
		r.due = append(r.due, event{r.now + r.lasts(), over})
	}
	return nil
}

// excuse lets operations through a node fail as far as a fault makes them, until the round is over. Once
// those that something has happened to are no minority, operations through any node may fail.
func (r *round) excuse(n *Node, noticed notice) {
	r.noticed[n] = max(r.noticed[n], noticed)
	harmed := 0
	add := func(n *Node, closedOnly bool) {
		r.epoch.excuses = append(r.epoch.excuses, &history.Excuse{
			Node: n.ID, From: r.epoch.history.Now(), ClosedOnly: closedOnly,
		})
	}
	if noticed > vote {
		add(n, noticed == closing)
	}
	if noticed == disorder {
		harmed = len(r.Nodes)
	}
	for _, worst := range r.noticed {
		if worst >= vote {
			harmed++
		}
	}
	if !r.crowd && 2*harmed >= len(r.Nodes) {
		r.crowd = true
		for _, n := range r.Nodes {
			add(n, false)
		}
	}
}

// pick chooses whom a fault befalls: nodes of which nothing is taken that it would take.
func (r *round) pick(f *fault) []*Node {
	if r.whole&f.touches != 0 {
		return nil
	}
	if f.on == aClient {
		return r.Nodes[:1] // any: it is not looked at
	}
	free := slices.DeleteFunc(slices.Clone(r.Nodes), func(n *Node) bool {
		return r.held[n]&f.touches != 0 || f.touches&process == 0 && !n.Running()
	})
	r.dice.Shuffle(len(free), func(i, j int) { free[i], free[j] = free[j], free[i] })
	leader := r.leadsNow()
	switch at := slices.Index(free, leader); {
	case f.on == allNodes && len(free) == len(r.Nodes):
		return free
	case f.on == mostNodes && len(free) == len(r.Nodes):
		return free[:(len(free)+1)/2]
	case f.on == theLeader && at >= 0:
		return free[at : at+1]
	case f.on == aFollower && leader != nil:
		free = slices.DeleteFunc(free, func(n *Node) bool { return n == leader })
		return free[:min(1, len(free))]
	case f.on == anyNode:
		return free[:min(1, len(free))]
	}
	return nil
}

// serveWithin is how soon after the last fault each node must answer again, and what an operation may take
// whose node nothing happened to.
const serveWithin = 5 * time.Second

// recover waits until all nodes serve, brings back those that are out, and ends the round's excuses.
func (r *round) recover() error {
	out := map[*Node]bool{}
	for n, held := range r.held {
		out[n] = held&(members|process) == members|process
	}
	took, err := r.allServe(out)
	if err != nil {
		return err
	}
	e := r.epoch
	e.run.Recovery = max(e.run.Recovery, took)
	if took > serveWithin {
		e.wrong("not all nodes served within %v after %v, but after %v", serveWithin, r.recent(), took)
	}
	for _, back := range r.members {
		if err := back(); err != nil {
			return err
		}
	}
	if len(r.members) > 0 {
		if _, err := r.allServe(nil); err != nil {
			return err
		}
	}
	for _, x := range e.excuses {
		if x.To == 0 {
			x.To = e.history.Now()
		}
	}
	return nil
}

// recent is the last faults, for people.
func (s *storm) recent() []string {
	var names []string
	for _, ev := range s.epoch.run.Events[max(0, len(s.epoch.run.Events)-3):] {
		names = append(names, ev.Kind+" "+ev.Node)
	}
	return names
}

// allServe waits until each node, but for those that are out of the cluster now, has answered a write and a
// read, and tells how long that took.
func (s *storm) allServe(out map[*Node]bool) (time.Duration, error) {
	began := time.Now()
	answers := make(chan error)
	asked := 0
	for _, n := range s.Nodes {
		if !out[n] {
			asked++
			go func() { answers <- n.counts(patience) }()
		}
	}
	var err error
	for range asked {
		err = errors.Join(err, <-answers)
	}
	return time.Since(began), err
}

// counts waits until a node has counted. Its process must not end meanwhile.
func (n *Node) counts(most time.Duration) error {
	if err := n.AwaitServing(most); err != nil {
		return err
	}
	var last error
	for end := time.Now().Add(most); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if _, last = n.Ask(most, "INCR", "served:"+n.ID); last == nil {
			return nil
		}
	}
	return fmt.Errorf("%s reads but does not write: %w\n%s", n.ID, last, n.Tail(15))
}

// leadsNow is the node that says that it leads, of the newest term, or nil.
func (s *storm) leadsNow() *Node {
	var leader *Node
	newest := 0
	for _, n := range s.Nodes {
		if !n.Running() || n.frozen {
			continue
		}
		if term, leads := n.leads(); leads && term > newest {
			leader, newest = n, term
		}
	}
	return leader
}

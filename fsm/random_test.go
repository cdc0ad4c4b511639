// Random entries to three replicas and the model. After each entry the replies, the whole state and its
// invariants are compared; replicas are replaced by restored snapshots and views are kept at random points.
// LOCKD_SEEDS runs more seeds, LOCKD_SEED one of them.

package fsm

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"math/rand"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/divtxt/lockd/resp"
)

func TestRandom(t *testing.T) {
	first, seeds := int64(1), int64(60)
	if s, err := strconv.ParseInt(os.Getenv("LOCKD_SEEDS"), 10, 64); err == nil {
		seeds = s
	}
	if s, err := strconv.ParseInt(os.Getenv("LOCKD_SEED"), 10, 64); err == nil {
		first, seeds = s, 1
	}
	if testing.Short() {
		seeds = min(seeds, 20)
	}
	var sum counters
	for seed := first; seed < first+seeds; seed++ {
		w := newWorld(seed)
		for range 200 {
			if err := w.step(); err != nil {
				t.Fatalf("LOCKD_SEED=%d, entry %d: %v\n%s", seed, w.index, err, strings.Join(w.log, "\n"))
			}
		}
		if err := w.checkViews(); err != nil {
			t.Fatalf("LOCKD_SEED=%d: %v", seed, err)
		}
		c := w.model.counters
		sum.grants, sum.expired = sum.grants+c.grants, sum.expired+c.expired
		sum.tickets, sum.undone = sum.tickets+c.tickets, sum.undone+c.undone
		sum.forced, sum.silenced = sum.forced+c.forced, sum.silenced+c.silenced
	}
	t.Logf("%d seeds: %d grants, %d parked, %d expired, %d undone, %d forced, %d silenced",
		seeds, sum.grants, sum.tickets, sum.expired, sum.undone, sum.forced, sum.silenced)
}

// keptView is a view with what it said when it was made.
type keptView struct {
	index uint64
	view  *View
	bytes []byte
}

// world is three replicas, the model, and the nodes that send commands.
type world struct {
	*rand.Rand
	model    *model
	replicas [3]*Machine
	nodes    []Origin             // their present incarnations
	sent     map[Origin][]Command // what each numbered command is, whenever it is sent
	views    []keptView
	index    uint64
	term     uint64
	version  byte // the newest that its leaders write
	clock    Clock
	limits   Limits
	log      []string // the last entries
}

func newWorld(seed int64) *world {
	w := &world{
		Rand: rand.New(rand.NewSource(seed)), model: newModel(), sent: map[Origin][]Command{},
		nodes: []Origin{{"n1", 1}, {"n2", 1}, {"n3", 1}}, term: 1, version: 1,
	}
	for i := range w.replicas {
		w.replicas[i] = New(opRunner{})
	}
	return w
}

// pick returns one of list.
func pick[T any](w *world, list ...T) T { return list[w.Intn(len(list))] }

func (w *world) key() string   { return pick(w, "a", "a", "b", "c") }
func (w *world) owner() string { return pick(w, "o1", "o2", "o3", "o4", "o5") }
func (w *world) ms() int       { return pick(w, 0, 1, 5, 5, 20, 20, 100, 1000) }

// op returns an operation.
func (w *world) op() string {
	k, o := w.key(), w.owner()
	switch n := w.Intn(100); {
	case n < 40:
		wait := pick(w, "0", "5", "50", "500", "5000", "9223372036854775807")
		return fmt.Sprintf("lock %s %s %d %s %s", k, o, w.ms(), wait, pick(w, "hi", "ho"))
	case n < 55:
		return fmt.Sprintf("unlock %s %s", k, o)
	case n < 60:
		return fmt.Sprintf("%s %s %s %d", pick(w, "set", "setnx", "grant"), k, o, w.ms())
	case n < 62:
		return fmt.Sprintf("set %s %s %d", k, pick(w, "big", o), pick(w, 0, 50, -5))
	case n < 66:
		return fmt.Sprintf("ttl %s %d", k, pick(w, 0, 0, 5, 50, -1))
	case n < 72:
		return pick(w, "del ", "del ", "force ") + k
	case n < 74:
		return pick(w, "flush", "swap 1", "swap 0", "swap 2")
	case n < 77:
		return fmt.Sprintf("db %d", pick(w, 0, 0, 1, 15))
	}
	return w.readOp()
}

func (w *world) readOp() string {
	k := w.key()
	return pick(w, "get "+k, "get "+k, "len", "each a", "each b", "waiters "+k, "expired "+k+" "+w.owner())
}

// command returns what the next numbered command of a node is.
func (w *world) command() Command {
	c := Command{Conn: uint64(1 + w.Intn(4)), DB: pick[uint8](w, 0, 0, 0, 0, 1, 2)}
	switch n := w.Intn(100); {
	case n < 6:
		c.Kind = KindClose
		if w.Intn(2) == 0 {
			c.Words = words("UNREAD")
		}
	case n < 11:
		c.Kind = KindUnblock
		c.Words = words(pick(w, "TIMEOUT", "ERROR"))
	case n < 12:
		c.Kind = KindRegister
		c.Words = w.about()
	case n < 17 && w.version > 1:
		w.order(&c)
	case n < 30: // a script, perhaps with a bad end
		for range 1 + w.Intn(5) {
			c.Words = append(c.Words, []byte(w.op()))
		}
		if w.Intn(2) == 0 {
			c.Words = append(c.Words, []byte("panic"))
		}
	default:
		c.Words = words(w.op())
	}
	return c
}

// about is what a node says when it registers, at times less or more than this version knows.
func (w *world) about() [][]byte {
	all := words("client"+w.key(), "peer"+w.key(), "disk"+w.key(), pick(w, "1", "2"), "of a later version")
	return all[:pick(w, 0, 1, 3, 4, 4, 4, 5)]
}

// order makes c tell something about a node.
func (w *world) order(c *Command) {
	node := pick(w, "n1", "n2", "n2", "n3", "n3", "n4")
	switch w.Intn(6) {
	case 0:
		if w.Intn(10) > 0 {
			node = pick(w, "n3", "n4") // the others must go on
		}
		c.Kind, c.Words = KindForget, words(node)
	case 1, 2:
		incarnation := w.model.origins[node].incarnation - uint64(w.Intn(8)/7)
		c.Kind, c.Words = KindSilence, words(node, fmt.Sprint(incarnation))
	default:
		c.Kind, c.Words = KindAdmit, words(node, "disk"+w.key(), "peer"+w.key())
		if w.Intn(3) == 0 {
			c.Words = append(c.Words, []byte(AdmitNoVote))
		}
	}
	if w.Intn(20) == 0 {
		c.Words = c.Words[:len(c.Words)-1]
	}
}

// run returns commands of some node from some number on: mostly the next ones, at times a repetition, a
// gap, or those of an incarnation that has ended.
func (w *world) run() Run {
	i := w.Intn(len(w.nodes))
	if w.Intn(40) == 0 {
		w.nodes[i].Incarnation++
	}
	o := w.nodes[i]
	if w.Intn(30) == 0 && o.Incarnation > 1 {
		o.Incarnation--
	}
	last := uint64(0)
	if known := w.model.origins[o.Node]; known.incarnation == o.Incarnation {
		last = known.last
	}
	first := last + 1
	switch w.Intn(8) {
	case 0:
		first -= uint64(w.Intn(int(min(last+1, 5))))
	case 1:
		first += uint64(w.Intn(3))
	}
	r := Run{Origin: o, First: first}
	for seq := first; seq < first+uint64(w.Intn(6)); seq++ {
		for uint64(len(w.sent[o])) < seq {
			c := w.command()
			if len(w.sent[o]) == 0 {
				c = Command{Kind: KindRegister, Words: w.about()}
			}
			w.sent[o] = append(w.sent[o], c)
		}
		r.Commands = append(r.Commands, w.sent[o][seq-1])
	}
	return r
}

// entry returns the next entry with the reads that ride along with it.
func (w *world) entry() (*Entry, []Read) {
	w.clock += pick[Clock](w, 0, 0, 0, 1, 3, 10, 30, 300)
	if w.Intn(20) == 0 {
		w.term++
	}
	if w.Intn(30) == 0 {
		w.limits = pick(w, Limits{}, Limits{Waiters: 3}, Limits{WaitersPerKey: 1}, Limits{Waiters: 8, WaitersPerKey: 2})
	}
	if w.Intn(40) == 0 {
		w.version = 2
	}
	e := &Entry{Version: byte(w.Intn(int(w.version) + 1)), Nonce: w.Uint64(), Term: w.term, Clock: w.clock, Limits: w.limits}
	switch w.Intn(30) {
	case 0:
		e.Term-- // stamped by a leader that was none any more, or not stamped where the term is 1
	case 1:
		e.Clock = max(0, e.Clock-50)
	}
	e.DigestIndex, e.Digest = w.replicas[0].Digest()
	commands := 0
	for range w.Intn(4) {
		r := w.run()
		commands += len(r.Commands)
		e.Runs = append(e.Runs, r)
		if slices.ContainsFunc(r.Commands, func(c Command) bool { return c.Kind > KindUnblock }) {
			e.Version = 2
		}
	}
	var reads []Read
	for range w.Intn(4) {
		c := Command{Conn: 1, DB: pick[uint8](w, 0, 1), Words: words(w.readOp(), w.readOp())}
		reads = append(reads, Read{w.Intn(commands + 2), w.Intn(4) == 0, pick(w, w.nodes...), c})
	}
	slices.SortStableFunc(reads, func(a, b Read) int { return cmp.Compare(a.Before, b.Before) })
	return e, reads
}

// recorder is a sink that writes down what it gets.
type recorder struct {
	events []string
	reads  []Read
}

func show(v Reply) string {
	switch v.Kind() {
	case resp.KindNull:
		return "null"
	case resp.KindNone:
		return "none"
	case resp.KindInt:
		return fmt.Sprintf("int %d", v.Num())
	case resp.KindBulk:
		return "bulk " + v.Str()
	case resp.KindError:
		return "error " + v.Str()
	}
	return v.Str()
}

func (r *recorder) Answer(o Origin, seq uint64, v Reply) {
	r.events = append(r.events, fmt.Sprintf("%s/%d#%d %s", o.Node, o.Incarnation, seq, show(v)))
}
func (r *recorder) AnswerRead(_ int, v Reply) { r.events = append(r.events, "read "+show(v)) }
func (r *recorder) LongRead(i int, v *View) {
	// A view counts keys that are due, so the length is asked of the machine only.
	who := Caller{r.reads[i].Origin, r.reads[i].Command.Conn, 0}
	r.events = append(r.events, "read "+show(v.Read(who, &r.reads[i].Command)))
}
func (r *recorder) Refuse(o Origin, seq uint64) {
	r.events = append(r.events, fmt.Sprintf("%s/%d#%d refused", o.Node, o.Incarnation, seq))
}

func (r *recorder) Silenced(o Origin) {
	r.events = append(r.events, fmt.Sprintf("%s/%d silenced", o.Node, o.Incarnation))
}

// step makes an entry and applies it everywhere.
func (w *world) step() error {
	w.index++
	e, reads := w.entry()
	for i := range reads {
		reads[i].Long = reads[i].Long && !bytes.Contains(bytes.Join(reads[i].Command.Words, nil), []byte("len"))
	}
	w.note(e, reads)
	before := len(w.model.events)
	w.model.apply(w.index, w.term, e, reads)
	want := w.model.events[before:]
	state, hash := dumpModel(w.model), uint64(0)
	data := e.Append(nil)
	for i, m := range w.replicas {
		mine := slices.Clone(data)
		got := recorder{reads: reads}
		err := m.Apply(w.index, w.term, mine, reads, &got)
		if err != nil && (err != Void{} || e.Term == w.term) {
			return err
		}
		for j := range mine {
			mine[j] = '#' // nothing may be kept of the entry's bytes
		}
		if err := compare(m, state, want, got.events); err != nil {
			return fmt.Errorf("replica %d: %w", i, err)
		}
		for _, q := range w.model.queue {
			if !m.Waits(q.origin, q.seq) || m.Ran(q.origin) < q.seq {
				return fmt.Errorf("replica %d: %v is not known to wait for %s", i, q.origin, q.keys[0])
			}
		}
		switch h := m.Hash(); {
		case i == 0:
			hash = h
		case h != hash:
			return fmt.Errorf("the hash of replica %d differs", i)
		}
	}
	w.model.events = w.model.events[:0]
	w.model.index = w.index
	return w.replace()
}

// compare holds a replica against the model's state and replies.
func compare(m *Machine, state string, want, got []string) error {
	if err := m.Check(); err != nil {
		return err
	}
	if !slices.Equal(want, got) {
		return fmt.Errorf("replies differ\nwant %s\ngot  %s",
			strings.Join(want, "\n     "), strings.Join(got, "\n     "))
	}
	if dump := dumpMachine(m); dump != state {
		return fmt.Errorf("states differ\nwant %s\ngot  %s", state, dump)
	}
	return nil
}

// replace restores replicas from snapshots, and keeps views, at times.
func (w *world) replace() error {
	m := w.replicas[0]
	if w.Intn(150) == 0 {
		return w.beginAnew(max(4, w.model.counters.token) - 4 + uint64(w.Intn(9)))
	}
	if w.Intn(10) == 0 {
		var b bytes.Buffer
		v := m.View()
		if err := v.Write(&b); err != nil {
			return err
		}
		w.views = append(w.views, keptView{w.index, v, b.Bytes()})
	}
	if w.Intn(15) == 0 && len(w.views) > 0 { // from the last entry only: the others lie back
		var b bytes.Buffer
		if err := w.replicas[w.Intn(3)].View().Write(&b); err != nil {
			return err
		}
		i := w.Intn(3)
		if w.Intn(2) == 0 {
			w.replicas[i] = New(opRunner{})
		}
		if err := w.replicas[i].Restore(&b); err != nil {
			return err
		}
		if err := w.replicas[i].Check(); err != nil {
			return fmt.Errorf("restored: %w", err)
		}
	}
	return nil
}

// beginAnew makes a new cluster of this one, as the restore of a backup does.
func (w *world) beginAnew(floor uint64) error {
	w.model.beginAnew(floor)
	for i, m := range w.replicas {
		m.BeginAnew(floor)
		if err := compare(m, dumpModel(w.model), nil, nil); err != nil {
			return fmt.Errorf("replica %d in a new cluster: %w", i, err)
		}
	}
	return nil
}

// checkViews tells whether all views still say what they said.
func (w *world) checkViews() error {
	for _, k := range w.views {
		var b bytes.Buffer
		if err := k.view.Write(&b); err != nil {
			return err
		}
		if !bytes.Equal(b.Bytes(), k.bytes) {
			return fmt.Errorf("the view of entry %d has changed", k.index)
		}
	}
	return nil
}

// note remembers an entry for a failure's message.
func (w *world) note(e *Entry, reads []Read) {
	s := fmt.Sprintf("entry %d: term %d/%d clock %d", w.index, e.Term, w.term, e.Clock)
	for _, r := range e.Runs {
		s += fmt.Sprintf("\n  %v from %d", r.Origin, r.First)
		for _, c := range r.Commands {
			s += fmt.Sprintf("\n    kind %d conn %d db %d %q", c.Kind, c.Conn, c.DB, c.Words)
		}
	}
	for _, r := range reads {
		s += fmt.Sprintf("\n  read before %d: db %d %q", r.Before, r.Command.DB, r.Command.Words)
	}
	w.log = append(w.log, s)
	w.log = w.log[max(0, len(w.log)-6):]
}

func dumpModel(m *model) string {
	var b strings.Builder
	fmt.Fprintln(&b, m.clock, m.index, m.term, m.counters)
	for db, items := range m.dbs {
		for _, k := range slices.Sorted(maps.Keys(items)) {
			it := items[k]
			fmt.Fprintln(&b, db, k, brief(it.val), it.note, it.deadline, it.since, it.token)
		}
	}
	queue, notes := slices.Clone(m.queue), slices.Clone(m.notes)
	slices.SortFunc(queue, func(a, b waiter) int { return compareBy(byPatience, &a, &b) })
	slices.SortFunc(notes, func(a, b waiter) int { return compareBy(byPeer, &a, &b) })
	fmt.Fprintln(&b, queue, notes)
	for _, node := range slices.Sorted(maps.Keys(m.origins)) {
		fmt.Fprintln(&b, node, m.origins[node].incarnation, m.origins[node].last)
	}
	for _, node := range slices.Sorted(maps.Keys(m.members)) {
		fmt.Fprintf(&b, "%s %+v\n", node, m.members[node])
	}
	fmt.Fprintln(&b, m.level, m.graves)
	return b.String()
}

func compareBy(less func(a, b *waiter) bool, a, b *waiter) int {
	switch {
	case less(a, b):
		return -1
	case less(b, a):
		return 1
	}
	return 0
}

func dumpMachine(m *Machine) string {
	var b strings.Builder
	known := m.counters
	known.revision = 0 // the model does not know it
	fmt.Fprintln(&b, m.clock, m.at.index, m.at.term, known)
	for db, s := range m.dbs {
		s.keys.Scan(func(k string, it *Item) bool {
			fmt.Fprintln(&b, db, k, brief(it.Str), it.Note(), it.Deadline, it.Since, it.Token)
			return true
		})
	}
	var queue, notes []waiter
	m.queue.waiters.Scan(func(w *waiter) bool { queue = append(queue, *w); return true })
	m.queue.unseen.Scan(func(w *waiter) bool { notes = append(notes, *w); return true })
	fmt.Fprintln(&b, queue, notes)
	m.nodes.origins.Scan(func(node string, o *origin) bool {
		fmt.Fprintln(&b, node, o.incarnation, o.last)
		return true
	})
	m.nodes.members.Scan(func(node string, a *About) bool { fmt.Fprintf(&b, "%s %+v\n", node, *a); return true })
	var graves []Grave
	m.graves.inOrder(func(g Grave) { graves = append(graves, g) })
	fmt.Fprintln(&b, m.nodes.level, graves)
	return b.String()
}

func (*recorder) Push(string, uint64, Reply)       {}
func (*recorder) Changed(int, string, Caller)      {}
func (*recorder) Flushed(Caller)                   {}
func (*recorder) Listens(string, uint64, Listens)  {}
func (*recorder) Event(int, Event, string, string) {}

// The random test of locks: entries of version 4 with random operations run on three replicas and on the
// model of lockmodel_test.go. After each entry the replies and the whole state are compared, and the
// invariants are checked; replicas are replaced by restored snapshots, and views are kept, at random
// points. LOCKD_OPERATIONS is how many operations to run, LOCKD_SEED the seed to begin with.

package fsm

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// defaultOperations takes a few seconds.
const defaultOperations = 25_000

func TestRandomLocks(t *testing.T) {
	seed, operations := int64(1), int64(defaultOperations)
	if n, err := strconv.ParseInt(os.Getenv("LOCKD_OPERATIONS"), 10, 64); err == nil {
		operations = n
	}
	if n, err := strconv.ParseInt(os.Getenv("LOCKD_SEED"), 10, 64); err == nil {
		seed = n
	}
	if testing.Short() {
		operations /= 4
	}
	done, seeds := int64(0), 0
	results := map[string]int{}
	for ; done < operations; seed++ {
		w := newLockWorld(seed)
		for range 300 {
			if err := w.step(results); err != nil {
				t.Fatalf("LOCKD_SEED=%d, entry %d: %v\n%s", seed, w.index, err, strings.Join(w.log, "\n"))
			}
		}
		if err := w.checkViews(); err != nil {
			t.Fatalf("LOCKD_SEED=%d: %v", seed, err)
		}
		done += w.operations
		seeds++
	}
	for _, result := range lockResults[Held:] {
		if results[result] == 0 && seeds >= 10 {
			t.Errorf("no request had the result %q", result)
		}
	}
	t.Logf("%d operations with %d seeds: %d parked, %d deadlocks, %d upgraders that lost their hold", done, seeds,
		results["parked"], results["deadlock"], results["error NOTLOCKED"]+results["error REVOKED"])
}

// lockWorld is three replicas, the model, and the nodes that send commands.
type lockWorld struct {
	*rand.Rand
	model      *lockModel
	replicas   [3]*Machine
	nodes      []Origin
	sent       map[Origin][]Command
	views      []keptView
	index      uint64
	term       uint64
	clock      Clock
	limits     Limits
	operations int64
	follower   *follower
	log        []string
}

func newLockWorld(seed int64) *lockWorld {
	w := &lockWorld{
		Rand: rand.New(rand.NewSource(seed)), model: newLockModel(), sent: map[Origin][]Command{},
		nodes: []Origin{{"n1", 1}, {"n2", 1}, {"n3", 1}}, term: 1, follower: newFollower(),
	}
	for i := range w.replicas {
		w.replicas[i] = New(locksRunner{})
	}
	return w
}

// one returns one of list.
func one[T any](w *lockWorld, list ...T) T { return list[w.Intn(len(list))] }

func (w *lockWorld) key() string   { return one(w, "a", "a", "a", "b", "b", "c") }
func (w *lockWorld) owner() string { return one(w, "o1", "o2", "o3", "o4", "o5") }
func (w *lockWorld) ms() int       { return one(w, 0, 1, 5, 20, 100, 100, 1000, 1000) }

// session names one that lives, lately lived, or will live.
func (w *lockWorld) session() string {
	if ids := sortedKeys(w.model.sessions); len(ids) > 0 && w.Intn(8) > 0 {
		return one(w, ids...)
	}
	return fmt.Sprintf("s%d-", w.model.counters.sessions+1)
}

// keys returns one key or several, each once.
func (w *lockWorld) keys() string {
	if w.Intn(3) > 0 {
		return w.key()
	}
	all := []string{"a", "b", "c", "d"}
	w.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return strings.Join(all[:2+w.Intn(2)], ",")
}

// request returns a request for locks.
func (w *lockWorld) request() string {
	if w.Intn(8) == 0 {
		return fmt.Sprintf("lock %s %s up wait=%d", w.key(), w.owner(), one(w, 0, 50, 500, 5000))
	}
	s := fmt.Sprintf("lock %s %s ttl=%d wait=%s", w.keys(), w.owner(), w.ms(),
		one(w, "0", "5", "50", "500", "500", "5000", "9223372036854775807"))
	switch w.Intn(10) {
	case 0, 1, 2:
		s += " mode=1"
	case 3:
		s += " mode=2"
	case 4, 5:
		limit := 1 + w.Intn(4)
		s += fmt.Sprintf(" mode=3 limit=%d permits=%d", limit, 1+w.Intn(limit))
	}
	if w.Intn(4) == 0 {
		s += fmt.Sprintf(" prio=%d", one(w, 0, 4, 5, 6, 9))
	}
	if w.Intn(6) == 0 && !strings.Contains(s, "mode=3") {
		s += " re"
	}
	if w.Intn(8) == 0 {
		s += fmt.Sprintf(" max=%d", one(w, 10, 50, 500))
	}
	if w.Intn(6) == 0 {
		s += one(w, " note=hi", " note=ho")
	}
	switch w.Intn(6) {
	case 0, 1:
		s += " sess=" + w.session()
	case 2:
		s += " conn"
	}
	return s
}

// takingBack returns an operation of those who look after others' locks.
func (w *lockWorld) takingBack() string {
	switch pattern := one(w, "*", "a", "b", "c"); w.Intn(6) {
	case 0:
		return fmt.Sprintf("freeze %s %d", pattern, one(w, 0, 5, 50, 300))
	case 1, 2:
		return "thaw " + pattern
	}
	return fmt.Sprintf("revoke %s %s %d", w.key(), one(w, "*", w.owner()), one(w, 0, 5, 50, 300))
}

// op returns an operation.
func (w *lockWorld) op() string {
	if w.Intn(15) == 0 {
		return w.takingBack()
	}
	k, o := w.key(), w.owner()
	switch n := w.Intn(100); {
	case n < 48:
		return w.request()
	case n < 62:
		return fmt.Sprintf("unlock %s %s %d", k, o, w.token())
	case n < 65:
		return fmt.Sprintf("renew %s %s %d", k, o, w.ms())
	case n < 69:
		return fmt.Sprintf("down %s %s %d", k, o, one(w, Shared, Shared, Update))
	case n < 73:
		return fmt.Sprintf("%s %s %s %d", one(w, "set", "setnx", "setnx", "grant"), k, one(w, o, o, "big"), w.ms())
	case n < 75:
		return fmt.Sprintf("ttl %s %d", k, one(w, 0, 5, 50, -1))
	case n < 78:
		return one(w, "del ", "del ", "force ") + k
	case n == 78:
		return one(w, "move a b", "move b a", "move a c", "flush", "swap 1", "swap 0", "db 1", "db 0", "db 1")
	case n < 83:
		return fmt.Sprintf("open %d %d %d %d", one(w, 20, 100, 1000), one(w, 0, 0, 10, 100), one(w, 0, 0, 30),
			w.Intn(2))
	case n < 90:
		return one(w, "ping ", "ping ", "ping ", "attach ", "attach ", "close ") + w.session()
	}
	return w.readOp()
}

// token is 0 for any, or one that was given lately.
func (w *lockWorld) token() uint64 {
	if w.Intn(3) > 0 {
		return 0
	}
	return 1 + max(4, w.model.counters.token) - uint64(w.Intn(5))
}

func (w *lockWorld) readOp() string {
	k := w.key()
	return one(w, "get "+k, "get "+k, "each b", "waiters "+k, "expired "+k+" "+w.owner(), "sessions",
		fmt.Sprintf("lost %s %d", k, 1+max(8, w.model.counters.token)-uint64(w.Intn(8))),
		"hangs "+w.session())
}

// command returns what the next numbered command of a node is. Numbers of connections are unique.
func (w *lockWorld) command(node int) Command {
	c := Command{Conn: uint64(10*node + w.Intn(5)), DB: one[uint8](w, 0, 0, 0, 0, 0, 1)}
	switch n := w.Intn(100); {
	case n < 7:
		c.Kind = KindClose
		if w.Intn(2) == 0 {
			c.Words = words("UNREAD")
		}
	case n < 10:
		c.Kind, c.Words = KindUnblock, words("TIMEOUT")
	case n < 12:
		of := one(w, w.nodes...)
		c.Kind, c.Words = KindSilence, words(of.Node, fmt.Sprint(of.Incarnation))
	case n < 30: // a script, perhaps with a bad end
		for range 1 + w.Intn(6) {
			c.Words = append(c.Words, []byte(w.op()))
		}
		if word := one(w, "", "panic", "undo", "inside"); word != "" {
			c.Words = slices.Insert(c.Words, w.Intn(len(c.Words)+1), []byte(word))
		}
	default:
		c.Words = words(w.op())
	}
	return c
}

// run returns the next commands of a node; at times of a new incarnation, or some that have run.
func (w *lockWorld) run() Run {
	i := w.Intn(len(w.nodes))
	if w.Intn(60) == 0 {
		w.nodes[i].Incarnation++
	}
	o := w.nodes[i]
	last := uint64(0)
	if known := w.model.origins[o.Node]; known.incarnation == o.Incarnation {
		last = known.last
	}
	r := Run{Origin: o, First: last + 1 - uint64(w.Intn(int(min(last, 2))+1))}
	for seq := r.First; seq < r.First+uint64(1+w.Intn(5)); seq++ {
		for uint64(len(w.sent[o])) < seq {
			c := w.command(i)
			if len(w.sent[o]) == 0 {
				c = Command{Kind: KindRegister}
			}
			w.sent[o] = append(w.sent[o], c)
			w.operations += int64(max(1, len(c.Words)))
		}
		r.Commands = append(r.Commands, w.sent[o][seq-1])
	}
	return r
}

// entry returns the next entry with the reads that ride along with it.
func (w *lockWorld) entry() (*Entry, []Read) {
	w.clock += one[Clock](w, 0, 0, 0, 1, 3, 10, 30, 300)
	if w.Intn(20) == 0 {
		w.term++
	}
	if w.Intn(30) == 0 {
		w.limits = one(w, Limits{}, Limits{}, Limits{Waiters: 3}, Limits{WaitersPerKey: 1})
	}
	e := &Entry{Version: VersionLocks, Nonce: w.Uint64(), Term: w.term, Clock: w.clock, Limits: w.limits}
	switch w.Intn(30) {
	case 0:
		e.Term++ // stamped in another term
	case 1:
		e.Clock = max(0, e.Clock-50)
	}
	e.DigestIndex, e.Digest = w.replicas[0].Digest()
	commands := 0
	for range w.Intn(4) {
		r := w.run()
		commands += len(r.Commands)
		e.Runs = append(e.Runs, r)
	}
	var reads []Read
	if w.Intn(3) == 0 {
		c := Command{Conn: 1, DB: one[uint8](w, 0, 1), Words: words(w.readOp(), w.readOp())}
		reads = append(reads, Read{w.Intn(commands + 2), w.Intn(4) == 0, one(w, w.nodes...), c})
		w.operations += 2
	}
	return e, reads
}

// step makes an entry and applies it everywhere.
func (w *lockWorld) step(results map[string]int) error {
	w.index++
	e, reads := w.entry()
	w.note(e, reads)
	w.model.apply(w.index, w.term, e, reads)
	want := w.model.events
	count(results, want)
	state, whole := dumpLockModel(w.model), w.Intn(3)
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
		if i != whole && w.Intn(8) > 0 { // the others give the same answers, and their turn comes
			if err := sameReplies(want, got.events); err != nil {
				return fmt.Errorf("replica %d: %w", i, err)
			}
			continue
		}
		if err := compareLocks(m, state, want, got.events); err != nil {
			return fmt.Errorf("replica %d: %w", i, err)
		}
	}
	w.model.events = w.model.events[:0]
	if err := w.follower.follow(w.replicas[0]); err != nil {
		return err
	}
	if err := sameEvents(w.replicas[0], w.replicas[1+w.Intn(2)]); err != nil {
		return err
	}
	return w.replace()
}

// plain makes of an error's reply its code.
func plain(reply string) string {
	for _, code := range [...]string{"error NOTLOCKED", "error REVOKED"} {
		if i := strings.Index(reply, code); i >= 0 {
			return reply[:i+len(code)]
		}
	}
	return reply
}

// count counts what became of requests.
func count(results map[string]int, replies []string) {
	for _, reply := range replies {
		_, reply, _ = strings.Cut(reply, " ")
		for part := range strings.SplitSeq(strings.TrimPrefix(reply, "bulk "), ";") {
			if part == "none" {
				part = lockResults[Parked]
			}
			results[part]++
		}
	}
}

func sameReplies(want, got []string) error {
	for i := range got {
		got[i] = plain(got[i])
	}
	if !slices.Equal(want, got) {
		return fmt.Errorf("replies differ\nwant %s\ngot  %s", strings.Join(want, "\n     "),
			strings.Join(got, "\n     "))
	}
	return nil
}

func compareLocks(m *Machine, state string, want, got []string) error {
	if err := sameReplies(want, got); err != nil {
		return err
	}
	if dump := dumpLocks(m); dump != state {
		return fmt.Errorf("states differ\nwant %s\ngot  %s", state, dump)
	}
	return m.Check()
}

// replace restores replicas from snapshots, and keeps views, at times.
func (w *lockWorld) replace() error {
	m := w.replicas[w.Intn(3)]
	switch w.Intn(150) {
	case 0:
		return w.beginAnew(max(4, w.model.counters.token) - 4 + uint64(w.Intn(9)))
	case 1, 2, 3, 4, 5, 6, 7, 8:
		var b bytes.Buffer
		v := m.View()
		if err := v.Write(&b); err != nil {
			return err
		}
		w.views = append(w.views, keptView{w.index, v, b.Bytes()})
	case 9, 10, 11, 12, 13, 14, 15, 16:
		var b bytes.Buffer
		if err := m.View().Write(&b); err != nil {
			return err
		}
		i := w.Intn(3)
		if w.Intn(2) == 0 {
			w.replicas[i] = New(locksRunner{})
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
func (w *lockWorld) beginAnew(floor uint64) error {
	w.model.beginAnew(floor)
	for i, m := range w.replicas {
		m.BeginAnew(floor)
		if err := compareLocks(m, dumpLockModel(w.model), nil, nil); err != nil {
			return fmt.Errorf("replica %d in a new cluster: %w", i, err)
		}
	}
	saw := w.follower.saw
	w.follower = truth(w.replicas[0])
	w.follower.saw = saw
	return nil
}

// checkViews tells whether all views still say what they said.
func (w *lockWorld) checkViews() error { return (&world{views: w.views}).checkViews() }

// note remembers an entry for a failure's message.
func (w *lockWorld) note(e *Entry, reads []Read) {
	old := world{index: w.index, term: w.term, log: w.log}
	old.note(e, reads)
	w.log = old.log
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func dumpLockModel(m *lockModel) string {
	var b strings.Builder
	fmt.Fprintln(&b, m.clock, m.index, m.term, m.counters)
	for db, keys := range m.dbs {
		for _, key := range sortedKeys(keys) {
			k := keys[key]
			fmt.Fprintln(&b, db, key, brief(k.plain), k.delay, k.ends(), k.alone)
			for _, o := range k.owners() {
				fmt.Fprintf(&b, "  %+v\n", k.holds[o])
			}
			if k.isLock() && !k.alone {
				fmt.Fprintln(&b, "  since", k.since, "limit", k.limit)
			}
		}
	}
	for _, id := range sortedKeys(m.sessions) {
		fmt.Fprintf(&b, "%+v\n", m.sessions[id])
	}
	queue, notes := slices.Clone(m.queue), slices.Clone(m.notes)
	slices.SortFunc(queue, func(a, b waiter) int { return compareBy(byPatience, &a, &b) })
	slices.SortFunc(notes, func(a, b waiter) int { return compareBy(byPeer, &a, &b) })
	fmt.Fprintln(&b, queue, notes)
	for _, node := range sortedKeys(m.origins) {
		fmt.Fprintln(&b, node, m.origins[node].incarnation, m.origins[node].last)
	}
	for _, name := range sortedKeys(m.frozen) {
		fmt.Fprintln(&b, m.frozen[name])
	}
	for _, g := range m.graves {
		fmt.Fprintln(&b, shownGrave(g))
	}
	return b.String()
}

func dumpLocks(m *Machine) string {
	var b strings.Builder
	known := m.counters
	known.revision, known.events = 0, 0 // the model does not know them
	fmt.Fprintln(&b, m.clock, m.at.index, m.at.term, known)
	for db, s := range m.dbs {
		s.keys.Scan(func(k string, it *Item) bool {
			str, delay := "", ""
			if v, ok := it.Value().(*Delay); ok {
				delay = named(v.Session)
			}
			if !it.IsLock() {
				str = it.Str
			}
			fmt.Fprintln(&b, db, k, brief(str), delay, it.Deadline, it.Token != 0)
			it.Holds(func(h *Hold) bool { fmt.Fprintf(&b, "  %+v\n", *modelHoldAt(h)); return true })
			if v, ok := it.Value().(*Holders); ok {
				fmt.Fprintln(&b, "  since", it.Since, "limit", v.limit)
			}
			return true
		})
	}
	m.sessions.byID.Scan(func(_ string, s *Session) bool {
		fmt.Fprintf(&b, "%+v\n", modelSession(s))
		return true
	})
	var queue, notes []waiter
	show := func(list *[]waiter) func(w *waiter) bool {
		return func(w *waiter) bool {
			seen := *w
			seen.lock.Session = named(w.lock.Session)
			*list = append(*list, seen)
			return true
		}
	}
	m.queue.waiters.Scan(show(&queue))
	m.queue.unseen.Scan(show(&notes))
	fmt.Fprintln(&b, queue, notes)
	m.nodes.origins.Scan(func(node string, o *origin) bool {
		fmt.Fprintln(&b, node, o.incarnation, o.last)
		return true
	})
	for _, f := range m.frozen.list {
		fmt.Fprintln(&b, *f)
	}
	m.graves.inOrder(func(g Grave) { fmt.Fprintln(&b, shownGrave(g)) })
	return b.String()
}

// shownGrave is a grave without what names a session, which the model calls in another way.
func shownGrave(g Grave) Grave {
	if g.How == LockEnded {
		g.Reason = ""
	}
	return g
}

func modelHoldAt(h *Hold) *Hold { seen := modelHold(h); return &seen }

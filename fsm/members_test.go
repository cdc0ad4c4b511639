// What the state knows of nodes, and what becomes of those that are removed or not heard.

package fsm

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// cluster is a machine with the nodes n1, n2 and n3, which have registered with entries of version 2.
type cluster struct {
	*testing.T
	m     *Machine
	index uint64
	next  map[string]uint64 // the next number of each node
	recorder
}

func newCluster(t *testing.T) *cluster {
	c := &cluster{T: t, m: New(opRunner{}), next: map[string]uint64{}}
	for _, node := range []string{"n1", "n2", "n3"} {
		c.start(node, 1)
	}
	return c
}

// start registers an incarnation of a node.
func (c *cluster) start(node string, incarnation uint64) string {
	c.next[node] = 1
	return c.by(Origin{node, incarnation}, Command{Kind: KindRegister, Words: words(
		node+":6380", node+":16380", "disk-"+node, "2")})
}

// by applies the next commands of an origin in an entry and returns what the sink got.
func (c *cluster) by(o Origin, commands ...Command) string {
	c.Helper()
	got := c.apply(Run{o, c.next[o.Node], commands})
	c.next[o.Node] += uint64(len(commands))
	return got
}

func (c *cluster) apply(runs ...Run) string {
	c.Helper()
	c.events = nil
	c.index++
	e := Entry{Version: 2, Term: 1, Runs: runs}
	data := e.Append(nil)
	if err := c.m.Apply(c.index, 1, data, nil, &c.recorder); err != nil {
		c.Fatal(err)
	}
	for i := range data {
		data[i] = '#' // nothing may be kept of the entry
	}
	if err := c.m.Check(); err != nil {
		c.Fatal(err)
	}
	return strings.Join(c.events, ", ")
}

func (c *cluster) want(want, got string) {
	c.Helper()
	if got != want {
		c.Errorf("want %s\ngot  %s", want, got)
	}
}

func order(kind Kind, ws ...string) Command { return Command{Kind: kind, Words: words(ws...)} }

var n1, n2, n3 = Origin{"n1", 1}, Origin{"n2", 1}, Origin{"n3", 1}

func about(node string) About {
	return About{node + ":6380", node + ":16380", "disk-" + node, 2, false, false}
}

func TestMembers(t *testing.T) {
	c := newCluster(t)
	before := c.m.Bytes()
	c.want("n1/1#2 int 0", c.by(n1, order(KindAdmit, "n0", "disk-n0", "n0:16380")))
	if grew := c.m.Bytes() - before; grew != memberCost+17 {
		t.Errorf("a member counts %d bytes", grew)
	}
	want := []Member{
		{"n0", 0, 0, About{Address: "n0:16380", Disk: "disk-n0"}},
		{"n1", 1, 2, about("n1")}, {"n2", 1, 1, about("n2")}, {"n3", 1, 1, about("n3")},
	}
	view := c.m.View()
	again := New(opRunner{})
	if err := again.Restore(bytes.NewReader(snapshotOf(t, c.m))); err != nil {
		t.Fatal(err)
	}
	c.want("n0/7#1 OK", c.start("n0", 7)) // after the view
	for what, got := range map[string][]Member{"view": view.Members(), "restored": again.Members()} {
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v", what, got)
		}
	}
	want[0] = Member{"n0", 7, 1, About{"n0:6380", "n0:16380", "disk-n0", 2, false, false}}
	if got := c.m.Members(); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	if s := c.m.Stats(); s.Origins != 4 || s.Level != 2 {
		t.Errorf("%+v", s)
	}
	if again.Bytes() != before+memberCost+17 {
		t.Errorf("restored members count %d bytes, %d before", again.Bytes(), before)
	}
}

// What an admission says about a node's vote outlives its starts and snapshots, until another one.
func TestNoVote(t *testing.T) {
	c := newCluster(t)
	kept := func(want bool) {
		t.Helper()
		again := New(opRunner{})
		if err := again.Restore(bytes.NewReader(snapshotOf(t, c.m))); err != nil {
			t.Fatal(err)
		}
		for _, m := range []*Machine{c.m, again} {
			if got := m.Members()[1]; got.NoVote != want || got.Removed {
				t.Errorf("%+v", got)
			}
		}
	}
	c.by(n1, order(KindAdmit, "n2", "disk-n2", "n2:16380", "NONVOTER"))
	kept(true)
	c.start("n2", 2)
	kept(true)
	c.by(n1, order(KindAdmit, "n2", "disk-n2", "n2:16380", "of a later version"))
	kept(false)
	c.by(n1, order(KindAdmit, "n2", "disk-n2", "n2:16380", "NONVOTER"))
	c.by(n1, order(KindAdmit, "n2", "another disk", "n2:16380"))
	kept(false)
}

// A node may register again later in its life, to say that it has moved; no words change nothing, and words
// that a later version adds are not looked at.
func TestRegisterAgain(t *testing.T) {
	c := newCluster(t)
	c.want("n1/1#2 OK", c.by(n1, order(KindRegister)))
	c.want("n1/1#3 OK", c.by(n1, order(KindRegister, "", "moved:1", "disk-n1", "3", "zone-b", "")))
	if got, want := c.m.Members()[0].About, (About{"", "moved:1", "disk-n1", 3, false, false}); got != want {
		t.Errorf("%+v", got)
	}
}

// Orders whose words cannot be are answered with an error and change nothing.
func TestWordsOfOrders(t *testing.T) {
	long, longer := strings.Repeat("x", MaxNodeID+1), strings.Repeat("y", MaxAddress+1)
	c := newCluster(t)
	before := fmt.Sprint(c.m.Members()[1:])
	bytes := c.m.Bytes()
	for _, o := range []Command{
		order(KindRegister, "c", "p", "d"), order(KindRegister, "c", "p", "d", "-1"),
		order(KindRegister, longer, "p", "d", "2"), order(KindRegister, "c", longer, "d", "2"),
		order(KindRegister, "c", "p", long, "2"), order(KindRegister, "c", "p", "d", "2147483648"),
		order(KindAdmit), order(KindAdmit, "n2", "d"), order(KindAdmit, "", "d", "p"),
		order(KindAdmit, long, "d", "p"), order(KindAdmit, "n2", long, "p"), order(KindAdmit, "n2", "d", longer),
		order(KindForget), order(KindForget, ""), order(KindForget, long),
		order(KindSilence), order(KindSilence, "n2"), order(KindSilence, "n2", ""), order(KindSilence, "n2", "1x"),
	} {
		if got := c.by(n1, o); !strings.Contains(got, "was not done: words are missing, too long or no numbers") {
			t.Errorf("kind %d %.20q: %s", o.Kind, o.Words, got)
		}
	}
	if after := fmt.Sprint(c.m.Members()[1:]); after != before || c.m.Members()[0].About != about("n1") {
		t.Errorf("%s\n%s", before, after)
	}
	if c.m.Bytes() != bytes {
		t.Error("the bytes that are counted have changed")
	}
	c.want("n1/1#21 int 0", c.by(n1, order(KindAdmit, long[1:], long[1:], longer[1:]))) // just not too long
	c.next[long] = 1
	got := c.by(Origin{long, 1}, order(KindRegister, "c", "p", "d", "2"))
	if !strings.Contains(got, "was not done") {
		t.Errorf("a node whose id is too long: %s", got)
	}
}

// queueUp makes n2 wait for k on connections 1 and 2, then n3 on 1, while n1 holds it.
func (c *cluster) queueUp() {
	c.Helper()
	c.want("n1/1#2 bulk token 1", c.by(n1, on(1, "lock k a 0 0 -")))
	c.want("n2/1#2 none, n2/1#3 none", c.by(n2, on(1, "lock k b 0 5000 -"), on(2, "lock k c 0 5000 -")))
	c.want("n3/1#2 none", c.by(n3, on(1, "lock k d 0 5000 -")))
}

func TestForget(t *testing.T) {
	c := newCluster(t)
	c.queueUp()
	c.want("n2/1 silenced, n1/1#3 OK", c.by(n1, order(KindForget, "n2")))
	c.want("n3/1#2 int 2, n1/1#4 bulk true", c.by(n1, on(1, "unlock k a"))) // n2's waiters are gone
	if got, want := c.m.Members()[1], (Member{"n2", 1, 3, about("n2")}); got.Removed == false || got.Last != want.Last {
		t.Errorf("%+v", got)
	}
	c.want("n2/1#4 refused", c.by(n2, on(1, "set x y 0")))
	c.next["n2"] = 4
	c.want("n2/2#1 refused", c.start("n2", 2)) // not even anew
	if err := c.m.Restore(bytes.NewReader(snapshotOf(t, c.m))); err != nil {
		t.Fatal(err)
	}
	c.want("n2/2#1 refused", c.start("n2", 2)) // nor after a restore

	c.want("n1/1#5 int 1", c.by(n1, order(KindAdmit, "n2", "disk-n2", "elsewhere:1")))
	if got, want := c.m.Members()[1].About, (About{"n2:6380", "elsewhere:1", "disk-n2", 2, false, false}); got != want {
		t.Errorf("admitted again: %+v", got)
	}
	c.next["n2"] = 3 // its numbers were kept: what has run does not run again
	c.want("n2/1#4 bulk 1", c.by(n2, on(1, "set x y 0"), on(1, "len")))
	c.want("n2/2#1 OK", c.start("n2", 2))
}

// Another disk under the same id is another machine: what the former said does not count for it.
func TestAdmitAnotherDisk(t *testing.T) {
	c := newCluster(t)
	c.want("n3/1 silenced, n1/1#2 OK", c.by(n1, order(KindForget, "n3")))
	c.want("n1/1#3 int 1", c.by(n1, order(KindAdmit, "n3", "new", "n3:16380")))
	if got, want := c.m.Members()[2], (Member{"n3", 1, 1, About{"", "n3:16380", "new", 0, false, false}}); got != want {
		t.Errorf("%+v", got)
	}
}

// A node that was admitted has no incarnation yet: nothing of it runs, or counts as running, before it has
// registered.
func TestAdmittedIsNotRegistered(t *testing.T) {
	c := newCluster(t)
	c.want("n1/1#2 int 0, n1/1#3 int 0", c.by(n1, order(KindAdmit, "n0", "d", "p"), order(KindSilence, "n0", "0")))
	c.next["n0"] = 1
	c.want("n0/0#1 refused", c.by(Origin{"n0", 0}, on(1, "set k v 0")))
	c.want("n0/0#1 OK", c.start("n0", 0))
}

// A node may be removed that the state has not heard of, or that has not come yet.
func TestForgetUnknown(t *testing.T) {
	c := newCluster(t)
	c.want("n1/1#2 OK, n1/1#3 int 0, n1/1#4 OK", c.by(n1, order(KindForget, "n8"),
		order(KindAdmit, "n9", "d", "p"), order(KindForget, "n9")))
	c.want("n8/1#1 refused", c.start("n8", 1))
	c.want("n9/1#1 refused", c.start("n9", 1))
}

// A leader that removes itself: what it sent after that does not run, and reads there are not answered.
func TestForgetOneself(t *testing.T) {
	c := newCluster(t)
	c.want("n1/1 silenced, n1/1#2 OK, n1/1#3 refused",
		c.by(n1, order(KindForget, "n1"), on(1, "set k v 0"), on(1, "lock k b 0 50 -")))
	if last := c.m.Ran(n1); last != 2 {
		t.Errorf("ran to %d", last)
	}
	c.next["n1"] = 3
	c.want("n1/1#3 refused", c.by(n1, on(1, "len")))
	c.want("n1/1#3 bulk 0, n2/1#3 bulk 0", func() string {
		c.want("n2/1#2 int 1", c.by(n2, order(KindAdmit, "n1", "disk-n1", "p")))
		return c.apply(Run{n1, 3, []Command{on(1, "len")}}, Run{n2, 3, []Command{on(1, "len")}})
	}())
}

func TestSilence(t *testing.T) {
	c := newCluster(t)
	c.queueUp()
	c.want("n1/1#3 int 0", c.by(n1, order(KindSilence, "n2", "2")))
	c.want("n1/1#4 int 0", c.by(n1, order(KindSilence, "n2", "0")))
	c.want("n1/1#5 int 0", c.by(n1, order(KindSilence, "n8", "1")))
	if !c.m.Waits(n2, 2) || c.m.Stats().Silenced != 0 {
		t.Error("another incarnation's silence has dropped a waiter")
	}
	c.want("n2/1 silenced, n1/1#6 int 2", c.by(n1, order(KindSilence, "n2", "1")))
	if c.m.Stats().Silenced != 1 || c.m.Ran(n2) != 3 || c.m.Waits(n2, 2) || c.m.Waits(n2, 3) || !c.m.Waits(n3, 2) {
		t.Errorf("%+v", c.m.Stats())
	}
	c.want("n3/1#2 int 2, n1/1#7 bulk true", c.by(n1, on(1, "unlock k a")))
	c.want("n2/1#4 bulk 1", c.by(n2, on(3, "len"))) // it is heard again, and goes on
}

// Silence frees a queue whose first waiter was not heard, where its owner holds the lock meanwhile.
func TestSilenceServes(t *testing.T) {
	c := newCluster(t)
	c.want("n1/1#2 bulk token 1", c.by(n1, on(1, "lock k a 0 0 -")))
	c.want("n2/1#2 none", c.by(n2, on(1, "lock k b 0 5000 -")))
	c.want("n3/1#2 none", c.by(n3, on(1, "lock k c 0 5000 -")))
	c.want("n1/1#3 bulk token 2", c.by(n1, on(1, "set k c 0")))
	c.want("n3/1#2 int 2, n2/1 silenced, n1/1#4 int 1", c.by(n1, order(KindSilence, "n2", "1")))
}

// A grant that a silenced node had not written yet can still be given back by it.
func TestSilenceKeepsNotes(t *testing.T) {
	c := newCluster(t)
	c.want("n1/1#2 bulk token 1", c.by(n1, on(1, "lock k a 0 0 -")))
	c.want("n2/1#2 none", c.by(n2, on(2, "lock k b 0 5000 -")))
	c.want("n2/1#2 int 2, n1/1#3 bulk true", c.by(n1, on(1, "unlock k a")))
	c.want("n2/1 silenced, n1/1#4 int 0", c.by(n1, order(KindSilence, "n2", "1")))
	c.want("n2/1#3 OK", c.by(n2, unread))
	c.want("n1/1#5 bulk -", c.by(n1, on(1, "get k")))
}

// TestReadsAfterRefusedRun: reads of an origin whose run was refused are not answered from there on, as they
// would not see the writes before them. Those of others, and those before, are.
func TestReadsAfterRefusedRun(t *testing.T) {
	c := newCluster(t)
	read := func(before int, o Origin, long bool, op string) Read {
		return Read{before, long, o, on(9, op)}
	}
	e := Entry{Version: 2, Term: 1, Runs: []Run{
		{n1, 2, []Command{on(1, "set a v 0")}},
		{n2, 9, []Command{on(1, "set b v 0"), on(1, "set c v 0")}}, // refused: 2 is missing
		{n3, 2, []Command{on(1, "set d v 0")}},
		{n2, 2, []Command{on(1, "set e v 0")}}, // too late for its reads
	}}
	reads := []Read{
		read(0, n2, false, "len"), read(1, n2, true, "get a"), // before the run: answered
		read(2, n2, false, "len"), read(2, n2, true, "len"), read(2, n1, true, "get b"),
		read(3, n2, false, "len"), read(4, n2, true, "len"), read(4, n3, false, "len"),
		read(4, Origin{"n2", 2}, false, "get c"), read(9, n2, false, "len"), read(9, n1, false, "get e"),
	}
	c.reads = reads
	if err := c.m.Apply(9, 1, e.Append(nil), reads, &placed{&c.recorder}); err != nil {
		t.Fatal(err)
	}
	want := "read 0 bulk 0, n1/1#2 bulk token 1, read 1 bulk v 1 -1  0, n2/1#9 refused, read 4 bulk -, " +
		"n3/1#2 bulk token 2, read 7 bulk 2, read 8 bulk -, n2/1#2 bulk token 3, read 10 bulk v 3 -1  0"
	c.want(want, strings.Join(c.events[len(c.events)-10:], ", "))

	// The next entry begins anew: there the same reads are answered.
	c.events = nil
	e = Entry{Version: 2, Term: 1, Runs: []Run{{n2, 3, []Command{on(1, "len")}}}}
	if err := c.m.Apply(10, 1, e.Append(nil), reads[9:], &placed{&c.recorder}); err != nil {
		t.Fatal(err)
	}
	c.want("n2/1#3 bulk 3, read 0 bulk 3, read 1 bulk v 3 -1  0", strings.Join(c.events, ", "))
}

// placed writes down the places of the reads as well.
type placed struct{ *recorder }

func (p *placed) AnswerRead(i int, v Reply) {
	p.events = append(p.events, fmt.Sprintf("read %d %s", i, show(v)))
}

func (p *placed) LongRead(i int, v *View) {
	r := p.reads[i]
	p.AnswerRead(i, v.Read(Caller{r.Origin, r.Command.Conn, 0}, &r.Command))
}

// TestRanAndWaits: what a node asks after it had to install a snapshot.
func TestRanAndWaits(t *testing.T) {
	c := newCluster(t)
	c.queueUp()
	m := New(opRunner{})
	if err := m.Restore(bytes.NewReader(snapshotOf(t, c.m))); err != nil {
		t.Fatal(err)
	}
	for o, want := range map[Origin]uint64{n1: 2, n2: 3, n3: 2, {"n2", 0}: 0, {"n2", 2}: 0, {"n4", 1}: 0} {
		if got := m.Ran(o); got != want {
			t.Errorf("%v ran to %d, want %d", o, got, want)
		}
	}
	waits := func(want string) {
		t.Helper()
		got := ""
		for _, o := range []Origin{n1, n2, {"n2", 2}, n3} {
			for seq := range uint64(5) {
				if m.Waits(o, seq) {
					got += fmt.Sprintf("%s/%d#%d ", o.Node, o.Incarnation, seq)
				}
			}
		}
		if got != want {
			t.Errorf("want %s, got %s", want, got)
		}
	}
	waits("n2/1#2 n2/1#3 n3/1#2 ")
	c.m = m
	c.by(n2, Command{Kind: KindClose, Conn: 1})
	waits("n2/1#3 n3/1#2 ")
	c.by(n3, on(2, "lock k e 0 50 -"))
	waits("n2/1#3 n3/1#2 n3/1#3 ")
	c.by(n1, on(1, "set k x 0", "flush", "panic")) // undone
	waits("n2/1#3 n3/1#2 n3/1#3 ")
	m.BeginAnew(0)
	waits("")
}

// TestBeginAnew makes a new cluster of a backup.
func TestBeginAnew(t *testing.T) {
	c := newCluster(t)
	c.queueUp()
	c.want("n1/1#3 bulk token 2", c.by(n1, on(3, "lock mine a 5000 0 -")))
	c.want("n2/1#4 none", c.by(n2, on(3, "lock mine b 700 5000 -")))
	c.want("n2/1#4 int 3, n1/1#4 bulk true", c.by(n1, on(3, "unlock mine a"))) // a note of a grant
	for _, floor := range []uint64{0, 3, 1_000_000} {
		m := New(opRunner{})
		if err := m.Restore(bytes.NewReader(snapshotOf(t, c.m))); err != nil {
			t.Fatal(err)
		}
		clock, keys := m.Clock(), m.Stats().Keys
		m.BeginAnew(floor)
		if err := m.Check(); err != nil {
			t.Fatal(err)
		}
		s := m.Stats()
		if s.Keys != keys || s.Clock != clock || s.Level != 2 || s.Origins+s.Waiters > 0 || s.Index+s.Term > 0 {
			t.Errorf("floor %d: %+v", floor, s)
		}
		if _, wakes := m.NextWake(); wakes || len(m.Members()) > 0 || m.Ran(n1) > 0 {
			t.Error("something of the old cluster is left")
		}
		again := New(opRunner{}) // as a node of the new cluster reads it
		if err := again.Restore(bytes.NewReader(snapshotOf(t, m))); err != nil {
			t.Fatal(err)
		}
		if again.Hash() != m.Hash() || again.Digests() != m.Digests() {
			t.Error("what was restored differs")
		}
		anew := &cluster{T: t, m: again, next: map[string]uint64{}}
		anew.want("x1/1#1 OK", anew.start("x1", 1))
		anew.want("n1/1#1 OK", anew.start("n1", 1)) // even a name of the old cluster may come anew
		x1, first := Origin{"x1", 1}, max(3, floor)+1
		anew.want("x1/1#2 bulk b 3 700 - 0", anew.by(x1, on(3, "get mine")))
		anew.want("x1/1#3 OK", anew.by(x1, Command{Kind: KindClose, Conn: 3, Words: words("UNREAD")}))
		anew.want("x1/1#4 none", anew.by(x1, on(1, "lock k d 0 50 -")))
		anew.want(fmt.Sprintf("x1/1#4 int %d, x1/1#5 bulk true", first), anew.by(x1, on(2, "unlock k a")))
		anew.want("x1/1#6 bulk b 3 700 - 0", anew.by(x1, on(2, "get mine")))
	}
}

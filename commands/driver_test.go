package commands

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

// driver is a state machine with the table on top, fed by hand: no network, no log, and a clock that moves
// when the test says so.
type driver struct {
	t       testing.TB
	table   *Table
	m       *fsm.Machine
	index   uint64
	clock   fsm.Clock
	wall    fsm.Wall
	seq     uint64
	logged  bool // reads go into the log too, as behind a write in a pipeline
	db      int
	limits  fsm.Limits
	answers map[uint64]resp.Value // by number of the command, also those that come late
	read    resp.Value
	looked  fsm.Command // the last read
	long    int         // how many reads ran on a copy of the state
	pushed  []string    // what connections were told, by the one command that ran last

	version  byte             // of the entries
	answered func(seq uint64) // called with each answer, if it is set
}

func newDriver(t testing.TB) *driver {
	table := New()
	d := &driver{
		t: t, table: table, m: fsm.New(table), clock: 1000, wall: 1_700_000_000_000_000,
		answers: map[uint64]resp.Value{}, version: fsm.EntryVersion,
	}
	d.apply(fsm.Command{Kind: fsm.KindRegister}, false)
	return d
}

func (d *driver) Answer(_ fsm.Origin, seq uint64, v fsm.Reply) {
	d.answers[seq] = v
	if d.answered != nil {
		d.answered(seq)
	}
}

func (d *driver) AnswerRead(_ int, v fsm.Reply)   { d.read = v }
func (d *driver) Refuse(_ fsm.Origin, seq uint64) { d.t.Fatalf("command %d was refused", seq) }
func (d *driver) Silenced(fsm.Origin)             {}

func (d *driver) LongRead(_ int, view *fsm.View) {
	d.long++
	d.read = view.Read(fsm.Caller{Conn: 1}, &d.looked)
}

// apply runs one command as an entry of its own and returns its number.
func (d *driver) apply(c fsm.Command, read bool) uint64 {
	d.t.Helper()
	origin := fsm.Origin{Node: "n1", Incarnation: 1}
	e := fsm.Entry{Version: d.version, Nonce: d.index * 7919, Term: 1, Clock: d.clock, Wall: d.wall, Limits: d.limits}
	var reads []fsm.Read
	if read {
		reads = []fsm.Read{{Origin: origin, Command: c}}
		d.looked = c
	} else {
		d.seq++
		e.Runs = []fsm.Run{{Origin: origin, First: d.seq, Commands: []fsm.Command{c}}}
	}
	d.index++
	if err := d.m.Apply(d.index, 1, e.Append(nil), reads, d); err != nil {
		d.t.Fatal(err)
	}
	if err := d.m.Check(); err != nil {
		d.t.Fatalf("after %q: %v", c.Words, err)
	}
	return d.seq
}

// pass lets time go by.
func (d *driver) pass(ms int64) {
	d.clock += fsm.Clock(ms)
	d.wall += fsm.Wall(ms * 1000)
	d.apply(fsm.Command{Kind: fsm.KindUnblock, Conn: 1 << 40}, false) // an entry that does nothing else
}

// send runs a command line for a connection and returns its number; a Local or a wrong command panics.
func (d *driver) send(conn uint64, words ...string) uint64 {
	d.t.Helper()
	var raw [][]byte
	for _, w := range words {
		raw = append(raw, []byte(w))
	}
	c := fsm.Command{Kind: fsm.KindCommand, DB: uint8(d.db), Conn: conn, Words: raw}
	entry, problem := d.table.Lookup(raw)
	switch {
	case entry == nil:
		d.read = problem
		return 0
	case entry.Local != nil:
		d.read = entry.Local(&Conn{ID: conn, Proto: 2}, raw)
		return 0
	case !entry.Numbered() && !d.logged:
		d.apply(c, true)
		return 0
	}
	return d.apply(c, false)
}

// do runs a command line, words with blanks between them, and returns its reply as people read it.
func (d *driver) do(line string) string {
	d.t.Helper()
	return d.words(strings.Fields(line)...)
}

func (d *driver) words(words ...string) string {
	d.t.Helper()
	return show(d.value(words...))
}

func (d *driver) value(words ...string) resp.Value {
	d.t.Helper()
	if seq := d.send(1, words...); seq != 0 {
		return d.answers[seq]
	}
	return d.read
}

// expect runs lines of the form "COMMAND a b -> reply"; a line "+30" lets 30 ms pass.
func (d *driver) expect(text string) {
	d.t.Helper()
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if ms, err := strconv.ParseInt(strings.TrimPrefix(line, "+"), 10, 64); err == nil {
			d.pass(ms)
			continue
		}
		command, want, _ := strings.Cut(line, " -> ")
		got := d.do(command)
		if isMiswritten(want) { // lockd's own commands say more, as TestSyntaxIsTold shows
			got, _, _ = strings.Cut(got, ": ")
		}
		if got != want {
			d.t.Errorf("%s\n got %s\nwant %s", command, got, want)
		}
	}
}

func show(v resp.Value) string {
	switch v.Kind() {
	case resp.KindNull, resp.KindNullArray:
		return "(nil)"
	case resp.KindInt:
		return strconv.FormatInt(v.Num(), 10)
	case resp.KindNone:
		return "(waits)"
	case resp.KindDouble:
		return resp.FormatDouble(v.Float())
	case resp.KindArray, resp.KindMap, resp.KindSet, resp.KindPairs, resp.KindPush:
		var parts []string
		for _, e := range v.List() {
			parts = append(parts, show(e))
		}
		return "[" + strings.Join(parts, " ") + "]"
	}
	return v.Str()
}

// field returns the value of a key in a map reply.
func field(v resp.Value, name string) resp.Value {
	list := v.List()
	for i := 0; i+1 < len(list); i += 2 {
		if list[i].Str() == name {
			return list[i+1]
		}
	}
	return resp.Error(fmt.Sprintf("no field %s in %s", name, show(v)))
}

// commandOf is a command that goes to the state machine as it is, whatever the table says of it.
func commandOf(words ...string) fsm.Command {
	c := fsm.Command{Kind: fsm.KindCommand, Conn: 1}
	for _, w := range words {
		c.Words = append(c.Words, []byte(w))
	}
	return c
}

func (*driver) Changed(int, string, fsm.Caller)      {}
func (*driver) Flushed(fsm.Caller)                   {}
func (*driver) Listens(string, uint64, fsm.Listens)  {}
func (*driver) Event(int, fsm.Event, string, string) {}

// Frames from another node, which may be newer, or mistaken: reading one must never panic, never take memory
// that its length does not justify, and what is understood must be the same when it is written and read
// again.

package cluster

import (
	"bytes"
	"reflect"
	"runtime"
	"slices"
	"testing"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

// framesOfCalls are frames as a node sends them to its leader.
func framesOfCalls() (list [][]byte) {
	words := func(words ...string) (list [][]byte) {
		for _, w := range words {
			list = append(list, []byte(w))
		}
		return list
	}
	calls := []fsm.Call{
		{Command: fsm.Command{Conn: 3, Words: words("LOCK", "a", "o", "30000", "WAIT", "5")}},
		{Command: fsm.Command{Kind: fsm.KindRegister, Words: words("c:1", "p:2", "disk", "2")}},
		{Command: fsm.Command{Kind: fsm.KindClose, Conn: 1 << 40, Words: words("UNREAD")}},
		{Command: fsm.Command{Kind: fsm.KindSilence, Words: words("n2", "7")}},
		{Command: fsm.Command{DB: 15, Words: words("GET", "")}, Read: true},
		{Command: fsm.Command{Words: words("KEYS", "*")}, Read: true, Long: true},
	}
	var all []byte
	for i := range calls {
		one := appendCall(nil, uint64(i)<<20, &calls[i])
		all = append(all, one...)
		list = append(list, one)
	}
	return append(list, all, []byte{}, []byte{0, 1, 0, 1, 0, 0xff, 0xff, 0xff, 0xff, 0x7f})
}

// frugal fails where f takes more than so many bytes of memory for each byte of a frame, and some for itself.
func frugal(t *testing.T, frame []byte, each uint64, f func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > each*uint64(len(frame))+64<<10 {
		t.Errorf("%d bytes were taken for a frame of %d", took, len(frame))
	}
}

func FuzzCalls(f *testing.F) {
	for _, frame := range framesOfCalls() {
		f.Add(frame)
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		var calls []*call
		var err error
		frugal(t, frame, 1024, func() { calls, err = decodeCalls(frame, nil) })
		if err != nil {
			return
		}
		var again []byte
		for _, c := range calls {
			again = appendCall(again, c.number+c.name, c.Call) // one of the two is 0
		}
		back, err := decodeCalls(again, nil)
		if err != nil || !reflect.DeepEqual(calls, back) {
			t.Fatalf("%q is read as %q, %v", frame, again, err)
		}
		// What was let in goes into an entry, which every node must be able to read.
		e := fsm.Entry{Version: fsm.EntryVersion, Runs: []fsm.Run{{Origin: fsm.Origin{Node: "n"}, First: 1}}}
		for _, c := range calls {
			e.Runs[0].Commands = append(e.Runs[0].Commands, c.Command)
		}
		m := fsm.New(nothing{})
		if err := m.Apply(1, 1, e.Append(nil), nil, nothing{}); err != nil {
			t.Fatalf("an entry of these commands cannot be read: %v", err)
		}
		if err := m.Check(); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzReplies(f *testing.F) {
	for i, v := range []fsm.Reply{
		resp.OK(), resp.None(), resp.Null(), resp.Int(-1), resp.Bulk("x"), resp.Error("ERR no"), resp.Double(0.5),
		resp.Array(resp.Int(1), resp.Map(resp.Bulk("k"), resp.NullArray())), resp.Verbatim("txt", "y"),
	} {
		f.Add(appendReply(appendReply(nil, replyNumbered, uint64(i), v), replyRead, 1<<60, v))
	}
	f.Add([]byte{replyRead, 1, byte(resp.KindArray), 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, frame []byte) {
		var replies []numberedReply
		var err error
		frugal(t, frame, 8192, func() { replies, err = decodeReplies(frame) })
		if err != nil {
			return
		}
		var again []byte
		for _, r := range replies {
			again = appendReply(again, r.kind, r.number, r.value)
		}
		back, err := decodeReplies(again)
		if err != nil || !reflect.DeepEqual(replies, back) {
			t.Fatalf("%q is read as %q, %v", frame, again, err)
		}
	})
}

func FuzzProgress(f *testing.F) {
	f.Add(progress{1, 1 << 40}.append(nil)[1:])
	f.Add(bytes.Repeat([]byte{0xff}, 30))
	f.Fuzz(func(t *testing.T, frame []byte) {
		if index, err := decodeMark(frame); err == nil {
			if back, err := decodeMark(appendMark(nil, index)[1:]); err != nil || back != index {
				t.Fatalf("%q is read as %d, and that as %d, %v", frame, index, back, err)
			}
		}
		p, err := decodeProgress(frame)
		if err != nil {
			return
		}
		if back, err := decodeProgress(p.append(nil)[1:]); err != nil || back != p {
			t.Fatalf("%v came back as %v, %v", p, back, err)
		}
	})
}

// FuzzTell reads the rest of what comes on a stream: how the members are, and what a node must not send.
func FuzzTell(f *testing.F) {
	f.Add([]byte(`h{"members":[]}`))
	f.Add([]byte(`s` + "\x05\x06"))
	for _, frame := range framesOfCalls() {
		f.Add(slices.Concat([]byte{frameCalls}, frame))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		n := &Node{remotes: newRemotes(newBell(), RawClock)}
		n.hearHealth(frame)
		if len(frame) > 0 && frame[0] == frameCalls {
			return // FuzzCalls
		}
		r := &remote{}
		if err := n.take(r, frame); err == nil && len(frame) == 0 {
			t.Error("an empty frame was taken")
		}
	})
}

// nothing runs no command and hears no reply.
type nothing struct{}

func (nothing) Run(*fsm.Tx, [][]byte) fsm.Reply      { return resp.OK() }
func (nothing) Answer(fsm.Origin, uint64, fsm.Reply) {}
func (nothing) AnswerRead(int, fsm.Reply)            {}
func (nothing) LongRead(int, *fsm.View)              {}
func (nothing) Refuse(fsm.Origin, uint64)            {}
func (nothing) Silenced(fsm.Origin)                  {}

func (nothing) Push(string, uint64, fsm.Reply)       {}
func (nothing) Changed(int, string, fsm.Caller)      {}
func (nothing) Flushed(fsm.Caller)                   {}
func (nothing) Listens(string, uint64, fsm.Listens)  {}
func (nothing) Event(int, fsm.Event, string, string) {}

func (nothing) Match(string, string) bool { return false }

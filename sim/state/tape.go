// What a replica says while it applies an entry.

package state

import (
	"fmt"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

// eventKind is which method of fsm.Sink was called.
type eventKind byte

const (
	answered eventKind = iota
	readDone
	refused
	silenced
)

// event is one call of a sink. Number is the command's, or the place of the read.
type event struct {
	kind   eventKind
	origin fsm.Origin
	number uint64
	value  fsm.Reply
}

func (e *event) String() string {
	name := [...]string{"answer", "read", "refusal", "silence"}[e.kind]
	return fmt.Sprintf("%s %v#%d %s", name, e.origin, e.number, text(e.value))
}

// tape is a sink: it takes down what the first replica says, and compares what the others say with that as
// it comes, without a second copy.
type tape struct {
	events  []event
	reads   []fsm.Read
	playing bool
	at      int    // the next event to compare
	wrong   string // the first difference
}

// begin makes the tape ready for the next replica; the first one of an entry is recorded.
func (t *tape) begin(reads []fsm.Read, first bool) {
	t.reads, t.playing, t.at = reads, !first, 0
	if first {
		t.events = t.events[:0]
	}
}

func (t *tape) take(e event) {
	if !t.playing {
		t.events = append(t.events, e)
		return
	}
	t.at++
	switch {
	case t.wrong != "":
	case t.at > len(t.events):
		t.wrong = fmt.Sprintf("said %v where the first replica had said all", &e)
	default:
		was := &t.events[t.at-1]
		if was.kind != e.kind || was.number != e.number || was.origin != e.origin || !same(was.value, e.value) {
			t.wrong = fmt.Sprintf("said %v where the first replica said %v", &e, was)
		}
	}
}

// end returns how the replica differed from the first, or "".
func (t *tape) end() string {
	if t.wrong == "" && t.playing && t.at < len(t.events) {
		t.wrong = fmt.Sprintf("did not say %v as the first replica did", &t.events[t.at])
	}
	return t.wrong
}

// Answer, AnswerRead, Refuse and Silenced take down what was said.
func (t *tape) Answer(o fsm.Origin, seq uint64, v fsm.Reply) { t.take(event{answered, o, seq, v}) }

func (t *tape) AnswerRead(i int, v fsm.Reply) {
	t.take(event{readDone, fsm.Origin{}, uint64(i), v})
}

func (t *tape) Refuse(o fsm.Origin, seq uint64) { t.take(event{refused, o, seq, fsm.Reply{}}) }

func (t *tape) Silenced(o fsm.Origin) { t.take(event{silenced, o, 0, fsm.Reply{}}) }

// LongRead runs the read at once: the view must say the same as a read would have said.
func (t *tape) LongRead(i int, view *fsm.View) {
	r := &t.reads[i]
	t.AnswerRead(i, view.Read(fsm.Caller{Origin: r.Origin, Conn: r.Command.Conn}, &r.Command))
}

// silent is a sink for entries whose replies are known: a log that is applied again.
type silent struct{}

func (silent) Answer(fsm.Origin, uint64, fsm.Reply) {}
func (silent) AnswerRead(int, fsm.Reply)            {}
func (silent) LongRead(int, *fsm.View)              {}
func (silent) Refuse(fsm.Origin, uint64)            {}
func (silent) Silenced(fsm.Origin)                  {}

// same tells whether two replies are equal.
func same(a, b fsm.Reply) bool {
	if a.Kind() != b.Kind() || a.Str() != b.Str() || a.Num() != b.Num() || len(a.List()) != len(b.List()) ||
		a.Kind() == resp.KindDouble && a.Float() != b.Float() {
		return false
	}
	for i, v := range a.List() {
		if !same(v, b.List()[i]) {
			return false
		}
	}
	return true
}

// text is a reply as people read it.
func text(v fsm.Reply) string {
	switch v.Kind() {
	case resp.KindNull, resp.KindNullArray:
		return "nothing"
	case resp.KindNone:
		return "no reply yet"
	case resp.KindInt:
		return fmt.Sprint(v.Num())
	case resp.KindArray, resp.KindMap, resp.KindSet, resp.KindPush, resp.KindPairs:
		return fmt.Sprintf("%d values", len(v.List()))
	}
	return fmt.Sprintf("%.200q", v.Str())
}

func (*tape) Push(string, uint64, fsm.Reply)       {}
func (*tape) Changed(int, string, fsm.Caller)      {}
func (*tape) Flushed(fsm.Caller)                   {}
func (*tape) Listens(string, uint64, fsm.Listens)  {}
func (*tape) Event(int, fsm.Event, string, string) {}

func (silent) Push(string, uint64, fsm.Reply)       {}
func (silent) Changed(int, string, fsm.Caller)      {}
func (silent) Flushed(fsm.Caller)                   {}
func (silent) Listens(string, uint64, fsm.Listens)  {}
func (silent) Event(int, fsm.Event, string, string) {}

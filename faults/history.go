// What clients did and saw, as the checks read it.

package faults

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Kind is what an operation was meant to do. Several commands share one: LOCK and SET NX both take a lock.
type Kind string

// The kinds of operations. Owner is unique to one attempt to hold one key, so that (key, owner) is a hold.
const (
	Take    Kind = "take"    // Yes: granted, Number is the token, or 0 where the reply has none (SET NX)
	Renew   Kind = "renew"   // Yes: lives at least TTL more; Number is what is left, in milliseconds, or 0
	Replace Kind = "replace" // Yes: lives TTL more, also where that is less than before (SET IFEQ PX)
	Release Kind = "release" // Yes: it was held and is free now
	Holds   Kind = "holds"   // Yes: the owner holds it; Number is the token, or 0 if that was not asked
	Queue   Kind = "queue"   // Waiters is who waits for the key, in their order
	Count   Kind = "count"   // INCR; Number is the new value
	Read    Kind = "read"    // GET of a counter; Number is its value
)

// Outcome is what a client knows after an operation.
type Outcome byte

// The outcomes. Refused operations surely did nothing; Unknown ones may have taken effect, or still may.
const (
	Yes Outcome = iota
	No
	Refused
	Unknown
)

func (o Outcome) String() string { return [...]string{"yes", "no", "refused", "unknown"}[o] }

// Op is one operation. Dialed, Sent and Done are monotonic times since the history began, Sent before the
// request was written and Done after its reply was read.
type Op struct {
	Kind    Kind
	Key     string
	Owner   string
	Node    string
	Command string // its first word, for people
	TTL     time.Duration
	Wait    time.Duration
	Dialed  time.Duration // when its connection was made
	Sent    time.Duration
	Done    time.Duration
	Outcome Outcome
	Number  int64
	Waiters []string
	Said    string // the error, if there was one
}

func (o *Op) String() string {
	s := fmt.Sprintf("%s %s %s via %s [%v, %v] %v", o.Command, o.Key, o.Owner, o.Node,
		o.Sent.Round(time.Microsecond), o.Done.Round(time.Microsecond), o.Outcome)
	if o.TTL > 0 {
		s += fmt.Sprintf(" ttl %v", o.TTL)
	}
	if o.Wait > 0 {
		s += fmt.Sprintf(" wait %v", o.Wait)
	}
	if o.Number != 0 {
		s += fmt.Sprintf(" -> %d", o.Number)
	}
	if o.Said != "" {
		s += " (" + o.Said + ")"
	}
	return s
}

// known tells whether the operation was answered and did what its kind says.
func (o *Op) known() bool { return o.Outcome == Yes || o.Outcome == No }

// History collects operations of many clients.
type History struct {
	start time.Time
	mu    sync.Mutex
	ops   []Op
}

// NewHistory begins a history now.
func NewHistory() *History { return &History{start: time.Now()} }

// Now is the time since the history began.
func (h *History) Now() time.Duration { return time.Since(h.start) }

// Add notes an operation that is over.
func (h *History) Add(op Op) {
	h.mu.Lock()
	h.ops = append(h.ops, op)
	h.mu.Unlock()
}

// Ops returns all operations in the order in which they were sent.
func (h *History) Ops() []Op {
	h.mu.Lock()
	ops := slices.Clone(h.ops)
	h.mu.Unlock()
	slices.SortStableFunc(ops, func(a, b Op) int { return cmp.Compare(a.Sent, b.Sent) })
	return ops
}

// What clients did and saw, as the checks read it.

package history

import (
	"fmt"
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
	Pass    Kind = "pass"    // FENCE.PASS; Number is the token that is shown. No: it was too low
	Fence   Kind = "fence"   // FENCE.GET; Number is the highest token so far. No: none was shown
	Revoke  Kind = "revoke"  // LOCK.REVOKE and LOCK.FORCE; TTL is the grace. Yes: whoever held it was told so
)

// Mode is how a lock is taken.
type Mode string

// The modes. Tokens are known of all who take a lock that several may hold.
const (
	ModeAlone     Mode = ""
	ModeShared    Mode = "shared"    // beside all who share, and one to update
	ModeUpdate    Mode = "update"    // beside all who share
	ModeSemaphore Mode = "semaphore" // beside others, while all Permits are at most Limit
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
// request was written and Done after its reply was read. The names in JSON are explained in lines.go.
type Op struct {
	Kind    Kind          `json:"kind"`
	Key     string        `json:"key"`
	Owner   string        `json:"owner,omitempty"`
	Node    string        `json:"node,omitempty"`
	Command string        `json:"cmd,omitempty"` // its first word, for people
	TTL     time.Duration `json:"ttl,omitempty"`
	Wait    time.Duration `json:"wait,omitempty"`
	Dialed  time.Duration `json:"dialed,omitempty"` // when its connection was made
	Sent    time.Duration `json:"sent"`
	Done    time.Duration `json:"done"`
	Outcome Outcome       `json:"out"`
	Number  int64         `json:"number,omitempty"`
	Waiters []string      `json:"queue,omitempty"`
	Said    string        `json:"said,omitempty"` // the error, if there was one
	Left    bool          `json:"left,omitempty"` // the client hung up while a Take waited; Outcome is Unknown
	Mode    Mode          `json:"mode,omitempty"`
	Permits int64         `json:"permits,omitempty"`
	Limit   int64         `json:"limit,omitempty"`
	Prio    int           `json:"prio,omitempty"`    // by how much it is above the usual one
	Session string        `json:"session,omitempty"` // what it hangs on beside its TTL
	Among   int           `json:"among,omitempty"`   // how many keys were asked for together, if it is not one
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
	if o.Mode != ModeAlone {
		s += " " + string(o.Mode)
	}
	if o.Permits > 0 {
		s += fmt.Sprintf(" %d of %d", o.Permits, o.Limit)
	}
	if o.Prio != 0 {
		s += fmt.Sprintf(" prio %+d", o.Prio)
	}
	if o.Session != "" {
		s += " on " + o.Session
	}
	if o.Said != "" {
		s += " (" + o.Said + ")"
	}
	if o.Left {
		s += " (the client left)"
	}
	return s
}

// Known tells whether the operation was answered and did what its kind says.
func (o *Op) Known() bool { return o.Outcome == Yes || o.Outcome == No }

// Recorder collects operations of many clients.
type Recorder struct {
	zero time.Duration        // of CLOCK_MONOTONIC, if it is shared
	now  func() time.Duration // since the history began
	mu   sync.Mutex
	ops  []Op
}

// New begins a history now.
func New() *Recorder {
	start := time.Now()
	return &Recorder{now: func() time.Duration { return time.Since(start) }}
}

// Now is the time since the history began.
func (h *Recorder) Now() time.Duration { return h.now() }

// Zero is what CLOCK_MONOTONIC was when a Shared history began; 0 for others.
func (h *Recorder) Zero() time.Duration { return h.zero }

// Add notes an operation that is over.
func (h *Recorder) Add(op Op) {
	h.mu.Lock()
	h.ops = append(h.ops, op)
	h.mu.Unlock()
}

// Ops returns all operations in the order in which they were sent.
func (h *Recorder) Ops() []Op {
	h.mu.Lock()
	defer h.mu.Unlock()
	return Merge(h.ops)
}

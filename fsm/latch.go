// Latches: a number that is counted down, and those who wait until it is zero. A latch that has reached zero
// stays there under its key, so who comes late does not wait.

package fsm

// Latch is one.
type Latch struct {
	holding
	left int64
}

// NewLatch returns a latch that opens after n are counted down.
func NewLatch(n int64) *Latch { return &Latch{left: n} }

// Left returns how many are still to be counted down.
func (v *Latch) Left() int64 { return v.left }

// Down counts n down, at most to zero, and returns what is left.
func (v *Latch) Down(n int64) int64 {
	before := v.left
	v.left = max(0, v.left-n)
	v.note(func() { v.left = before })
	return v.left
}

// Type implements Value.
func (*Latch) Type() string { return "latch" }

// Len implements Value. An open latch is there as well.
func (*Latch) Len() int { return 1 }

func (*Latch) cost() int64 { return valueCost }

func (v *Latch) copied() Value { return &Latch{left: v.left} }

func (v *Latch) write(e *encoder) { e.uints(uint64(v.left)) }

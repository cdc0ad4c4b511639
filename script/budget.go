package script

// What a run costs. gopher-lua asks its context before each instruction whether it is done; this context
// counts the questions. Libraries charge their own steps and bytes. Once the budget is used up it stays so
// to the end of the run: a script that catches the error dies of it again at its next instruction.

import (
	"errors"
	"time"

	lua "github.com/yuin/gopher-lua"
)

var (
	errSteps = errors.New("script exceeded its budget of instructions")
	errBytes = errors.New("script exceeded its budget of memory")
)

// budget implements context.Context.
type budget struct {
	steps int64 // left
	bytes int64 // left
	err   error
	ended chan struct{} // closed from the start: what Done returns when the budget is used up
}

func newBudget() *budget {
	b := &budget{ended: make(chan struct{})}
	close(b.ended)
	return b
}

// Done counts one instruction. A nil channel never delivers, so that the usual case costs nothing more.
func (b *budget) Done() <-chan struct{} {
	if b.steps--; b.steps < 0 && b.err == nil {
		b.err = errSteps
	}
	if b.err != nil {
		return b.ended
	}
	return nil
}

// Err tells what was used up.
func (b *budget) Err() error { return b.err }

// Deadline says that time does not count.
func (b *budget) Deadline() (time.Time, bool) { return time.Time{}, false }

// Value has none.
func (b *budget) Value(any) any { return nil }

// step charges n steps of a library.
func (b *budget) step(n int) {
	if b.steps -= int64(n); b.steps < 0 {
		b.fail(errSteps)
	}
}

// alloc charges n bytes, before they are allocated. It also charges steps, for memory must be filled.
func (b *budget) alloc(n int) {
	if b.bytes -= int64(n); b.bytes < 0 {
		b.fail(errBytes)
	}
	if n >= 1024 {
		b.step(n >> 10)
	}
}

func (b *budget) fail(err error) {
	if b.err == nil {
		b.err = err
	}
	panic(&lua.ApiError{Type: lua.ApiErrorRun, Object: lua.LString(b.err.Error())})
}

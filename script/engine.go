// Package script runs the Lua 5.1 scripts of EVAL: deterministic, bounded, and with the functions, replies
// and error texts of Redis 7.
//
// Every node runs the same script on the same state and must come to the same end. So a script sees no
// clock, no addresses and no order that differs by node, its dice are thrown by the host, who throws the same
// everywhere, and nothing of one run is left for the next. What a run may cost is counted in steps and bytes,
// never in time, so that all nodes give up at the same instruction.
//
// gopher-lua is the machine. Around it: the syntax tree is rewritten before it is compiled (rewrite.go), so
// that whatever makes memory passes by the budget (budget.go); the standard libraries are our own, because
// gopher-lua's follow Go's rules for numbers, patterns and formats where Redis' users see C's.
package script

import (
	"sync"

	"github.com/divtxt/lockd/resp"
)

// Options bounds what one run may cost. A zero field takes its default.
type Options struct {
	Steps int64 // instructions and their like in libraries, default 500,000
	Bytes int64 // bytes allocated over the whole run, freed or not, default 24 MiB
	Depth int   // nested calls, default 1,000
}

const (
	defaultSteps = 500_000
	defaultBytes = 24 << 20
	defaultDepth = 1_000
)

// Host is what a script can reach outside of itself.
type Host interface {
	// Call runs a command in the script's transaction. The words are valid until it returns.
	Call(words [][]byte) resp.Value
	// Allowed tells whether the user may run the command; ok is false where there is no such command.
	Allowed(words [][]byte) (allowed, ok bool)
	// SetProto says that commands reply as in version 2 (at the start of each run) or 3 of the protocol.
	SetProto(version int)
	// Seed is what math.random begins with in a script that does not say: another one in each run.
	Seed() uint32
	// Log takes a line of redis.log; level is 0 (debug) to 3 (warning).
	Log(level int, text string)
}

// Engine compiles and runs scripts. It is safe for use by several goroutines.
type Engine struct {
	opts Options
	idle sync.Pool // of *interp: interpreters between two runs
	cache
}

// New returns an engine. It panics where gopher-lua is not the version whose tables this package knows.
func New(opts Options) *Engine {
	if opts.Steps <= 0 {
		opts.Steps = defaultSteps
	}
	if opts.Bytes <= 0 {
		opts.Bytes = defaultBytes
	}
	if opts.Depth <= 0 {
		opts.Depth = defaultDepth
	}
	checkLayout()
	e := &Engine{opts: opts}
	e.idle.New = func() any { return newInterp(e.opts) }
	return e
}

// Outcome is what became of a run.
type Outcome struct {
	Reply  resp.Value
	Failed bool  // by an error that nobody caught; a script that returns an error has not failed
	Steps  int64 // what it cost
}

// Run executes p. What a script did that has failed is not undone here: that is the host's.
func (e *Engine) Run(p *Program, keys, argv [][]byte, host Host) Outcome {
	in := e.idle.Get().(*interp)
	outcome := in.run(p, keys, argv, host)
	if !in.spoiled {
		e.idle.Put(in)
	}
	return outcome
}

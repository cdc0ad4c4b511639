package script

// An interpreter: one Lua state with its libraries, made once and used for one run after the other. Nothing
// that a script may change outlives its run: the tables of the libraries refuse writes, KEYS and ARGV are
// new each time, and the generator of random numbers starts anew.

import (
	"errors"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/divtxt/lockd/resp"
)

const (
	registrySize = 8 << 10   // values on the stack of calls; it grows by as much
	registryMax  = 256 << 10 // where a script's stack overflows
)

// interp is one interpreter.
type interp struct {
	L       *lua.LState
	budget  *budget
	globals *lua.LTable
	handler *lua.LFunction
	steps   int64 // budget of a run
	bytes   int64

	readonly    *lua.LTable // metatable of tables that must not be changed
	globalsMeta *lua.LTable // the same for the table of globals
	null        *lua.LUserData
	cjson       cjsonConfig
	spoiled     bool // must not be used again

	run1 runState
}

// runState is what belongs to the run at hand.
type runState struct {
	host  Host
	proto int
	rand  uint64   // the state of math.random, 0 before its first use
	words [][]byte // of the command being called
	text  []byte   // which the words are parts of
	line  int      // where the error that ended the run was raised
	buf   []byte   // scratch of string functions
	depth int      // of protected calls within another
}

func newInterp(opts Options) *interp {
	in := &interp{budget: newBudget(), steps: opts.Steps, bytes: opts.Bytes}
	in.budget.steps, in.budget.bytes = 1<<40, 1<<40
	in.L = lua.NewState(lua.Options{
		SkipOpenLibs: true, CallStackSize: opts.Depth,
		RegistrySize: registrySize, RegistryGrowStep: registrySize, RegistryMaxSize: registryMax,
	})
	in.L.SetContext(in.budget)
	in.globals = in.L.G.Global
	in.readonly, in.globalsMeta = in.L.NewTable(), in.L.NewTable()
	in.null = &lua.LUserData{Metatable: lua.LNil}
	in.handler = in.L.NewFunction(in.onError)
	in.openBase()
	in.openTable()
	in.openString()
	in.openMath()
	in.openBit()
	in.openRedis()
	in.openCJSON()
	in.openMsgpack()
	in.openStruct()
	in.openTypes()
	return in
}

// library makes a table of functions that a script can read and not change.
func (in *interp) library(name string, functions map[string]builtin) *lua.LTable {
	t := in.L.NewTable()
	for _, key := range sortedKeys(functions) {
		t.RawSetString(key, in.function(key, functions[key]))
	}
	t.Metatable = in.readonly
	in.globals.RawSetString(name, t)
	return t
}

// function makes a Lua function of one of ours. Many arguments have been copied to get here: they cost.
func (in *interp) function(name string, f builtin) *lua.LFunction {
	return in.L.NewFunction(func(L *lua.LState) int {
		c := call{in: in, L: L, name: name}
		if n := L.GetTop(); n > 16 {
			in.budget.step(n >> 3)
		}
		return f(c)
	})
}

// run executes a program.
func (in *interp) run(p *Program, keys, argv [][]byte, host Host) Outcome {
	in.budget.steps, in.budget.bytes, in.budget.err = in.steps, in.bytes, nil
	in.cjson = defaultCJSON()
	last := in.run1 // its buffers are used again
	in.run1 = runState{host: host, proto: 2, words: last.words, text: last.text, buf: last.buf}
	host.SetProto(2)
	L := in.L
	in.globals.RawSetString("KEYS", in.list(keys))
	in.globals.RawSetString("ARGV", in.list(argv))
	top := L.GetTop()
	L.Push(L.NewFunctionFromProto(p.proto))
	err := L.PCall(0, 1, in.handler)
	in.run1.host = nil
	o := in.outcome(p, err)
	L.SetTop(top)
	in.globals.RawSetString("KEYS", lua.LFalse)
	in.globals.RawSetString("ARGV", lua.LFalse)
	if cap(in.run1.text) > 1<<20 || cap(in.run1.buf) > 1<<20 {
		in.spoiled = true // it holds more memory than an idle one should
	}
	return o
}

// outcome turns the end of a run into its outcome.
func (in *interp) outcome(p *Program, err error) (o Outcome) {
	fails := func(object lua.LValue) Outcome {
		return Outcome{in.errorReply(p, object), true, in.steps - max(0, in.budget.steps)}
	}
	defer func() {
		if r := recover(); r != nil { // the budget ended while the result was converted
			o = fails(lua.LString(in.failure()))
		}
	}()
	if in.budget.err != nil {
		return fails(lua.LString(in.failure()))
	}
	var api *lua.ApiError
	switch {
	case err == nil:
		c := call{in: in, L: in.L}
		return Outcome{c.toReply(in.L.Get(-1), 0), false, in.steps - in.budget.steps}
	case errors.As(err, &api):
		return fails(api.Object)
	}
	return fails(lua.LString(err.Error()))
}

func (in *interp) failure() string {
	if in.budget.err != nil {
		return in.budget.err.Error()
	}
	in.spoiled = true
	return "internal error"
}

// errorReply words an error that nobody caught as Redis 7 does, with the script's name and the line.
func (in *interp) errorReply(p *Program, object lua.LValue) resp.Value {
	var text string
	switch o := object.(type) {
	case *lua.LTable:
		text = "ERR unknown error"
		if s, ok := o.RawGetString("err").(lua.LString); ok {
			text = string(s)
		}
	case lua.LNumber, lua.LString:
		text = "ERR " + clean(toText(o))
	default:
		text = "ERR " + in.describe(object)
	}
	text = strings.TrimPrefix(text, "-")
	line := in.run1.line
	if line == 0 { // the stack was too full to look: the text itself may tell
		_, after, _ := strings.Cut(text, chunkName+":")
		number, _, _ := strings.Cut(after, ":")
		line, _ = strconv.Atoi(number)
	}
	if line > 0 {
		text += " script: " + p.sha + ", on @" + chunkName + ":" + strconv.Itoa(line) + "."
	}
	return resp.Error(text)
}

// onError runs where an error was raised, before the calls that led there are undone: it notes the line.
func (in *interp) onError(L *lua.LState) int {
	in.run1.line = currentLine(L, 1)
	if in.run1.line == 0 {
		in.run1.line = currentLine(L, 2)
	}
	return 1
}

// currentLine returns the line that the function at a level of the call stack is at, 0 where it is not Lua.
func currentLine(L *lua.LState, level int) int {
	frame, ok := L.GetStack(level)
	if !ok {
		return 0
	}
	if _, err := L.GetInfo("l", frame, lua.LNil); err != nil {
		return 0
	}
	return max(frame.CurrentLine, 0)
}

// clean words an error of the machine as Lua words it.
func clean(text string) string {
	at := strings.Index(text, ": ")
	switch {
	case strings.HasPrefix(text, chunkName+":") && at > 0:
		return text[:at+2] + clean(text[at+2:])
	case strings.HasPrefix(text, "attempt to compare "):
		if a, b, ok := strings.Cut(text[len("attempt to compare "):], " with "); ok && a == b {
			return "attempt to compare two " + a + " values"
		}
	case strings.HasPrefix(text, "cannot perform "):
		if _, types, ok := strings.Cut(text, " between "); ok {
			a, b, _ := strings.Cut(types, " and ")
			if a == "number" {
				a = b
			}
			return "attempt to perform arithmetic on a " + a + " value"
		}
	case text == "__unm undefined":
		return "attempt to perform arithmetic on a table value"
	case strings.HasPrefix(text, "for statement init"):
		return "'for' initial value must be a number"
	case strings.HasPrefix(text, "for statement "):
		return "'for' " + text[len("for statement "):]
	case strings.HasPrefix(text, "registry overflow"), strings.Contains(text, "callstack overflow"):
		return "stack overflow"
	case strings.HasPrefix(text, "attempt to call a non-function object"):
		return "attempt to call a table value"
	}
	return text
}

// list makes the table KEYS or ARGV.
func (in *interp) list(words [][]byte) *lua.LTable {
	t := in.L.CreateTable(len(words), 0)
	for _, w := range words {
		in.budget.bytes -= int64(len(w)) + 32
		t.Append(lua.LString(w))
	}
	return t
}

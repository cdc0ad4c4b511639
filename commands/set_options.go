// SET and GETEX with their options, and what deletes a key by its value. The order of the checks is
// Redis': options first, then the time, then the key.

package commands

import (
	"math"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

// The ways to say when a key ends, as help shows them.
const (
	expirySyntax = "EX seconds | PX milliseconds | EXAT unix-time-seconds | " +
		"PXAT unix-time-milliseconds"
	setExpirySyntax = "[" + expirySyntax + " | KEEPTTL]"
	getExpirySyntax = "[" + expirySyntax + " | PERSIST]"
)

// condition says when a key is set or deleted.
type condition int

const (
	always   condition = iota
	ifAbsent           // NX
	ifExists           // XX
	ifEqual            // IFEQ: it exists with this value
	ifOther            // IFNE: it does not exist, or with another value
)

// setOptions is what the options of SET or GETEX said.
type setOptions struct {
	when    condition
	compare string // for ifEqual and ifOther
	get     bool
	ends    ending
	time    int // the word that holds the time
}

// ending says what becomes of the time to live.
type ending int

const (
	endsNever ending = iota
	endsKeep         // KEEPTTL
	endsPersist
	endsEX
	endsPX
	endsEXAT
	endsPXAT
)

// readSetOptions reads the words of a from place i on. It reports false where Redis has a syntax error.
func readSetOptions(a Args, i int, isSet bool) (o setOptions, ok bool) {
	for ; i < len(a); i++ {
		used := 0
		if isSet {
			used = o.readCondition(a, i)
		}
		if used == 0 {
			used = o.readEnding(a, i, isSet)
		}
		if used == 0 {
			return o, false
		}
		i += used - 1
	}
	return o, true
}

// readCondition reads an option that only SET has and returns how many words it took.
func (o *setOptions) readCondition(a Args, i int) int {
	set := func(c condition) int {
		if o.when != always && o.when != c {
			return 0
		}
		o.when = c
		return 1
	}
	compare := func(c condition) int {
		if i+1 >= len(a) || set(c) == 0 {
			return 0
		}
		o.compare = a.Str(i + 1)
		return 2
	}
	switch {
	case a.Is(i, "NX"):
		return set(ifAbsent)
	case a.Is(i, "XX"):
		return set(ifExists)
	case a.Is(i, "IFEQ"):
		return compare(ifEqual)
	case a.Is(i, "IFNE"):
		return compare(ifOther)
	case a.Is(i, "GET"):
		o.get = true
		return 1
	}
	return 0
}

// readEnding reads an option about the time to live and returns how many words it took. Two different
// ones are an error, the same one twice is not.
func (o *setOptions) readEnding(a Args, i int, isSet bool) int {
	e, words := endsNever, 2
	switch {
	case a.Is(i, "EX"):
		e = endsEX
	case a.Is(i, "PX"):
		e = endsPX
	case a.Is(i, "EXAT"):
		e = endsEXAT
	case a.Is(i, "PXAT"):
		e = endsPXAT
	case isSet && a.Is(i, "KEEPTTL"):
		e, words = endsKeep, 1
	case !isSet && a.Is(i, "PERSIST"):
		e, words = endsPersist, 1
	}
	if e == endsNever || (o.ends != endsNever && o.ends != e) || i+words > len(a) {
		return 0
	}
	o.ends = e
	if words == 2 {
		o.time = i + 1
	}
	return words
}

// left returns how many milliseconds the key is to live; for an absolute time in the past it is zero or
// less. Without a time it returns 0.
func (o *setOptions) left(tx *fsm.Tx, a Args, name string) (int64, resp.Value) {
	switch o.ends {
	case endsEX:
		return lifetime(tx, a.Str(o.time), name, 1000, false)
	case endsPX:
		return lifetime(tx, a.Str(o.time), name, 1, false)
	case endsEXAT:
		return lifetime(tx, a.Str(o.time), name, 1000, true)
	case endsPXAT:
		return lifetime(tx, a.Str(o.time), name, 1, true)
	}
	return 0, resp.Value{}
}

// lifetime reads a positive time in units of so many milliseconds and returns the milliseconds from now
// on. Where Redis would overflow its wall clock there is the same error, though nothing overflows here.
func lifetime(tx *fsm.Tx, word, name string, unit int64, absolute bool) (int64, resp.Value) {
	n, ok := parseInt(word)
	wall := tx.Wall().Millis()
	switch {
	case !ok:
		return 0, errNotInt()
	case n <= 0 || n > math.MaxInt64/unit:
		return 0, errExpire(name)
	case absolute:
		return n*unit - wall, resp.Value{}
	case n*unit > math.MaxInt64-wall:
		return 0, errExpire(name)
	}
	return n * unit, resp.Value{}
}

// met tells whether a command with condition c may act on it, which is nil if there is nothing.
func (c condition) met(it *fsm.Item, compare string) bool {
	switch c {
	case ifAbsent:
		return it == nil
	case ifExists:
		return it != nil
	case ifEqual:
		return it != nil && it.Str == compare // of a string, as whoever asks has seen to
	case ifOther:
		return it == nil || it.Str != compare
	}
	return true
}

// allows tells whether SET may set a key, at which it stands. NX takes it, which nobody may while it is
// frozen.
func (o *setOptions) allows(tx *fsm.Tx, key string, it *fsm.Item) bool {
	return o.when.met(it, o.compare) && (o.when != ifAbsent || tx.Frozen(key) == nil)
}

func set(tx *fsm.Tx, a Args) resp.Value {
	o, ok := readSetOptions(a, 3, true)
	if !ok {
		return errSyntax()
	}
	left, problem := o.left(tx, a, "set")
	if problem.IsError() {
		return problem
	}
	old := tx.Get(a.Str(1))
	if shown := valueOf(old); shown.IsError() && (o.get || o.when.compares()) {
		return shown
	}
	reply := resp.OK()
	if o.get {
		reply = valueOf(old)
	}
	if !o.allows(tx, a.Str(1), old) {
		if o.get {
			return reply
		}
		return resp.Null()
	}
	switch {
	case o.ends == endsKeep && old != nil:
		setString(tx, old, a.Str(1), a.Str(2), old.Deadline, "set")
	case o.time == 0:
		setString(tx, old, a.Str(1), a.Str(2), fsm.NoDeadline, "set")
	case left > 0:
		setString(tx, old, a.Str(1), a.Str(2), tx.Clock().After(left), "set")
		tx.Notify(fsm.EventGeneric, "expire", a.Str(1))
	case old != nil:
		drop(tx, old) // it was over before it began
	}
	return reply
}

// compares tells whether the condition is about the value.
func (c condition) compares() bool { return c == ifEqual || c == ifOther }

// setKeyFlags says how one call of SET uses its key.
func setKeyFlags(a Args) string {
	for i := 3; i < len(a); i++ {
		if a.Is(i, "GET") {
			return "RW access update"
		}
	}
	return "OW update"
}

func setNX(tx *fsm.Tx, a Args) resp.Value {
	if tx.Get(a.Str(1)) != nil || tx.Frozen(a.Str(1)) != nil {
		return resp.Int(0)
	}
	setString(tx, nil, a.Str(1), a.Str(2), fsm.NoDeadline, "set")
	return resp.Int(1)
}

// setWithTTL returns the handler of SETEX or PSETEX, whose times have so many milliseconds.
func setWithTTL(name string, unit int64) Handler {
	return func(tx *fsm.Tx, a Args) resp.Value {
		left, problem := lifetime(tx, a.Str(2), name, unit, false)
		if problem.IsError() {
			return problem
		}
		setString(tx, tx.Get(a.Str(1)), a.Str(1), a.Str(3), tx.Clock().After(left), "set")
		tx.Notify(fsm.EventGeneric, "expire", a.Str(1))
		return resp.OK()
	}
}

func getEx(tx *fsm.Tx, a Args) resp.Value {
	o, ok := readSetOptions(a, 2, false)
	if !ok {
		return errSyntax()
	}
	it := tx.Get(a.Str(1))
	if it == nil || it.Value() != nil {
		return valueOf(it) // Redis does not look at the time then
	}
	left, problem := o.left(tx, a, "getex")
	if problem.IsError() {
		return problem
	}
	switch {
	case o.ends == endsPersist && it.Deadline == fsm.NoDeadline:
	case o.ends == endsPersist:
		tx.SetDeadline(it, fsm.NoDeadline)
		tx.Notify(fsm.EventGeneric, "persist", it.Key)
	case o.time == 0:
	case left <= 0:
		drop(tx, it)
	default:
		tx.SetDeadline(it, tx.Clock().After(left))
		tx.Notify(fsm.EventGeneric, "expire", it.Key)
	}
	return valueOf(it)
}

// delIfEqual is the compare-and-delete that lock libraries otherwise need a script for.
func delIfEqual(tx *fsm.Tx, a Args) resp.Value {
	it, problem := stringAt(tx, a.Str(1))
	if problem.IsError() || it == nil || it.Str != a.Str(2) {
		return orZero(problem)
	}
	tx.Release(it)
	return resp.Int(1)
}

func delEx(tx *fsm.Tx, a Args) resp.Value {
	when, compare := always, ""
	switch {
	case len(a) == 2:
	case len(a) == 4 && a.Is(2, "IFEQ"):
		when, compare = ifEqual, a.Str(3)
	case len(a) == 4 && a.Is(2, "IFNE"):
		when, compare = ifOther, a.Str(3)
	default:
		return errSyntax()
	}
	it := tx.Get(a.Str(1))
	switch {
	case it == nil:
		return resp.Int(0)
	case it.Value() != nil && when.compares():
		return errWrongType()
	case !when.met(it, compare):
		return resp.Int(0)
	case when == ifEqual:
		tx.Release(it)
		return resp.Int(1)
	}
	drop(tx, it)
	return resp.Int(1)
}

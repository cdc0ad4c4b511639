// What happened to locks: the feed of all of it, and the past of one key. Both are read from the events that
// the state keeps (fsm/events.go).
//
// LOCK.EVENTS goes into the log, since it may wait there for what is to come, as BLPOP does.

package commands

import (
	"slices"
	"strconv"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

func lockEventCommands() []Command {
	return []Command{
		{
			Name: "lock.events", Arity: -3, Flags: Logged | NoScript | Blocking, Group: "lock", Since: "0.1.0",
			Entry: fsm.VersionLocks, Syntax: "FROM <number | $> [MATCH pattern] [COUNT count] [BLOCK ms]",
			Complexity: "O(N), N the number of events since then", Handler: lockEvents, Parks: eventsPark,
			Summary: "Reply what has happened to locks since an event, and where to go on.",
		},
		{
			Name: "lock.history", Arity: -2, Flags: ReadOnly, Keys: Keys{1, 1, 1}, KeyFlags: "RO access",
			Group: "lock", Since: "0.1.0", Entry: fsm.VersionLocks, Syntax: "key [COUNT count]",
			Complexity: "O(N), N the number of events kept", Handler: lockHistory,
			Summary: "Show what happened to a lock, the last first.",
		},
		{
			Name: "lock.top", Arity: -1, Flags: ReadOnly, Group: "lock", Since: "0.1.0", Entry: fsm.VersionLocks,
			Syntax:     "[BY <wait | hold | contention | waiters>] [COUNT count]",
			Complexity: "O(N log N), N the number of events kept and of waiters", Handler: lockTop,
			Summary: "Show the locks that are waited for or held most, over the last events.",
		},
	}
}

// perEvent is the steps that a look at an event costs.
const perEvent = 1

// eventsWish is what the words of LOCK.EVENTS said.
type eventsWish struct {
	from, first, next uint64 // the first event to show, the first that there is, the next to come
	glob              glob
	count             int
	wait              int64 // 0: for ever
	waits             bool
}

func eventsPark(a Args) bool {
	for i := 3; i < len(a); i += 2 {
		if a.Is(i, "BLOCK") {
			return true
		}
	}
	return false
}

func readEvents(tx *fsm.Tx, a Args) (o eventsWish, problem resp.Value) {
	o = eventsWish{glob: glob{pattern: "*", steps: scanSteps}, count: listCount, waits: eventsPark(a)}
	if !a.Is(1, "FROM") {
		return o, errSyntax()
	}
	for i := 3; i < len(a); i += 2 {
		switch {
		case i+1 >= len(a):
			return o, errSyntax()
		case a.Is(i, "MATCH"):
			o.glob.pattern = a.Str(i + 1)
		case a.Is(i, "COUNT"):
			o.count, problem = countArg(a, i+1)
		case a.Is(i, "BLOCK"):
			n, ok := a.Int(i + 1)
			if !ok || n < 0 {
				return o, resp.Errorf("ERR '%s' is no time to wait: give milliseconds, or 0 for ever", clip(a[i+1], 32))
			}
			o.wait = n
		default:
			return o, errSyntax()
		}
		if problem.IsError() {
			return o, problem
		}
	}
	o.first, o.next = tx.EventNumbers()
	return o, o.begin(tx, a)
}

// begin finds the first event to show.
func (o *eventsWish) begin(tx *fsm.Tx, a Args) resp.Value {
	n, ok := a.Int(2)
	switch {
	case a.Str(2) == "$":
		o.from = o.next
	case !ok || n < 0:
		return resp.Errorf("ERR '%s' is no number of an event: give the one that LOCK.EVENTS replied, 0 to "+
			"begin with the first that is kept, or $ for what is to come", clip(a[2], 32))
	case n == 0:
		o.from = o.first
	default:
		o.from = uint64(n)
	}
	if tx.Again() {
		o.from = max(o.from, tx.NewEvents()) // what was there before was not for it
	}
	switch {
	case o.from < o.first:
		return resp.Errorf("COMPACTED events before %d are not kept any longer: what you know from before event "+
			"%d may be out of date, see LOCK.LIST; go on with LOCK.EVENTS FROM %d", o.first, o.first, o.first)
	case o.from > o.next:
		return resp.Errorf("COMPACTED the next event will be %d: %d is a number of other times, as before a "+
			"restore; see LOCK.LIST, and go on with LOCK.EVENTS FROM %d", o.next, o.from, o.first)
	}
	return resp.Value{}
}

// countArg reads word i as how much a page shows.
func countArg(a Args, i int) (int, resp.Value) {
	n, ok := a.Int(i)
	if !ok || n < 1 {
		return 0, resp.Errorf("ERR '%s' is no count: give a positive integer", clip(a[i], 32))
	}
	return int(min(n, listMaxCount)), resp.Value{}
}

func lockEvents(tx *fsm.Tx, a Args) resp.Value {
	o, problem := readEvents(tx, a)
	if problem.IsError() {
		return problem
	}
	var list []resp.Value
	next := o.from
	tx.Events(o.from, func(e *fsm.LockEvent) bool {
		if len(list) == o.count {
			return false
		}
		fits := o.fits(e)
		if o.glob.spent() && e.Number > o.from {
			return false // nobody knows whether it fits: it comes with the next call
		}
		if fits {
			list = append(list, eventRow(e))
		}
		next = e.Number + 1
		return true
	})
	tx.Spend(int64(next-o.from) * perEvent)
	if len(list) == 0 && next == o.next && o.waits && !tx.IsInside() {
		return o.await(tx, a)
	}
	return resp.Array(resp.Array(list...), resp.Int(int64(next)))
}

// await lets the command run again when there are more events. What comes before these has been looked at.
func (o *eventsWish) await(tx *fsm.Tx, a Args) resp.Value {
	words := slices.Clone(a)
	words[2] = strconv.AppendUint(nil, o.next, 10)
	return tx.AwaitEvents(words, o.wait)
}

// fits tells whether an event is about a key that was asked for. One about many keys always is.
func (o *eventsWish) fits(e *fsm.LockEvent) bool {
	return e.Kind.OfMany() || o.glob.all() || o.glob.match(e.Key)
}

// eventRow is an event as replies show it.
func eventRow(e *fsm.LockEvent) resp.Value {
	mode := resp.Null()
	if !e.Kind.OfMany() {
		mode = resp.Bulk(e.Mode.String())
	}
	row := []resp.Value{
		resp.Bulk("number"), resp.Int(int64(e.Number)), resp.Bulk("event"), resp.Bulk(e.Kind.String()),
		resp.Bulk("key"), resp.Bulk(e.Key), resp.Bulk("owner"), resp.Bulk(e.Owner),
		resp.Bulk("token"), tokenOrNull(e.Token), resp.Bulk("mode"), mode,
		resp.Bulk("by"), resp.Int(int64(e.By)), resp.Bulk("waited-ms"), intOrNull(e.Waited()),
		resp.Bulk("held-ms"), intOrNull(e.Held()), resp.Bulk("reason"), resp.Bulk(e.Reason),
		resp.Bulk("db"), resp.Int(int64(e.DB)), resp.Bulk("time-ms"), resp.Int(e.Wall.Millis()),
		resp.Bulk("clock-ms"), resp.Int(int64(e.Clock)), resp.Bulk("index"), resp.Int(int64(e.Index)),
	}
	if ms, told := e.Left(); told {
		row = append(row, resp.Bulk("left-ms"), resp.Int(ms))
	}
	return resp.Map(row...)
}

func intOrNull(n int64, there bool) resp.Value {
	if !there {
		return resp.Null()
	}
	return resp.Int(n)
}

// isAbout tells whether an event has changed what may be done with key.
func isAbout(e *fsm.LockEvent, key string) bool {
	switch {
	case e.Kind == fsm.LockFlushed:
		return true
	case e.Kind.OfMany():
		return Match(e.Key, key)
	}
	return e.Key == key
}

func lockHistory(tx *fsm.Tx, a Args) resp.Value {
	count := listCount
	if len(a) > 2 {
		if len(a) != 4 || !a.Is(2, "COUNT") {
			return errSyntax()
		}
		n, problem := countArg(a, 3)
		if problem.IsError() {
			return problem
		}
		count = n
	}
	key := a.Str(1)
	var list []resp.Value
	first, next := tx.EventNumbers()
	tx.Spend(int64(next-first) * perEvent)
	tx.EventsBack(func(e *fsm.LockEvent) bool {
		if int(e.DB) == tx.DB() && isAbout(e, key) {
			list = append(list, eventRow(e))
		}
		return len(list) < count
	})
	return resp.Array(list...)
}

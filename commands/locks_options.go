// What LOCK and MLOCK may be asked for, word by word.

package commands

import (
	"math"
	"strings"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

// lockSyntax is the options of LOCK, as its help shows them.
const lockSyntax = "[WAIT ms] [PRIO prio] [SHARED | UPDATE | LIMIT limit [PERMITS permits]] [REENTRANT] " +
	"[SESSION id | CONN] [MAXHOLD ms] [NOTE text] [REQID id] [EXPLAIN]"

// lockOption is one of them. read takes the word at i, which follows the option's name where it has one.
type lockOption struct {
	name  string
	word  bool // a word follows it
	since int  // version of log entries, 0: the first
	read  func(tx *fsm.Tx, req *fsm.LockRequest, a Args, i int) resp.Value
}

// lockOptionTable returns the options. It is asked for once by each command, and costs no memory.
func lockOptionTable() [11]lockOption {
	return [...]lockOption{
		{"WAIT", true, 0, optionWait},
		{"NOTE", true, 0, optionNote},
		{"PRIO", true, fsm.VersionLocks, optionPrio},
		{"SHARED", false, fsm.VersionLocks, optionMode(fsm.Shared)},
		{"UPDATE", false, fsm.VersionLocks, optionMode(fsm.Update)},
		{"LIMIT", true, fsm.VersionLocks, optionLimit},
		{"PERMITS", true, fsm.VersionLocks, optionPermits},
		{"SESSION", true, fsm.VersionLocks, optionSession},
		{"MAXHOLD", true, fsm.VersionLocks, optionMaxHold},
		{"REQID", true, fsm.VersionLocks, optionRequest},
		{"", false, fsm.VersionLocks, optionWord},
	}
}

// lockParks tells whether LOCK was told to wait; a note that says WAIT costs nothing but a watcher.
func lockParks(a Args) bool {
	for i := 3; i < len(a); i++ {
		if a.Is(i, "WAIT") {
			return true
		}
	}
	return false
}

// bindsConn tells whether a command may let something hang on its connection; an owner named CONN costs
// nothing but a note at the connection's end.
func bindsConn(a Args) bool {
	for i := 2; i < len(a); i++ {
		if a.Is(i, "CONN") {
			return true
		}
	}
	return false
}

// lockOptions reads the time to live, if there is one, and the options from word i on.
func lockOptions(tx *fsm.Tx, req *fsm.LockRequest, a Args, i int) resp.Value {
	if len(req.Owner) > tx.MaxOwner() {
		return errOwnerLength(tx, req.Owner)
	}
	table := lockOptionTable()
	timed := i < len(a) && findOption(table[:], a, i).name == "" && !isWordOption(a, i)
	if timed {
		ttl, ok := ttlArg(tx, a, i)
		if !ok {
			return errTTL(a[i])
		}
		req.TTL = ttl
		i++
	}
	for ; i < len(a); i++ {
		o := findOption(table[:], a, i)
		if o.word {
			if i++; i >= len(a) {
				return errSyntax()
			}
		}
		if tx.Version() < o.since {
			return errNotYet(o.name)
		}
		if problem := o.read(tx, req, a, i); problem.IsError() {
			return problem
		}
	}
	return checkWish(req, timed)
}

// findOption returns the option at word i; the last one stands for those that are a word alone.
func findOption(table []lockOption, a Args, i int) *lockOption {
	for j := range table[:len(table)-1] {
		if a.Is(i, table[j].name) {
			return &table[j]
		}
	}
	return &table[len(table)-1]
}

// isWordOption tells whether word i is an option that is a word alone and no mode.
func isWordOption(a Args, i int) bool {
	return a.Is(i, "REENTRANT") || a.Is(i, "EXPLAIN") || a.Is(i, "CONN")
}

// checkWish refuses what does not go together.
func checkWish(req *fsm.LockRequest, timed bool) resp.Value {
	switch {
	case !timed && req.Session == "" && !req.OnConn:
		return resp.Error("ERR LOCK needs a time to live, or a session to end with: LOCK key owner ttl-ms, " +
			"LOCK key owner SESSION id, or LOCK key owner CONN")
	case req.Mode == fsm.Permit && req.Limit == 0:
		return resp.Error("ERR PERMITS needs a LIMIT: LOCK key owner ttl-ms LIMIT 10 PERMITS 2")
	case req.Permits > req.Limit:
		return resp.Errorf("ERR %d permits of %d can never be had", req.Permits, req.Limit)
	case req.Reentrant && req.Mode == fsm.Permit:
		return resp.Error("ERR a semaphore's permits cannot be taken REENTRANT: take more PERMITS")
	}
	return resp.Value{}
}

func optionWait(_ *fsm.Tx, req *fsm.LockRequest, a Args, i int) resp.Value {
	n, ok := a.Int(i)
	if !ok || n < 0 {
		return resp.Errorf("ERR '%s' is no time to wait: give milliseconds, 0 or more", clip(a[i], 32))
	}
	req.Wait = n
	return resp.Value{}
}

func optionNote(_ *fsm.Tx, req *fsm.LockRequest, a Args, i int) resp.Value {
	if len(a[i]) > maxNote {
		return resp.Errorf("ERR a note has at most %d bytes, this one has %d", maxNote, len(a[i]))
	}
	req.Note = a.Str(i)
	return resp.Value{}
}

func optionPrio(_ *fsm.Tx, req *fsm.LockRequest, a Args, i int) resp.Value {
	n, ok := a.Int(i)
	if !ok || n < 0 || n > fsm.MaxPrio {
		return resp.Errorf("ERR '%s' is no priority: give 0 to %d, the higher comes first", clip(a[i], 32),
			fsm.MaxPrio)
	}
	req.Prio = byte(n)
	return resp.Value{}
}

func optionMode(mode fsm.Mode) func(*fsm.Tx, *fsm.LockRequest, Args, int) resp.Value {
	return func(_ *fsm.Tx, req *fsm.LockRequest, _ Args, _ int) resp.Value { return setMode(req, mode) }
}

// setMode refuses a second mode.
func setMode(req *fsm.LockRequest, mode fsm.Mode) resp.Value {
	if req.Mode != fsm.Exclusive && req.Mode != mode {
		return resp.Error("ERR a lock is taken in one mode: SHARED, UPDATE or LIMIT")
	}
	req.Mode = mode
	return resp.Value{}
}

// mostPermits bounds a semaphore, so that sums of permits never overflow.
const mostPermits = math.MaxInt32

func optionLimit(_ *fsm.Tx, req *fsm.LockRequest, a Args, i int) resp.Value {
	n, problem := permitsArg(a, i)
	if req.Limit = n; req.Permits == 0 {
		req.Permits = 1
	}
	if problem.IsError() {
		return problem
	}
	return setMode(req, fsm.Permit)
}

func optionPermits(_ *fsm.Tx, req *fsm.LockRequest, a Args, i int) resp.Value {
	n, problem := permitsArg(a, i)
	if req.Permits = n; problem.IsError() {
		return problem
	}
	return setMode(req, fsm.Permit)
}

func permitsArg(a Args, i int) (int64, resp.Value) {
	n, ok := a.Int(i)
	if !ok || n < 1 || n > mostPermits {
		return 0, resp.Errorf("ERR '%s' is no number of permits: give 1 to %d", clip(a[i], 32), mostPermits)
	}
	return n, resp.Value{}
}

func optionSession(tx *fsm.Tx, req *fsm.LockRequest, a Args, i int) resp.Value {
	if req.Session != "" || req.OnConn {
		return resp.Error("ERR a lock hangs on one session, or on the connection")
	}
	s := tx.Session(a.Str(i))
	if s == nil {
		return errNoSession(a.Str(i))
	}
	req.Session = s.ID
	return resp.Value{}
}

func optionMaxHold(tx *fsm.Tx, req *fsm.LockRequest, a Args, i int) resp.Value {
	n, ok := ttlArg(tx, a, i)
	if !ok {
		return errTTL(a[i])
	}
	req.MaxHold = n
	return resp.Value{}
}

// optionWord reads the options that are a word alone and no mode.
func optionWord(tx *fsm.Tx, req *fsm.LockRequest, a Args, i int) resp.Value {
	switch {
	case a.Is(i, "REENTRANT"):
		req.Reentrant = true
	case a.Is(i, "EXPLAIN"):
		req.Explain = true
	case a.Is(i, "CONN"):
		if tx.IsInside() {
			return resp.Error("ERR CONN is for a connection's own commands, not for scripts and transactions: " +
				"open a session with SESSION.OPEN")
		}
		if req.Session != "" {
			return resp.Error("ERR a lock hangs on one session, or on the connection")
		}
		req.OnConn = true
	default:
		return errSyntax()
	}
	return resp.Value{}
}

func errNoSession(id string) resp.Value {
	return resp.Errorf("NOSESSION %s has ended or never was: what hung on it is free; open another one with "+
		"SESSION.OPEN", shown(id))
}

// errOtherMode refuses an owner that wants a lock otherwise than it holds it.
func errOtherMode(key string, h *fsm.Hold, wanted fsm.Mode) resp.Value {
	owner, key := shown(h.Owner), shown(key)
	switch {
	case h.Mode == fsm.Permit && wanted == fsm.Permit:
		return resp.Errorf("ERR %q holds %d of %s's permits and cannot add to them: release them, and ask for "+
			"all that you need at once", owner, h.Permits, key)
	case h.Mode == fsm.Permit:
		return resp.Errorf("ERR %q holds permits of %s, which is a semaphore: release them before you take it "+
			"in another mode", owner, key)
	case wanted == fsm.Exclusive:
		return resp.Errorf("ERR %q holds %s in the mode %s: to have it alone, send LOCK.UPGRADE", owner, key,
			h.Mode)
	}
	return resp.Errorf("ERR %q holds %s in the mode %s: release it before you take it in the mode %s", owner,
		key, h.Mode, wanted)
}

func errDeadlock(cycle []string) resp.Value {
	const most = 21 // of a longer one, its beginning and its end
	parts := make([]string, 0, most)
	for i, part := range cycle {
		switch {
		case len(cycle) <= most || i < most-6 || i >= len(cycle)-5:
			parts = append(parts, shown(part))
		case i == most-6:
			parts = append(parts, "…")
		}
	}
	return resp.Errorf("DEADLOCK %s: release what you hold and try again, or take all with MLOCK",
		strings.Join(parts, " -> "))
}

// Elections: a lock that hangs on a session, whose owner is the leader and whose note is what it wants others
// to know, as its address. So LOCK.INFO shows the candidates, and a leader's token is a fencing token.

package commands

import (
	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

func electCommands() []Command {
	one := Keys{1, 1, 1}
	return coordination("coordination", []Command{
		{
			Name: "elect.campaign", Arity: -5, Flags: Write | DenyOOM | Blocking, Keys: one,
			KeyFlags: "RW access update", Complexity: "O(log N)", Handler: electCampaign, Parks: lockParks,
			Syntax:  "name candidate SESSION id [VALUE text] [WAIT ms] [REQID id]",
			Summary: "Become the leader for as long as a session lives, and reply the fencing token, or null.",
		},
		{
			Name: "elect.resign", Arity: 3, Flags: Write | Fast, Keys: one, KeyFlags: "RM delete",
			Syntax: "name candidate", Complexity: "O(log N)", Handler: electResign,
			Summary: "Cease to be the leader, and reply 1, or 0 where the candidate was not.",
		},
		{
			Name: "elect.leader", Arity: 2, Flags: ReadOnly | Fast, Keys: one, KeyFlags: "RO access",
			Syntax: "name", Complexity: "O(log N)", Handler: electLeader,
			Summary: "Show the leader with its value, its fencing token and how long it has led, or null.",
		},
		{
			Name: "elect.observe", Arity: -2, Flags: Logged | Blocking, Keys: one, KeyFlags: "RO access",
			Syntax: "name [AFTER token] [BLOCK ms]", Complexity: "O(log N)", Handler: electObserve,
			Parks:   func(a Args) bool { return len(a) > 2 && (a.Is(2, "BLOCK") || len(a) > 4) },
			Summary: "Show the leader as soon as it has another token than the one that is known, or null.",
		},
	})
}

func electCampaign(tx *fsm.Tx, a Args) resp.Value {
	req := fsm.LockRequest{
		Keys: []string{a.Str(1)}, Wish: fsm.Wish{Owner: a.Str(2), Prio: fsm.DefaultPrio},
	}
	if len(req.Owner) > tx.MaxOwner() {
		return errOwnerLength(tx, req.Owner)
	}
	for i := 3; i < len(a); i += 2 {
		problem := errSyntax()
		switch {
		case i+1 == len(a):
		case a.Is(i, "SESSION"):
			problem = optionSession(tx, &req, a, i+1)
		case a.Is(i, "VALUE"):
			problem = optionNote(tx, &req, a, i+1)
		case a.Is(i, "WAIT"):
			problem = optionWait(tx, &req, a, i+1)
		case a.Is(i, "REQID"):
			problem = optionRequest(tx, &req, a, i+1)
		}
		if problem.IsError() {
			return problem
		}
	}
	if req.Session == "" {
		return resp.Error("ERR a leader leads as long as its session lives: ELECT.CAMPAIGN name candidate " +
			"SESSION id")
	}
	return lockOnce(tx, &req, a)
}

func electResign(tx *fsm.Tx, a Args) resp.Value {
	if it := tx.Get(a.Str(1)); it != nil && !it.IsLock() && !it.Delayed() {
		return errNotALock(tx, it)
	}
	_, released := tx.Unlock(a.Str(1), a.Str(2), 0)
	return zeroOne(released)
}

// leaderOf returns the leader of an election, whose token is 0 where there is none, and an error where the
// name is that of something else.
func leaderOf(tx *fsm.Tx, name string) (fsm.Hold, resp.Value) {
	it := tx.Get(name)
	switch {
	case it == nil || it.Delayed():
		return fsm.Hold{}, resp.Value{}
	case !it.IsLock():
		return fsm.Hold{}, errNotALock(tx, it)
	case it.Value() != nil:
		return fsm.Hold{}, resp.Errorf("%s: %s is a lock that several hold, an election has one leader",
			msgWrongType, shown(name))
	}
	return firstHold(it), resp.Value{}
}

func showLeader(tx *fsm.Tx, h *fsm.Hold) resp.Value {
	return resp.Map(
		resp.Bulk("leader"), resp.Bulk(h.Owner), resp.Bulk("value"), orNull(h.Note, h.Note != ""),
		resp.Bulk("token"), resp.Int(int64(h.Token)), resp.Bulk("since-ms"), resp.Int(int64(tx.Clock()-h.Since)),
	)
}

func electLeader(tx *fsm.Tx, a Args) resp.Value {
	h, problem := leaderOf(tx, a.Str(1))
	switch {
	case problem.IsError():
		return problem
	case h.Token == 0:
		return resp.Null()
	}
	return showLeader(tx, &h)
}

func electObserve(tx *fsm.Tx, a Args) resp.Value {
	after, ms, blocks, i := uint64(0), int64(0), false, 2
	if i+1 < len(a) && a.Is(i, "AFTER") {
		n, ok := a.Int(i + 1)
		if !ok || n < 0 {
			return resp.Errorf("ERR '%s' is no token: give that of the leader you know, or 0 for any",
				clip(a[i+1], 32))
		}
		after, i = uint64(n), i+2
	}
	if i < len(a) {
		var problem resp.Value
		if ms, problem = blockArg(a, i); problem.IsError() || i+2 < len(a) {
			return errOr(problem)
		}
		blocks = true
	}
	h, problem := leaderOf(tx, a.Str(1))
	switch {
	case problem.IsError() && !tx.Again(): // who waits passes over it
		return problem
	case h.Token != 0 && h.Token != after:
		return showLeader(tx, &h)
	case !blocks:
		return resp.Null()
	}
	return tx.Park(fsm.ClassElection, []string{a.Str(1)}, a, ms)
}

// errOr returns the problem, or a syntax error where there is none.
func errOr(problem resp.Value) resp.Value {
	if problem.IsError() {
		return problem
	}
	return errSyntax()
}

// Barriers: so many owners wait for each other.

package commands

import (
	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

func barrierCommands() []Command {
	// A barrier's name stands where a key would; there is no key, only those who wait.
	one := Keys{1, 1, 1}
	return coordination("coordination", []Command{
		{
			Name: "barrier.arrive", Arity: 7, Flags: Logged | DenyOOM | Blocking, Keys: one, KeyFlags: "not_key",
			Syntax: "key owner PARTIES count BLOCK ms", Complexity: "O(N), N those who wait there",
			Handler: barrierArrive,
			Summary: "Wait until so many owners have arrived, and reply the place in which this one came, or null.",
		},
		{
			Name: "barrier.info", Arity: 2, Flags: ReadOnly, Keys: one, KeyFlags: "not_key",
			Syntax: "key", Complexity: "O(N), N those who wait there", Handler: barrierInfo,
			Summary: "Show who waits at a barrier, and how many are missing.",
		},
	})
}

// mostParties bounds a barrier, for each who arrives looks at all who are there.
const mostParties = 10_000

func barrierArrive(tx *fsm.Tx, a Args) resp.Value {
	if !a.Is(3, "PARTIES") {
		return errSyntax()
	}
	parties, ok := a.Int(4)
	if !ok || parties < 1 || parties > mostParties {
		return resp.Errorf("ERR '%s' is no number of parties: give 1 to %d", clip(a[4], 32), mostParties)
	}
	ms, problem := blockArg(a, 5)
	if problem.IsError() {
		return problem
	}
	if len(a[2]) > tx.MaxOwner() {
		return errOwnerLength(tx, a.Str(2))
	}
	reply, expected := tx.Arrive(a.Str(1), a.Str(2), parties, ms)
	if expected != 0 {
		return resp.Errorf("ERR those at barrier %s wait for %d parties, not for %d: all must say the same",
			shown(a.Str(1)), expected, parties)
	}
	return reply
}

func barrierInfo(tx *fsm.Tx, a Args) resp.Value {
	parties, arrived := int64(0), int64(0)
	var list []resp.Value
	tx.Arrived(a.Str(1), func(w fsm.Waiter) bool {
		parties, arrived = w.Limit, arrived+1
		if arrived <= shownWaiters {
			list = append(list, resp.Map(
				resp.Bulk("place"), resp.Int(arrived), resp.Bulk("owner"), resp.Bulk(w.Owner),
				resp.Bulk("since-ms"), resp.Int(int64(tx.Clock()-w.Since)),
				resp.Bulk("node"), resp.Bulk(w.Node), resp.Bulk("conn"), resp.Int(int64(w.Conn)),
			))
		}
		return true
	})
	if arrived == 0 {
		return resp.Null()
	}
	return resp.Map(
		resp.Bulk("parties"), resp.Int(parties), resp.Bulk("arrived"), resp.Int(arrived),
		resp.Bulk("missing"), resp.Int(parties-arrived), resp.Bulk("waiting"), resp.Array(list...),
	)
}

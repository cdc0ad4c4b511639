// Whole databases: their size, emptying and swapping them. And the time, which is the server's.

package commands

import (
	"math"
	"strconv"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

func databaseCommands() []Command {
	dangerous := []string{"keyspace", "dangerous"}
	everywhere := []string{"request_policy:all_shards", "response_policy:all_succeeded"}
	return []Command{
		{
			Name: "dbsize", Arity: 1, Flags: ReadOnly | Fast, Group: "server", Since: "1.0.0",
			Complexity: "O(1)", Categories: []string{"keyspace"}, Handler: dbSize,
			Tips:    []string{"request_policy:all_shards", "response_policy:agg_sum"},
			Summary: "Count the keys of the database.",
		},
		{
			Name: "flushdb", Arity: -1, Flags: Write, Group: "server", Since: "1.0.0", Syntax: "[ASYNC | SYNC]",
			Complexity: "O(1)", Categories: dangerous, Tips: everywhere, Handler: flushDB,
			Summary: "Delete all keys of the database: release all its locks.",
		},
		{
			Name: "flushall", Arity: -1, Flags: Write, Group: "server", Since: "1.0.0", Syntax: "[ASYNC | SYNC]",
			Complexity: "O(1)", Categories: dangerous, Tips: everywhere, Handler: flushAll,
			Summary: "Delete all keys of all databases: release all locks.",
		},
		{
			Name: "swapdb", Arity: 3, Flags: Write | Fast, Group: "server", Since: "4.0.0",
			Syntax: "index1 index2", Complexity: "O(N), N the number of keys in both, at most 1000",
			Categories: dangerous, Handler: swapDB, Summary: "Swap two databases.",
		},
	}
}

func serverCommands() []Command {
	return append([]Command{
		{
			Name: "time", Arity: 1, Flags: ReadOnly | Loading | Stale | Fast, Group: "server", Since: "2.6.0",
			Complexity: "O(1)", Tips: []string{"nondeterministic_output"}, Handler: timeOfDay,
			Summary: "Reply the leader's time of day: seconds since 1970, and microseconds.",
		},
		{
			Name: "raft.index", Arity: 1, Flags: ReadOnly | Fast | Hidden, Group: "server", Since: "1.0.0",
			Complexity: "O(1)", Handler: logIndex,
			Summary: "Reply an index of the log up to which all is applied that was answered before.",
		},
	}, objectCommands()...)
}

// logIndex is what a node asks that wants a copy of the state: it is as new as it must be once it has applied
// as far.
func logIndex(tx *fsm.Tx, _ Args) resp.Value { return resp.Int(int64(tx.Index())) }

func dbSize(tx *fsm.Tx, _ Args) resp.Value { return resp.Int(int64(tx.Len())) }

// flushMode tells whether the words after FLUSHDB or FLUSHALL are right. Both modes are the same here:
// emptying takes constant time, and the memory is freed beside later commands.
func flushMode(a Args) bool {
	return len(a) == 1 || (len(a) == 2 && (a.Is(1, "ASYNC") || a.Is(1, "SYNC")))
}

func flushDB(tx *fsm.Tx, a Args) resp.Value {
	if !flushMode(a) {
		return errSyntax()
	}
	tx.Flush()
	return resp.OK()
}

func flushAll(tx *fsm.Tx, a Args) resp.Value {
	if !flushMode(a) {
		return errSyntax()
	}
	for db := range fsm.Databases {
		tx.In(db).Flush()
	}
	return resp.OK()
}

func swapDB(tx *fsm.Tx, a Args) resp.Value {
	var dbs [2]int64
	for i, which := range [...]string{"first", "second"} {
		n, ok := a.Int(i + 1)
		if !ok || n < math.MinInt32 || n > math.MaxInt32 {
			return resp.Errorf("ERR invalid %s DB index", which)
		}
		dbs[i] = n
	}
	for _, n := range dbs {
		if n < 0 || n >= fsm.Databases {
			return resp.Error(msgDBIndex)
		}
	}
	if !tx.In(int(dbs[0])).Swap(int(dbs[1])) {
		return resp.Errorf("ERR these databases hold more than %d keys together: each would need a new fencing "+
			"token, which takes too long", fsm.MaxSwap)
	}
	return resp.OK()
}

func timeOfDay(tx *fsm.Tx, _ Args) resp.Value {
	us := int64(tx.Wall())
	return resp.Array(
		resp.Bulk(strconv.FormatInt(us/1_000_000, 10)),
		resp.Bulk(strconv.FormatInt(us%1_000_000, 10)),
	)
}

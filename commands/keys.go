// Keys of any type: whether they are there, what they are called, in which database they stand.
//
// RENAME, COPY and MOVE put a value under a key where somebody else may have held it, so the destination
// always gets a new fencing token (Tx.Move), also where the value stays the same.

package commands

import (
	"math"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

func keyCommands() []Command {
	return append(append(existCommands(), moveCommands()...), append(expiryCommands(), listCommands()...)...)
}

func existCommands() []Command {
	one, all := Keys{1, 1, 1}, Keys{1, -1, 1}
	keyspace := []string{"keyspace"}
	sum := []string{"request_policy:multi_shard", "response_policy:agg_sum"}
	const many = "O(N), N the number of keys"
	return []Command{
		{
			Name: "del", Arity: -2, Flags: Write, Keys: all, KeyFlags: "RM delete", Group: "generic",
			Since: "1.0.0", Syntax: "key [key ...]", Complexity: many, Categories: keyspace, Tips: sum,
			Handler: del, Summary: "Delete keys: release these locks, whoever holds them.",
		},
		{
			Name: "unlink", Arity: -2, Flags: Write | Fast, Keys: all, KeyFlags: "RM delete", Group: "generic",
			Since: "4.0.0", Syntax: "key [key ...]", Complexity: many, Categories: keyspace, Tips: sum,
			Handler: del, Summary: "Delete keys, as DEL.",
		},
		{
			Name: "delifeq", Arity: 3, Flags: Write | Fast, Keys: one, KeyFlags: "RM delete", Group: "string",
			Since: "0.1.0", Syntax: "key value", Complexity: "O(1)", Categories: []string{"string"},
			Handler: delIfEqual, Summary: "Delete a key if it has this value: release a lock if this owner holds it.",
		},
		{
			Name: "delex", Arity: -2, Flags: Write | Fast, Keys: one, KeyFlags: "RM delete", Group: "string",
			Since: "0.1.0", Syntax: "key [IFEQ compare-value | IFNE compare-value]", Complexity: "O(1)",
			Categories: []string{"string"}, Handler: delEx,
			Summary: "Delete a key on a condition about its value.",
		},
		{
			Name: "exists", Arity: -2, Flags: ReadOnly | Fast, Keys: all, KeyFlags: "RO", Group: "generic",
			Since: "1.0.0", Syntax: "key [key ...]", Complexity: many, Categories: keyspace, Tips: sum,
			Handler: exists, Summary: "Count how many of the keys exist.",
		},
		{
			Name: "touch", Arity: -2, Flags: ReadOnly | Fast, Keys: all, KeyFlags: "RO", Group: "generic",
			Since: "3.2.1", Syntax: "key [key ...]", Complexity: many, Categories: keyspace, Tips: sum,
			Handler: exists, Summary: "Count how many of the keys exist, as EXISTS.",
		},
		{
			Name: "type", Arity: 2, Flags: ReadOnly | Fast, Keys: one, KeyFlags: "RO", Group: "generic",
			Since: "1.0.0", Syntax: "key", Complexity: "O(1)", Categories: keyspace, Handler: typeOf,
			Summary: "Reply the type of a key's value, or none.",
		},
	}
}

func moveCommands() []Command {
	one, two := Keys{1, 1, 1}, Keys{1, 2, 1}
	keyspace := []string{"keyspace"}
	return []Command{
		{
			Name: "rename", Arity: 3, Flags: Write, Keys: two, KeyFlags: "RW access delete; OW update",
			Group: "generic", Since: "1.0.0", Syntax: "key newkey", Complexity: "O(1)", Categories: keyspace,
			Handler: rename, Summary: "Give a key another name, over whatever has that name.",
		},
		{
			Name: "renamenx", Arity: 3, Flags: Write | Fast, Keys: two, KeyFlags: "RW access delete; OW insert",
			Group: "generic", Since: "1.0.0", Syntax: "key newkey", Complexity: "O(1)", Categories: keyspace,
			Handler: renameNX, Summary: "Give a key another name if that name is free.",
		},
		{
			Name: "copy", Arity: -3, Flags: Write | DenyOOM, Keys: two, KeyFlags: "RO access; OW update",
			Group: "generic", Since: "6.2.0", Syntax: "source destination [DB destination-db] [REPLACE]",
			Complexity: "O(1)", Categories: keyspace, Handler: copyKey,
			Summary: "Copy the value and the time to live of a key to another key.",
		},
		{
			Name: "move", Arity: 3, Flags: Write | Fast, Keys: one, KeyFlags: "RW access update",
			Group: "generic", Since: "1.0.0", Syntax: "key db", Complexity: "O(1)", Categories: keyspace,
			Handler: move, Summary: "Move a key to another database.",
		},
	}
}

func del(tx *fsm.Tx, a Args) resp.Value {
	n := int64(0)
	for i := 1; i < len(a); i++ {
		if it := tx.Get(a.Str(i)); it != nil {
			drop(tx, it)
			n++
		}
	}
	return resp.Int(n)
}

func exists(tx *fsm.Tx, a Args) resp.Value {
	n := int64(0)
	for i := 1; i < len(a); i++ {
		if tx.Get(a.Str(i)) != nil {
			n++
		}
	}
	return resp.Int(n)
}

func typeOf(tx *fsm.Tx, a Args) resp.Value {
	if it := tx.Get(a.Str(1)); it != nil {
		return resp.Simple(it.Type())
	}
	return resp.Simple("none")
}

func rename(tx *fsm.Tx, a Args) resp.Value {
	it := tx.Get(a.Str(1))
	if it == nil {
		return resp.Error(msgNoKey)
	}
	if it.Key != a.Str(2) {
		if problem := mayCarry(it); problem.IsError() {
			return problem
		}
		giveName(tx, it, a.Str(2))
	}
	return resp.OK()
}

func renameNX(tx *fsm.Tx, a Args) resp.Value {
	it := tx.Get(a.Str(1))
	if it == nil {
		return resp.Error(msgNoKey)
	}
	if tx.Get(a.Str(2)) != nil { // true of the same name as well
		return resp.Int(0)
	}
	if problem := mayCarry(it); problem.IsError() {
		return problem
	}
	giveName(tx, it, a.Str(2))
	return resp.Int(1)
}

// giveName gives an item another name, over whatever has that name.
func giveName(tx *fsm.Tx, it *fsm.Item, name string) {
	carry(it, tx, name)
	tx.Delete(it.Key)
	tx.Notify(fsm.EventGeneric, "rename_from", it.Key)
	tx.Notify(fsm.EventGeneric, "rename_to", name)
}

// mayCarry refuses to give another name to a lock that several hold: they would not know.
func mayCarry(it *fsm.Item) resp.Value {
	if it.Value() != nil && it.Value().Type() == "lock" {
		return resp.Errorf("%s: %s is a lock that may have several holders, who know it by this name",
			msgWrongType, shown(it.Key))
	}
	return resp.Value{}
}

// carry puts what it holds under key of the database of to. Redis removes first what is there, so the key
// is new.
func carry(it *fsm.Item, to *fsm.Tx, key string) {
	if to.Get(key) != nil {
		to.Notify(fsm.EventNew, "new", key)
	}
	to.Move(it, key)
}

func errSameObject() resp.Value {
	return resp.Error("ERR source and destination objects are the same")
}

// dbArg reads word i as the number of a database.
func dbArg(a Args, i int) (int, resp.Value) {
	n, ok := a.Int(i)
	switch {
	case !ok:
		return 0, errNotInt()
	case n < math.MinInt32 || n > math.MaxInt32:
		return 0, resp.Errorf("ERR value is out of range, value must between %d and %d",
			math.MinInt32, math.MaxInt32)
	case n < 0 || n >= fsm.Databases:
		return 0, resp.Error(msgDBIndex)
	}
	return int(n), resp.Value{}
}

func copyKey(tx *fsm.Tx, a Args) resp.Value {
	to, replace := tx, false
	for i := 3; i < len(a); i++ {
		switch {
		case a.Is(i, "REPLACE"):
			replace = true
		case a.Is(i, "DB") && i+1 < len(a):
			i++
			db, problem := dbArg(a, i)
			if problem.IsError() {
				return problem
			}
			to = tx.In(db)
		default:
			return errSyntax()
		}
	}
	key, newKey := a.Str(1), a.Str(2)
	if to.DB() == tx.DB() && key == newKey {
		return errSameObject()
	}
	it := tx.Get(key)
	if it == nil || (to.Get(newKey) != nil && !replace) {
		return resp.Int(0)
	}
	if problem := mayCarry(it); problem.IsError() {
		return problem
	}
	carry(it, to, newKey)
	to.Notify(fsm.EventGeneric, "copy_to", newKey)
	return resp.Int(1)
}

func move(tx *fsm.Tx, a Args) resp.Value {
	db, problem := dbArg(a, 2)
	if problem.IsError() {
		return problem
	}
	if db == tx.DB() {
		return errSameObject()
	}
	to := tx.In(db)
	it := tx.Get(a.Str(1))
	if it == nil || to.Get(it.Key) != nil {
		return resp.Int(0)
	}
	if problem := mayCarry(it); problem.IsError() {
		return problem
	}
	to.Move(it, it.Key)
	tx.Delete(it.Key)
	tx.Notify(fsm.EventGeneric, "move_from", it.Key)
	to.Notify(fsm.EventGeneric, "move_to", it.Key)
	return resp.Int(1)
}

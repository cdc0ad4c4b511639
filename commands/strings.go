// String commands that read and write whole values or parts of them. What SET's options mean is in
// set_options.go, counting in numbers.go.
//
// A string is also a lock's owner, so every handler here changes values through Tx.Set: it keeps the fencing
// token where the value stays the same and gives a new one where it does not.

package commands

import (
	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

func stringCommands() []Command {
	return append(append(wholeStringCommands(), partStringCommands()...), numberCommands()...)
}

func wholeStringCommands() []Command {
	one, all, pairs := Keys{1, 1, 1}, Keys{1, -1, 1}, Keys{1, -1, 2}
	str := []string{"string"}
	return []Command{
		{
			Name: "get", Arity: 2, Flags: ReadOnly | Fast, Keys: one, KeyFlags: "RO access", Group: "string",
			Since: "1.0.0", Syntax: "key", Complexity: "O(1)", Categories: str, Handler: get,
			Summary: "Reply the value of a key: the owner, if it is a lock.",
		},
		{
			Name: "set", Arity: -3, Flags: Write | DenyOOM, Keys: one, Group: "string",
			KeyFlags: "RW access update variable_flags", ArgFlags: setKeyFlags,
			Since:      "1.0.0",
			Syntax:     "key value [NX | XX | IFEQ compare-value | IFNE compare-value] [GET] " + setExpirySyntax,
			Complexity: "O(1)", Categories: str, Handler: set,
			Summary: "Set the value of a key, its time to live with it. With NX this takes a lock.",
		},
		{
			Name: "setnx", Arity: 3, Flags: Write | DenyOOM | Fast, Keys: one, KeyFlags: "OW insert",
			Group: "string", Since: "1.0.0", Syntax: "key value", Complexity: "O(1)", Categories: str,
			Handler: setNX, Summary: "Set the value of a key only if the key does not exist.",
		},
		{
			Name: "setex", Arity: 4, Flags: Write | DenyOOM, Keys: one, KeyFlags: "OW update",
			Group: "string", Since: "2.0.0", Syntax: "key seconds value", Complexity: "O(1)", Categories: str,
			Handler: setWithTTL("setex", 1000), Summary: "Set the value of a key and its time to live in seconds.",
		},
		{
			Name: "psetex", Arity: 4, Flags: Write | DenyOOM, Keys: one, KeyFlags: "OW update",
			Group: "string", Since: "2.6.0", Syntax: "key milliseconds value", Complexity: "O(1)", Categories: str,
			Handler: setWithTTL("psetex", 1),
			Summary: "Set the value of a key and its time to live in milliseconds.",
		},
		{
			Name: "getset", Arity: 3, Flags: Write | DenyOOM | Fast, Keys: one, KeyFlags: "RW access update",
			Group: "string", Since: "1.0.0", Syntax: "key value", Complexity: "O(1)", Categories: str,
			Handler: getSet, Summary: "Set the value of a key and reply the one it had.",
		},
		{
			Name: "getdel", Arity: 2, Flags: Write | Fast, Keys: one, KeyFlags: "RW access delete",
			Group: "string", Since: "6.2.0", Syntax: "key", Complexity: "O(1)", Categories: str,
			Handler: getDel, Summary: "Reply the value of a key and delete the key.",
		},
		{
			Name: "getex", Arity: -2, Flags: Write | Fast, Keys: one, KeyFlags: "RW access update",
			Group: "string", Since: "6.2.0", Syntax: "key " + getExpirySyntax, Complexity: "O(1)",
			Categories: str, Handler: getEx, Summary: "Reply the value of a key and change its time to live.",
		},
		{
			Name: "mget", Arity: -2, Flags: ReadOnly | Fast, Keys: all, KeyFlags: "RO access",
			Group: "string", Since: "1.0.0", Syntax: "key [key ...]", Categories: str, Handler: mget,
			Complexity: "O(N), N the number of keys", Tips: []string{"request_policy:multi_shard"},
			Summary: "Reply the values of several keys, null for those that do not exist.",
		},
		{
			Name: "mset", Arity: -3, Flags: Write | DenyOOM, Keys: pairs, KeyFlags: "OW update",
			Group: "string", Since: "1.0.1", Syntax: "key value [key value ...]", Categories: str, Handler: mset,
			Complexity: "O(N), N the number of keys",
			Tips:       []string{"request_policy:multi_shard", "response_policy:all_succeeded"},
			Summary:    "Set the values of several keys at once.",
		},
		{
			Name: "msetnx", Arity: -3, Flags: Write | DenyOOM, Keys: pairs, KeyFlags: "OW insert",
			Group: "string", Since: "1.0.1", Syntax: "key value [key value ...]", Categories: str,
			Handler: msetNX, Complexity: "O(N), N the number of keys",
			Tips:    []string{"request_policy:multi_shard", "response_policy:agg_min"},
			Summary: "Set the values of several keys only if none of them exists: take all of these locks or none.",
		},
	}
}

func partStringCommands() []Command {
	one := Keys{1, 1, 1}
	str := []string{"string"}
	return []Command{
		{
			Name: "strlen", Arity: 2, Flags: ReadOnly | Fast, Keys: one, KeyFlags: "RO",
			Group: "string", Since: "2.2.0", Syntax: "key", Complexity: "O(1)", Categories: str, Handler: strLen,
			Summary: "Reply the length of a key's value in bytes.",
		},
		{
			Name: "getrange", Arity: 4, Flags: ReadOnly, Keys: one, KeyFlags: "RO access",
			Group: "string", Since: "2.4.0", Syntax: "key start end", Categories: str, Handler: getRange,
			Complexity: "O(N), N the length of the reply", Summary: "Reply a part of a key's value.",
		},
		{
			Name: "substr", Arity: 4, Flags: ReadOnly, Keys: one, KeyFlags: "RO access",
			Group: "string", Since: "1.0.0", Syntax: "key start end", Categories: str, Handler: getRange,
			Complexity: "O(N), N the length of the reply", Summary: "Reply a part of a key's value, as GETRANGE.",
		},
		{
			Name: "setrange", Arity: 4, Flags: Write | DenyOOM, Keys: one, KeyFlags: "RW update",
			Group: "string", Since: "2.2.0", Syntax: "key offset value", Categories: str, Handler: setRange,
			Complexity: "O(N), N the length of the new value", Summary: "Overwrite a part of a key's value.",
		},
		{
			Name: "append", Arity: 3, Flags: Write | DenyOOM | Fast, Keys: one, KeyFlags: "RW insert",
			Group: "string", Since: "2.0.0", Syntax: "key value", Categories: str, Handler: appendValue,
			Complexity: "O(N), N the length of the new value", Summary: "Append to a key's value.",
		},
	}
}

// maxValue bounds what a value can grow to, piece by piece, in bytes. Redis allows 512 MiB; here a value is
// in the log and in every snapshot, and a command that sets it whole is bounded by the same size.
const maxValue = 1 << 20

func errValueSize() resp.Value {
	return resp.Error("ERR string exceeds maximum allowed size (proto-max-bulk-len)")
}

// valueOf is the reply that shows an item's value: an error where it is no string.
func valueOf(it *fsm.Item) resp.Value {
	switch {
	case it == nil:
		return resp.Null()
	case it.Value() != nil:
		return errWrongType()
	}
	return resp.Bulk(it.Str)
}

// setString puts a string under key, and tells of it.
func setString(tx *fsm.Tx, old *fsm.Item, key, value string, deadline fsm.Clock, event string) {
	tx.Replace(old, key, value, deadline)
	tx.Notify(fsm.EventString, event, key)
}

// drop removes an item, and tells of it.
func drop(tx *fsm.Tx, it *fsm.Item) {
	tx.Delete(it.Key)
	tx.Notify(fsm.EventGeneric, "del", it.Key)
}

func get(tx *fsm.Tx, a Args) resp.Value { return valueOf(tx.Get(a.Str(1))) }

func getSet(tx *fsm.Tx, a Args) resp.Value {
	it := tx.Get(a.Str(1))
	old := valueOf(it)
	if !old.IsError() {
		setString(tx, it, a.Str(1), a.Str(2), fsm.NoDeadline, "set")
	}
	return old
}

func getDel(tx *fsm.Tx, a Args) resp.Value {
	it := tx.Get(a.Str(1))
	old := valueOf(it)
	if it != nil && !old.IsError() {
		drop(tx, it)
	}
	return old
}

func mget(tx *fsm.Tx, a Args) resp.Value {
	list := make([]resp.Value, 0, len(a)-1)
	for i := 1; i < len(a); i++ {
		v := valueOf(tx.Get(a.Str(i)))
		if v.IsError() {
			v = resp.Null() // of another type
		}
		list = append(list, v)
	}
	return resp.Array(list...)
}

func setPairs(tx *fsm.Tx, a Args) {
	for i := 1; i < len(a); i += 2 {
		setString(tx, tx.Get(a.Str(i)), a.Str(i), a.Str(i+1), fsm.NoDeadline, "set")
	}
}

func mset(tx *fsm.Tx, a Args) resp.Value {
	if len(a)%2 == 0 {
		return errArity("mset")
	}
	setPairs(tx, a)
	return resp.OK()
}

func msetNX(tx *fsm.Tx, a Args) resp.Value {
	if len(a)%2 == 0 {
		return errArity("msetnx")
	}
	for i := 1; i < len(a); i += 2 {
		if tx.Get(a.Str(i)) != nil || tx.Frozen(a.Str(i)) != nil {
			return resp.Int(0)
		}
	}
	setPairs(tx, a)
	return resp.Int(1)
}

func strLen(tx *fsm.Tx, a Args) resp.Value {
	it, problem := stringAt(tx, a.Str(1))
	if problem.IsError() || it == nil {
		return orZero(problem)
	}
	return resp.Int(int64(len(it.Str)))
}

func getRange(tx *fsm.Tx, a Args) resp.Value {
	start, ok := a.Int(2)
	if !ok {
		return errNotInt()
	}
	end, ok := a.Int(3)
	if !ok {
		return errNotInt()
	}
	it, problem := stringAt(tx, a.Str(1))
	switch {
	case problem.IsError():
		return problem
	case it == nil:
		return resp.Bulk("")
	}
	return resp.Bulk(slice(it.Str, start, end))
}

// slice returns s from start to end, both included and counted from the end of s where they are negative.
func slice(s string, start, end int64) string {
	n := int64(len(s))
	if start < 0 && end < 0 && start > end {
		return "" // even where both lie before the beginning and so would become 0
	}
	if start < 0 {
		start = max(0, n+start)
	}
	if end < 0 {
		end = max(0, n+end)
	}
	end = min(end, n-1)
	if start > end {
		return ""
	}
	return s[start : end+1]
}

func setRange(tx *fsm.Tx, a Args) resp.Value {
	offset, ok := a.Int(2)
	if !ok {
		return errNotInt()
	}
	if offset < 0 {
		return resp.Error("ERR offset is out of range")
	}
	key, piece := a.Str(1), a[3]
	value, deadline := "", fsm.NoDeadline
	it, problem := stringAt(tx, key)
	if problem.IsError() {
		return problem
	}
	if it != nil {
		value, deadline = it.Str, it.Deadline
	}
	if len(piece) == 0 {
		return resp.Int(int64(len(value)))
	}
	if offset > maxValue || int(offset)+len(piece) > maxValue {
		return errValueSize()
	}
	grown := make([]byte, max(len(value), int(offset)+len(piece)))
	copy(grown, value)
	copy(grown[offset:], piece)
	setString(tx, it, key, string(grown), deadline, "setrange")
	return resp.Int(int64(len(grown)))
}

func appendValue(tx *fsm.Tx, a Args) resp.Value {
	key, piece := a.Str(1), a.Str(2)
	it, problem := stringAt(tx, key)
	switch {
	case problem.IsError():
		return problem
	case it == nil:
		setString(tx, it, key, piece, fsm.NoDeadline, "append")
		return resp.Int(int64(len(piece)))
	}
	if len(it.Str)+len(piece) > maxValue {
		return errValueSize()
	}
	setString(tx, it, key, it.Str+piece, it.Deadline, "append")
	return resp.Int(int64(len(it.Str) + len(piece)))
}

// Hashes.

package commands

import (
	"math"
	"strconv"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

//nolint:funlen // one table, read from top to bottom
func hashCommands() []Command {
	one, points := Keys{1, 1, 1}, &scanPoints{}
	return family("hash", "hash", []Command{
		{
			Name: "hdel", Arity: -3, Flags: Write | Fast, Keys: one, KeyFlags: "RW delete",
			Since: "2.0.0", Syntax: "key field [field ...]",
			Complexity: "O(N log M), N fields given, M in the hash", Handler: hdel,
			Summary: "Remove fields from a hash, and the key with the last one.",
		},
		{
			Name: "hexists", Arity: 3, Flags: ReadOnly | Fast, Keys: one, KeyFlags: "RO",
			Since: "2.0.0", Syntax: "key field", Complexity: "O(log N)", Handler: hexists,
			Summary: "Tell whether a field is in a hash.",
		},
		{
			Name: "hget", Arity: 3, Flags: ReadOnly | Fast, Keys: one, KeyFlags: "RO access",
			Since: "2.0.0", Syntax: "key field", Complexity: "O(log N)", Handler: hget,
			Summary: "Reply the value of a field of a hash.",
		},
		{
			Name: "hgetall", Arity: 2, Flags: ReadOnly, Keys: one, KeyFlags: "RO access",
			Since: "2.0.0", Syntax: "key", Complexity: "O(N)",
			Tips: []string{"nondeterministic_output_order"}, Handler: hashList(true, true),
			Summary: "Reply all fields of a hash and their values.",
		},
		{
			Name: "hincrby", Arity: 4, Flags: Write | DenyOOM | Fast, Keys: one,
			KeyFlags: "RW access update", Since: "2.0.0", Syntax: "key field increment",
			Complexity: "O(log N)", Handler: hincrBy,
			Summary: "Add to the integer in a field of a hash.",
		},
		{
			Name: "hincrbyfloat", Arity: 4, Flags: Write | DenyOOM | Fast, Keys: one,
			KeyFlags: "RW access update", Since: "2.6.0", Syntax: "key field increment",
			Complexity: "O(log N)", Handler: hincrByFloat,
			Summary: "Add to the decimal number in a field of a hash.",
		},
		{
			Name: "hkeys", Arity: 2, Flags: ReadOnly, Keys: one, KeyFlags: "RO access",
			Since: "2.0.0", Syntax: "key", Complexity: "O(N)",
			Tips: []string{"nondeterministic_output_order"}, Handler: hashList(true, false),
			Summary: "Reply the names of all fields of a hash.",
		},
		{
			Name: "hlen", Arity: 2, Flags: ReadOnly | Fast, Keys: one, KeyFlags: "RO",
			Since: "2.0.0", Syntax: "key", Complexity: "O(1)", Handler: hlen,
			Summary: "Count the fields of a hash.",
		},
		{
			Name: "hmget", Arity: -3, Flags: ReadOnly | Fast, Keys: one, KeyFlags: "RO access",
			Since: "2.0.0", Syntax: "key field [field ...]",
			Complexity: "O(N log M), N fields given, M in the hash", Handler: hmget,
			Summary: "Reply the values of several fields of a hash, null for those that are not there.",
		},
		{
			Name: "hmset", Arity: -4, Flags: Write | DenyOOM | Fast, Keys: one,
			KeyFlags: "RW update", Since: "2.0.0", Syntax: "key field value [field value ...]",
			Complexity: "O(N log M), N fields given, M in the hash", Handler: hmset,
			Summary: "Set fields of a hash, as HSET with another reply.",
		},
		{
			Name: "hrandfield", Arity: -2, Flags: ReadOnly, Keys: one, KeyFlags: "RO access",
			Since: "6.2.0", Syntax: "key [count [WITHVALUES]]",
			Complexity: "O(N log M), N fields replied, M in the hash",
			Tips:       []string{"nondeterministic_output"}, Handler: hrandField,
			Summary: "Reply fields of a hash, any.",
		},
		{
			Name: "hscan", Arity: -3, Flags: ReadOnly, Keys: one, KeyFlags: "RO access",
			Since: "2.8.0", Syntax: "key cursor [MATCH pattern] [COUNT count]",
			Complexity: "O(1) for a page, O(N) for all", Tips: []string{"nondeterministic_output"},
			Handler: points.hscan,
			Summary: "List the fields of a hash with their values, page by page.",
		},
		{
			Name: "hset", Arity: -4, Flags: Write | DenyOOM | Fast, Keys: one,
			KeyFlags: "RW update", Since: "2.0.0", Syntax: "key field value [field value ...]",
			Complexity: "O(N log M), N fields given, M in the hash", Handler: hset,
			Summary: "Set fields of a hash and reply how many of them are new.",
		},
		{
			Name: "hsetnx", Arity: 4, Flags: Write | DenyOOM | Fast, Keys: one,
			KeyFlags: "RW insert", Since: "2.0.0", Syntax: "key field value", Complexity: "O(log N)",
			Handler: hsetNX,
			Summary: "Set a field of a hash only if it is not there.",
		},
		{
			Name: "hstrlen", Arity: 3, Flags: ReadOnly | Fast, Keys: one, KeyFlags: "RO",
			Since: "3.2.0", Syntax: "key field", Complexity: "O(log N)", Handler: hstrlen,
			Summary: "Reply the length of a field's value in bytes.",
		},
		{
			Name: "hvals", Arity: 2, Flags: ReadOnly, Keys: one, KeyFlags: "RO access",
			Since: "2.0.0", Syntax: "key", Complexity: "O(N)",
			Tips: []string{"nondeterministic_output_order"}, Handler: hashList(false, true),
			Summary: "Reply the values of all fields of a hash.",
		},
	})
}

func hset(tx *fsm.Tx, a Args) resp.Value {
	if len(a)%2 != 0 {
		return errArity("hset")
	}
	return hashSet(tx, a, func(added int) resp.Value { return resp.Int(int64(added)) })
}

func hmset(tx *fsm.Tx, a Args) resp.Value {
	if len(a)%2 != 0 {
		return errArity("hmset")
	}
	return hashSet(tx, a, func(int) resp.Value { return resp.OK() })
}

// hashSet sets the pairs from word 2 on.
func hashSet(tx *fsm.Tx, a Args, reply func(added int) resp.Value) resp.Value {
	it, h, problem := hashAt(tx, a.Str(1))
	if problem.IsError() {
		return problem
	}
	h = own(tx, it, h)
	added := 0
	for i := 2; i < len(a); i += 2 {
		if h.Set(a.Str(i), a.Str(i+1)) {
			added++
		}
	}
	tx.Spend(int64(len(a)))
	put(tx, it, a.Str(1), h, fsm.EventHash, "hset")
	return reply(added)
}

func hsetNX(tx *fsm.Tx, a Args) resp.Value {
	it, h, problem := hashAt(tx, a.Str(1))
	if problem.IsError() {
		return problem
	}
	if _, there := h.Get(a.Str(2)); there {
		return resp.Int(0)
	}
	h = own(tx, it, h)
	h.Set(a.Str(2), a.Str(3))
	put(tx, it, a.Str(1), h, fsm.EventHash, "hset")
	return resp.Int(1)
}

// fieldOf is the reply that shows a field.
func fieldOf(h *fsm.Hash, field string) resp.Value {
	if value, there := h.Get(field); there {
		return resp.Bulk(value)
	}
	return resp.Null()
}

func hget(tx *fsm.Tx, a Args) resp.Value {
	_, h, problem := hashAt(tx, a.Str(1))
	if problem.IsError() {
		return problem
	}
	return fieldOf(h, a.Str(2))
}

func hmget(tx *fsm.Tx, a Args) resp.Value {
	_, h, problem := hashAt(tx, a.Str(1))
	if problem.IsError() {
		return problem
	}
	list := make([]resp.Value, 0, len(a)-2)
	for i := 2; i < len(a); i++ {
		list = append(list, fieldOf(h, a.Str(i)))
	}
	tx.Spend(int64(len(a)))
	return resp.Array(list...)
}

func hdel(tx *fsm.Tx, a Args) resp.Value {
	it, h, problem := hashAt(tx, a.Str(1))
	if problem.IsError() || it == nil {
		return orZero(problem)
	}
	h = own(tx, it, h)
	removed := int64(0)
	for i := 2; i < len(a); i++ {
		if h.Delete(a.Str(i)) {
			removed++
		}
	}
	tx.Spend(int64(len(a)))
	if removed > 0 {
		put(tx, it, it.Key, h, fsm.EventHash, "hdel")
	}
	return resp.Int(removed)
}

func hexists(tx *fsm.Tx, a Args) resp.Value {
	_, h, problem := hashAt(tx, a.Str(1))
	if problem.IsError() {
		return problem
	}
	_, there := h.Get(a.Str(2))
	return zeroOne(there)
}

func hlen(tx *fsm.Tx, a Args) resp.Value {
	_, h, problem := hashAt(tx, a.Str(1))
	if problem.IsError() {
		return problem
	}
	return resp.Int(int64(h.Len()))
}

func hstrlen(tx *fsm.Tx, a Args) resp.Value {
	_, h, problem := hashAt(tx, a.Str(1))
	if problem.IsError() {
		return problem
	}
	value, _ := h.Get(a.Str(2))
	return resp.Int(int64(len(value)))
}

// hashList returns the handler that replies all fields, their values, or both.
func hashList(fields, values bool) Handler {
	return func(tx *fsm.Tx, a Args) resp.Value {
		_, h, problem := hashAt(tx, a.Str(1))
		if problem.IsError() {
			return problem
		}
		tx.Spend(int64(h.Len()))
		var list []resp.Value
		h.Each("", func(field, value string) bool {
			if fields {
				list = append(list, resp.Bulk(field))
			}
			if values {
				list = append(list, resp.Bulk(value))
			}
			return true
		})
		if fields && values {
			return resp.Map(list...)
		}
		return resp.Array(list...)
	}
}

func hincrBy(tx *fsm.Tx, a Args) resp.Value {
	by, ok := a.Int(3)
	if !ok {
		return errNotInt()
	}
	it, h, problem := hashAt(tx, a.Str(1))
	if problem.IsError() {
		return problem
	}
	n := int64(0)
	if old, there := h.Get(a.Str(2)); there {
		if n, ok = parseInt(old); !ok {
			return resp.Error("ERR hash value is not an integer")
		}
	}
	if (by < 0 && n < math.MinInt64-by) || (by > 0 && n > math.MaxInt64-by) {
		return resp.Error("ERR increment or decrement would overflow")
	}
	h = own(tx, it, h)
	h.Set(a.Str(2), strconv.FormatInt(n+by, 10))
	put(tx, it, a.Str(1), h, fsm.EventHash, "hincrby")
	return resp.Int(n + by)
}

func hincrByFloat(tx *fsm.Tx, a Args) resp.Value {
	by, ok := parseFloat(a.Str(3))
	if !ok {
		return errNotFloat()
	}
	if by.IsInf() {
		return resp.Error("ERR value is NaN or Infinity")
	}
	it, h, problem := hashAt(tx, a.Str(1))
	if problem.IsError() {
		return problem
	}
	n := newFloat()
	if old, there := h.Get(a.Str(2)); there {
		if n, ok = parseFloat(old); !ok {
			return resp.Error("ERR hash value is not a float")
		}
	}
	if n.IsInf() {
		return errNoNumber()
	}
	sum := newFloat().Add(n, by)
	if sum.MantExp(nil) > maxExponent {
		return errNoNumber()
	}
	value := formatFloat(sum)
	h = own(tx, it, h)
	h.Set(a.Str(2), value)
	put(tx, it, a.Str(1), h, fsm.EventHash, "hincrbyfloat")
	return resp.Bulk(value)
}

func hrandField(tx *fsm.Tx, a Args) resp.Value {
	if len(a) == 2 {
		_, h, problem := hashAt(tx, a.Str(1))
		if problem.IsError() || h.Len() == 0 {
			return problem // the zero Value is null
		}
		field, _ := h.At(tx.Random(h.Len()))
		return resp.Bulk(field)
	}
	c, problem := readChosen(a, "WITHVALUES")
	if problem.IsError() {
		return problem
	}
	_, h, problem := hashAt(tx, a.Str(1))
	if problem.IsError() {
		return problem
	}
	list := pairList{pairs: c.pairs}
	c.from(tx, h.Len(), func(place int) {
		field, value := h.At(place)
		list.add(field, resp.Bulk(value))
	})
	return list.reply()
}

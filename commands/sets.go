// Sets: members, one set at a time. What makes one set of several is in sets_combine.go.

package commands

import (
	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

func setCommands() []Command {
	return family("set", "set", memberCommands(), combineCommands())
}

func memberCommands() []Command {
	one, two, points := Keys{1, 1, 1}, Keys{1, 2, 1}, &scanPoints{}
	return []Command{
		{
			Name: "sadd", Arity: -3, Flags: Write | DenyOOM | Fast, Keys: one,
			KeyFlags: "RW insert", Since: "1.0.0", Syntax: "key member [member ...]",
			Complexity: "O(N log M), N members given, M in the set", Handler: sadd,
			Summary: "Put members into a set and reply how many of them are new.",
		},
		{
			Name: "scard", Arity: 2, Flags: ReadOnly | Fast, Keys: one, KeyFlags: "RO",
			Since: "1.0.0", Syntax: "key", Complexity: "O(1)", Handler: scard,
			Summary: "Count the members of a set.",
		},
		{
			Name: "sismember", Arity: 3, Flags: ReadOnly | Fast, Keys: one, KeyFlags: "RO",
			Since: "1.0.0", Syntax: "key member", Complexity: "O(log N)", Handler: sisMember,
			Summary: "Tell whether a member is in a set.",
		},
		{
			Name: "smismember", Arity: -3, Flags: ReadOnly | Fast, Keys: one,
			KeyFlags: "RO access", Since: "6.2.0", Syntax: "key member [member ...]",
			Complexity: "O(N log M), N members given, M in the set", Handler: smisMember,
			Summary: "Tell of each member whether it is in a set.",
		},
		{
			Name: "smembers", Arity: 2, Flags: ReadOnly, Keys: one, KeyFlags: "RO access",
			Since: "1.0.0", Syntax: "key", Complexity: "O(N)",
			Tips: []string{"nondeterministic_output_order"}, Handler: smembers,
			Summary: "Reply all members of a set.",
		},
		{
			Name: "smove", Arity: 4, Flags: Write | Fast, Keys: two,
			KeyFlags: "RW access delete; RW insert", Since: "1.0.0", Syntax: "source destination member",
			Complexity: "O(log N)", Handler: smove,
			Summary: "Move a member from one set to another.",
		},
		{
			Name: "spop", Arity: -2, Flags: Write | Fast, Keys: one,
			KeyFlags: "RW access delete", Since: "1.0.0", Syntax: "key [count]",
			Complexity: "O(N log M), N members replied, M in the set",
			Tips:       []string{"nondeterministic_output"}, Handler: spop,
			Summary: "Take members out of a set, any.",
		},
		{
			Name: "srandmember", Arity: -2, Flags: ReadOnly, Keys: one, KeyFlags: "RO access",
			Since: "1.0.0", Syntax: "key [count]",
			Complexity: "O(N log M), N members replied, M in the set",
			Tips:       []string{"nondeterministic_output"}, Handler: srandMember,
			Summary: "Reply members of a set, any.",
		},
		{
			Name: "srem", Arity: -3, Flags: Write | Fast, Keys: one, KeyFlags: "RW delete",
			Since: "1.0.0", Syntax: "key member [member ...]",
			Complexity: "O(N log M), N members given, M in the set", Handler: srem,
			Summary: "Remove members from a set, and the key with the last one.",
		},
		{
			Name: "sscan", Arity: -3, Flags: ReadOnly, Keys: one, KeyFlags: "RO access",
			Since: "2.8.0", Syntax: "key cursor [MATCH pattern] [COUNT count]",
			Complexity: "O(1) for a page, O(N) for all", Tips: []string{"nondeterministic_output"},
			Handler: points.sscan,
			Summary: "List the members of a set, page by page.",
		},
	}
}

func sadd(tx *fsm.Tx, a Args) resp.Value {
	it, s, problem := setAt(tx, a.Str(1))
	if problem.IsError() {
		return problem
	}
	s = own(tx, it, s)
	added := int64(0)
	for i := 2; i < len(a); i++ {
		if s.Add(a.Str(i)) {
			added++
		}
	}
	tx.Spend(int64(len(a)))
	if added > 0 {
		put(tx, it, a.Str(1), s, fsm.EventSet, "sadd")
	}
	return resp.Int(added)
}

func srem(tx *fsm.Tx, a Args) resp.Value {
	it, s, problem := setAt(tx, a.Str(1))
	if problem.IsError() || it == nil {
		return orZero(problem)
	}
	s = own(tx, it, s)
	removed := int64(0)
	for i := 2; i < len(a); i++ {
		if s.Remove(a.Str(i)) {
			removed++
		}
	}
	tx.Spend(int64(len(a)))
	if removed > 0 {
		put(tx, it, it.Key, s, fsm.EventSet, "srem")
	}
	return resp.Int(removed)
}

func scard(tx *fsm.Tx, a Args) resp.Value {
	_, s, problem := setAt(tx, a.Str(1))
	if problem.IsError() {
		return problem
	}
	return resp.Int(int64(s.Len()))
}

func sisMember(tx *fsm.Tx, a Args) resp.Value {
	_, s, problem := setAt(tx, a.Str(1))
	if problem.IsError() {
		return problem
	}
	return zeroOne(s.Has(a.Str(2)))
}

func smisMember(tx *fsm.Tx, a Args) resp.Value {
	_, s, problem := setAt(tx, a.Str(1))
	if problem.IsError() {
		return problem
	}
	list := make([]resp.Value, 0, len(a)-2)
	for i := 2; i < len(a); i++ {
		list = append(list, zeroOne(s.Has(a.Str(i))))
	}
	return resp.Array(list...)
}

// membersOf replies the members of a set.
func membersOf(tx *fsm.Tx, s *fsm.Set) resp.Value {
	tx.Spend(int64(s.Len()))
	list := make([]resp.Value, 0, s.Len())
	s.Each("", func(member string) bool {
		list = append(list, resp.Bulk(member))
		return true
	})
	return resp.Set(list...)
}

func smembers(tx *fsm.Tx, a Args) resp.Value {
	_, s, problem := setAt(tx, a.Str(1))
	if problem.IsError() {
		return problem
	}
	return membersOf(tx, s)
}

func smove(tx *fsm.Tx, a Args) resp.Value {
	from, s, problem := setAt(tx, a.Str(1))
	if problem.IsError() || from == nil {
		return orZero(problem)
	}
	member := a.Str(3)
	to, other, problem := setAt(tx, a.Str(2))
	switch {
	case problem.IsError():
		return problem
	case from.Key == a.Str(2):
		return zeroOne(s.Has(member))
	case !s.Has(member):
		return resp.Int(0)
	}
	s, other = own(tx, from, s), own(tx, to, other)
	s.Remove(member)
	put(tx, from, from.Key, s, fsm.EventSet, "srem")
	if other.Add(member) {
		put(tx, to, a.Str(2), other, fsm.EventSet, "sadd")
	}
	return resp.Int(1)
}

func spop(tx *fsm.Tx, a Args) resp.Value {
	if len(a) > 3 {
		return errSyntax()
	}
	count := 1
	if len(a) == 3 {
		var problem resp.Value
		if count, problem = positive(a, 2); problem.IsError() {
			return problem
		}
	}
	it, s, problem := setAt(tx, a.Str(1))
	switch {
	case problem.IsError():
		return problem
	case it == nil && len(a) == 2:
		return resp.Null()
	case it == nil || count == 0:
		return resp.Set()
	}
	s = own(tx, it, s)
	var list []resp.Value
	for n := min(count, s.Len()); n > 0; n-- {
		member := s.At(tx.Random(s.Len()))
		s.Remove(member)
		list = append(list, resp.Bulk(member))
	}
	tx.Spend(int64(len(list)))
	put(tx, it, it.Key, s, fsm.EventSet, "spop")
	if len(a) == 2 {
		return list[0]
	}
	return resp.Set(list...)
}

func srandMember(tx *fsm.Tx, a Args) resp.Value {
	if len(a) == 2 {
		_, s, problem := setAt(tx, a.Str(1))
		if problem.IsError() || s.Len() == 0 {
			return problem // the zero Value is null
		}
		return resp.Bulk(s.At(tx.Random(s.Len())))
	}
	if len(a) > 3 {
		return errSyntax()
	}
	c, problem := readChosen(a, "")
	if problem.IsError() {
		return problem
	}
	_, s, problem := setAt(tx, a.Str(1))
	if problem.IsError() {
		return problem
	}
	var list pairList
	c.from(tx, s.Len(), func(place int) { list.add(s.At(place), resp.Value{}) })
	return list.reply()
}

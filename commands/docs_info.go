// The reply of COMMAND INFO: ten fields for each command, in the order and with the names that Redis 7 gives
// them, since clients route by them.

package commands

import (
	"slices"
	"strings"

	"github.com/divtxt/lockd/resp"
)

// flagNames returns the flags that COMMAND INFO shows, with Redis' names and in its order.
func flagNames() []flagName {
	return []flagName{
		{Write, "write"}, {ReadOnly, "readonly"}, {DenyOOM, "denyoom"}, {Admin, "admin"}, {PubSub, "pubsub"},
		{NoScript, "noscript"}, {Blocking, "blocking"}, {Loading, "loading"}, {Stale, "stale"},
		{SkipMonitor, "skip_monitor"}, {SkipSlowlog, "skip_slowlog"}, {Fast, "fast"}, {NoAuth, "no_auth"},
		{NoMulti, "no_multi"},
		{NoMandatoryKeys, "no_mandatory_keys"},
		{MovableKeys, "movablekeys"}, {AllowBusy, "allow_busy"},
	}
}

type flagName struct {
	flag Flag
	name string
}

// FlagNames returns the command's flags as COMMAND INFO shows them.
func (c *Command) FlagNames() []string {
	var names []string
	for _, f := range flagNames() {
		if c.Has(f.flag) {
			names = append(names, f.name)
		}
	}
	return names
}

// categoryOrder is the order in which Redis shows ACL categories; lock is lockd's own.
func categoryOrder() []string {
	return []string{
		"keyspace", "read", "write", "set", "sortedset", "list", "hash", "string", "bitmap", "hyperloglog",
		"geo", "stream", "pubsub", "admin", "fast", "slow", "blocking", "dangerous", "connection",
		"transaction", "scripting", "lock",
	}
}

// ACLCategories returns the command's ACL categories: those of its entry, and those that follow from its
// flags as in Redis.
func (c *Command) ACLCategories() []string {
	has := map[string]bool{
		"write":     c.Has(Write),
		"read":      c.Has(ReadOnly) && !slices.Contains(c.Categories, "scripting"),
		"admin":     c.Has(Admin),
		"dangerous": c.Has(Admin),
		"pubsub":    c.Has(PubSub),
		"fast":      c.Has(Fast),
		"slow":      !c.Has(Fast),
		"blocking":  c.Has(Blocking),
		"lock":      c.Group == "lock",
	}
	for _, name := range c.Categories {
		has[name] = true
	}
	var names []string
	for _, name := range categoryOrder() {
		if has[name] {
			names = append(names, name)
		}
	}
	return names
}

func statusSet(names []string) resp.Value {
	list := make([]resp.Value, 0, len(names))
	for _, name := range names {
		list = append(list, resp.Simple(name))
	}
	return resp.Set(list...)
}

// info is the command's element in the reply of COMMAND INFO.
func (c *Command) info() resp.Value {
	categories := c.ACLCategories()
	for i := range categories {
		categories[i] = "@" + categories[i]
	}
	tips := make([]resp.Value, 0, len(c.Tips))
	for _, tip := range c.Tips {
		tips = append(tips, resp.Bulk(tip))
	}
	subs := make([]resp.Value, 0, len(c.Sub))
	for i := range c.Sub {
		subs = append(subs, c.Sub[i].info())
	}
	return resp.Array(
		resp.Bulk(c.full), resp.Int(int64(c.Arity)), statusSet(c.FlagNames()),
		resp.Int(int64(c.Keys.First)), resp.Int(int64(c.Keys.Last)), resp.Int(int64(c.Keys.Step)),
		statusSet(categories), resp.Set(tips...), resp.Set(c.keySpecs()...), resp.Set(subs...),
	)
}

// keySpecs says where the keys are and what the command does with them: one specification for all keys, or
// one for each where KeyFlags has several parts; the last one for those that are counted, if there are any.
func (c *Command) keySpecs() []resp.Value {
	parts := strings.Split(c.KeyFlags, ";")
	var counted []resp.Value
	if c.NumKeys > 0 {
		counted = append(counted, keySpec(parts[len(parts)-1], c.NumKeys, "keynum",
			"keynumidx", 0, "firstkey", 1, "keystep", 1))
		parts = parts[:len(parts)-1]
	}
	if c.Keys.Step == 0 {
		return counted
	}
	last := int64(c.Keys.Last)
	if last > 0 || len(parts) > 1 {
		last = int64(c.Keys.Last - c.Keys.First) // counted from the first key there
	}
	if len(parts) > 1 {
		last = 0
	}
	var specs []resp.Value
	for i, flags := range parts {
		if i > 0 && i == len(parts)-1 && c.Keys.Last < 0 {
			last = int64(c.Keys.Last)
		}
		specs = append(specs, keySpec(flags, c.Keys.First+i, "range",
			"lastkey", last, "keystep", int64(c.Keys.Step), "limit", 0))
	}
	return append(specs, counted...)
}

// keySpec is one key specification: what is done with the keys that begin at a word, and which these are.
func keySpec(flags string, begin int, find, name1 string, value1 int64, name2 string, value2 int64,
	name3 string, value3 int64) resp.Value {
	return resp.Map(
		resp.Bulk("flags"), statusSet(strings.Fields(flags)),
		resp.Bulk("begin_search"), resp.Map(
			resp.Bulk("type"), resp.Bulk("index"),
			resp.Bulk("spec"), resp.Map(resp.Bulk("index"), resp.Int(int64(begin)))),
		resp.Bulk("find_keys"), resp.Map(
			resp.Bulk("type"), resp.Bulk(find),
			resp.Bulk("spec"), resp.Map(
				resp.Bulk(name1), resp.Int(value1),
				resp.Bulk(name2), resp.Int(value2),
				resp.Bulk(name3), resp.Int(value3))),
	)
}

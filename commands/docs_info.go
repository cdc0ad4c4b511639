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
		{SkipSlowlog, "skip_slowlog"}, {Fast, "fast"}, {NoAuth, "no_auth"}, {NoMulti, "no_multi"},
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
// one for each where KeyFlags has several parts.
func (c *Command) keySpecs() []resp.Value {
	if c.Keys.Step == 0 {
		return nil
	}
	parts := strings.Split(c.KeyFlags, ";")
	last := int64(c.Keys.Last)
	if last > 0 || len(parts) > 1 {
		last = int64(c.Keys.Last - c.Keys.First) // counted from the first key there
	}
	if len(parts) > 1 {
		last = 0
	}
	var specs []resp.Value
	for i, flags := range parts {
		specs = append(specs, resp.Map(
			resp.Bulk("flags"), statusSet(strings.Fields(flags)),
			resp.Bulk("begin_search"), resp.Map(
				resp.Bulk("type"), resp.Bulk("index"),
				resp.Bulk("spec"), resp.Map(resp.Bulk("index"), resp.Int(int64(c.Keys.First+i)))),
			resp.Bulk("find_keys"), resp.Map(
				resp.Bulk("type"), resp.Bulk("range"),
				resp.Bulk("spec"), resp.Map(
					resp.Bulk("lastkey"), resp.Int(last),
					resp.Bulk("keystep"), resp.Int(int64(c.Keys.Step)),
					resp.Bulk("limit"), resp.Int(0))),
		))
	}
	return specs
}

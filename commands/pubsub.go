// Publishing and subscribing. Who listens is part of the replicated state (fsm/subscriptions.go), so these
// are commands of the log like any other. What confirms a subscription is no reply: it is told to the
// connection at its place among the messages, one for each channel, and the reply is not written (Tells).
//
// In a transaction there is one reply for each command, so there the confirmation is that reply.

package commands

import (
	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

func pubsubCommands() []Command {
	const flags = Logged | PubSub | NoScript | Loading | Stale | Tells
	return []Command{
		subscribing("subscribe", -2, flags, "channel [channel ...]", "2.0.0", "Listen to channels.",
			subscribe("subscribe", fsm.ToChannel)),
		subscribing("psubscribe", -2, flags, "pattern [pattern ...]", "2.0.0",
			"Listen to all channels that match patterns.", subscribe("psubscribe", fsm.ToPattern)),
		sharded(subscribing("ssubscribe", -2, flags, "shardchannel [shardchannel ...]", "7.0.0",
			"Listen to shard channels.", subscribe("ssubscribe", fsm.ToShard))),
		subscribing("unsubscribe", -1, flags, "[channel [channel ...]]", "2.0.0",
			"Listen to channels no longer, or to none at all.", unsubscribe("unsubscribe", fsm.ToChannel)),
		subscribing("punsubscribe", -1, flags, "[pattern [pattern ...]]", "2.0.0",
			"Listen to patterns no longer, or to none at all.", unsubscribe("punsubscribe", fsm.ToPattern)),
		sharded(subscribing("sunsubscribe", -1, flags, "[shardchannel [shardchannel ...]]", "7.0.0",
			"Listen to shard channels no longer, or to none at all.", unsubscribe("sunsubscribe", fsm.ToShard))),
		{
			Name: "publish", Arity: 3, Flags: Logged | PubSub | Loading | Stale | Fast, Group: "pubsub",
			Since: "2.0.0", Syntax: "channel message", Entry: fsm.VersionData, Handler: publish(false),
			Complexity: "O(N+M), N those who listen to the channel, M the patterns listened to",
			Summary:    "Send a message to all who listen to the channel, and reply how many on all nodes these are.",
		},
		{
			Name: "spublish", Arity: 3, Flags: Logged | PubSub | Loading | Stale | Fast, Group: "pubsub",
			Since: "7.0.0", Syntax: "shardchannel message", Entry: fsm.VersionData, Handler: publish(true),
			Complexity: "O(N), N those who listen to the channel", Keys: Keys{1, 1, 1}, KeyFlags: "not_key",
			Summary: "Send a message to all who listen to the shard channel, and reply how many these are.",
		},
		pubsubContainer(),
	}
}

func subscribing(name string, arity int, flags Flag, syntax, since, summary string, h Handler) Command {
	return Command{
		Name: name, Arity: arity, Flags: flags, Group: "pubsub", Since: since, Syntax: syntax, Summary: summary,
		Complexity: "O(N), N the number of names", Entry: fsm.VersionData, Handler: h,
	}
}

// sharded marks the words of a command as names of shard channels, which proxies route by as by keys.
func sharded(c Command) Command {
	c.Keys, c.KeyFlags = Keys{1, -1, 1}, "not_key"
	return c
}

func pubsubContainer() Command {
	const flags = PubSub | Loading | Stale
	sub := func(name string, arity int, syntax, since, complexity, summary string, h Handler) Command {
		return Command{
			Name: name, Arity: arity, Flags: flags, Group: "pubsub", Syntax: syntax, Since: since,
			Summary: summary, Complexity: complexity, Handler: h,
		}
	}
	return Command{
		Name: "pubsub", Arity: -2, Group: "pubsub", Since: "2.8.0", Complexity: "Depends on the subcommand.",
		Summary: "Tell who listens to what, on all nodes.",
		Sub: []Command{
			sub("channels", -2, "[pattern]", "2.8.0", "O(N), N the number of channels listened to",
				"Reply the channels that somebody listens to.", pubsubChannels(fsm.ToChannel)),
			sub("numsub", -2, "[channel [channel ...]]", "2.8.0", "O(N), N the number of those who listen",
				"Reply how many listen to each channel.", pubsubNumSub(fsm.ToChannel)),
			sub("numpat", 2, "", "2.8.0", "O(1)", "Reply how many patterns somebody listens to.",
				func(tx *fsm.Tx, _ Args) resp.Value { return resp.Int(int64(tx.SubscribedNames(fsm.ToPattern))) }),
			sub("shardchannels", -2, "[pattern]", "7.0.0", "O(N), N the number of shard channels listened to",
				"Reply the shard channels that somebody listens to.", pubsubChannels(fsm.ToShard)),
			sub("shardnumsub", -2, "[shardchannel [shardchannel ...]]", "7.0.0",
				"O(N), N the number of those who listen", "Reply how many listen to each shard channel.",
				pubsubNumSub(fsm.ToShard)),
			{
				Name: "help", Arity: 2, Flags: Loading | Stale, Group: "pubsub", Since: "6.2.0", Complexity: "O(1)",
				Summary: "Show the subcommands.", Local: pubsubHelp,
			},
		},
	}
}

// subscribe returns the handler that lets the connection listen to names of one kind.
func subscribe(word string, kind fsm.Subscribed) Handler {
	return func(tx *fsm.Tx, a Args) resp.Value {
		if tx.OutOfMemory() {
			return resp.Error(msgOOM)
		}
		var told confirmations
		for i := 1; i < len(a); i++ {
			told.add(tx, word, resp.Bulk(string(a[i])), tx.Subscribe(kind, a.Str(i)))
		}
		return told.reply()
	}
}

// unsubscribe returns the handler that ends that; without names, for all. Where there are none, one
// confirmation says so.
func unsubscribe(word string, kind fsm.Subscribed) Handler {
	return func(tx *fsm.Tx, a Args) resp.Value {
		var told confirmations
		for i := 1; i < len(a); i++ {
			told.add(tx, word, resp.Bulk(string(a[i])), tx.Unsubscribe(kind, a.Str(i)))
		}
		if len(a) > 1 {
			return told.reply()
		}
		names := tx.Subscriptions(kind)
		for _, name := range names {
			told.add(tx, word, resp.Bulk(name), tx.Unsubscribe(kind, name))
		}
		if len(names) == 0 {
			told.add(tx, word, resp.Null(), tx.Subscribed(kind))
		}
		return told.reply()
	}
}

// confirmations are what one command tells its connection.
type confirmations struct{ inside []resp.Value }

func (c *confirmations) add(tx *fsm.Tx, word string, name resp.Value, n int) {
	v := resp.Push(resp.Bulk(word), name, resp.Int(int64(n)))
	if tx.IsInside() {
		c.inside = append(c.inside, v)
	} else {
		tx.Tell(v)
	}
}

// reply is not written unless the command is one of a transaction.
func (c *confirmations) reply() resp.Value {
	switch len(c.inside) {
	case 0:
		return resp.OK()
	case 1:
		return c.inside[0]
	}
	return resp.Array(c.inside...)
}

func publish(shard bool) Handler {
	return func(tx *fsm.Tx, a Args) resp.Value {
		return resp.Int(int64(tx.Publish(shard, a.Str(1), a.Str(2))))
	}
}

func pubsubChannels(kind fsm.Subscribed) Handler {
	return func(tx *fsm.Tx, a Args) resp.Value {
		if len(a) > 3 {
			return resp.Errorf("ERR unknown subcommand or wrong number of arguments for '%s'. Try PUBSUB HELP.",
				clip(a[1], shownOfUnknown))
		}
		list := []resp.Value{}
		tx.Subscribers(kind, func(name string, _ int) {
			if len(a) == 2 || Match(a.Str(2), name) {
				list = append(list, resp.Bulk(name))
			}
		})
		return resp.Array(list...)
	}
}

func pubsubNumSub(kind fsm.Subscribed) Handler {
	return func(tx *fsm.Tx, a Args) resp.Value {
		list := []resp.Value{}
		for i := 2; i < len(a); i++ {
			list = append(list, resp.Bulk(string(a[i])), resp.Int(int64(tx.SubscribersTo(kind, a.Str(i)))))
		}
		return resp.Array(list...)
	}
}

func pubsubHelp(*Conn, Args) resp.Value {
	list := []resp.Value{}
	for _, line := range []string{
		"PUBSUB <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
		"CHANNELS [<pattern>]",
		"    Return the currently active channels matching a <pattern> (default: '*').",
		"NUMPAT",
		"    Return number of subscriptions to patterns.",
		"NUMSUB [<channel> ...]",
		"    Return the number of subscribers for the specified channels, excluding",
		"    pattern subscriptions(default: no channels).",
		"SHARDCHANNELS [<pattern>]",
		"    Return the currently active shard level channels matching a <pattern> (default: '*').",
		"SHARDNUMSUB [<shardchannel> ...]",
		"    Return the number of subscribers for the specified shard level channel(s)",
		"HELP",
		"    Prints this help.",
	} {
		list = append(list, resp.Simple(line))
	}
	return resp.Array(list...)
}

// Subscriptions are in the state, so that PUBLISH and PUBSUB count them over the whole cluster, scripts
// included, and so that a message reaches those, and only those, whose SUBSCRIBE stands before it in the log.
// Each node delivers to its own connections, when it applies the entry.
//
// They belong to a connection and end with it, like a place in a queue (origins.go).

package fsm

import (
	"strings"

	"github.com/tidwall/btree"

	"github.com/divtxt/lockd/resp"
)

// Subscribed is to what one can subscribe.
type Subscribed byte

// The kinds of subscription. Their values are part of the snapshot's format.
const (
	ToChannel Subscribed = iota
	ToPattern
	ToShard // a shard channel; there is one shard here, so it is a second set of channels
	subscribedKinds
)

// Listens is to how many names of each kind a connection listens, by Subscribed.
type Listens [subscribedKinds]int

// Any tells whether it listens to anything.
func (l Listens) Any() bool { return l != Listens{} }

// subscription is a connection that listens to a name.
type subscription struct {
	kind Subscribed
	name string // a channel or a pattern
	peer
}

// subscriptionCost is what one counts against the memory limit beside its strings, in bytes.
const subscriptionCost = 192

func (s *subscription) cost() int64 {
	return int64(subscriptionCost + len(s.name) + len(s.node))
}

// subscriptions are all of them.
type subscriptions struct {
	byName *btree.BTreeG[subscription]
	byPeer *btree.BTreeG[subscription]
	counts map[peer]Listens // looked up, never ranged over; nil in a copy
	names  Listens          // how many different names of each kind there are
	bytes  int64
	match  Matcher
}

// Matcher tells whether a pattern of PSUBSCRIBE matches a channel.
type Matcher func(pattern, channel string) bool

func subscribedByName(a, b subscription) bool {
	if a.kind != b.kind {
		return a.kind < b.kind
	}
	if a.name != b.name {
		return a.name < b.name
	}
	return peerBefore(a.peer, b.peer)
}

func subscribedByPeer(a, b subscription) bool {
	if a.peer != b.peer {
		return peerBefore(a.peer, b.peer)
	}
	if a.kind != b.kind {
		return a.kind < b.kind
	}
	return a.name < b.name
}

func peerBefore(a, b peer) bool {
	if a.node != b.node {
		return a.node < b.node
	}
	return a.conn < b.conn
}

func newSubscriptions(match Matcher) subscriptions {
	opts := btree.Options{NoLocks: true}
	return subscriptions{
		byName: btree.NewBTreeGOptions(subscribedByName, opts),
		byPeer: btree.NewBTreeGOptions(subscribedByPeer, opts),
		counts: map[peer]Listens{},
		match:  match,
	}
}

// copy returns a copy for reading only, in constant time.
func (s *subscriptions) copy() subscriptions {
	return subscriptions{
		byName: s.byName.Copy(), byPeer: s.byPeer.Copy(), names: s.names, bytes: s.bytes, match: s.match,
	}
}

func (s *subscriptions) add(v subscription) {
	first := !s.anybody(v.kind, v.name)
	if _, had := s.byName.Set(v); had {
		return
	}
	s.byPeer.Set(v)
	s.count(v, 1)
	if first {
		s.names[v.kind]++
	}
}

func (s *subscriptions) remove(v subscription) {
	if _, had := s.byName.Delete(v); !had {
		return
	}
	s.byPeer.Delete(v)
	s.count(v, -1)
	if !s.anybody(v.kind, v.name) {
		s.names[v.kind]--
	}
}

// count keeps in step what is known about the subscriptions together when one comes or goes.
func (s *subscriptions) count(v subscription, by int) {
	s.bytes += int64(by) * v.cost()
	has := s.counts[v.peer]
	has[v.kind] += by
	if has.Any() {
		s.counts[v.peer] = has
	} else {
		delete(s.counts, v.peer)
	}
}

// anybody tells whether somebody listens to a name.
func (s *subscriptions) anybody(kind Subscribed, name string) (found bool) {
	s.byName.Ascend(subscription{kind: kind, name: name}, func(v subscription) bool {
		found = v.kind == kind && v.name == name
		return false
	})
	return found
}

// anyFrom tells whether somebody listens to a name that begins so.
func (s *subscriptions) anyFrom(kind Subscribed, begin string) (found bool) {
	s.byName.Ascend(subscription{kind: kind, name: begin}, func(v subscription) bool {
		found = v.kind == kind && strings.HasPrefix(v.name, begin)
		return false
	})
	return found
}

// of calls f with the subscriptions of a connection until it returns false.
func (s *subscriptions) of(p peer, f func(subscription) bool) {
	s.byPeer.Ascend(subscription{peer: p}, func(v subscription) bool { return v.peer == p && f(v) })
}

// to calls f with those who have subscribed to name.
func (s *subscriptions) to(kind Subscribed, name string, f func(subscription)) {
	s.byName.Ascend(subscription{kind: kind, name: name}, func(v subscription) bool {
		if v.kind != kind || v.name != name {
			return false
		}
		f(v)
		return true
	})
}

// patterns calls f with each pattern that matches a channel, once for each who has subscribed to it.
func (s *subscriptions) patterns(channel string, f func(subscription)) {
	last, matches := subscription{}, false
	s.byName.Ascend(subscription{kind: ToPattern}, func(v subscription) bool {
		if v.kind != ToPattern {
			return false
		}
		if v.name != last.name || last.node == "" {
			last, matches = v, s.match(v.name, channel)
		}
		if matches {
			f(v)
		}
		return true
	})
}

// end removes all that a connection has subscribed to.
func (s *subscriptions) end(p peer) {
	s.endAll(p, func(v subscription) bool { return v.peer == p })
}

// endNode removes all that connections of a node have subscribed to.
func (s *subscriptions) endNode(node string) {
	s.endAll(peer{node: node}, func(v subscription) bool { return v.node == node })
}

func (s *subscriptions) endAll(from peer, belongs func(subscription) bool) {
	if s.byName.Len() == 0 {
		return
	}
	var gone []subscription
	s.byPeer.Ascend(subscription{peer: from}, func(v subscription) bool {
		if belongs(v) {
			gone = append(gone, v)
			return true
		}
		return false
	})
	for _, v := range gone {
		s.remove(v)
	}
}

// receivers counts those whom a message to channel reaches; who has subscribed to it twice counts twice, as
// in Redis.
func (s *subscriptions) receivers(shard bool, channel string) (n int) {
	s.each(shard, channel, func(subscription) { n++ })
	return n
}

// each calls f with those whom a message to channel reaches.
func (s *subscriptions) each(shard bool, channel string, f func(subscription)) {
	if s.byName.Len() == 0 {
		return
	}
	if shard {
		s.to(ToShard, channel, f)
		return
	}
	s.to(ToChannel, channel, f)
	s.patterns(channel, f)
}

// deliver hands a message to the sink, once for each who gets it.
func (s *subscriptions) deliver(shard bool, channel, message string, sink Sink) {
	name, text := resp.Bulk(channel), resp.Bulk(message)
	word := "message"
	if shard {
		word = "smessage"
	}
	var plain, matched resp.Value // made once for all who get the same
	pattern := ""
	s.each(shard, channel, func(v subscription) {
		if v.kind != ToPattern {
			if plain.IsNull() {
				plain = resp.Push(resp.Bulk(word), name, text)
			}
			sink.Push(v.node, v.conn, plain)
			return
		}
		if matched.IsNull() || pattern != v.name {
			matched, pattern = resp.Push(resp.Bulk("pmessage"), resp.Bulk(v.name), name, text), v.name
		}
		sink.Push(v.node, v.conn, matched)
	})
}

// Deliver hands a message that only this node sends, as a keyspace notification is, to the connections of
// node that have subscribed to its channel.
func (m *Machine) Deliver(node, channel, message string, sink Sink) {
	m.subs.deliver(false, channel, message, only{sink, node})
}

// only passes on what is for one node.
type only struct {
	Sink
	node string
}

func (o only) Push(node string, conn uint64, v Reply) {
	if node == o.node {
		o.Sink.Push(node, conn, v)
	}
}

// perSubscription is what a look at one subscription counts against an entry's budget.
const perSubscription = 3

// Subscribe lets the caller's connection listen to name. It returns to how many channels and patterns, or to
// how many shard channels, the connection listens now: what Redis confirms it with.
func (tx *Tx) Subscribe(kind Subscribed, name string) int {
	v := subscription{kind, name, tx.peer()}
	if _, had := tx.m.subs.byName.Get(v); !had {
		v.name = keep(name)
		tx.m.subs.add(v)
		tx.m.effects = append(tx.m.effects, effect{kind: effectListens})
	}
	tx.Spend(perSubscription)
	return tx.Subscribed(kind)
}

// Unsubscribe ends that, and returns what is left, as Subscribe does.
func (tx *Tx) Unsubscribe(kind Subscribed, name string) int {
	tx.m.subs.remove(subscription{kind, name, tx.peer()})
	tx.m.effects = append(tx.m.effects, effect{kind: effectListens})
	tx.Spend(perSubscription)
	return tx.Subscribed(kind)
}

func (tx *Tx) peer() peer { return peer{tx.who.Origin.Node, tx.who.Conn} }

// Subscribed counts the caller's subscriptions that Redis counts together with those of kind: channels and
// patterns, or shard channels.
func (tx *Tx) Subscribed(kind Subscribed) int {
	has := tx.m.subs.counts[tx.peer()]
	if kind == ToShard {
		return has[ToShard]
	}
	return has[ToChannel] + has[ToPattern]
}

// Subscriptions returns the names of one kind to which the caller's connection listens, in order.
func (tx *Tx) Subscriptions(kind Subscribed) (names []string) {
	tx.m.subs.of(tx.peer(), func(v subscription) bool {
		if v.kind == kind {
			names = append(names, v.name)
		}
		return true
	})
	return names
}

// Subscribers calls f with each name of one kind to which anybody listens, and how many do, in order.
func (tx *Tx) Subscribers(kind Subscribed, f func(name string, n int)) {
	name, n := "", 0
	tx.m.subs.byName.Ascend(subscription{kind: kind}, func(v subscription) bool {
		if v.kind != kind {
			return false
		}
		if v.name != name && n > 0 {
			f(name, n)
			n = 0
		}
		name = v.name
		n++
		return true
	})
	if n > 0 {
		f(name, n)
	}
}

// SubscribedNames counts the different names of one kind to which anybody listens.
func (tx *Tx) SubscribedNames(kind Subscribed) int { return tx.m.subs.names[kind] }

// SubscribersTo counts who listens to a name.
func (tx *Tx) SubscribersTo(kind Subscribed, name string) (n int) {
	tx.m.subs.to(kind, name, func(subscription) { n++ })
	return n
}

// Tell sends the caller's own connection a push, at its place among the messages that it gets.
func (tx *Tx) Tell(v Reply) {
	tx.m.effects = append(tx.m.effects, effect{kind: effectTell, value: v})
}

// What a command causes outside of the state: messages to subscribers, and word of what has changed, for
// client-side caches and keyspace notifications. They are kept back until the command has ended, as the
// replies to waiters are, so that a script that fails says nothing; then they leave in the order in which
// they came about.

package fsm

// Event is a class of keyspace notifications, one bit of notify-keyspace-events.
type Event uint16

// The classes, each with its letter in the setting.
const (
	EventGeneric Event = 1 << iota // g: DEL, EXPIRE, RENAME, …
	EventString                    // $
	EventList                      // l
	EventSet                       // s
	EventHash                      // h
	EventSorted                    // z
	EventExpired                   // x
	EventNew                       // n: a key is there that was not
)

type effectKind byte

const (
	effectChanged effectKind = iota // name: a key
	effectFlushed                   // a database
	effectEvent                     // name: a key; text: what happened
	effectMessage                   // name: a channel; text: the message
	effectTell                      // value: a push for who caused it
	effectPush                      // value: a push for the connection number of the node that name says
	effectListens                   // who caused it listens to others than before
	effectLock                      // number: an event of a lock
)

// effect is one of them.
type effect struct {
	kind  effectKind
	shard bool
	class Event
	db    int
	name  string
	text  string
	value Reply

	number uint64
}

// Notify tells of an event about key: it is published where notify-keyspace-events asks for it.
func (tx *Tx) Notify(class Event, event, key string) { tx.m.notify(tx.db, class, event, keep(key)) }

func (m *Machine) notify(db int, class Event, event, key string) {
	m.effects = append(m.effects, effect{kind: effectEvent, class: class, db: db, name: key, text: event})
}

// Publish sends a message to all who have subscribed to the channel, or to the shard channel, and returns how
// many these are on all nodes.
func (tx *Tx) Publish(shard bool, channel, message string) int {
	m := tx.m
	m.effects = append(m.effects, effect{
		kind: effectMessage, shard: shard, name: keep(channel), text: keep(message),
	})
	n := m.subs.receivers(shard, channel)
	tx.Spend(int64(n) * perSubscription)
	if !shard {
		tx.Spend(int64(m.subs.names[ToPattern]) * perSubscription)
	}
	return n
}

// emit lets the effects of the command that has ended leave. cause is who sent it; the zero Caller is time.
func (m *Machine) emit(cause Caller, sink Sink) {
	flushed := false // FLUSHALL is told once
	for i := range m.effects {
		switch e := &m.effects[i]; e.kind {
		case effectChanged:
			sink.Changed(e.db, e.name, cause)
		case effectFlushed:
			if !flushed {
				sink.Flushed(cause)
			}
			flushed = true
		case effectEvent:
			sink.Event(e.db, e.class, e.text, e.name)
		case effectMessage:
			m.subs.deliver(e.shard, e.name, e.text, sink)
		case effectTell:
			sink.Push(cause.Origin.Node, cause.Conn, e.value)
		case effectPush:
			sink.Push(e.name, e.number, e.value)
		case effectListens:
			p := peer{cause.Origin.Node, cause.Conn}
			sink.Listens(p.node, p.conn, m.subs.counts[p])
		case effectLock:
			m.publish(e.number, sink)
		}
	}
	clear(m.effects)
	m.effects = m.effects[:0]
}

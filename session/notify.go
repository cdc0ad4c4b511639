// Keyspace notifications: messages that the node itself makes of what happens to keys, as the setting
// notify-keyspace-events says. Every node makes them for its own connections.

package session

import (
	"errors"
	"strconv"
	"strings"

	"github.com/divtxt/lockd/fsm"
)

// Events is what notify-keyspace-events asks for: classes of events, and to which channels they go.
type Events uint32

// The letters that lockd's state knows have fsm's bits. Those of streams, modules, eviction and misses are
// taken and shown like Redis', and nothing ever comes of them.
const (
	eventsEvicted Events = 1 << (iota + 16)
	eventsStream
	eventsModule
	eventsMiss
	eventsKeyspace
	eventsKeyevent
)

type eventLetter struct {
	letter byte
	events Events
}

// classLetters are the classes in the order in which Redis shows them.
func classLetters() []eventLetter {
	return []eventLetter{
		{'g', Events(fsm.EventGeneric)}, {'$', Events(fsm.EventString)}, {'l', Events(fsm.EventList)},
		{'s', Events(fsm.EventSet)}, {'h', Events(fsm.EventHash)}, {'z', Events(fsm.EventSorted)},
		{'x', Events(fsm.EventExpired)}, {'e', eventsEvicted}, {'t', eventsStream}, {'d', eventsModule},
	}
}

// otherLetters are those that A does not stand for.
func otherLetters() []eventLetter {
	return []eventLetter{
		{'n', Events(fsm.EventNew)}, {'K', eventsKeyspace}, {'E', eventsKeyevent}, {'m', eventsMiss},
	}
}

func allClasses() (all Events) {
	for _, l := range classLetters() {
		all |= l.events
	}
	return all
}

// ParseEvents reads the setting's letters.
func ParseEvents(text string) (e Events, err error) {
	letters := append(append(classLetters(), otherLetters()...), eventLetter{'A', allClasses()})
	for i := range len(text) {
		known := false
		for _, l := range letters {
			if l.letter == text[i] {
				e |= l.events
				known = true
			}
		}
		if !known {
			//nolint:staticcheck,revive // Redis' words
			return 0, errors.New("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")
		}
	}
	return e, nil
}

// String returns the letters as CONFIG GET shows them. Redis 7.0 does not show n beside A.
func (e Events) String() string {
	var b strings.Builder
	letters := otherLetters()
	if e&allClasses() == allClasses() {
		b.WriteByte('A')
		letters = letters[1:]
	} else {
		letters = append(classLetters(), letters...)
	}
	for _, l := range letters {
		if e&l.events != 0 {
			b.WriteByte(l.letter)
		}
	}
	return b.String()
}

// Notifications implements cluster.Effects.
func (h *Hub) Notifications(db int, class fsm.Event, event, key string) (messages [][2]string) {
	e := h.policy.Load().Notify
	if e&Events(class) == 0 {
		return nil
	}
	where := "@" + strconv.Itoa(db) + "__:"
	if e&eventsKeyspace != 0 {
		messages = append(messages, [2]string{"__keyspace" + where + key, event})
	}
	if e&eventsKeyevent != 0 {
		messages = append(messages, [2]string{"__keyevent" + where + event, key})
	}
	return messages
}

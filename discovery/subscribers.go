package discovery

// Publish and subscribe of the Sentinel view, where only the Sentinel publishes. A subscriber that does not
// read is dropped by package resp, and one may subscribe to so many names and no more.

import (
	"slices"
	"strings"
	"sync"

	"github.com/divtxt/lockd/commands"
	"github.com/divtxt/lockd/resp"
)

// The most that a connection may subscribe to: a Sentinel has some thirty kinds of events.
const (
	mostNames   = 64
	longestName = 128 // bytes
)

// audience is who subscribes to what.
type audience struct {
	mu sync.Mutex
	of map[*resp.Conn]*subscriber
}

// subscriber is what one connection subscribes to, each list in the order of its wishes.
type subscriber struct{ channels, patterns []string }

func (s *subscriber) count() int64 { return int64(len(s.channels) + len(s.patterns)) }

// tell sends an event to all who want it, once for each of their names that fits, as Redis does.
func (a *audience) tell(e event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for conn, s := range a.of {
		if slices.Contains(s.channels, e.channel) {
			conn.Push(resp.Push(resp.Bulk("message"), resp.Bulk(e.channel), resp.Bulk(e.text)))
		}
		for _, pattern := range s.patterns {
			if commands.Match(pattern, e.channel) {
				conn.Push(resp.Push(resp.Bulk("pmessage"), resp.Bulk(pattern), resp.Bulk(e.channel), resp.Bulk(e.text)))
			}
		}
	}
}

// listens tells whether a connection subscribes to anything.
func (a *audience) listens(rc *resp.Conn) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.of[rc] != nil
}

// leave ends all subscriptions of a connection.
func (a *audience) leave(rc *resp.Conn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.of, rc)
}

// list returns one of the lists of a connection; pattern says which.
func (s *subscriber) list(pattern bool) *[]string {
	if pattern {
		return &s.patterns
	}
	return &s.channels
}

// change lets f change what a connection subscribes to. Only the connection's own goroutine does so. No reply
// is written under the lock: one that fills the buffer waits for the reader.
func (a *audience) change(rc *resp.Conn, f func(*subscriber)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.of[rc]
	if s == nil {
		s = &subscriber{}
	}
	if f(s); s.count() == 0 {
		delete(a.of, rc)
		return
	}
	if a.of == nil {
		a.of = map[*resp.Conn]*subscriber{}
	}
	a.of[rc] = s
}

// look returns a copy of what a connection subscribes to.
func (a *audience) look(rc *resp.Conn) subscriber {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s := a.of[rc]; s != nil {
		return subscriber{slices.Clone(s.channels), slices.Clone(s.patterns)}
	}
	return subscriber{}
}

// add subscribes a connection to a name and tells whether that could be done. The confirmation is given
// before any event can come.
func (a *audience) add(rc *resp.Conn, verb string, pattern bool, name string) bool {
	s := a.look(rc)
	if list := s.list(pattern); !slices.Contains(*list, name) {
		if s.count() >= mostNames || len(name) > longestName {
			return false
		}
		*list = append(*list, name)
	}
	rc.Reply(confirmation(verb, resp.Bulk(name), s.count()))
	a.change(rc, func(now *subscriber) { *now = s })
	return true
}

// remove ends subscriptions, all of a kind if there are no names, and confirms each.
func (a *audience) remove(rc *resp.Conn, verb string, pattern bool, names []string) {
	s := a.look(rc)
	list := s.list(pattern)
	if len(names) == 0 {
		names = slices.Clone(*list)
	}
	for _, name := range names {
		*list = slices.DeleteFunc(*list, func(have string) bool { return have == name })
		rc.Reply(confirmation(verb, resp.Bulk(name), s.count()))
	}
	if len(names) == 0 {
		rc.Reply(confirmation(verb, resp.Null(), s.count()))
	}
	a.change(rc, func(now *subscriber) { *now = s })
}

func confirmation(verb string, name resp.Value, count int64) resp.Value {
	return resp.Push(resp.Bulk(verb), name, resp.Int(count))
}

// Serve answers commands in order: those of subscribers here, all others by the hub.
func (s *Sentinel) Serve(rc *resp.Conn, pipeline []resp.Command) {
	for i, words := range pipeline {
		if rc.Closing() {
			return
		}
		if cmd, _ := s.table.Lookup(words); cmd == nil || !s.subscription(rc, cmd, words) {
			s.hub.Serve(rc, pipeline[i:i+1])
		}
	}
}

// subscription answers what the hub cannot, and tells whether it did: subscribing, and what a subscriber may
// do in RESP2, where replies and messages look the same.
func (s *Sentinel) subscription(rc *resp.Conn, cmd *commands.Command, words resp.Command) bool {
	switch verb := cmd.Name; verb {
	case "subscribe", "psubscribe":
		s.subscribe(rc, verb, words)
	case "unsubscribe", "punsubscribe":
		var names []string
		for _, w := range words[1:] {
			names = append(names, string(w))
		}
		s.audience.remove(rc, verb, verb == "punsubscribe", names)
	case "reset":
		s.audience.leave(rc)
		return false
	case "quit":
		return false
	default:
		return rc.Proto() == 2 && s.audience.listens(rc) && restricted(rc, cmd, words)
	}
	rc.SetPatient(s.audience.listens(rc))
	return true
}

func (s *Sentinel) subscribe(rc *resp.Conn, verb string, words resp.Command) {
	for _, w := range words[1:] {
		if !s.audience.add(rc, verb, verb == "psubscribe", string(w[:min(len(w), longestName+1)])) {
			rc.Reply(resp.Errorf("ERR a connection may subscribe to %d names of at most %d bytes here",
				mostNames, longestName))
			return
		}
	}
}

// restricted answers a subscriber in RESP2.
func restricted(rc *resp.Conn, cmd *commands.Command, words resp.Command) bool {
	if cmd.Name != "ping" || len(words) > 2 {
		rc.Reply(resp.Errorf("ERR Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / "+
			"RESET are allowed in this context", strings.ReplaceAll(cmd.FullName(), "|", " ")))
		return true
	}
	message := ""
	if len(words) == 2 {
		message = string(words[1])
	}
	rc.Reply(resp.Array(resp.Bulk("pong"), resp.Bulk(message)))
	return true
}

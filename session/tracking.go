// Client-side caching: who may have which key in its cache, and telling them when it changes.
//
// The table is that of this node's connections. A key is noted before the read that asks for it is sent on
// its way, and what is pushed to a connection meanwhile comes after the reply (pushes.go). So whatever the
// read finds, a change that it did not see is told after it: either it is applied here after the key was
// noted, or before, and then the read, which is linearizable, has seen it. Databases are not told apart, as
// in Redis: a key of another database is forgotten once too often.

package session

import (
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/divtxt/lockd/commands"
	"github.com/divtxt/lockd/resp"
)

// tracking is how a connection wants to hear of changes. It never changes in place.
type tracking struct {
	redirect uint64 // the connection that is told in its place; 0: itself
	bcast    bool   // told of all keys with the prefixes, whatever it has read
	optIn    bool   // keys are noted only after CACHING YES
	optOut   bool   // they are not after CACHING NO
	noLoop   bool   // its own changes are not told
	prefixes []string
}

// trackers is the table. Where nobody tracks, a change costs a look at active.
type trackers struct {
	active atomic.Int64 // connections that track

	mu      sync.Mutex
	keys    map[string]map[uint64]noted // connections that may have the key
	bcast   map[uint64]*tracking        // connections that hear by prefix
	noted   int                         // pairs in keys
	sweepAt int                         // the number of pairs at which those of dead connections are dropped
}

// noted is how a connection has a key: it has read it, or a script of its own may have.
type noted struct {
	read   bool
	script uint64 // the number of the last such script, or running; 0: none
}

// running is the number of a script that is not answered yet.
const running = math.MaxUint64

// sweepLeast is the least number of pairs to be swept.
const sweepLeast = 1 << 16

// remember notes the keys of a command that is about to be sent, if the connection wants that. Redis notes
// what a script reads; here what it declares is known before it runs, and stays noted through what the script
// itself changes: it may read the key after that, as those do that take a lock and want to hear of its end.
// Of what only this script may have read its connection is not told what the script changes: rueidislock
// extends a lock as often as it hears that it changed, and would do so without end from the moment it takes
// one.
func (h *Hub) remember(c *conn, cmd *commands.Command, words resp.Command) {
	t := c.tracking.Load()
	if t == nil || !t.follows(cmd, c.caching) {
		return
	}
	places := cmd.KeyPlaces(words)
	if len(places) == 0 {
		return
	}
	c.wire.Hold() // before the key is noted, or its change could be told before the read is answered
	table := &h.trackers
	table.mu.Lock()
	for _, i := range places {
		table.note(string(words[i]), c.ID, runsScript(cmd))
	}
	if table.noted > table.sweepAt {
		table.sweep(func(id uint64) bool { return h.find(id) != nil })
	}
	h.boundTracked()
	table.mu.Unlock()
}

// answered tells that a command is over, and its number. On a follower the reply may be there before the
// changes: the number that they carry tells those of the script from later ones.
func (h *Hub) answered(c *conn, cmd *commands.Command, words resp.Command, number uint64) {
	if c.tracking.Load() == nil || !runsScript(cmd) {
		return
	}
	table := &h.trackers
	table.mu.Lock()
	defer table.mu.Unlock()
	for _, i := range cmd.KeyPlaces(words) {
		who := table.keys[string(words[i])]
		if n := who[c.ID]; n.script == running {
			who[c.ID] = noted{n.read || number == 0, number} // without a number it changes nothing
		}
	}
}

// boundTracked drops keys that are too many, whichever, and tells those who may have them. The caller holds
// the table's lock.
func (h *Hub) boundTracked() {
	most := h.policy.Load().MaxTracked
	if most <= 0 {
		return
	}
	for key := range h.trackers.keys {
		if len(h.trackers.keys) <= most {
			return
		}
		h.tell(h.trackers.take(key), key, 0)
	}
}

// follows tells whether the keys of a command are to be noted; given: CLIENT CACHING was sent for it.
func (t *tracking) follows(cmd *commands.Command, given bool) bool {
	if t.bcast || t.optIn && !given || t.optOut && given {
		return false
	}
	return runsScript(cmd) || cmd.Has(commands.ReadOnly)
}

func runsScript(cmd *commands.Command) bool {
	return strings.HasPrefix(cmd.Name, "eval") || strings.HasPrefix(cmd.Name, "fcall")
}

// note notes a key that is read, or that a script may read.
func (t *trackers) note(key string, id uint64, script bool) {
	n, known := t.keys[key][id]
	switch {
	case !script:
		n.read = true
	case n.script != running:
		n = noted{known, running}
	}
	t.put(key, id, n)
}

func (t *trackers) put(key string, id uint64, n noted) {
	if t.keys == nil {
		t.keys = map[string]map[uint64]noted{}
		t.sweepAt = sweepLeast
	}
	who := t.keys[key]
	if who == nil {
		who = make(map[uint64]noted, 1)
		t.keys[key] = who
	}
	before := len(who)
	who[id] = n
	t.noted += len(who) - before
}

// take removes a key and returns who may have it.
func (t *trackers) take(key string) map[uint64]noted {
	who := t.keys[key]
	delete(t.keys, key)
	t.noted -= len(who)
	return who
}

// sizes are figures for INFO.
func (t *trackers) sizes() (keys, items, prefixes int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, by := range t.bcast {
		prefixes += len(by.prefixes)
	}
	return len(t.keys), t.noted, prefixes
}

// sweep drops connections that are no more.
func (t *trackers) sweep(lives func(id uint64) bool) {
	for key, who := range t.keys {
		for id := range who {
			if !lives(id) {
				delete(who, id)
				t.noted--
			}
		}
		if len(who) == 0 {
			delete(t.keys, key)
		}
	}
	t.sweepAt = max(sweepLeast, 2*t.noted)
}

// Changed implements cluster.Effects.
func (h *Hub) Changed(_ int, key string, by, number uint64) {
	table := &h.trackers
	if table.active.Load() == 0 {
		return
	}
	table.mu.Lock()
	defer table.mu.Unlock()
	who := table.take(key)
	if n, ok := who[by]; ok && number <= n.script {
		if !n.read {
			delete(who, by)
		}
		table.put(key, by, noted{script: n.script})
	}
	h.tell(who, key, by)
	for id, t := range table.bcast {
		if (id != by || !t.noLoop) && t.wants(key) {
			h.invalidate(id, t, resp.Array(resp.Bulk(key)))
		}
	}
}

// wants tells whether a key has one of the prefixes.
func (t *tracking) wants(key string) bool {
	return slices.ContainsFunc(t.prefixes, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
}

// tell tells those who may have a key.
func (h *Hub) tell(who map[uint64]noted, key string, by uint64) {
	for id := range who {
		c := h.find(id)
		if c == nil {
			continue
		}
		// One that has changed to prefixes, or has switched tracking off, hears of it another way or not at all.
		if t := c.tracking.Load(); t != nil && !t.bcast && (id != by || !t.noLoop) {
			h.invalidate(id, t, resp.Array(resp.Bulk(key)))
		}
	}
}

// Flushed implements cluster.Effects.
func (h *Hub) Flushed(uint64) {
	table := &h.trackers
	if table.active.Load() == 0 {
		return
	}
	table.mu.Lock()
	defer table.mu.Unlock()
	table.keys, table.noted = map[string]map[uint64]noted{}, 0
	for _, c := range h.all() {
		if t := c.tracking.Load(); t != nil {
			h.invalidate(c.ID, t, resp.Null())
		}
	}
}

// invalidate tells a connection, or the one in its place, what it must forget.
func (h *Hub) invalidate(id uint64, t *tracking, keys resp.Value) {
	c := h.find(id)
	if c == nil {
		return
	}
	if t.redirect == 0 {
		if c.wire.Proto() > 2 {
			c.wire.Push(resp.Push(resp.Bulk("invalidate"), keys))
		}
		return
	}
	to := h.find(t.redirect)
	switch {
	case to == nil:
		c.brokenRedirect.Store(true)
		if c.wire.Proto() > 2 {
			c.wire.Push(resp.Push(resp.Bulk("tracking-redir-broken"), resp.Int(int64(t.redirect))))
		}
	case to.wire.Proto() > 2:
		to.wire.Push(resp.Push(resp.Bulk("invalidate"), keys))
	case to.listening().Any():
		to.wire.Push(resp.Push(resp.Bulk("message"), resp.Bulk("__redis__:invalidate"), keys))
	}
}

// track switches tracking on, as t says, or off where t is nil.
func (h *Hub) track(c *conn, t *tracking) {
	table := &h.trackers
	table.mu.Lock()
	defer table.mu.Unlock()
	was := c.tracking.Swap(t)
	switch {
	case was == nil && t != nil:
		table.active.Add(1)
	case was != nil && t == nil:
		table.active.Add(-1)
	}
	delete(table.bcast, c.ID)
	if t != nil && t.bcast {
		if table.bcast == nil {
			table.bcast = map[uint64]*tracking{}
		}
		table.bcast[c.ID] = t
	}
	c.caching = false
	c.brokenRedirect.Store(false)
	if t == nil && table.active.Load() == 0 {
		table.keys, table.noted = nil, 0
	}
}

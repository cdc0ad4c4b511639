// A channel on which clients publish, and to which some listen on other nodes. What one publisher sent comes
// to a listener in order and once; and where a listener has heard two of its messages, it has heard all in
// between that were answered.

package sim

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/divtxt/lockd/cluster"
	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/sim/history"
)

// ears are the pushes to one process' connections: a cluster.Effects.
type ears struct {
	*world
	mu    sync.Mutex
	heard map[uint64][]string // by connection, in order
	lost  bool                // what was heard may have gaps from now on
}

// Push takes a message.
func (e *ears) Push(conn uint64, v fsm.Reply) {
	list := v.List()
	if len(list) != 3 || list[0].Str() != "message" {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard[conn] = append(e.heard[conn], list[2].Str())
}

// Lost is told when subscriptions have ended: a server ends those connections.
func (e *ears) Lost() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lost = true
}

// The rest is for client-side caches and notifications, which nobody here has.

func (e *ears) Changed(int, string, uint64, uint64)                      {}
func (e *ears) Flushed(uint64)                                           {}
func (e *ears) Listens(uint64, fsm.Listens)                              {}
func (e *ears) CutOff()                                                  {}
func (e *ears) Notifications(int, fsm.Event, string, string) [][2]string { return nil }

// publish sends the client's next message.
func (c *client) publish(n *cluster.Node) {
	c.said++
	text := fmt.Sprint(c.name, "/", c.said)
	line := "PUBLISH news " + text
	if c.rng.IntN(3) == 0 {
		line = c.evaluates("@publish", 1, "news", text)
	}
	got := c.do(n, 0, ask{line: line})[0]
	if got.Outcome == history.Yes || got.Outcome == history.No { // No: nobody listened
		c.published.Store(text, true)
	}
}

// listen listens for a while on a connection of its own, and looks at what it heard.
func (c *client) listen(n *cluster.Node) {
	c.conn++
	e, conn := c.at.hears(), c.conn
	if c.at.running() != n {
		return
	}
	got := c.do(n, 0, ask{line: "SUBSCRIBE news"})[0]
	if got.Outcome == history.Refused || got.Outcome == history.Unknown {
		n.Leave(conn, false)
		c.conn++
		return
	}
	time.Sleep(c.upTo(1500 * time.Millisecond))
	e.mu.Lock()
	heard, lost := e.heard[conn], e.lost
	delete(e.heard, conn)
	e.mu.Unlock()
	n.Leave(conn, false)
	c.conn++
	if !c.at.wasKilled(n) { // what is left of it goes on, and hears what nobody else does
		c.inSequence(heard, lost)
	}
}

// inSequence holds what a listener has heard against what was said. gaps tells that it may have missed
// something.
func (c *client) inSequence(heard []string, gaps bool) {
	last := map[string]int{}
	for _, text := range heard {
		who, number, _ := strings.Cut(text, "/")
		n, _ := strconv.Atoi(number)
		before, known := last[who]
		last[who] = n
		switch {
		case known && n <= before:
			c.problem("%s on %s heard %q after number %d of the same publisher", c.name, c.at.id, text, before)
		case known && !gaps:
			for missed := before + 1; missed < n; missed++ {
				if _, sure := c.published.Load(fmt.Sprint(who, "/", missed)); sure {
					c.problem("%s on %s heard %q and, before, number %d, but not number %d, which was answered",
						c.name, c.at.id, text, before, missed)
				}
			}
		}
	}
	c.answered(nil, len(heard))
}

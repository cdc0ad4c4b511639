// Bad weather: what a link does to what crosses it. Streams are connections of TCP: what they carry comes
// late, never in another order, never twice. An RPC of raft is a message of its own here, though a real one
// crosses a connection too: it may be lost, and may arrive twice, the second time behind newer ones. That is
// more than TCP would do, and raft must bear it.

package memnet

import (
	"math/rand/v2"
	"time"
)

// Weather is how a link is, in one direction.
type Weather struct {
	Delay  time.Duration // what everything takes longer
	Jitter time.Duration // and up to so much more, by chance
	Loss   float64       // the part of raft's messages that are lost, 0 to 1
	Twice  float64       // the part of raft's requests that arrive once more, up to Late later
	Late   time.Duration
}

// SetWeather changes how the link from one address to another is. The zero Weather is a fine day.
func (n *Net) SetWeather(from, to string, w Weather) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if w == (Weather{}) {
		delete(n.weather, link{from, to})
		return
	}
	n.weather[link{from, to}] = w
}

// Break breaks the streams between two nodes, once: what was on its way is lost.
func (n *Net) Break(a, b string) {
	n.mu.Lock()
	broken := n.between(link{a, b})
	n.mu.Unlock()
	for _, c := range broken {
		c.breakBoth(errReset)
	}
}

func (n *Net) weatherOf(from, to string) Weather {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.weather[link{from, to}]
}

// takes is how long one message is on its way.
func (w Weather) takes() time.Duration { return w.Delay + upTo(w.Jitter) }

func (w Weather) loses() bool { return w.Loss > 0 && rand.Float64() < w.Loss }

func (w Weather) repeats() bool { return w.Twice > 0 && rand.Float64() < w.Twice }

func upTo(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return time.Duration(rand.Int64N(int64(d)))
}

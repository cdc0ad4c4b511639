package cluster_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/divtxt/lockd/cluster"
)

// checker holds what clients were told against what they may believe. It is asked at the moment a reply is
// there, so its order of things is the real one.
type checker struct {
	t     *testing.T
	began time.Time

	mu       sync.Mutex
	holds    map[string]*hold // the last that was granted, by key
	last     uint64           // the highest token that anybody was told
	given    map[uint64]bool
	counts   map[string]*counter
	problems []string
	events   map[string][]string // what happened to each lock, for who looks for the reason
}

// hold is a lock that a client may believe to have, from its grant until then.
type hold struct {
	key, owner string
	until      time.Duration // since the test began: from when it was sent
	released   bool
}

func newChecker(t *testing.T) *checker {
	return &checker{
		t: t, began: time.Now(), holds: map[string]*hold{}, given: map[uint64]bool{}, events: map[string][]string{}, counts: map[string]*counter{},
	}
}

func (k *checker) now() time.Duration { return time.Since(k.began) }

func (k *checker) problem(format string, args ...any) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.problemLocked(format, args...)
}

// note keeps what happened to a lock.
func (k *checker) note(key, format string, args ...any) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.events[key] = append(k.events[key], fmt.Sprintf("%v: ", k.now())+fmt.Sprintf(format, args...))
}

// history is the end of what happened to a lock. The caller holds k.mu.
func (k *checker) history(key string) string {
	e := k.events[key]
	return "\n\t" + strings.Join(e[max(0, len(e)-14):], "\n\t")
}

func (k *checker) problemLocked(format string, args ...any) {
	k.problems = append(k.problems, fmt.Sprintf("%v: ", k.now())+fmt.Sprintf(format, args...))
}

// report fails the test if there were problems.
func (k *checker) report() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.problems) > 0 {
		k.t.Errorf("%d problems:\n%s", len(k.problems), strings.Join(k.problems[:min(len(k.problems), 8)], "\n"))
	}
	for name, c := range k.counts {
		k.t.Logf("%s: %d acknowledged, %d unknown", name, len(c.seen), c.unknown)
	}
}

// granted notes a grant: nobody else may believe to hold the lock now. One that was told too late is none.
func (k *checker) granted(c *client, h *hold) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.now() >= h.until {
		return
	}
	if o := k.holds[h.key]; o != nil && !o.released && k.now() < o.until {
		k.problemLocked("%s got %s as %s while %s holds it for another %v%s", c.name, h.key, h.owner, o.owner,
			o.until-k.now(), k.history(h.key))
	}
	k.holds[h.key] = h
}

func (k *checker) renewed(h *hold, until time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	h.until = max(h.until, until)
}

// released is called before a release is sent, and tells whether the lock was held until then.
func (k *checker) released(h *hold) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	h.released = true
	return k.now() < h.until
}

// still looks at a reply that tells whether a lock is still held.
func (k *checker) still(c *client, h *hold, a answer, what string, holds bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if a.outcome == done && !holds && k.now() < h.until {
		k.problemLocked("%s on %s lost %s as %s, %v too early: %s was answered %v%s", c.name, c.at.id, h.key, h.owner,
			h.until-k.now(), what, a.Value, k.history(h.key))
	}
}

// tokens is the highest token that anybody was told until now.
func (k *checker) tokens() uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.last
}

// token looks at the token of a grant that was asked for when floor was the highest.
func (k *checker) token(c *client, floor, token uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if token <= floor || k.given[token] {
		k.problemLocked("%s on %s got token %d after %d", c.name, c.at.id, token, floor)
	}
	k.given[token] = true
	k.last = max(k.last, token)
}

// counter is one that several clients increment.
type counter struct {
	check   *checker
	sent    int64          // increments that may have been done
	top     int64          // the highest value anybody was told
	seen    map[int64]bool // what increments were answered
	unknown int64
}

func (k *checker) counter(key string) *counter {
	k.mu.Lock()
	defer k.mu.Unlock()
	c := k.counts[key]
	if c == nil {
		c = &counter{check: k, seen: map[int64]bool{}}
		k.counts[key] = c
	}
	return c
}

// begin is called before a command is sent, and returns what its reply must not be below.
func (n *counter) begin(increments bool) (floor int64) {
	n.check.mu.Lock()
	defer n.check.mu.Unlock()
	if increments {
		n.sent++
	}
	return n.top
}

func (n *counter) incremented(c *client, floor int64, a answer) {
	n.check.mu.Lock()
	defer n.check.mu.Unlock()
	switch a.outcome {
	case unknown:
		n.unknown++
	case notDone:
		n.sent--
	case done:
		if v := a.Num(); v <= floor || v > n.sent || n.seen[v] {
			n.check.problemLocked("%s on %s: INCR was answered %d after %d, with %d sent", c.name, c.at.id, v, floor, n.sent)
		}
		n.seen[a.Num()] = true
		n.top = max(n.top, a.Num())
	}
}

func (n *counter) read(c *client, floor int64, a answer) {
	n.check.mu.Lock()
	defer n.check.mu.Unlock()
	if a.outcome != done {
		return
	}
	if v := numberOf(a.Value); v < floor || v > n.sent {
		n.check.problemLocked("%s on %s: GET was answered %d after %d, with %d sent", c.name, c.at.id, v, floor, n.sent)
	}
	n.top = max(n.top, numberOf(a.Value))
}

// atTheEnd counts.
func (k *checker) atTheEnd(n *cluster.Node) {
	if n == nil {
		return
	}
	for name, c := range k.counts {
		have := int64(0)
		_, _ = fmt.Sscan(cluster.Pipeline(n, 1<<41, "GET "+name)[0], &have)
		if acked := int64(len(c.seen)); have < acked || have > acked+c.unknown {
			k.problem("%s: %d acknowledged, %d unknown, %d done", name, acked, c.unknown, have)
		}
	}
	for i := range 3 { // whatever its holder has died with is free in time
		line := fmt.Sprintf("LOCK lock%d last 1000 WAIT 5000", i)
		if got := cluster.Pipeline(n, 1<<41+uint64(i), line)[0]; got == "nil" {
			k.problem("lock%d was not freed in 5 s", i)
		}
	}
}

//go:build linux

// Handing a lock on: all clients want the same lock, wait for it in the queue, release it at once and ask
// again. Nothing else happens, so what is measured is how fast the lock goes from hand to hand, on three
// nodes with the clients spread over them, and how long one waits for it. In a fair queue each client has
// its turn once in each round: none has been granted the lock twice more often than another.

package main

import (
	"fmt"
	"strconv"
	"time"
)

// crowd is a number of clients that want the same lock, and what is asked of the cluster then.
type crowd struct {
	clients int
	rate    float64 // hand-overs a second; 0: a share of what the first crowd had
	p99     time.Duration
}

func crowds() []crowd { return []crowd{{16, 1_200, 20 * time.Millisecond}, {10_000, 0, 0}} }

// crowdShare is what of the hand-overs with few clients there must be with many.
const crowdShare = .8

// handed is what one round gave.
type handed struct {
	rate        float64 // hand-overs a second
	p50, p99    time.Duration
	least, most int     // grants of one client
	outOfOrder  int     // tokens that did not rise
	entries     float64 // of the log for one hand-over
}

// contend lets n clients want one lock. index tells how long the log is.
func contend(e endpoint, n int, during time.Duration, index func() (uint64, error)) (out handed, err error) {
	e.ask = func(link int) *lockPair {
		owner := "client-" + strconv.Itoa(link)
		return &lockPair{
			acquire: appendCommand(nil, "LOCK", "hot", owner, "600000", "WAIT", "600000"),
			release: appendCommand(nil, "UNLOCK", "hot", owner),
		}
	}
	c, err := dialClient(e, n, 0)
	if err != nil {
		return out, err
	}
	defer c.close()
	t := &turns{of: map[*link]int{}}
	c.accept = t.accept
	for _, l := range c.links {
		if err := c.send(l, time.Now()); err != nil {
			return out, err
		}
	}
	if err := c.keepOn(during / 4); err != nil { // until all wait
		return out, err
	}
	before, err := index()
	if err != nil {
		return out, err
	}
	t.begin()
	begun := time.Now()
	if err := c.keepOn(during); err != nil {
		return out, err
	}
	out = t.end(time.Since(begun), c.links)
	after, err := index()
	if err != nil {
		return out, err
	}
	out.entries = float64(after-before) / float64(t.waits.count)
	if c.failed > 0 {
		err = fmt.Errorf("%d replies were not as expected, the first: %q", c.failed, c.wrong)
	}
	return out, err
}

// keepOn answers each reply with the next command, and leaves the last ones without a reply.
func (c *client) keepOn(during time.Duration) error {
	for now, end := time.Now(), time.Now().Add(during); now.Before(end); now = time.Now() {
		n, err := c.wait(100 * time.Millisecond)
		if err != nil {
			return err
		}
		for i := range n {
			l := c.byFD[int(c.events[i].Fd)]
			if err := c.receive(l, time.Now(), true, func(time.Time, time.Duration) {}); err != nil {
				return err
			}
		}
	}
	return nil
}

// turns counts who had the lock how often.
type turns struct {
	of         map[*link]int
	waits      histogram
	last       int64 // token
	outOfOrder int
}

func (t *turns) begin() { *t = turns{of: map[*link]int{}, last: t.last} }

func (t *turns) accept(l *link, reply []byte) bool {
	if l.holds {
		return string(reply) == ":1\r\n"
	}
	token, err := strconv.ParseInt(string(reply[1:len(reply)-2]), 10, 64)
	if token <= t.last {
		t.outOfOrder++
	}
	t.last = token
	t.of[l]++
	t.waits.add(time.Since(l.since))
	return err == nil
}

func (t *turns) end(took time.Duration, links []*link) handed {
	out := handed{
		rate: float64(t.waits.count) / took.Seconds(), p50: t.waits.quantile(.5), p99: t.waits.quantile(.99),
		least: t.of[links[0]], outOfOrder: t.outOfOrder,
	}
	for _, l := range links {
		out.least, out.most = min(out.least, t.of[l]), max(out.most, t.of[l])
	}
	return out
}

// rival is a cluster in the race for one crowd, and what it did in each round.
type rival struct {
	name  string
	group *group
	list  []handed
}

// contentionMode measures each crowd on clusters of its own: of lockd, and with -versus of the other one too.
func contentionMode(b *bed, o options, out *report) error {
	contentionHead(out)
	few := 0.0
	var faster []string
	for _, crowd := range crowds() {
		if o.conns != 0 && o.conns != crowd.clients {
			continue
		}
		rivals, err := b.in(fmt.Sprint("crowd", crowd.clients)).contendRounds(crowd, o)
		if err != nil {
			return err
		}
		for _, r := range rivals {
			r.report(out, crowd, few)
		}
		if crowd.rate > 0 {
			few = median(rivals[0].figures(rateOf))
		}
		if len(rivals) > 1 {
			faster = append(faster, fmt.Sprintf("%d clients: times the other's hand-overs %s", crowd.clients,
				spread(rivals[0].times(rivals[1]), "%.2f")))
		}
	}
	out.line("")
	for _, line := range faster {
		out.line("%s", line)
	}
	return nil
}

func contentionHead(out *report) {
	out.line("| clients | system | hand-overs/s, median (lowest to highest) | p50 ms | p99 ms " +
		"| entries of the log each | turns of one client | target |")
	out.line("|---|---|---|---|---|---|---|---|")
}

func rateOf(h handed) float64    { return h.rate }
func entriesOf(h handed) float64 { return h.entries }

func (r *rival) figures(figure func(handed) float64) (v []float64) {
	for _, h := range r.list {
		v = append(v, figure(h))
	}
	return v
}

// times divides round by round.
func (r *rival) times(other *rival) (v []float64) {
	for i, h := range r.list {
		v = append(v, h.rate/other.list[i].rate)
	}
	return v
}

// report writes what it did; few is the rate of the first crowd.
func (r *rival) report(out *report, crowd crowd, few float64) {
	rates := r.figures(rateOf)
	p99 := median(r.figures(func(h handed) float64 { return ms(h.p99) }))
	target, met := fmt.Sprintf("%.0f/s, p99 %.0f ms", crowd.rate, ms(crowd.p99)),
		median(rates) >= crowd.rate && p99 <= ms(crowd.p99)
	if crowd.rate == 0 {
		target, met = fmt.Sprintf("%.0f %% of the first", 100*crowdShare), median(rates) >= crowdShare*few
	}
	least, most := r.list[0].least, r.list[0].most
	for _, h := range r.list {
		least, most = min(least, h.least), max(most, h.most)
	}
	judged := target + ": " + verdict(met)
	if r.name != "lockd" || crowd.rate == 0 && few == 0 {
		judged = ""
	}
	out.line("| %d | %s | %s | %.1f | %.1f | %.2f | %d to %d | %s |", crowd.clients, r.name,
		spread(rates, "%.0f"), median(r.figures(func(h handed) float64 { return ms(h.p50) })), p99,
		median(r.figures(entriesOf)), least, most, judged)
}

// contendRounds measures one crowd some times; where there are two clusters they take turns.
func (b *bed) contendRounds(crowd crowd, o options) (rivals []*rival, err error) {
	beds := []*bed{b}
	if b.versus != "" {
		other := b.in("other")
		other.lockd = b.versus
		beds = append(beds, other)
	}
	for i, b := range beds {
		g, err := b.startGroup(3, nil)
		if err != nil {
			return nil, err
		}
		defer g.stop()
		rivals = append(rivals, &rival{name: []string{"lockd", "the other"}[i], group: g})
	}
	for round := range o.rounds {
		for i := range rivals {
			r := rivals[(i+round)%len(rivals)]
			all, err := r.group.leaderLast()
			if err != nil {
				return nil, err
			}
			h, err := contend(r.group.through(all...), crowd.clients, o.during, all[len(all)-1].committed)
			if err != nil {
				return nil, err
			}
			progress("round %d, %5d clients, %-9s %6.0f hand-overs/s, p50 %6.2f ms, p99 %6.2f ms, %.2f entries each, "+
				"%d to %d turns, %d tokens out of order", round+1, crowd.clients, r.name, h.rate, ms(h.p50), ms(h.p99),
				h.entries, h.least, h.most, h.outOfOrder)
			r.list = append(r.list, h)
		}
	}
	return rivals, nil
}

// Ways between nodes on which packets take their time, get lost, come twice, or overtake each other.
//
// Linux can do this by itself (tc netem), if its kernel was built so; many are not. So the packets of a bad
// way are led through this process: a rule of the router sends them to a TUN device, which hands them to us,
// and what we write back is routed on as it would have been. It is the nodes' real TCP that copes with it.

package real

import (
	"container/heap"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"time"
)

// Weather is what happens to packets on a way. The zero value is fine weather.
type Weather struct {
	Delay    time.Duration // of each packet
	Jitter   time.Duration // up to so much more, by chance; the order stays
	Loss     float64       // the share of packets that get lost
	Repeat   float64       // the share that come twice
	Overtake float64       // the share that are held back, so that later ones overtake them
	Rate     int           // bytes a second; 0 is no bound
}

// Packets is how many packets bad weather has met.
type Packets struct {
	Passed, Lost, Repeated, Overtaken int
	Held                              time.Duration // in all
}

// longest is how long a packet may queue for a slow way before it is dropped, as a router's queue is
// bounded.
const longest = time.Second

// The preferences of the router's rules, in their order: first what is cut is dropped, then what has come
// from the device goes where it is to go, then what a bad way has goes to the device.
const (
	prefCut = iota + 100
	prefReturn
	prefBad
)

// skies leads packets through this process.
type skies struct {
	tun *os.File

	mu    sync.Mutex
	ways  map[way][]*front
	seen  Packets
	queue packets
	wake  chan struct{} // something new is first in the queue
	done  chan struct{} // closed by close
}

// way is from one address to another, as they stand in a packet.
type way struct{ from, to [4]byte }

// front is weather that has come to a way; several can be there at once.
type front struct {
	Weather
	free time.Time // when a slow way has sent what it has
	last time.Time // when the last packet leaves
}

// openSkies makes the device and moves it to the router.
func (w *Network) openSkies() (*skies, error) {
	name := w.name + "t"
	tun, err := openTun(name)
	if err != nil {
		return nil, err
	}
	err = w.ip(
		"link set "+name+" netns "+w.name,
		"-n "+w.name+" link set "+name+" up",
		"netns exec "+w.name+" sysctl -q -w net.ipv4.conf.all.rp_filter=0 net.ipv4.conf."+name+".rp_filter=0",
		"-n "+w.name+" route add default dev "+name+" table 100",
		fmt.Sprintf("-n %s rule add iif %s lookup main pref %d", w.name, name, prefReturn),
	)
	if err != nil {
		return nil, errors.Join(err, tun.Close())
	}
	s := &skies{
		tun: tun, ways: map[way][]*front{}, wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	go s.read()
	go s.deliver()
	return s, nil
}

// Weather brings bad weather to the way from a node to another until end is called.
func (w *Network) Weather(from, to *Node, how Weather) (end func() error, err error) {
	var on way
	for _, end := range []struct {
		node *Node
		addr *[4]byte
	}{{from, &on.from}, {to, &on.to}} {
		if _, err := fmt.Sscanf(end.node.Host, "%d.%d.%d.%d",
			&end.addr[0], &end.addr[1], &end.addr[2], &end.addr[3]); err != nil {
			return nil, fmt.Errorf("address of %s: %w", end.node.ID, err)
		}
	}
	if w.skies == nil {
		if w.skies, err = w.openSkies(); err != nil {
			return nil, err
		}
	}
	rule := fmt.Sprintf("from %s to %s lookup 100 pref %d", from.Host, to.Host, prefBad)
	f := &front{Weather: how}
	if w.skies.comes(on, f) {
		err = w.ip("-n " + w.name + " rule add " + rule)
	}
	return func() error {
		if w.skies.goes(on, f) {
			return w.ip("-n " + w.name + " rule del " + rule)
		}
		return nil
	}, err
}

// Packets is what bad weather has done so far.
func (w *Network) Packets() Packets {
	if w.skies == nil {
		return Packets{}
	}
	w.skies.mu.Lock()
	defer w.skies.mu.Unlock()
	return w.skies.seen
}

// Weather brings bad weather to the ways to a node from all others, to the ways from it, or to both, until
// end is called. It needs Cluster.Net.
func (c *Cluster) Weather(n *Node, to, from bool, how Weather) (end func() error, err error) {
	var ends []func() error
	end = func() error {
		var err error
		for _, one := range ends {
			err = errors.Join(err, one())
		}
		return err
	}
	bring := func(a, b *Node) {
		one, failed := c.Net.Weather(a, b, how)
		if err = errors.Join(err, failed); one != nil {
			ends = append(ends, one)
		}
	}
	for _, other := range c.Nodes {
		if other != n && to {
			bring(other, n)
		}
		if other != n && from {
			bring(n, other)
		}
	}
	return end, err
}

// comes and goes tell whether a way was fine before, and is again.
func (s *skies) comes(on way, f *front) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ways[on] = append(s.ways[on], f)
	return len(s.ways[on]) == 1
}

func (s *skies) goes(on way, gone *front) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	var rest []*front
	for _, f := range s.ways[on] {
		if f != gone {
			rest = append(rest, f)
		}
	}
	s.ways[on] = rest
	return len(rest) == 0
}

// close ends it; what is on its way is lost.
func (s *skies) close() {
	close(s.done)
	_ = s.tun.Close()
}

// read takes packets out of the device until it is closed.
func (s *skies) read() {
	buf := make([]byte, 64<<10)
	for {
		n, err := s.tun.Read(buf)
		if err != nil {
			return
		}
		if n < 20 || buf[0]>>4 != 4 {
			continue // no IPv4: the device says hello in IPv6
		}
		on := way{[4]byte(buf[12:16]), [4]byte(buf[16:20])}
		s.suffer(on, append([]byte(nil), buf[:n]...))
	}
}

// suffer decides what becomes of a packet. Where the weather has just cleared up it goes on at once.
func (s *skies) suffer(on way, b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	at, copies, overtaken := now, 1, false
	for _, f := range s.ways[on] {
		at = f.send(at, len(b))
		if rand.Float64() < f.Loss || at.Sub(now) > longest+f.Delay+f.Jitter {
			s.seen.Lost++
			return
		}
		if rand.Float64() < f.Repeat {
			copies++
			s.seen.Repeated++
		}
		if rand.Float64() < f.Overtake {
			at, overtaken = at.Add(2*f.Delay+f.Jitter+2*time.Millisecond), true
		} else {
			f.last = at
		}
	}
	s.seen.Passed++
	s.seen.Held += at.Sub(now)
	if overtaken {
		s.seen.Overtaken++
	}
	for range copies {
		heap.Push(&s.queue, packet{at, s.queue.count, b})
		s.queue.count++
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// send tells when a packet that comes at a time is through.
func (f *front) send(at time.Time, bytes int) time.Time {
	if f.Rate > 0 {
		if f.free.Before(at) {
			f.free = at
		}
		f.free = f.free.Add(time.Duration(bytes) * time.Second / time.Duration(f.Rate))
		at = f.free
	}
	at = at.Add(f.Delay)
	if f.Jitter > 0 {
		at = at.Add(rand.N(f.Jitter))
	}
	if at.Before(f.last) {
		at = f.last
	}
	return at
}

// deliver writes packets back when their time has come.
func (s *skies) deliver() {
	for {
		due, wait := s.due()
		for _, b := range due {
			_, _ = s.tun.Write(b) // a packet that cannot go on is lost
		}
		timer := time.NewTimer(wait)
		select {
		case <-s.done:
			return
		case <-s.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// due takes what must go now, and tells how long to wait for the next.
func (s *skies) due() (list [][]byte, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.queue.list) > 0 {
		if wait := time.Until(s.queue.list[0].at); wait > 0 {
			return list, wait
		}
		list = append(list, heap.Pop(&s.queue).(packet).bytes)
	}
	return list, time.Hour
}

// packets is a heap of what is on its way, the first to arrive on top.
type packets struct {
	list  []packet
	count int // of all that have been in it
}

type packet struct {
	at    time.Time
	count int // those of the same time go in their order
	bytes []byte
}

// Len implements heap.Interface.
func (p *packets) Len() int { return len(p.list) }

// Less implements heap.Interface.
func (p *packets) Less(i, j int) bool {
	a, b := p.list[i], p.list[j]
	return a.at.Before(b.at) || a.at.Equal(b.at) && a.count < b.count
}

// Swap implements heap.Interface.
func (p *packets) Swap(i, j int) { p.list[i], p.list[j] = p.list[j], p.list[i] }

// Push implements heap.Interface.
func (p *packets) Push(x any) { p.list = append(p.list, x.(packet)) }

// Pop implements heap.Interface.
func (p *packets) Pop() any {
	last := len(p.list) - 1
	x := p.list[last]
	p.list = p.list[:last]
	return x
}

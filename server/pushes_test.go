// Publishing, notifications, client-side caching and CLIENT's subcommands over three real nodes.

package server_test

import (
	"bufio"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// rawConn is a raw connection.
type rawConn struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func (p *process) wire(t *testing.T, first ...string) *rawConn {
	t.Helper()
	conn, err := net.Dial("tcp", p.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	w := &rawConn{t: t, conn: conn, in: bufio.NewReader(conn)}
	for _, line := range first {
		w.do(line)
	}
	return w
}

func (w *rawConn) send(line string) {
	w.t.Helper()
	out := ""
	words := strings.Fields(line)
	for _, word := range words {
		out += fmt.Sprintf("$%d\r\n%s\r\n", len(word), word)
	}
	if _, err := fmt.Fprintf(w.conn, "*%d\r\n%s", len(words), out); err != nil {
		w.t.Fatal(err)
	}
}

// read returns what comes next as one line of text; a push begins with ">".
func (w *rawConn) read(within time.Duration) (string, error) {
	_ = w.conn.SetReadDeadline(time.Now().Add(within))
	head, err := w.in.ReadString('\n')
	if err != nil {
		return "", err
	}
	head = strings.TrimSuffix(head, "\r\n")
	n, _ := strconv.Atoi(head[1:])
	switch head[0] {
	case '$', '=':
		if n < 0 {
			return "nil", nil
		}
		text := make([]byte, n+2)
		for got := 0; got < len(text) && err == nil; {
			var more int
			more, err = w.in.Read(text[got:])
			got += more
		}
		return string(text[:n]), err
	case '%':
		n *= 2
	case '*', '~', '>':
	case ':', '+':
		return head[1:], nil
	default:
		return head, nil
	}
	var parts []string
	for range max(n, 0) {
		part, err := w.read(within)
		if err != nil {
			return "", err
		}
		parts = append(parts, part)
	}
	mark := ""
	if head[0] == '>' {
		mark = ">"
	}
	return mark + strings.Join(parts, " "), nil
}

// do sends a line and returns its reply; pushes that come before it are left out.
func (w *rawConn) do(line string) string {
	w.t.Helper()
	w.send(line)
	for {
		got, err := w.read(10 * time.Second)
		if err != nil {
			w.t.Fatalf("%s: %v", line, err)
		}
		if !strings.HasPrefix(got, ">") {
			return got
		}
	}
}

func (w *rawConn) want(text string) {
	w.t.Helper()
	if got, err := w.read(10 * time.Second); got != text {
		w.t.Fatalf("got %q %v, want %q", got, err, text)
	}
}

func soon(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("this never happened: " + what)
		}
	}
}

// whole waits until a cluster takes all commands: its nodes have only just met.
func whole(t *testing.T, nodes [3]*process) {
	t.Helper()
	for _, p := range nodes {
		w := p.wire(t)
		soon(t, "PUBLISH is known", func() bool { return w.do("PUBLISH nobody x") == "0" })
	}
}

func TestPubSubOnThreeNodes(t *testing.T) {
	nodes, _, _ := three(t)
	whole(t, nodes)
	var subscribers []*rawConn
	for i, p := range nodes {
		w := p.wire(t)
		w.send("SUBSCRIBE news")
		w.want("subscribe news 1")
		w.send("PSUBSCRIBE n*s")
		w.want("psubscribe n*s 2")
		subscribers = append(subscribers, w)
		if got := nodes[(i+1)%3].wire(t).do("PUBSUB NUMSUB news"); got != fmt.Sprintf("news %d", i+1) {
			t.Errorf("on the next node: %s", got)
		}
	}
	publish := func(from int, line string) {
		t.Helper()
		if got := nodes[from].wire(t).do(line); got != "6" {
			t.Errorf("%s reached %s", line, got)
		}
		for _, w := range subscribers {
			w.want("message news hi")
			w.want("pmessage n*s news hi")
		}
	}
	for i := range nodes {
		publish(i, "PUBLISH news hi")
		publish(i, "EVAL return(redis.call('publish','news','hi')) 0")
	}
	// The node of a subscriber dies; the others go on, and after it is back nobody listens there.
	nodes[2].kill()
	subscribers = subscribers[:2]
	w := nodes[0].wire(t)
	w.do("PUBLISH news hi")
	for _, s := range subscribers {
		s.want("message news hi")
		s.want("pmessage n*s news hi")
	}
}

// TestClientsOfAllNodes: the pattern of portalocker's RedisLock: who holds is who listens, and whose
// connection hangs is found by name and closed, on whichever node it is.
func TestClientsOfAllNodes(t *testing.T) {
	nodes, _, _ := three(t)
	whole(t, nodes)
	holder := nodes[0].wire(t, "CLIENT SETNAME lock-holder")
	holder.send("SUBSCRIBE lock")
	holder.want("subscribe lock 1")
	admin := nodes[1].wire(t)
	ids := regexp.MustCompile(`(?m)^id=(\d+) .* name=(\S*) .* sub=(\d+) `).FindAllStringSubmatch(admin.do("CLIENT LIST"), -1)
	seen, found := map[string]bool{}, ""
	for _, m := range ids {
		if seen[m[1]] {
			t.Errorf("two connections have the number %s", m[1])
		}
		seen[m[1]] = true
		if m[2] == "lock-holder" {
			found = m[1]
			if m[3] != "1" {
				t.Errorf("it listens to %s channels", m[3])
			}
		}
	}
	if found == "" || len(seen) < 3 {
		t.Fatalf("the holder is not among %q", ids)
	}
	for _, p := range nodes {
		if got := p.wire(t).do("CLIENT LIST ID " + found); !strings.Contains(got, "lock-holder") {
			t.Errorf("CLIENT LIST ID on %s: %q", p.addr, got)
		}
	}
	if got := admin.do("CLIENT KILL ID " + found); got != "1" {
		t.Errorf("killed %s", got)
	}
	if got := admin.do("PUBSUB NUMSUB lock"); got != "lock 0" {
		t.Errorf("at once after that: %s", got)
	}
	if _, err := holder.read(10 * time.Second); err == nil {
		t.Error("the holder still has its connection")
	}
	waiting := nodes[2].wire(t)
	id := waiting.do("CLIENT ID")
	admin.do("LOCK k o 60000")
	waiting.send("LOCK k p 60000 WAIT 60000")
	soon(t, "it waits, and is unblocked from another node", func() bool { return admin.do("CLIENT UNBLOCK "+id) == "1" })
	waiting.want("nil")
	if got := admin.do("CLIENT UNBLOCK " + id); got != "0" {
		t.Errorf("unblocked again: %s", got)
	}
	nodes[2].kill()
	begun := time.Now()
	if got := admin.do("CLIENT LIST"); !strings.Contains(got, "id=") || time.Since(begun) > 3*time.Second {
		t.Errorf("without a node: %q after %v", got, time.Since(begun))
	}
}

func TestExpiredOnAnotherNode(t *testing.T) {
	nodes, _, _ := three(t)
	whole(t, nodes)
	w := nodes[1].wire(t, "CONFIG SET notify-keyspace-events Ex")
	w.send("PSUBSCRIBE __key*__:*")
	w.want("psubscribe __key*__:* 1")
	silent := nodes[2].wire(t)
	silent.send("PSUBSCRIBE __key*__:*")
	silent.want("psubscribe __key*__:* 1")
	nodes[0].wire(t, "SELECT 3", "SET k v PX 50")
	w.want("pmessage __key*__:* __keyevent@3__:expired k")
	if got, err := silent.read(200 * time.Millisecond); err == nil {
		t.Errorf("a node that publishes no events told %q", got)
	}
}

// TestCacheIsNeverStale: clients on each node read and cache keys while others change them; when the changes
// are over and all is told, what they have cached is what is there.
func TestCacheIsNeverStale(t *testing.T) {
	nodes, _, _ := three(t)
	whole(t, nodes)
	for _, options := range []string{"", "BCAST", "NOLOOP"} {
		var writers, readers sync.WaitGroup
		stop := make(chan struct{})
		for i := range 4 {
			w := nodes[i%3].wire(t)
			writers.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-stop:
						return
					default:
					}
					w.do(fmt.Sprintf("SET key%d %d.%d", n%5, i, n))
				}
			})
		}
		type reader struct {
			*rawConn
			cache map[string]string
		}
		var all []*reader
		for i := range 6 {
			r := &reader{nodes[i%3].wire(t, "HELLO 3", "CLIENT TRACKING ON "+options), map[string]string{}}
			all = append(all, r)
			readers.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-stop:
						return
					default:
					}
					key := fmt.Sprintf("key%d", n%5)
					if _, cached := r.cache[key]; !cached {
						r.fetch(key, r.cache)
					}
				}
			})
		}
		time.Sleep(time.Second)
		close(stop)
		writers.Wait()
		readers.Wait()
		check := nodes[0].wire(t)
		for _, r := range all {
			r.settle(r.cache)
			for key, cached := range r.cache {
				if now := check.do("GET " + key); now != cached {
					t.Errorf("%q: %s is %s, a client has %s in its cache", options, key, now, cached)
				}
			}
			r.conn.Close()
		}
	}
}

// fetch reads a key and caches it; what it is told meanwhile it forgets, in the order in which it comes.
func (w *rawConn) fetch(key string, cache map[string]string) {
	w.send("GET " + key)
	for {
		got, err := w.read(10 * time.Second)
		if err != nil {
			w.t.Error(err)
			return
		}
		if !forget(got, cache) {
			cache[key] = got
			return
		}
	}
}

// forget drops what an invalidation names, and tells whether it was one.
func forget(got string, cache map[string]string) bool {
	keys, is := strings.CutPrefix(got, ">invalidate ")
	for _, key := range strings.Fields(keys) {
		delete(cache, key)
	}
	return is
}

// settle takes what is still told, until nothing is for a while.
func (w *rawConn) settle(cache map[string]string) {
	for {
		got, err := w.read(300 * time.Millisecond)
		if err != nil {
			return
		}
		forget(got, cache)
	}
}

// TestSubscriberOfRestoredState: a node that starts from a snapshot knows who listens on the others.
func TestSubscriberOfRestoredState(t *testing.T) {
	nodes, dirs, flags := three(t)
	whole(t, nodes)
	w := nodes[0].wire(t)
	w.send("SUBSCRIBE a b")
	w.want("subscribe a 1")
	w.want("subscribe b 2")
	nodes[1].wire(t, "SAVE")
	nodes[1].kill()
	nodes[1] = launch(t, dirs[1], flags[1]...)
	again := nodes[1].wire(t)
	if got := again.do("PUBSUB CHANNELS"); !slices.Equal(strings.Fields(got), []string{"a", "b"}) {
		t.Errorf("channels: %s", got)
	}
	if got := again.do("PUBLISH b hi"); got != "1" {
		t.Errorf("reached %s", got)
	}
	w.want("message b hi")
}

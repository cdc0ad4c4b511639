package cluster

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/divtxt/lockd/fsm"
)

// Connections use their memory again as soon as they are answered, as those of a server do, while entries
// fail, waiters come and go and the node stops in the middle. Each reply is its own command's; what was
// acknowledged is there after a restart, what "was not done" is not, and only what is unknown may be
// either.
func TestMemoryIsUsedAgainThroughSetbacksAndShutdown(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.log = &flakyStore{LogStore: r.log, every: 14}
	n := r.start()
	const conns = 12
	var acked, unknown [conns]int
	var wait sync.WaitGroup
	for c := range conns {
		wait.Add(1)
		go func() {
			defer wait.Done()
			done := make(chan struct{}, 2)
			buffer := make([]byte, 4096)
			calls := make([]fsm.Call, 0, 8)
			for i := 0; ; i++ {
				b := buffer[:0]
				add := func(read, long bool, words ...string) {
					var w [][]byte
					for _, s := range words {
						from := len(b)
						b = append(b, s...)
						w = append(w, b[from:len(b):len(b)])
					}
					what := fsm.Command{Conn: uint64(c + 1), Words: w}
					calls = append(calls, fsm.Call{Read: read, Long: long, Command: what})
				}
				own := fmt.Sprint("own", c)
				if i%5 == 4 {
					add(false, false, "LOCK", "hot", own, "50", "WAIT", "20")
					n.Submit(calls, done)
					if i%10 == 9 {
						n.Leave(uint64(c+1), true)
					}
					<-done
					code, _, _ := strings.Cut(calls[0].Reply.Str(), " ")
					if calls[0].Reply.IsError() && code != "TRYAGAIN" && code != "UNKNOWN" {
						t.Errorf("LOCK: %q", calls[0].Reply.Str())
					}
					add(false, false, "UNLOCK", "hot", own)
					calls = calls[1:]
					n.Submit(calls, done)
					<-done
					calls = calls[:0]
					continue
				}
				add(false, false, "INCR", own)
				add(true, false, "GET", own)
				add(true, true, "KEYS", own)
				n.Submit(calls, done)
				<-done
				v, got, keys := calls[0].Reply, calls[1].Reply, calls[2].Reply
				for j := range buffer {
					buffer[j] = 'x'
				}
				clear(calls)
				calls = calls[:0]
				switch {
				case !v.IsError():
					if int(v.Num()) != acked[c]+1 {
						t.Errorf("connection %d: %d after %d", c, v.Num(), acked[c])
						return
					}
					acked[c]++
					if !got.IsError() && got.Str() != strconv.Itoa(acked[c]) {
						t.Errorf("connection %d: GET %q, want %d", c, got.Str(), acked[c])
					}
					if !keys.IsError() && len(keys.List()) != 1 {
						t.Errorf("connection %d: KEYS %v", c, keys)
					}
				case strings.HasPrefix(v.Str(), "UNKNOWN"):
					unknown[c]++
					return
				case strings.HasPrefix(v.Str(), "TRYAGAIN"):
					return
				default:
					t.Errorf("%q", v.Str())
					return
				}
			}
		}()
	}
	time.Sleep(time.Second)
	r.stop()
	wait.Wait()
	r.log = r.log.(*flakyStore).LogStore
	n = r.start()
	defer r.stop()
	for c := range conns {
		have, _ := strconv.Atoi(one(n, fmt.Sprint("GET own", c)))
		if have < acked[c] || have > acked[c]+unknown[c] {
			t.Errorf("connection %d: %d acknowledged, %d unknown, %d done", c, acked[c], unknown[c], have)
		}
	}
	t.Log(acked, unknown)
}

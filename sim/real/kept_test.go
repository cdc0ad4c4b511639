// Locks that are held through a whole scenario.

package real

import (
	"fmt"
	"time"
)

// kept is locks with a long time to live, and the tokens that they were given.
type kept struct {
	s      *scenario
	tokens map[string]int64
	newest int64
}

// keep takes so many locks, through all nodes in turn.
func (s *scenario) keep(n int) *kept {
	s.Helper()
	k := &kept{s: s, tokens: map[string]int64{}}
	targets := s.Targets()
	for i := range n {
		target := targets[i%len(targets)]
		key := fmt.Sprintf("kept:%d", i)
		reply, err := Ask(target.Addr, 5*time.Second, "LOCK", key, "keeper", "3600000")
		token, ok := reply.(int64)
		if err != nil || !ok || token <= k.newest {
			s.Fatalf("LOCK %s through %s: %v %v; the last token was %d", key, target.ID, reply, err, k.newest)
		}
		k.tokens[key], k.newest = token, token
	}
	return k
}

// verify asks a node for all of them.
func (k *kept) verify(n *Node) {
	k.s.Helper()
	conn, err := Dial(n.Addr(), 5*time.Second)
	k.s.must(err)
	defer conn.Close()
	for key, token := range k.tokens {
		if got, err := conn.Do(5*time.Second, "LOCK.TOKEN", key, "keeper"); err != nil || got != token {
			k.s.Fatalf("%s was acknowledged with token %d, and %s says %v, %v", key, token, n.ID, got, err)
		}
	}
	key := "kept:new:" + n.ID
	reply, err := conn.Do(5*time.Second, "LOCK", key, "keeper", "3600000")
	if token, ok := reply.(int64); err != nil || !ok || k.tokens[key] == 0 && token <= k.newest {
		k.s.Fatalf("LOCK %s through %s: %v %v; tokens were given up to %d", key, n.ID, reply, err, k.newest)
	} else {
		k.tokens[key], k.newest = token, max(token, k.newest)
	}
}

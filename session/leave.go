// Leaving: how a node that stops takes leave of its clients. Each gets the replies to what it has sent, and
// then the end of its connection instead of errors: a client library takes a closed connection as a reason
// to connect to another node and go on, and hands an error to its user.

package session

import "time"

// leaveLook is how often connections are told, for one may have parked just now.
const leaveLook = 10 * time.Millisecond

// Leave ends all connections: idle ones at once, busy ones when what they sent is answered, those that wait
// for a lock without a reply. New ones end as soon as they are accepted. It returns when none is left, or
// after within.
func (h *Hub) Leave(within time.Duration) {
	h.leaving.Store(true)
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(leaveLook) {
		conns := h.all()
		if len(conns) == 0 {
			return
		}
		for _, c := range conns {
			if c.look().blocked {
				c.wire.Kill()
			} else {
				c.wire.Leave()
			}
		}
	}
}

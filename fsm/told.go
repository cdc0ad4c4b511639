// What those are told who waited: that they have it, or why not.

package fsm

import "github.com/divtxt/lockd/resp"

// granted is what w is told when it gets what it waits for.
func (w *waiter) granted(token uint64, now Clock) Reply {
	if !w.lock.Explain {
		return intReply(token)
	}
	return resp.Map(
		resp.Bulk("ok"), resp.Int(1), resp.Bulk("token"), intReply(token), resp.Bulk("reason"), resp.Bulk("waited"),
		resp.Bulk("key"), resp.Bulk(w.keys[0]), resp.Bulk("waited-ms"), resp.Int(int64(now-w.since)),
	)
}

// nothing is what w is told when it has not got in time what it waits for.
func (m *Machine) nothing(w *waiter) Reply { return m.ended(w, "timeout") }

// ended is what w is told when it does not get what it waits for.
func (m *Machine) ended(w *waiter, reason string) Reply {
	switch {
	case w.class == ClassEvents:
		return m.noEvents()
	case !w.lock.Explain:
		return w.class.nothing()
	}
	now := min(m.clock, w.deadline) // entries are some time apart
	key, holder, token, left := w.keys[0], resp.Null(), resp.Null(), int64(-2)
	if out := m.judge(w.db, w.keys, &w.lock); out.Result != Granted {
		if key = out.Key; out.Item != nil {
			left = out.Item.TTL(m.clock)
			out.Item.Holds(func(h *Hold) bool {
				holder, token = resp.Bulk(h.Owner), intReply(h.Token)
				return h.Owner == w.lock.Owner // of several, one that is in the way
			})
		}
	}
	return resp.Map(
		resp.Bulk("ok"), resp.Int(0), resp.Bulk("token"), resp.Null(), resp.Bulk("reason"), resp.Bulk(reason),
		resp.Bulk("key"), resp.Bulk(key), resp.Bulk("holder"), holder, resp.Bulk("holder-token"), token,
		resp.Bulk("ttl-ms"), resp.Int(left), resp.Bulk("waited-ms"), resp.Int(int64(now-w.since)),
	)
}

// lostMeanwhile is what w is told, who waited to have alone what it does not hold any longer.
func (m *Machine) lostMeanwhile(w *waiter) Reply {
	code := "NOTLOCKED"
	tx := Tx{m: m, db: w.db}
	// What ended before it came to wait was another lock of the same owner.
	if g, ok := tx.Ended(w.keys[0], w.lock.Owner); ok && g.TakenBack() && g.At >= w.since {
		code = "REVOKED"
	}
	return resp.Errorf("%s %q does not hold any longer what it waited to hold alone: take it again with LOCK, "+
		"and do not trust what was done since", code, w.lock.Owner)
}

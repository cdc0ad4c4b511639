// The checks together: one entry for whoever has a history.

package history

import "time"

// Options is what a history's judge must know about how it was made.
type Options struct {
	// FastBy is by how many millionths the clocks of servers may have run faster than those of clients, beyond
	// what lockd allows for. A time to live counts for that much less.
	FastBy int64
	// EarlyBy is by how much more a time to live may have ended early, because clocks of servers jumped.
	EarlyBy time.Duration
}

// surely is how much of a time that a server counted has passed for a client at least.
func (o Options) surely(d time.Duration) time.Duration {
	if d > 0 && o.FastBy != 0 {
		d -= (d/1e6 + 1) * time.Duration(o.FastBy)
	}
	if d > 0 {
		d -= o.EarlyBy
	}
	return max(d, 0)
}

// Verdict is what the checks found.
type Verdict struct {
	Violations   []string       // a sentence each; none is a pass
	Checked      map[string]int // how many operations, holdings or numbers each check looked at, by its name
	Inconclusive int            // keys with too many orders to find one in time: neither right nor wrong
	Worst        string         // the key to draw a page of; "" if there is none
}

// Judge runs all checks on operations in the order of Sent, except those of errors and slowness (CheckErrors,
// CheckSlow), which need to know what was done to the nodes. The names in Checked are
//
//	linearizable  operations, each in an order of its key
//	intervals     holdings: nobody holds what another holds
//	tokens        fencing tokens
//	counters      operations on counters
//	fair          takes, and looks at queues
//	fences        tokens that were shown to fences, and looks at these
//	taken back    LOCK.REVOKE and LOCK.FORCE
func Judge(ops []Op, o Options) Verdict {
	holds, wrong := Holdings(ops, o)
	wrong = append(wrong, CheckExclusive(holds)...)
	wrong = append(wrong, CheckTokens(holds)...)
	wrong = append(wrong, CheckCounters(ops)...)
	wrong = append(wrong, CheckFair(ops)...)
	wrong = append(wrong, CheckFences(ops)...)
	linear := CheckLinear(ops, o)
	v := Verdict{
		Violations:   append(wrong, linear.Violations...),
		Checked:      map[string]int{"linearizable": linear.Checked, "intervals": len(holds)},
		Inconclusive: len(linear.Inconclusive),
	}
	if len(linear.Wrong) > 0 {
		v.Worst = linear.Wrong[0]
	}
	for _, h := range holds {
		if h.Token != 0 {
			v.Checked["tokens"]++
		}
	}
	for i := range ops {
		switch op := &ops[i]; op.Kind {
		case Count, Read:
			v.Checked["counters"]++
		case Pass, Fence:
			v.Checked["fences"]++
		case Revoke:
			v.Checked["taken back"]++
		case Take, Queue:
			v.Checked["fair"]++
		default: // only the holdings are made of these
		}
	}
	return v
}

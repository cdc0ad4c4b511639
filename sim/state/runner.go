// The real command table, and two commands more: UNDONE runs others and then panics, which is the hardest
// way for a command to end, and AUDIT shows the judge what stands under a key.

package state

import (
	"github.com/divtxt/lockd/commands"
	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

// runner is what runs the words of a command.
type runner struct{ table *commands.Table }

func newRunner() runner { return runner{commands.New()} }

// Run makes runner an fsm.Runner.
func (r runner) Run(tx *fsm.Tx, words [][]byte) fsm.Reply {
	switch string(words[0]) {
	case "UNDONE":
		from := 1
		for i := from; i <= len(words); i++ {
			if i == len(words) || string(words[i]) == "|" {
				r.table.Run(tx, words[from:i])
				from = i + 1
			}
		}
		panic("as it was told")
	case "AUDIT":
		return audit(tx, string(words[1]))
	}
	return r.table.Run(tx, words)
}

// audit replies owner, deadline and token of a key, and then the owners that wait for it; nothing for a key
// that is free.
func audit(tx *fsm.Tx, key string) fsm.Reply {
	it := tx.Get(key)
	if it == nil {
		return resp.Null()
	}
	list := []fsm.Reply{resp.Bulk(it.Str), resp.Int(int64(it.Deadline)), resp.Int(int64(it.Token))}
	tx.Waiters(key, func(w fsm.Waiter) bool {
		list = append(list, resp.Bulk(w.Owner))
		return true
	})
	return resp.Array(list...)
}

// Match makes runner an fsm.Runner.
func (r runner) Match(pattern, channel string) bool { return r.table.Match(pattern, channel) }

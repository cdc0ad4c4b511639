// Transactions. MULTI queues commands on the node; EXEC sends them as one command of the log, which runs them
// one after the other with nothing in between. What it says in its words, all of them text:
//
//	the number of watched keys; for each: database, key, revision
//	for each command: database, number of words, words
//
// WATCH is a read of a key's revision. EXEC runs nothing where one differs. A key that is not there has
// revision 0: that it was made and removed again in between is not seen, and matters to nobody.

package fsm

import (
	"strconv"

	"github.com/divtxt/lockd/resp"
)

// Watched is a key as it was when somebody began to watch it.
type Watched struct {
	DB       int
	Key      string
	Revision uint64
}

// Queued is a command of a transaction.
type Queued struct {
	DB    int
	Words [][]byte
}

// ExecWords returns the words of a KindExec.
func ExecWords(watched []Watched, queued []Queued) [][]byte {
	number := func(n uint64) []byte { return strconv.AppendUint(nil, n, 10) }
	words := [][]byte{number(uint64(len(watched)))}
	for _, w := range watched {
		words = append(words, number(uint64(w.DB)), []byte(w.Key), number(w.Revision))
	}
	for _, q := range queued {
		words = append(append(words, number(uint64(q.DB)), number(uint64(len(q.Words)))), q.Words...)
	}
	return words
}

// Revision returns a number that differs from what it was when the key was different, 0 where there is none.
func (tx *Tx) Revision(key string) uint64 {
	if it := tx.Get(key); it != nil {
		return it.Rev
	}
	return 0
}

// execReader takes the words apart.
type execReader struct {
	rest [][]byte
	bad  bool
}

func (r *execReader) word() []byte {
	if len(r.rest) == 0 {
		r.bad = true
		return nil
	}
	w := r.rest[0]
	r.rest = r.rest[1:]
	return w
}

func (r *execReader) number(limit uint64) uint64 {
	n, err := strconv.ParseUint(string(r.word()), 10, 64)
	if err != nil || n > limit {
		r.bad = true
		return 0
	}
	return n
}

// exec runs a transaction. The reply is the list of replies, or the null array where a watched key has
// changed.
func (m *Machine) exec(who Caller, words [][]byte) Reply {
	r := execReader{rest: words}
	tx := &Tx{m: m, who: who, write: true, inside: true}
	same := true
	for n := r.number(uint64(len(words))); n > 0 && !r.bad; n-- {
		tx.db = int(r.number(Databases - 1))
		revision := tx.Revision(string(r.word()))
		same = revision == r.number(^uint64(0)) && same
	}
	var replies []Reply
	for len(r.rest) > 0 && same && !r.bad {
		tx.db = int(r.number(Databases - 1))
		n := r.number(uint64(len(words)))
		if r.bad || n == 0 || n > uint64(len(r.rest)) {
			r.bad = true
			break
		}
		replies = append(replies, m.execOne(tx, r.rest[:n]))
		r.rest = r.rest[n:]
	}
	switch {
	case r.bad:
		return resp.Error("ERR a transaction's words are not what they should be")
	case !same:
		return resp.NullArray()
	}
	return resp.Array(replies...)
}

// execOne runs one command of a transaction. One that panics is undone by itself.
func (m *Machine) execOne(tx *Tx, words [][]byte) Reply {
	m.spent += perCommand
	reply := tx.Guard(func() Reply { return m.runner.Run(tx, words) })
	if reply.Kind() == resp.KindNone {
		return resp.NullArray()
	}
	return reply
}

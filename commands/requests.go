// REQID: the id by which a command that was sent again is known, so that it is one request however often it
// comes. What is remembered of it is in fsm/requests.go.

package commands

import (
	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

// maxRequestID bounds the id of a request, in bytes.
const maxRequestID = 64

// requestArg reads word i as the id of a request.
func requestArg(tx *fsm.Tx, a Args, i int) (*fsm.Request, resp.Value) {
	if tx.Version() < fsm.VersionLocks {
		return nil, errNotYet("REQID")
	}
	if n := len(a[i]); n == 0 || n > maxRequestID {
		return nil, resp.Errorf("ERR a request's id has 1 to %d bytes, this one has %d: a UUID will do",
			maxRequestID, n)
	}
	return &fsm.Request{ID: a.Str(i)}, resp.Value{}
}

// errNotYet refuses an option that came with entries of a later version than the one at hand.
func errNotYet(option string) resp.Value {
	return resp.Errorf("TRYAGAIN '%s' is not known to all nodes of the cluster yet: "+
		"some still run an older lockd; finish the upgrade", option)
}

// sent returns what a request is answered that was sent before, if it was: the same as then, or an error
// where it was another command.
func sent(tx *fsm.Tx, r *fsm.Request, a Args) (reply resp.Value, known bool) {
	if r == nil {
		return resp.Value{}, false
	}
	r.Print = printOf(tx, a)
	reply, how := tx.Sent(*r)
	if how == fsm.SentOtherwise {
		reply = resp.Errorf("REQIDUSED request id %q was given to another command before: give each request an id "+
			"of its own, and send it again with the same words", shown(r.ID))
	}
	return reply, how != fsm.SentNever
}

// remembered returns the reply of a command that has run now, and keeps it for when it is sent again. One
// that failed has done nothing, and one that waits is answered later.
func remembered(tx *fsm.Tx, r *fsm.Request, reply resp.Value) resp.Value {
	if r != nil && !reply.IsError() && reply.Kind() != resp.KindNone {
		tx.Remember(*r, reply)
	}
	return reply
}

// lockOnce asks for locks, unless the same request was granted or refused before.
func lockOnce(tx *fsm.Tx, req *fsm.LockRequest, a Args) resp.Value {
	reply, known := sent(tx, req.Request, a)
	if !known {
		return remembered(tx, req.Request, lockReply(tx, req, tx.Lock(*req)))
	}
	token := uint64(reply.Num())
	for i, part := range reply.List() { // of EXPLAIN
		if part.Str() == "token" && i%2 == 0 {
			token = uint64(reply.List()[i+1].Num())
		}
	}
	// To say once more that the lock is held, where it is not any longer, would let two believe that.
	if token != 0 && !tx.Claim(req, token) {
		return resp.Errorf("EXPIRED request %q was granted token %d, which is over: the lock has expired or was "+
			"released; ask for it with another id", shown(req.Request.ID), token)
	}
	return reply
}

func optionRequest(tx *fsm.Tx, req *fsm.LockRequest, a Args, i int) (problem resp.Value) {
	req.Request, problem = requestArg(tx, a, i)
	return problem
}

// printOf tells commands apart: by the database and all words but those that say how long to wait, for who
// asks again has less time left.
func printOf(tx *fsm.Tx, a Args) uint64 {
	const begin, prime = 14695981039346656037, 1099511628211 // FNV-1a
	h := (begin ^ uint64(tx.DB())) * prime
	for i, word := range a {
		switch {
		case i == 0:
			var name [longestName]byte
			word = appendLower(name[:0], word)
		case i > 2 && (a.Is(i, "WAIT") || a.Is(i-1, "WAIT")):
			continue
		}
		for _, ch := range word {
			h = (h ^ uint64(ch)) * prime
		}
		h = (h ^ uint64(len(word))) * prime
	}
	return h
}

// What the leader sends though this node has it. Once a snapshot has replaced the log, hashicorp/raft 1.7.3
// does not know the entries any more that it covers, not even the last. It refuses entries that are sent
// again from there because an answer was lost, the leader goes back step by step until it sends the snapshot
// again, and raft installs that over what is newer: the node forgets what it has acknowledged, refuses what
// follows, and stays behind for ever. So raft hears of such an RPC only what is new in it. What is applied
// here was committed, and a leader of this term has the same there (Raft section 5.4, Leader Completeness).
//
// The other way round, a log with entries that no majority ever had may contradict a snapshot. Raft keeps
// them, and does not come out of that either (hashicorp/raft issue 697): the node ends, and drops that log
// when it is started again.

package cluster

import (
	"errors"
	"fmt"
	"io"

	"github.com/hashicorp/raft"
)

// Transport is raft's way to the other nodes.
type Transport interface {
	raft.Transport
	raft.WithPreVote
	raft.WithClose
}

// coveredTransport hands on to raft what comes in.
type coveredTransport struct {
	Transport
	node *Node
	rpcs chan raft.RPC
}

func newCoveredTransport(n *Node, t Transport) *coveredTransport {
	return &coveredTransport{Transport: t, node: n, rpcs: make(chan raft.RPC)}
}

// Consumer implements raft.Transport.
func (t *coveredTransport) Consumer() <-chan raft.RPC { return t.rpcs }

// run looks at all that comes in, in order, until the node ends.
func (t *coveredTransport) run() {
	defer t.node.wait.Done()
	for {
		select {
		case rpc := <-t.Transport.Consumer():
			if !t.look(&rpc) {
				continue
			}
			select {
			case t.rpcs <- rpc:
			case <-t.node.ended:
				return
			}
		case <-t.node.ended:
			return
		}
	}
}

// look takes from an RPC what this node has, and tells whether raft is to get it.
func (t *coveredTransport) look(rpc *raft.RPC) bool {
	switch request := rpc.Command.(type) {
	case *raft.AppendEntriesRequest:
		rpc.Command = t.news(request)
	case *raft.InstallSnapshotRequest:
		switch t.has(request.LastLogIndex, request.LastLogTerm) {
		case yes:
			t.skip(rpc, request)
			return false
		case contradicted:
			t.failAfter(rpc, request)
		}
	}
	return true
}

// news is what a request says of entries that are not applied here, where the log does not have the entry
// before them; else it is the request itself.
func (t *coveredTransport) news(request *raft.AppendEntriesRequest) *raft.AppendEntriesRequest {
	applied := t.node.raft.AppliedIndex()
	if request.PrevLogEntry == 0 || request.PrevLogEntry > applied {
		return request
	}
	// A log may have entries below and above a gap that a snapshot left: its first index says nothing.
	if inLog(t.node.opts.Log, request.PrevLogEntry, request.PrevLogTerm) != no {
		return request
	}
	known := min(applied-request.PrevLogEntry, uint64(len(request.Entries)))
	last := request.PrevLogEntry + uint64(len(request.Entries))
	short := *request
	short.PrevLogEntry, short.PrevLogTerm = 0, 0 // so raft compares nothing
	short.Entries = request.Entries[known:]
	// Of what this node has behind the last entry of the request, the request says nothing.
	short.LeaderCommitIndex = min(request.LeaderCommitIndex, last)
	return &short
}

// possession is whether a node has an entry.
type possession int

const (
	no possession = iota
	yes
	contradicted // it has another one in that place
)

func (t *coveredTransport) has(index, term uint64) possession {
	if index <= t.node.raft.AppliedIndex() {
		return yes
	}
	return inLog(t.node.opts.Log, index, term)
}

func inLog(log raft.LogStore, index, term uint64) possession {
	var entry raft.Log
	switch err := log.GetLog(index, &entry); {
	case err != nil:
		return no
	case entry.Term != term:
		return contradicted
	}
	return yes
}

// skip answers that a snapshot is installed. Raft itself must hear first of a term that is new.
func (t *coveredTransport) skip(rpc *raft.RPC, request *raft.InstallSnapshotRequest) {
	term := t.node.raft.CurrentTerm()
	answer := &raft.InstallSnapshotResponse{Term: term, Success: request.Term == term}
	if request.Term > term {
		answer.Term = request.Term // it is sent again
	}
	t.node.wait.Go(func() {
		_, _ = io.Copy(io.Discard, rpc.Reader) // else the connection is out of step
		rpc.Respond(answer, nil)
	})
}

// ErrContradicted ends a node whose log has entries that a snapshot from the leader contradicts.
var ErrContradicted = errors.New("its log ends with entries that were never committed, and a snapshot from " +
	"the leader says otherwise: start the node again, it then drops them")

// failAfter ends the node when raft has installed the snapshot.
func (t *coveredTransport) failAfter(rpc *raft.RPC, request *raft.InstallSnapshotRequest) {
	answers, asked := make(chan raft.RPCResponse, 1), rpc.RespChan
	rpc.RespChan = answers
	t.node.wait.Go(func() {
		select {
		case answer := <-answers:
			installed, ok := answer.Response.(*raft.InstallSnapshotResponse)
			if ok && installed.Success {
				t.node.opts.Fail(fmt.Errorf("node %s ends at entry %d: %w", t.node.opts.NodeID,
					request.LastLogIndex, ErrContradicted))
			}
			asked <- answer
		case <-t.node.ended:
		}
	})
}

// dropContradicted empties a log that the newest snapshot contradicts: what it had up to there is in the
// snapshot, and the rest was never committed.
func dropContradicted(log raft.LogStore, snapshots raft.SnapshotStore) error {
	list, err := snapshots.List()
	if err != nil || len(list) == 0 || inLog(log, list[0].Index, list[0].Term) != contradicted {
		return err
	}
	first, last, err := bounds(log)
	if err != nil {
		return err
	}
	return log.DeleteRange(first, last)
}

// bounds are the first and the last entry of a log, 0 and 0 if it is empty.
func bounds(log raft.LogStore) (first, last uint64, err error) {
	if first, err = log.FirstIndex(); err == nil {
		last, err = log.LastIndex()
	}
	return first, last, err
}

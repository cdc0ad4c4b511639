// The contract's part for raft.

package peer_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/divtxt/lockd/cluster"
)

// answerRaft answers what raft's transport receives until the test ends.
func answerRaft(t testing.TB, x *node) {
	for {
		select {
		case rpc := <-x.Transport().Consumer():
			switch q := rpc.Command.(type) {
			case *raft.AppendEntriesRequest:
				rpc.Respond(&raft.AppendEntriesResponse{Success: true, LastLog: uint64(len(q.Entries))}, nil)
			case *raft.TimeoutNowRequest:
				rpc.Respond(&raft.TimeoutNowResponse{}, nil)
			case *raft.InstallSnapshotRequest:
				data, err := io.ReadAll(rpc.Reader)
				rpc.Respond(&raft.InstallSnapshotResponse{Success: int64(len(data)) == q.Size}, err)
			default:
				rpc.Respond(&raft.RequestVoteResponse{}, errors.New("not today"))
			}
		case <-t.Context().Done():
			return
		}
	}
}

func appendTo(from, to *node) error {
	q := raft.AppendEntriesRequest{Term: 3, Entries: []*raft.Log{
		{Index: 1, Data: []byte("one")}, {Index: 2, Data: bytes.Repeat([]byte("x"), 300_000)},
	}}
	var answer raft.AppendEntriesResponse
	err := from.Transport().AppendEntries("id", raft.ServerAddress(to.address), &q, &answer)
	if err == nil && (!answer.Success || answer.LastLog != 2) {
		return fmt.Errorf("the answer was %+v", answer)
	}
	return err
}

func raftRPC(t *testing.T, w world) {
	a, b := start(t, w, "a", ""), start(t, w, "b", "")
	go answerRaft(t, b)
	for range 10 {
		if err := appendTo(a, b); err != nil {
			t.Fatal(err)
		}
	}
	if b.h.why.Load() != int32(cluster.ForRaft) || *b.h.met.Load() != a.h.me {
		t.Errorf("Admit was asked about %+v for %c", *b.h.met.Load(), b.h.why.Load())
	}
	if got := a.Transport().LocalAddr(); string(got) != a.address {
		t.Errorf("raft's address is %s, want %s", got, a.address)
	}
	const size = 3 << 20
	var answer raft.InstallSnapshotResponse
	err := a.Transport().InstallSnapshot("b", raft.ServerAddress(b.address),
		&raft.InstallSnapshotRequest{Size: size}, &answer, io.LimitReader(zeros{}, size))
	if err != nil || !answer.Success {
		t.Errorf("a snapshot: %+v, %v", answer, err)
	}
	var vote raft.RequestVoteResponse
	err = a.Transport().RequestVote("b", raft.ServerAddress(b.address), &raft.RequestVoteRequest{}, &vote)
	if err == nil || !strings.Contains(err.Error(), "not today") {
		t.Errorf("the error of an RPC came as %v", err)
	}
	if _, err := a.Transport().AppendEntriesPipeline("b", raft.ServerAddress(b.address)); !errors.Is(
		err, raft.ErrPipelineReplicationNotSupported) {
		t.Errorf("a pipeline: %v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func timeoutNowToSelf(t *testing.T, w world) {
	a := start(t, w, "a", "")
	no := "a node does not greet itself"
	a.h.refuse.Store(&no)
	go answerRaft(t, a)
	for range 2 {
		var answer raft.TimeoutNowResponse
		if err := a.Transport().TimeoutNow("a", raft.ServerAddress(a.address), &raft.TimeoutNowRequest{}, &answer); err != nil {
			t.Error(err)
		}
	}
}

// raftReturn: the first RPC to a node that was started again arrives, though raft still has connections to
// the process that is gone. The vote that a candidate needs at once is such an RPC.
func raftReturn(t *testing.T, w world) {
	a, b := start(t, w, "a", ""), start(t, w, "b", "")
	go answerRaft(t, b)
	if err := appendTo(a, b); err != nil {
		t.Fatal(err)
	}
	b.Close()
	again := start(t, w, "b", b.address)
	go answerRaft(t, again)
	time.Sleep(20 * time.Millisecond) // a connection that has just been used is not looked at
	if err := appendTo(a, again); err != nil {
		t.Errorf("the first RPC after the return: %v", err)
	}
}

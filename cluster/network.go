// How nodes reach each other, as this package needs it. The sockets are in cluster/peer, and a network in
// memory for tests and simulation in cluster/memnet; both keep the contract that stands here.

package cluster

import (
	"context"
	"errors"
)

// Identity is what two nodes tell each other first on every connection.
type Identity struct {
	Node        string `json:"node"`
	Cluster     string `json:"cluster,omitempty"` // empty until the node belongs to one
	Disk        string `json:"disk"`              // made with the data folder
	Incarnation uint64 `json:"incarnation"`       // rises with each start
	Address     string `json:"address"`           // host:port at which others reach its cluster port
	Client      string `json:"client,omitempty"`  // host:port at which clients reach it
	Version     int    `json:"version"`           // the newest entry version that it understands
}

// Purpose is what a connection between two nodes is for.
type Purpose byte

// The purposes. Their values are the byte that tells a connection's kind on the cluster port.
const (
	ForRaft    Purpose = 'R' // hashicorp/raft's own protocol
	ForForward Purpose = 'F' // commands to the leader, replies back
	ForAsk     Purpose = 'A' // a single question: forming, joining, membership
)

// Handler is a node as the others see it.
type Handler interface {
	// Identity is who answers here. It changes when the node comes to belong to a cluster.
	Identity() Identity
	// Admit tells whether to talk with a node, on connections made and accepted alike. The text of an error is
	// for people, on both sides: it says what is wrong and what to do.
	Admit(other Identity, why Purpose) error
	// Forward serves one stream of commands from another node until it ends.
	Forward(from Identity, s Stream) error
	// Ask answers a question.
	Ask(ctx context.Context, from Identity, op string, question []byte) (answer []byte, err error)
}

// Stream carries frames in order. Send and Recv may be called from one goroutine each. A frame that was sent
// may be used again when Send returns; a received one belongs to the receiver.
type Stream interface {
	// Send waits while the other side does not read.
	Send(frame []byte) error
	// Recv returns io.EOF when the other side has ended the stream in good order.
	Recv() ([]byte, error)
	// Close ends the stream, both directions, and makes a waiting Send or Recv return.
	Close() error
}

// Network is a node's way to the others.
type Network interface {
	// Serve makes h answer from now on; a second call replaces it. Before the first, whoever connects waits.
	Serve(h Handler)
	// Transport is raft's part of the cluster port. It is used by one raft instance, after Serve.
	Transport() Transport
	// Open opens a stream of commands to the node at address.
	Open(ctx context.Context, address string) (Stream, Identity, error)
	// Ask asks the node at address, and tells who answered. The error of a Handler comes as *Refusal.
	Ask(ctx context.Context, address, op string, question []byte) ([]byte, Identity, error)
	// Probe tells whether a process listens at address: nil, or ErrNotListening where the machine is there
	// and refuses, as it does at once after a kill -9, or another error.
	Probe(ctx context.Context, address string) error
	// Close ends all connections and stops listening.
	Close() error
}

// ErrNotListening tells that a machine was reached and no process listens there.
var ErrNotListening = errors.New("nothing listens there")

// Refusal is what another node said instead of an answer, or instead of talking at all.
type Refusal struct {
	By   Identity // who, as far as is known
	Text string
}

func (r *Refusal) Error() string { return r.Text }

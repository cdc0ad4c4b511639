// Package cluster is the Raft node: it takes commands from this node's connections, puts them into the
// log, and brings back their replies once a majority has them on disk.
//
// The way of a command: Node.Submit numbers it (outbox.go) and queues it; the proposer (proposer.go) packs
// everything that waits into one entry (batch.go), stamped with the cluster clock (clock.go); Raft stores
// it; replica.go applies it to the fsm.Machine and hands the replies to the outbox, which wakes whoever
// waits. Reads take the same way, but are not written: they ride along with an entry and run where it is
// applied.
//
// What an entry means is not known here, only fsm does. Everything on the disk is in package storage.
package cluster

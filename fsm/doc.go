// Package fsm is the replicated state machine: the keyspace with its locks, the queues of those who wait
// for them, the cluster clock, the fencing tokens, and the numbers that make a command run exactly once.
//
// It is state in, state out. Every node feeds the same entries to its own Machine and must come to the same
// state, so nothing here reads a clock, throws dice, ranges over a Go map, starts a goroutine or takes a
// lock; TestImports enforces it. What a command does is not known here either: the machine hands a
// command's words to a Runner (the command table) together with a Tx, which is all that a handler may touch.
//
// Where to look: machine.go applies an entry, tx.go is what handlers use, keyspace.go keeps keys and their
// deadlines, locks.go and waiters.go are the lock semantics, fence.go, requests.go, latch.go, barrier.go and
// throttle.go what stands on top of them, origins.go is exactly-once, members.go what is
// known of the nodes, entry.go and command.go are the format of the log, snapshot.go that of a snapshot,
// anew.go makes a new cluster of one, check.go has the invariants.
package fsm

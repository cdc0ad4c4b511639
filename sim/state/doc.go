// Package state is the simulation of the state machine alone: no network, no disk, no goroutines. Three
// replicas of fsm.Machine with the real command table apply the same random entries, and are replaced at
// random points by what snapshots and logs make of them. All must always reply the same and come to the same
// state; and a judge, which knows the rules of locks in its own simple words, predicts the replies to a part
// of the keys, because three replicas with the same mistake agree with each other.
//
// Everything follows from the seed, byte for byte, so that one line replays a failure. The tests of fsm hold
// the machine against a complete model of a toy command set, slowly; this package is for volume.
//
// One step is one entry:
//
//	generator   makes the entry: runs of commands, repeated, skipped and foreign numbers, stamps, reads
//	tape        takes down what the first replica says, and holds the others against it
//	judge       goes through the tape and says what should have been on it
//	world       applies, compares states, and does to the replicas what befalls nodes
package state

// Package sim runs whole clusters in one process, in virtual time, and does to them what happens to servers.
//
// The nodes are real: cluster, fsm and commands as they are. What lies under them is simulated: disks that
// stall, fail and lose what was not yet written (disk.go), clocks that drift, jump and stand still
// (clock.go), a network that cuts, delays, loses and repeats (cluster/memnet). Time is that of a
// testing/synctest bubble, which goes on only when everybody waits; so a run of ten seconds takes a fraction
// of one.
//
// A run is made from a seed: how many nodes, how they are set, what happens to whom and when (schedule.go,
// faults*.go), what the clients do (client*.go). Goroutines still run in the order they like, so a seed
// repeats the schedule and the clients' plans, not every interleaving: a rare failure may need its seed again
// and again.
//
// Clients write down what they did and were told, and package history judges it. Beside that a run holds
// lockd against what needs no history: after the faults each node serves within five seconds, all nodes come
// to the same state, each command gets one reply, nobody waits who has left, no lock is held that hung on
// what has ended, requests with an id count once however often they are sent, and no goroutine stays behind
// (synctest itself finds those).
//
//	LOCKD_SEED=17 go test ./sim -run TestSchedules -v      one run again
//	LOCKD_SEEDS=1000 go test ./sim -run TestSchedules      the runs of seeds 1 to 1000
package sim

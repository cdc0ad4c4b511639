// Package faults runs real lockd processes, does to them what happens to servers, and checks what clients
// saw.
//
// It is a black box: it speaks the Redis protocol and imports nothing of the server. Three parts:
//
//   - a harness: Cluster and Node start, kill, stop and cut off processes (cluster.go, process.go, netns.go);
//   - a load: clients that take, renew and release locks and count, and write down each operation with the
//     times at which it was sent and answered (load.go, attempt.go, wire.go);
//   - checks of what was written down (check_*.go), each of which needs O(n log n) steps.
//
// The checks are about what clients know. A lock is surely held from the reply that grants it until the
// client sends its release, or until its time to live has passed since the request was sent: the server
// counted it from a later moment. What lies outside that interval proves nothing and is not judged.
//
// The scenarios are in the tests. LOCKD_FAULTS=1 runs all of them in some minutes, LOCKD_FAULTS=long takes
// more time for each; without it `go test` runs the checks' own tests and one scenario.
package faults

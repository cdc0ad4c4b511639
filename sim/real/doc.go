// Package real runs real lockd processes, does to them what happens to servers, and checks what clients
// saw.
//
// It is a black box: it speaks the Redis protocol and imports nothing of the server. Its parts:
//
//   - a harness: Cluster and Node start, kill, stop and cut off processes (cluster.go, process.go, netns.go);
//   - a load: clients that take, renew and release locks and count, and write down each operation with the
//     times at which it was sent and answered (load.go, attempt.go, wire.go);
//   - clients that are processes of their own, to be killed or cut off themselves (puppet.go);
//   - what was written down goes to the checks of package history.
//
// What can be done to a node. Those from Weather to FlipSnapshot begin something and return a function that
// ends it, which starts the node again if it had to stop:
//
//	Node.Kill, Signal, Stop    kill -9; SIGSTOP and SIGCONT; SIGTERM                       root  needs
//	Node.Wipe                  the disk is replaced by an empty one                        no    -
//	Node.RunAs, Previous       another build goes on with the data                         no    git
//	Network.Cut, Heal          one direction between two nodes is dropped                  yes   Net
//	Cluster.Weather            packets are late, jitter, get lost, come twice, overtake    yes   Net
//	                           each other, or share a slow way; each direction by itself
//	Node.SlowDisk              each append to the log takes longer                         no    Control
//	Node.HangDisk              appends hang; beyond 3 s the node must stop (exit 4)        no    Control
//	Node.FailDisk              an append fails (EIO), written or not: it must stop         no    Control
//	Node.FillDisk              the disk is full, or almost: it refuses growth, or stops    yes   DiskBytes
//	Node.StepWall              the date steps, an hour forward or back                     no    Control
//	Node.DriftRaw              the raw clock runs fast or slow, 500 ppm are allowed        no    Control
//	Node.JumpRaw               the raw clock jumps; forward, a lock may lose 100 ms        no    Control
//	Node.TearLog               kill -9 in the midst of a write: a torn end is cut          no    -
//	Node.FlipLog, FlipSnapshot a bit flips in what was safe: it must not start (exit 3)    no    a snapshot
//
// The last column is a field of Cluster, to be set before its nodes are made. Control is lockd's own hand for
// tests, LOCKD_TEST_CONTROL: kernels without a device mapper are common, and Go asks for the date past every
// preloaded library. Weather leads packets through a TUN device, for the same reason: many kernels have no
// netem. A full disk is a real one.
//
// A storm (storm.go) does all of this by chance, for as long as LOCKD_STORM says, to clusters that real
// clients of three languages use. Scenarios do one thing on purpose.
//
// The scenarios are in the tests; each shows by evidence of its own that its fault happened. LOCKD_FAULTS=1
// runs all of them in some minutes, LOCKD_FAULTS=long takes more time for each; without it `go test` runs the
// checks' own tests, one scenario, and clients that are killed while they hold locks or wait for them.
package real

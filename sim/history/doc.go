// Package history is what clients did and were told, and the checks of that. It knows neither lockd nor how
// the operations were made: clients in a simulated cluster (package sim) and clients of real processes
// (package real), of which some are written in other languages (lines.go), write the same operations down,
// and the same checks judge both.
//
// The checks are about what clients know. A lock is surely held from the reply that grants it until the
// client sends its release, or until its time to live has passed since the request was sent: the server
// counted it from a later moment. What lies outside that interval proves nothing and is not judged.
//
// There are two ways to judge, which know nothing of each other. The one looks at holdings, tokens, queues
// and counters of a whole history in O(n log n) steps, and says in a sentence what is wrong. The other asks
// porcupine for an order of each key's operations in which a single lock or counter would have answered the
// same (linear.go). Judge does both.
package history

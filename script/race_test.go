//go:build race

package script

// slower is how much slower a build with the race detector is.
const slower = 10

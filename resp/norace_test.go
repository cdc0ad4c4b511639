//go:build !race

package resp

// raceEnabled tells that memory figures mean nothing.
const raceEnabled = false

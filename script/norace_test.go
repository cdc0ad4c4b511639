//go:build !race

package script

const slower = 1

//go:build !linux

// The harness reads /proc and waits on epoll, so it runs on Linux only; this file keeps `go build ./...`
// working elsewhere.

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "bench: runs on Linux only")
	os.Exit(1)
}

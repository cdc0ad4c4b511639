// Command lockd is a lock server that speaks the Redis protocol. All of it is in package server, so that
// tests start a node just as this program does.
package main

import (
	"os"

	"github.com/divtxt/lockd/server"
)

func main() { os.Exit(server.Main(os.Args[1:])) }

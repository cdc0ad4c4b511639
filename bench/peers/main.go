// Command peers is what lockd is measured against in the cluster modes of bench: the servers of etcd and
// NATS, each as it is published, and clients that do the same lock work through the official libraries. It is
// a module of its own, so that lockd's stays without these libraries; bench builds it and starts it as child
// processes.
//
//	peers etcd ARGS...      etcd's own server, with its own flags
//	peers nats ARGS...      nats-server, likewise
//	peers ready ADDRS       waits until a lock can be taken and given back
//	peers leader ADDRS      writes the address of the server that leads
//	peers load ADDRS [-all] -clients N -warm D -for D
//	                        locks and unlocks random keys; one line of JSON
//	peers watch ADDRS -within D
//	                        one command after the other until stdin ends; a line with the time of each success
//
// ADDRS is -backend etcd|nats -addrs host:port,host:port,...
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

// options are the flags of the clients.
type options struct {
	backend string
	addrs   []string
	all     bool
	clients int
	warm    time.Duration
	during  time.Duration
	within  time.Duration
}

func main() {
	if len(os.Args) < 2 {
		fail(errors.New("usage: peers etcd|nats|ready|leader|load|watch, and its flags"))
	}
	what, args := os.Args[1], os.Args[2:]
	switch what {
	case "etcd":
		etcdmain.Main(append([]string{"etcd"}, args...))
		return
	case "nats":
		fail(serveNATS(args))
		return
	}
	modes := map[string]func(context.Context, backend, options) error{
		"ready": ready, "leader": tellLeader, "load": load, "watch": watch,
	}
	do, ok := modes[what]
	if !ok {
		fail(fmt.Errorf("no such thing: %q", what))
	}
	o := parse(what, args)
	ctx := context.Background()
	b, err := open(ctx, o)
	if err == nil {
		defer b.close()
		err = do(ctx, b, o)
	}
	fail(err)
}

func parse(what string, args []string) (o options) {
	f := flag.NewFlagSet(what, flag.ExitOnError)
	addrs := f.String("addrs", "", "host:port of each server, separated by commas")
	f.StringVar(&o.backend, "backend", "", "etcd or nats")
	f.BoolVar(&o.all, "all", false, "load: give the library all addresses, not only the leader's")
	f.IntVar(&o.clients, "clients", 1, "load: workers with one command outstanding each")
	f.DurationVar(&o.warm, "warm", 500*time.Millisecond, "load: time before counting")
	f.DurationVar(&o.during, "for", 2*time.Second, "load: time of counting")
	f.DurationVar(&o.within, "within", time.Minute, "ready: how long to wait; watch: time of one attempt")
	_ = f.Parse(args)
	o.addrs = strings.Split(*addrs, ",")
	return o
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

// NATS JetStream: a lock is a key created in a key-value bucket with three replicas; it is given back by
// deleting it at the revision that its creation got. With sync_interval always (bench writes it into the
// servers' files) each server syncs before it acknowledges, which is not NATS' default.

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// releaseTries is how often a deletion is tried.
const releaseTries = 20

// bucket is the key-value bucket of the locks; NATS keeps it in a stream named so.
const (
	bucket = "locks"
	stream = "KV_" + bucket
)

func serveNATS(args []string) error {
	f := flag.NewFlagSet("nats", flag.ExitOnError)
	o, err := server.ConfigureOptions(f, args, server.PrintServerAndExit, f.Usage, server.PrintTLSHelpAndDie)
	if err != nil {
		return err
	}
	s, err := server.NewServer(o)
	if err != nil {
		return err
	}
	s.ConfigureLogger()
	if err := server.Run(s); err != nil {
		return err
	}
	s.WaitForShutdown()
	return nil
}

type natsBackend struct {
	addrs []string
	conns []*nats.Conn
	kvs   []jetstream.KeyValue
}

// openNATS connects; the first call makes the bucket, and waits for the servers to have formed their group.
func openNATS(ctx context.Context, o options) (backend, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	leader, err := natsLeader(ctx, o.addrs)
	if err != nil {
		return nil, err
	}
	b := &natsBackend{addrs: o.addrs}
	for range min(o.clients, shared) {
		conn, err := nats.Connect("nats://" + leader)
		if err != nil {
			return nil, err
		}
		b.conns = append(b.conns, conn)
		js, err := jetstream.New(conn)
		if err != nil {
			return nil, err
		}
		kv, err := js.KeyValue(ctx, bucket)
		if err != nil {
			return nil, err
		}
		b.kvs = append(b.kvs, kv)
	}
	return b, nil
}

func (b *natsBackend) leader(ctx context.Context) (string, error) { return natsLeader(ctx, b.addrs) }

// natsLeader returns the address of the server that leads the bucket's stream, which it makes if need be. The
// servers are named by their addresses.
func natsLeader(ctx context.Context, addrs []string) (string, error) {
	var last error
	for ; ctx.Err() == nil; time.Sleep(100 * time.Millisecond) {
		for _, addr := range addrs {
			var leader string
			if leader, last = askNATS(ctx, addr); last == nil && leader != "" {
				return leader, nil
			}
		}
	}
	return "", fmt.Errorf("the bucket could not be made: %w", last)
}

func askNATS(ctx context.Context, addr string) (string, error) {
	conn, err := nats.Connect("nats://" + addr)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	_, err = js.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: bucket, Replicas: 3, History: 1})
	if err != nil && !errors.Is(err, jetstream.ErrBucketExists) {
		return "", err
	}
	s, err := js.Stream(ctx, stream)
	if err != nil {
		return "", err
	}
	info := s.CachedInfo()
	if info.Cluster == nil || len(info.Cluster.Replicas) != 2 {
		return "", errors.New("the stream has not three replicas")
	}
	return info.Cluster.Leader, nil
}

func (b *natsBackend) close() {
	for _, c := range b.conns {
		c.Close()
	}
}

func (b *natsBackend) worker(_ context.Context, i int) (worker, error) {
	return &natsWorker{kv: b.kvs[i%len(b.kvs)]}, nil
}

type natsWorker struct {
	kv       jetstream.KeyValue
	revision uint64
}

func (w *natsWorker) acquire(ctx context.Context, key, owner string) (err error) {
	w.revision, err = w.kv.Create(ctx, key, []byte(owner))
	return err
}

// release is made again when NATS says that the revision is another. It is not: under load the leader answers
// so to one deletion in some thousands whose creation it has just acknowledged, and takes the same a moment
// later.
func (w *natsWorker) release(ctx context.Context, key string) (err error) {
	for try := range releaseTries {
		time.Sleep(time.Duration(try) * time.Millisecond)
		err = w.kv.Delete(ctx, key, jetstream.LastRevision(w.revision))
		if !errors.Is(err, jetstream.ErrKeyRevisionMismatch) {
			return err
		}
	}
	return err
}

// The lock work, the same for each system: take a lock on a key that nobody holds, give it back.

package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"time"
)

// backend is one system with its connections.
type backend interface {
	// leader is the address of the server that leads.
	leader(ctx context.Context) (string, error)
	// worker returns a client's own way to the servers; i is its number.
	worker(ctx context.Context, i int) (worker, error)
	close()
}

// worker is one client. acquire fails if somebody holds the key.
type worker interface {
	acquire(ctx context.Context, key, owner string) error
	release(ctx context.Context, key string) error
}

// shared is how many connections the workers share at most, as the libraries' manuals advise.
const shared = 16

// open connects to the servers: to their leader if several are named, for there etcd and NATS are fastest,
// and to the one that is named otherwise.
func open(ctx context.Context, o options) (backend, error) {
	switch o.backend {
	case "etcd":
		return openEtcd(ctx, o)
	case "nats":
		return openNATS(ctx, o)
	}
	return nil, fmt.Errorf("no backend %q", o.backend)
}

// names makes keys and owners of the size that lockd's are measured with.
type names struct{ random *rand.Rand }

func newNames(i int) names {
	return names{rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), uint64(i)))}
}

func (n names) next() (key, owner string) {
	var raw [19]byte
	for i := range raw {
		raw[i] = byte(n.random.Uint32())
	}
	text := hex.EncodeToString(raw[:])
	return "lock-" + text[:17], text[18:38]
}

func tellLeader(ctx context.Context, b backend, _ options) error {
	addr, err := b.leader(ctx)
	if err == nil {
		_, err = fmt.Println(addr)
	}
	return err
}

// ready waits until the servers give a lock.
func ready(ctx context.Context, b backend, o options) error {
	ctx, cancel := context.WithTimeout(ctx, o.within)
	defer cancel()
	var last error
	for ctx.Err() == nil {
		attempt, done := context.WithTimeout(ctx, 2*time.Second)
		last = once(attempt, b)
		done()
		if last == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("%s gives no lock: %w", o.backend, last)
}

func once(ctx context.Context, b backend) error {
	w, err := b.worker(ctx, 0)
	if err != nil {
		return err
	}
	key, owner := newNames(0).next()
	if err := w.acquire(ctx, key, owner); err != nil {
		return err
	}
	return w.release(ctx, key)
}

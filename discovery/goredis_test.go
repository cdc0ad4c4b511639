package discovery

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

func address(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// succeeds retries until a command works, as a program does that was told to live through a failover.
func succeeds(t *testing.T, what string, f func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*longEnough)
	defer cancel()
	var last error
	for ctx.Err() == nil {
		if last = f(ctx); last == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s: %v", what, last)
}

// lockOnce takes a lock and frees it.
func lockOnce(client redis.UniversalClient) func(context.Context) error {
	return func(ctx context.Context) error {
		got, err := client.SetNX(ctx, "lock", "me", time.Minute).Result()
		if err != nil {
			return err
		}
		if !got {
			return errors.New("the lock is held")
		}
		return client.Del(ctx, "lock").Err()
	}
}

// TestFailoverClient: go-redis finds the leader through Sentinels, of which it knows one, and follows it when
// that node dies, its Sentinel with it.
func TestFailoverClient(t *testing.T) {
	g, nodes := startGroup(t, 3)
	client := redis.NewFailoverClient(&redis.FailoverOptions{
		MasterName: "mymaster", SentinelAddrs: []string{address(nodes[0].own.SentinelPort)},
	})
	t.Cleanup(func() { client.Close() })
	succeeds(t, "at first", lockOnce(client))
	if n := nodes[0].server.Stats().Connected; n == 0 {
		t.Error("it is not connected to the leader")
	}
	g.lead("")
	nodes[0].kill()
	g.lead("n3")
	succeeds(t, "after the failover", lockOnce(client))
	if a, b := nodes[1].server.Stats().Connected, nodes[2].server.Stats().Connected; a != 0 || b == 0 {
		t.Errorf("it has %d connections to a follower and %d to the leader", a, b)
	}
}

// TestFailoverClientIsTold: a change of the leader alone, with all nodes well, moves the client too.
func TestFailoverClientIsTold(t *testing.T) {
	g, nodes := startGroup(t, 3)
	client := redis.NewFailoverClient(&redis.FailoverOptions{
		MasterName: "mymaster", SentinelAddrs: []string{address(nodes[1].own.SentinelPort)},
	})
	t.Cleanup(func() { client.Close() })
	succeeds(t, "at first", lockOnce(client))
	// It subscribes to +switch-master in the background; nobody hears what was said before.
	eventually(t, "it listens", func() bool {
		s := nodes[1].sentinel
		s.audience.mu.Lock()
		defer s.audience.mu.Unlock()
		return len(s.audience.of) > 0
	})
	g.lead("n2")
	eventually(t, "it has moved", func() bool {
		_ = lockOnce(client)(context.Background())
		return nodes[0].server.Stats().Connected == 0 && nodes[1].server.Stats().Connected > 0
	})
}

// TestClusterClient: go-redis in its cluster mode finds the leader from any node and follows it. It does
// not ask again because a master is dead, only because it was told MOVED, or when it is time to: after 10 s
// by default.
func TestClusterClient(t *testing.T) {
	g, nodes := startGroup(t, 3)
	client := redis.NewClusterClient(&redis.ClusterOptions{
		Addrs:                      []string{address(nodes[1].own.ClusterViewPort), address(nodes[2].own.ClusterViewPort)},
		ClusterStateReloadInterval: 100 * time.Millisecond, DialerRetries: 1,
	})
	t.Cleanup(func() { client.Close() })
	succeeds(t, "at first", lockOnce(client))
	master := func() string {
		one, err := client.MasterForKey(context.Background(), "lock")
		if err != nil {
			return err.Error()
		}
		return one.Options().Addr
	}
	if got, want := master(), address(nodes[0].own.ClusterViewPort); got != want {
		t.Errorf("the master is %s, want %s", got, want)
	}
	g.lead("")
	nodes[0].kill()
	succeeds(t, "without a leader", lockOnce(client))
	g.lead("n2")
	eventually(t, "it has found n2", func() bool {
		_ = lockOnce(client)(context.Background())
		return master() == address(nodes[1].own.ClusterViewPort)
	})
	succeeds(t, "after the failover", lockOnce(client))
}

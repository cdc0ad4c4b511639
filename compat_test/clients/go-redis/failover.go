//go:build ignore

// go-redis taking locks while the leader changes, through its Sentinel or its cluster mode.
// Run by ../run.sh failover with the mode as its argument; the addresses are in the environment. It prints how
// often it succeeded, how often not, and the longest time between two successes.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// silent keeps the client's own log out of the result.
type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

func connect(mode string) redis.UniversalClient {
	password := os.Getenv("LOCKD_PASSWORD")
	if mode == "sentinel" {
		return redis.NewFailoverClient(&redis.FailoverOptions{
			MasterName:    cmp.Or(os.Getenv("LOCKD_MASTER"), "mymaster"),
			SentinelAddrs: strings.Split(os.Getenv("LOCKD_SENTINELS"), ","), Password: password,
		})
	}
	return redis.NewClusterClient(&redis.ClusterOptions{
		Addrs: strings.Split(os.Getenv("LOCKD_CLUSTER"), ","), Password: password,
		// It does not look for a new master when one is dead, only when it is time to: by default after 10 s.
		ClusterStateReloadInterval: 500 * time.Millisecond,
	})
}

// once takes a lock and frees it.
func once(client redis.UniversalClient, key string) error {
	ctx := context.Background()
	got, err := client.SetNX(ctx, key, "me", 10*time.Second).Result()
	if err != nil {
		return err
	}
	if !got {
		return errors.New("the lock is held")
	}
	n, err := client.Del(ctx, key).Result()
	if err == nil && n != 1 {
		err = errors.New("the lock was lost")
	}
	return err
}

func main() {
	redis.SetLogger(silent{})
	mode, why := os.Args[1], ""
	client := connect(mode)
	seconds, err := strconv.ParseFloat(cmp.Or(os.Getenv("LOCKD_SECONDS"), "20"), 64)
	if err != nil {
		panic(err)
	}
	done, failed, gap, last := 0, 0, time.Duration(0), time.Now()
	for end := last.Add(time.Duration(seconds * float64(time.Second))); time.Now().Before(end); {
		// After an error nobody knows whether the lock is held: it is another one then, and this expires.
		if err := once(client, fmt.Sprintf("failover:go-redis:%s:%d", mode, failed)); err != nil {
			failed++
			why = "; last error: " + err.Error()
			time.Sleep(5 * time.Millisecond)
			continue
		}
		done++
		gap = max(gap, time.Since(last))
		last = time.Now()
	}
	gap = max(gap, time.Since(last))
	fmt.Printf("go-redis %s: %d succeeded, %d errors, longest gap %d ms%s\n", mode, done, failed, gap.Milliseconds(), why)
}

// The Go client that people use, go-redis, as another way for the clients of load.go to talk to a node.

package real

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
)

// goRedis is a client of one connection: which connection an operation took must be known.
type goRedis struct{ *redis.Client }

// dialGoRedis connects with go-redis' defaults, but for retries: what is sent twice is two operations.
func dialGoRedis(addr string, timeout time.Duration) (caller, error) {
	c := goRedis{redis.NewClient(&redis.Options{
		Addr: addr, DialTimeout: timeout, DialerRetries: 1, MaxRetries: -1, PoolSize: 1, ContextTimeoutEnabled: true,
		ReadTimeout: -1, WriteTimeout: -1,
	})}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	if err := c.Ping(ctx).Err(); err != nil {
		c.Close()
		return nil, fmt.Errorf("%w: %w", errNotSent, err)
	}
	return c, nil
}

func (c goRedis) Close() { _ = c.Client.Close() }

// Do is Conn.Do.
func (c goRedis) Do(timeout time.Duration, words ...string) (any, error) {
	args := make([]any, len(words))
	for i, w := range words {
		args[i] = w
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	reply, err := c.Client.Do(ctx, args...).Result()
	var said redis.Error
	var dialing *net.OpError
	switch {
	case errors.Is(err, redis.Nil):
		return nil, nil //nolint:nilnil // a null of RESP
	case errors.As(err, &dialing) && dialing.Op == "dial":
		return nil, fmt.Errorf("%w: %w", errNotSent, err)
	case errors.As(err, &said):
		return nil, Said(said.Error())
	case err != nil:
		return nil, err
	}
	return flat(reply), nil
}

// flat makes a map of RESP3 what RESP2 sends in its place: names and values in turn.
func flat(reply any) any {
	switch v := reply.(type) {
	case map[any]any:
		var list []any
		for name, value := range v {
			list = append(list, name, flat(value))
		}
		return list
	case []any:
		for i := range v {
			v[i] = flat(v[i])
		}
	}
	return reply
}

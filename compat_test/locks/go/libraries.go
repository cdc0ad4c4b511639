// What each library calls that, and what it has beyond.
package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/bsm/redislock"
	"github.com/go-redsync/redsync/v4"
	syncdriver "github.com/go-redsync/redsync/v4/redis"
	"github.com/go-redsync/redsync/v4/redis/goredis/v9"
	syncredigo "github.com/go-redsync/redsync/v4/redis/redigo"
	syncrueidis "github.com/go-redsync/redsync/v4/redis/rueidis"
	"github.com/gomodule/redigo/redis"
	goredisclient "github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"
	"github.com/redis/rueidis/rueidiscompat"
	"github.com/redis/rueidis/rueidislock"
)

func libraries() []library {
	return []library{
		{"redsync on go-redis", "github.com/go-redsync/redsync/v4", func(addr string) (*connected, error) {
			return redsyncOn(func(db int) (syncdriver.Pool, error) {
				return goredis.NewPool(goredisclient.NewClient(&goredisclient.Options{Addr: addr, DB: db})), nil
			})
		}},
		{"redsync on redigo", "github.com/go-redsync/redsync/v4", func(addr string) (*connected, error) {
			return redsyncOn(func(db int) (syncdriver.Pool, error) {
				return syncredigo.NewPool(&redis.Pool{MaxIdle: 3, Dial: func() (redis.Conn, error) {
					return redis.Dial("tcp", addr, redis.DialDatabase(db))
				}}), nil
			})
		}},
		{"redsync on rueidis", "github.com/go-redsync/redsync/v4", func(addr string) (*connected, error) {
			return redsyncOn(func(db int) (syncdriver.Pool, error) {
				client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{addr}, SelectDB: db})
				if err != nil {
					return nil, err
				}
				return syncrueidis.NewPool(rueidiscompat.NewAdapter(client)), nil
			})
		}},
		{"bsm/redislock", "github.com/bsm/redislock", bsm},
		{"rueidislock", "github.com/redis/rueidis", rueidisLocks},
	}
}

// redsyncOn is redsync on a driver, whose pool for a database open makes.
func redsyncOn(open func(db int) (syncdriver.Pool, error)) (*connected, error) {
	var pools []syncdriver.Pool
	for db := range 4 {
		pool, err := open(db)
		if err != nil {
			return nil, err
		}
		pools = append(pools, pool)
	}
	one, three := redsync.New(pools[0]), redsync.New(pools[1:]...)
	return &connected{
		owner: func(key string, d time.Duration) owner {
			m := one.NewMutex("redsync:"+key, redsync.WithExpiry(d), redsync.WithTries(80),
				redsync.WithRetryDelay(50*time.Millisecond))
			return redsyncOwner(m)
		},
		features: []feature{
			{"redlock over three databases", func() error {
				name := unique("three")
				a := redsyncOwner(three.NewMutex(name, redsync.WithTries(1)))
				b := redsyncOwner(three.NewMutex(name, redsync.WithTries(1)))
				return inTurn(a, b)
			}},
			{"valid, until", func() error {
				m := one.NewMutex(unique("valid"), redsync.WithExpiry(5*time.Second))
				if err := m.Lock(); err != nil {
					return err
				}
				if valid, err := m.Valid(); !valid || err != nil || time.Until(m.Until()) < 4*time.Second {
					return fmt.Errorf("valid %v until %v: %v", valid, m.Until(), err)
				}
				_, err := m.Unlock()
				return err
			}},
			{"set on extend", func() error {
				m := one.NewMutex(unique("again"), redsync.WithExpiry(time.Second), redsync.WithSetNXOnExtend())
				if err := m.Lock(); err != nil {
					return err
				}
				time.Sleep(1300 * time.Millisecond)
				if extended, err := m.Extend(); !extended || err != nil {
					return fmt.Errorf("an expired lock that nobody holds was not taken again: %w", err)
				}
				_, err := m.Unlock()
				return err
			}},
		},
	}, nil
}

// inTurn lets two have a lock one after the other.
func inTurn(a, b owner) error {
	var s steps
	s.want(a.try, true, "a free lock was not given")
	s.want(b.try, false, "a second owner got a held lock")
	s.want(a.release, true, "the owner could not release")
	s.want(b.try, true, "a released lock is not free")
	s.want(b.release, true, "the next owner could not release")
	return s.err
}

// taken tells a lock that somebody else has from an error.
func taken(err error) (bool, error) {
	var t *redsync.ErrTaken
	var nt *redsync.ErrNodeTaken
	if err == nil {
		return true, nil
	}
	if errors.As(err, &t) || errors.As(err, &nt) || errors.Is(err, redsync.ErrExtendFailed) ||
		errors.Is(err, redsync.ErrLockAlreadyExpired) {
		return false, nil
	}
	return false, err
}

func redsyncOwner(m *redsync.Mutex) owner {
	return owner{
		try:  func() (bool, error) { return taken(m.TryLock()) },
		wait: func(time.Duration) (bool, error) { return taken(m.Lock()) },
		extend: func(time.Duration) (bool, error) {
			extended, err := m.Extend()
			if !extended && err != nil {
				return taken(err)
			}
			return extended, err
		},
		release: func() (bool, error) {
			released, err := m.Unlock()
			if !released && err != nil {
				return taken(err)
			}
			return released, err
		},
	}
}

func bsm(addr string) (*connected, error) {
	client := redislock.New(goredisclient.NewClient(&goredisclient.Options{Addr: addr}))
	own := func(err error) (bool, error) {
		if errors.Is(err, redislock.ErrNotObtained) || errors.Is(err, redislock.ErrLockNotHeld) {
			return false, nil
		}
		return err == nil, err
	}
	return &connected{
		owner: func(key string, d time.Duration) owner {
			var lock *redislock.Lock
			obtain := func(o *redislock.Options) (got bool, err error) {
				lock, err = client.Obtain(background(), "bsm:"+key, d, o)
				return own(err)
			}
			return owner{
				try: func() (bool, error) { return obtain(nil) },
				wait: func(most time.Duration) (bool, error) {
					every := 50 * time.Millisecond
					strategy := redislock.LimitRetry(redislock.LinearBackoff(every), int(most/every))
					return obtain(&redislock.Options{RetryStrategy: strategy})
				},
				extend:  func(d time.Duration) (bool, error) { return own(lock.Refresh(background(), d, nil)) },
				release: func() (bool, error) { return own(lock.Release(background())) },
			}
		},
		features: []feature{
			{"metadata, TTL", func() error {
				options := &redislock.Options{Metadata: "mine"}
				lock, err := client.Obtain(background(), unique("metadata"), 5*time.Second, options)
				if err != nil {
					return err
				}
				if left, err := lock.TTL(background()); err != nil || left < 4*time.Second || lock.Metadata() != "mine" {
					return fmt.Errorf("%v left, metadata %q: %v", left, lock.Metadata(), err)
				}
				return lock.Release(background())
			}},
			{"the same token again", func() error {
				name, options := unique("token"), &redislock.Options{Token: "0123456789012345678901"}
				if _, err := client.Obtain(background(), name, 5*time.Second, options); err != nil {
					return err
				}
				lock, err := client.Obtain(background(), name, 5*time.Second, options)
				if err != nil {
					return err
				}
				return lock.Release(background())
			}},
		},
	}, nil
}

// rueidisLocks has a locker for each owner: within one, those who wait are served without asking the server.
func rueidisLocks(addr string) (*connected, error) {
	var lockers []rueidislock.Locker
	for i := range 3 {
		l, err := rueidislock.NewLocker(rueidislock.LockerOption{
			ClientOption: rueidis.ClientOption{InitAddress: []string{addr}},
			KeyMajority:  1, KeyValidity: failoverTTL, NoLoopTracking: true, FallbackSETPX: i%2 == 1,
		})
		if err != nil {
			return nil, err
		}
		lockers = append(lockers, l)
	}
	var next atomic.Int32
	own := func(l rueidislock.Locker, key string) owner {
		var end context.CancelFunc
		got := func(cancel context.CancelFunc, err error) (bool, error) {
			end = cancel
			if errors.Is(err, rueidislock.ErrNotLocked) || errors.Is(err, context.DeadlineExceeded) {
				return false, nil
			}
			return err == nil, err
		}
		return owner{
			try: func() (bool, error) {
				_, cancel, err := l.TryWithContext(background(), key)
				return got(cancel, err)
			},
			wait: func(most time.Duration) (bool, error) {
				ctx, stop := context.WithTimeout(background(), most)
				_, cancel, err := l.WithContext(ctx, key)
				defer stop()
				return got(cancel, err)
			},
			release: func() (bool, error) {
				end()
				return true, nil
			},
		}
	}
	return &connected{
		lasting: true,
		owner: func(key string, _ time.Duration) owner {
			return own(lockers[next.Add(1)%2], key)
		},
		features: []feature{
			{"extended by itself", func() error {
				name := unique("extended")
				a, b := own(lockers[0], name), own(lockers[1], name)
				var s steps
				s.want(a.try, true, "a free lock was not given")
				s.sleep(failoverTTL * 3 / 2)
				s.want(b.try, false, "it expired though it is extended")
				s.want(a.release, true, "")
				s.want(func() (bool, error) { return b.wait(time.Second) }, true, "a released lock is not free")
				s.want(b.release, true, "")
				return s.err
			}},
			{"told of a lost lock", func() error {
				name := unique("lost")
				ctx, cancel, err := lockers[2].WithContext(background(), name)
				if err != nil {
					return err
				}
				defer cancel()
				client := lockers[0].Client()
				keys, err := client.Do(background(), client.B().Keys().Pattern("*"+name+"*").Build()).AsStrSlice()
				if err != nil || len(keys) == 0 {
					return fmt.Errorf("its keys: %v %w", keys, err)
				}
				if err := client.Do(background(), client.B().Del().Key(keys...).Build()).Error(); err != nil {
					return err
				}
				select {
				case <-ctx.Done():
					return nil
				case <-time.After(time.Second / 2):
					return errors.New("an invalidation of " + strings.Join(keys, " ") + " did not arrive")
				}
			}},
			{"forced", func() error {
				name := unique("forced")
				first, _, err := lockers[0].WithContext(background(), name)
				if err != nil {
					return err
				}
				_, cancel, err := lockers[1].ForceWithContext(background(), name)
				if err != nil {
					return err
				}
				defer cancel()
				select {
				case <-first.Done():
					return nil
				case <-time.After(failoverTTL):
					return errors.New("the first holder did not learn that its lock was taken")
				}
			}},
		},
	}, nil
}

//go:build linux

// Filling a server with locks, pipelined, as the modes that ask how it bears a million of them need it.

package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"
)

const (
	loaders   = 4
	loadBatch = 250
)

// lockName is the key of lock i: scattered over the key space, as real names are. Of a million names no two
// are the same but by a chance of one in 200,000; load would notice.
func lockName(i int) string {
	n := uint64(i)
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	n ^= n >> 31
	return fmt.Sprintf("lock:%017d", n%1e17)
}

// ownerName is the owner of lock i.
func ownerName(i int) string { return fmt.Sprintf("owner-%014d", i) }

// load takes n locks; ttl is asked for each batch.
func load(s *server, n int, ttl func() time.Duration) error {
	var wait sync.WaitGroup
	errs := make(chan error, loaders)
	for w := range loaders {
		wait.Go(func() { errs <- loadPart(s, n*w/loaders, n*(w+1)/loaders, ttl) })
	}
	wait.Wait()
	close(errs)
	var all []error
	for err := range errs {
		all = append(all, err)
	}
	return errors.Join(all...)
}

func loadPart(s *server, from, to int, ttl func() time.Duration) error {
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	var b []byte
	for from < to {
		n := min(loadBatch, to-from)
		left := strconv.FormatInt(ttl().Milliseconds(), 10)
		b = b[:0]
		for i := from; i < from+n; i++ {
			b = appendCommand(b, "SET", lockName(i), ownerName(i), "NX", "PX", left)
		}
		if _, err := conn.Write(b); err != nil {
			return err
		}
		for range n {
			line, err := r.ReadString('\n')
			if err != nil {
				return err
			}
			if line != "+OK\r\n" {
				return fmt.Errorf("%s did not take a lock: %q", s.name, line)
			}
		}
		from += n
	}
	return nil
}

// hours is a TTL that no measurement outlives.
func hours() time.Duration { return time.Hour }

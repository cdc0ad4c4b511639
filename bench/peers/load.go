// load and watch: the two things that are measured.

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// result is what bench reads. Latencies are in microseconds, cores are processor seconds a second.
type result struct {
	Ops    float64 `json:"ops"` // a second, acquire and release counted each
	P50    float64 `json:"p50"`
	P99    float64 `json:"p99"`
	P999   float64 `json:"p999"`
	Cores  float64 `json:"cores"`
	Failed int     `json:"failed"`
	Wrong  string  `json:"wrong"` // the first failure
}

// tally is what one worker saw.
type tally struct {
	took   []time.Duration
	failed int
	wrong  error
}

// load lets the workers run and writes one line of JSON.
func load(ctx context.Context, b backend, o options) error {
	workers := make([]worker, o.clients)
	for i := range workers {
		var err error
		if workers[i], err = b.worker(ctx, i); err != nil {
			return err
		}
	}
	from := time.Now().Add(o.warm)
	until := from.Add(o.during)
	tallies := make([]tally, o.clients)
	var wait sync.WaitGroup
	for i := range workers {
		wait.Go(func() { tallies[i] = work(ctx, workers[i], newNames(i), from, until) })
	}
	time.Sleep(time.Until(from))
	used := cpu()
	time.Sleep(time.Until(until))
	used = cpu() - used
	wait.Wait()
	r := sum(tallies, o.during)
	r.Cores = used.Seconds() / o.during.Seconds()
	return json.NewEncoder(os.Stdout).Encode(r)
}

// work locks and unlocks; what ends between the two times counts.
func work(ctx context.Context, w worker, n names, from, until time.Time) (t tally) {
	for time.Now().Before(until) {
		key, owner := n.next()
		for _, step := range []func() error{
			func() error { return w.acquire(ctx, key, owner) },
			func() error { return w.release(ctx, key) },
		} {
			begun := time.Now()
			err := step()
			now := time.Now()
			if err != nil {
				if t.failed++; t.wrong == nil {
					t.wrong = err
				}
				break
			}
			if now.After(from) && now.Before(until) {
				t.took = append(t.took, now.Sub(begun))
			}
		}
	}
	return t
}

func sum(tallies []tally, during time.Duration) (r result) {
	var all []time.Duration
	for _, t := range tallies {
		all = append(all, t.took...)
		if r.Failed += t.failed; r.Wrong == "" && t.wrong != nil {
			r.Wrong = t.wrong.Error()
		}
	}
	slices.Sort(all)
	at := func(q float64) float64 {
		if len(all) == 0 {
			return 0
		}
		return float64(all[int(q*float64(len(all)-1))].Microseconds())
	}
	r.Ops = float64(len(all)) / during.Seconds()
	r.P50, r.P99, r.P999 = at(.5), at(.99), at(.999)
	return r
}

// watch sends one command after the other to one server and writes the Unix time in nanoseconds of each
// success, until stdin ends. An attempt that takes longer than o.within is given up and made again, as an
// etcd client has to: a proposal that went to a dead leader is lost without a word.
func watch(ctx context.Context, b backend, o options) error {
	w, err := b.worker(ctx, 0)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	n := newNames(os.Getpid())
	fmt.Fprintln(out, "ready")
	_ = out.Flush()
	var over atomic.Bool
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		over.Store(true)
	}()
	for !over.Load() {
		key, owner := n.next()
		attempt, cancel := context.WithTimeout(ctx, o.within)
		err := w.acquire(attempt, key, owner)
		cancel()
		if err == nil {
			fmt.Fprintln(out, time.Now().UnixNano())
		}
	}
	return out.Flush()
}

// cpu is the processor time that this process used so far.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

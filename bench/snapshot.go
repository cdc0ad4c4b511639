//go:build linux

// What commands notice of a snapshot of a million locks, and of the log being cut behind it. A disk that
// others use has stalls of its own, so each snapshot is held against as much time without one, just before.

package main

import (
	"slices"
	"time"
)

// restTime is how long a server is left alone between two snapshots.
const restTime = 3 * time.Second

// shot is what the probes saw of one snapshot, and of the time before it.
type shot struct{ calm, taking *histogram }

func snapshotMode(b *bed, o options, out *report) error {
	out.line("Each line is over %d snapshots: the median, and in brackets the lowest and the highest.", o.rounds)
	out.line("")
	out.line("| server | when | p50 ms | p99 ms | max ms |")
	out.line("|---|---|---|---|---|")
	return eachServer(b, func(s *server) error {
		if err := load(s, o.locks, hours); err != nil {
			return err
		}
		time.Sleep(2 * restTime) // a snapshot that loading set off, and the collector, come to rest
		var shots []shot
		took, how := time.Duration(0), ""
		for range o.rounds {
			one, name, t, err := snapshotOnce(s, o)
			if err != nil {
				return err
			}
			shots, took, how = append(shots, one), took+t/time.Duration(o.rounds), name
		}
		out.shots(s.name, "before", shots, func(s shot) *histogram { return s.calm })
		out.shots(s.name, how+", "+took.Round(10*time.Millisecond).String()+" each", shots,
			func(s shot) *histogram { return s.taking })
		return nil
	})
}

// snapshotOnce probes a server before and while it writes a snapshot.
func snapshotOnce(s *server, o options) (one shot, how string, took time.Duration, err error) {
	p, done := probe(s.endpoint(), o, 2*restTime+2*time.Second)
	time.Sleep(restTime)
	begun := time.Now()
	how, took, err = snapshotNow(s)
	if err != nil {
		return one, how, took, err
	}
	progress("%s: %s took %s", s.name, how, took)
	if err := <-done; err != nil {
		return one, how, took, err
	}
	one.calm = p.between(begun.Add(-took-probeSlice), begun.Add(-probeSlice))
	one.taking = p.between(begun, begun.Add(took))
	return one, how, took, nil
}

// shots writes one line of the table.
func (r *report) shots(name, when string, shots []shot, part func(shot) *histogram) {
	figure := func(f func(*histogram) time.Duration) []float64 {
		var v []float64
		for _, s := range shots {
			v = append(v, ms(f(part(s))))
		}
		return v
	}
	p50 := figure(func(h *histogram) time.Duration { return h.quantile(.5) })
	p99 := figure(func(h *histogram) time.Duration { return h.quantile(.99) })
	top := figure(func(h *histogram) time.Duration { return h.max })
	r.line("| %s | %s | %.2f | %.2f (%.2f to %.2f) | %.2f (%.2f to %.2f) |", name, when, median(p50),
		median(p99), slices.Min(p99), slices.Max(p99), median(top), slices.Min(top), slices.Max(top))
}

// snapshotNow has the server write a snapshot beside its work, and waits until it is done.
func snapshotNow(s *server) (how string, took time.Duration, err error) {
	begun := time.Now()
	how = "BGREWRITEAOF"
	if s.sha == "" {
		how = "BGSAVE"
	}
	if _, err = s.ask(how); err != nil {
		return how, 0, err
	}
	time.Sleep(50 * time.Millisecond)
	for time.Since(begun) < 15*time.Second {
		info, err := s.ask("INFO", "persistence")
		if err != nil {
			return how, 0, err
		}
		if !contains(info, "bgsave_in_progress:1") && !contains(info, "aof_rewrite_in_progress:1") {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	return how, time.Since(begun), nil
}

//go:build linux

// What commands notice of a snapshot of a million locks, and of the log being cut behind it.

package main

import (
	"time"
)

func snapshotMode(b *bed, o options, out *report) error {
	out.probeHead()
	return eachServer(b, func(s *server) error {
		if err := load(s, o.locks, hours); err != nil {
			return err
		}
		time.Sleep(10 * time.Second) // a snapshot that loading set off, and the collector, come to rest
		p, done := probe(s, o, 25*time.Second)
		time.Sleep(5 * time.Second)
		begun := time.Now()
		how, took, err := snapshotNow(s)
		if err != nil {
			return err
		}
		progress("%s: %s took %s", s.name, how, took)
		if err := <-done; err != nil {
			return err
		}
		out.row("before", s.name, p.between(p.begun, begun.Add(-probeSlice)))
		out.row(how+" ("+took.Round(10*time.Millisecond).String()+")", s.name, p.between(begun, begun.Add(took)))
		out.row("after", s.name, p.between(begun.Add(took+probeSlice), p.begun.Add(25*time.Second)))
		return nil
	})
}

// snapshotNow has the server write a snapshot beside its work, and waits until it is done.
func snapshotNow(s *server) (how string, took time.Duration, err error) {
	begun := time.Now()
	how = "BGREWRITEAOF"
	if s.name == "lockd" {
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

//go:build linux

// How long a server with a million locks is away after kill -9: with the log that loading left, and right
// after a snapshot.

package main

import (
	"strings"
	"time"
)

func contains(text, part string) bool { return strings.Contains(text, part) }

func restartMode(b *bed, o options, out *report) error {
	out.line("| server | with | first answer s | keys |")
	out.line("|---|---|---|---|")
	return eachServer(b, func(s *server) error {
		if err := load(s, o.locks, hours); err != nil {
			return err
		}
		if err := restartOnce(s, "what loading left", out); err != nil {
			return err
		}
		time.Sleep(3 * time.Second)
		how, _, err := snapshotNow(s)
		if err != nil {
			progress("%s: no snapshot: %v", s.name, err)
			return nil
		}
		return restartOnce(s, "a fresh "+how, out)
	})
}

// restartOnce kills the server, starts it again on the same folder and asks for a lock.
func restartOnce(s *server, with string, out *report) error {
	s.kill()
	begun := time.Now()
	if err := s.start(); err != nil {
		return err
	}
	for {
		_, err := s.ask("GET", lockName(0))
		if err == nil {
			break
		}
		if time.Since(begun) > time.Minute {
			return err
		}
		time.Sleep(5 * time.Millisecond) // LOADING
	}
	took := time.Since(begun)
	keys, err := s.ask("DBSIZE")
	out.line("| %s | %s | %.2f | %s |", s.name, with, took.Seconds(), keys)
	return err
}

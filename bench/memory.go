//go:build linux

// How much memory a held lock costs: resident memory with all of them, less that of the empty server.

package main

import "time"

func memoryMode(b *bed, o options, out *report) error {
	out.line("| server | empty MB | loaded MB | bytes a lock | after %s MB | bytes a lock | load time s |",
		o.settle)
	out.line("|---|---|---|---|---|---|---|")
	return eachServer(b, func(s *server) error {
		time.Sleep(time.Second)
		empty, begun := s.rss(), time.Now()
		if err := load(s, o.locks, hours); err != nil {
			return err
		}
		took, loaded := time.Since(begun), s.rss()
		var later int64
		for end := time.Now().Add(o.settle); time.Now().Before(end); {
			time.Sleep(min(5*time.Second, time.Until(end)))
			later = s.rss()
			progress("%s: %.0f bytes a lock", s.name, float64(later-empty)/float64(o.locks))
		}
		mb := func(n int64) float64 { return float64(n) / 1e6 }
		each := func(n int64) float64 { return float64(n-empty) / float64(o.locks) }
		out.line("| %s | %.1f | %.1f | %.0f | %.1f | **%.0f** | %.1f |",
			s.name, mb(empty), mb(loaded), each(loaded),
			mb(later), each(later), took.Seconds())
		return nil
	})
}

// eachServer runs f on a fresh lockd, then on a fresh peer.
func eachServer(b *bed, f func(*server) error) error {
	lockd, err := b.startLockd()
	if err != nil {
		return err
	}
	err = f(lockd)
	lockd.kill()
	if err != nil {
		return err
	}
	peer, err := b.startPeer()
	if err != nil {
		return err
	}
	defer peer.kill()
	return f(peer)
}

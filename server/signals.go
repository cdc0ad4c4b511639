// This file ends a node when the system asks. The first SIGTERM or SIGINT is a wish, granted in order; the
// second is from somebody who will not wait.

package server

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// untilSignal returns a context that ends with ctx or with the first signal. On the second signal it calls
// exit, which is not expected to return. stop ends the watching, and waits for it.
func untilSignal(
	ctx context.Context, log *slog.Logger, exit func(code int),
) (asked context.Context, stop func()) {
	asked, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for count := 1; ; count++ {
			select {
			case <-quit:
				return
			case s := <-signals:
				if count == 1 {
					log.Info("asked to stop", "signal", s.String())
					cancel()
					continue
				}
				log.Warn("asked twice: stopping at once", "signal", s.String())
				exit(ExitFailure)
			}
		}
	}()
	return asked, sync.OnceFunc(func() { // a client's SHUTDOWN calls it too
		signal.Stop(signals)
		close(quit)
		<-done
		cancel()
	})
}

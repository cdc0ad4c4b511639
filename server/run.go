// This file runs a node: open what it needs, serve until asked to stop, close in reverse.

package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// Run runs a node with cfg, which settings begin with, until ctx ends or the system asks for its end. The
// one line that says where it listens goes to stdout as soon as it answers.
func Run(
	ctx context.Context, cfg *Config, settings *Settings, log *slog.Logger, stdout io.Writer,
) (err error) {
	ctx, stop := untilSignal(ctx, log, os.Exit) //nolint:forbidigo // a second signal ends the process at once
	defer stop()
	s, err := Start(ctx, cfg, settings, log, stop)
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		log.Info("stopped before it served: it was still waiting for other nodes")
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	fmt.Fprintln(stdout, startLine(cfg, s.listeners, s.nodeID))
	select {
	case <-ctx.Done():
		log.Info("stopping: what is in flight is finished, what comes now is refused")
		return nil
	case err := <-s.failed:
		return err
	}
}

// startLine says in one line what was started, and what to type first.
func startLine(cfg *Config, l *Listeners, id string) string {
	var addresses []string
	for _, ln := range l.Plain {
		addresses = append(addresses, ln.Addr().String())
	}
	for _, ln := range l.TLS {
		addresses = append(addresses, ln.Addr().String()+" (TLS)")
	}
	return fmt.Sprintf("lockd %s listens on %s, data in %s, node %s, log store %s. Try: %s",
		Version, strings.Join(addresses, ", "), cfg.Storage.Dir, id, cfg.Storage.LogStore, tryLine(cfg, l))
}

// tryLine is a redis-cli line that works with this node, given the password where it asks for one.
func tryLine(cfg *Config, l *Listeners) string {
	words := []string{"redis-cli"}
	first := l.Plain
	if len(first) == 0 {
		first = l.TLS
		words = append(words, "--tls", "--insecure")
	}
	if tcp, is := first[0].Addr().(*net.TCPAddr); is {
		if !tcp.IP.IsLoopback() && !tcp.IP.IsUnspecified() {
			words = append(words, "-h", tcp.IP.String())
		}
		words = append(words, "-p", strconv.Itoa(tcp.Port))
	} else {
		words = append(words, "-s", first[0].Addr().String())
	}
	if cfg.Security.RequirePass != "" {
		words = append(words, "--askpass")
	}
	return strings.Join(append(words, "LOCK foo owner1 30000"), " ")
}

// readyWithin is how long a node may take from its opened stores to its first answer. A group of one elects
// itself in a tenth of a second; a long log is replayed within.
const readyWithin = 5 * time.Minute

// This file opens the sockets that the settings ask for. All of them are opened before anything else
// starts, so that a port in use is said at once and nothing has to be undone; a node accepts from them only
// when it can answer.

package server

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Listeners are a node's open sockets.
type Listeners struct {
	Plain []net.Listener // the Redis protocol, one an address; also the Unix socket
	TLS   []net.Listener // the same port's twin for TLS, still without it
	Port  int            // of Plain, 0 if there is no plain port
}

// freeTries is how often a free port is looked for that is free on all addresses.
const freeTries = 16

// openListeners opens what cfg asks for, or nothing.
func openListeners(cfg *Config) (*Listeners, error) {
	l := new(Listeners)
	if err := l.open(cfg); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

func (l *Listeners) open(cfg *Config) (err error) {
	if port, on := cfg.PlainPort(); on {
		if l.Plain, l.Port, err = listenOn(cfg.Network.Bind, port); err != nil {
			return err
		}
	}
	if cfg.TLS.Port != 0 {
		if l.TLS, _, err = listenOn(cfg.Network.Bind, cfg.TLS.Port); err != nil {
			return err
		}
	}
	if path := cfg.Network.UnixSocket; path != "" {
		socket, err := listenUnix(path, cfg.Network.UnixSocketPerm)
		if err != nil {
			return err
		}
		l.Plain = append(l.Plain, socket)
	}
	return nil
}

// Close closes all of them.
func (l *Listeners) Close() {
	closeAll(l.Plain)
	closeAll(l.TLS)
}

func closeAll(listeners []net.Listener) {
	for _, ln := range listeners {
		_ = ln.Close() // there is nothing left to lose
	}
}

// listenOn opens one port on all addresses. Port 0 is a free one, the same on each; a try may fail because
// it is free on the first alone.
func listenOn(bind []string, port int) ([]net.Listener, int, error) {
	tries := 1
	if port == 0 {
		tries = freeTries
	}
	var err error
	for range tries {
		var open []net.Listener
		var got int
		if open, got, err = listenOnce(bind, port); err == nil {
			return open, got, nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
	}
	return nil, 0, err
}

func listenOnce(bind []string, port int) ([]net.Listener, int, error) {
	var open []net.Listener
	for _, address := range bind {
		host, optional := strings.CutPrefix(address, "-")
		ln, err := net.Listen(networkOf(host), net.JoinHostPort(hostOf(host), strconv.Itoa(port)))
		if err != nil {
			if optional && missingAddress(err) {
				continue
			}
			closeAll(open)
			return nil, 0, listenError(host, port, err)
		}
		open = append(open, ln)
		port = ln.Addr().(*net.TCPAddr).Port
	}
	if len(open) == 0 {
		return nil, 0, fmt.Errorf("bind: this machine has none of the addresses %s", strings.Join(bind, " "))
	}
	return open, port, nil
}

// networkOf keeps "::*" and "0.0.0.0" apart as redis.conf does, so that "* -::*" opens both.
func networkOf(host string) string {
	switch {
	case host == "*":
		return "tcp4"
	case strings.Contains(host, ":"):
		return "tcp6"
	}
	return "tcp"
}

// hostOf turns redis.conf's words for all addresses into Go's.
func hostOf(host string) string {
	switch host {
	case "*":
		return "0.0.0.0"
	case "::*":
		return "::"
	}
	return strings.Trim(host, "[]")
}

// missingAddress tells that this machine lacks an address, or the whole of IPv6.
func missingAddress(err error) bool {
	return errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT)
}

// listenError says what is wrong in a sentence.
func listenError(host string, port int, err error) error {
	switch address := net.JoinHostPort(host, strconv.Itoa(port)); {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("port %s is in use by another program; give another --port: %w", address, err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("bind: this machine has no address %s: %w", host, err)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("port %s may not be opened by this user: %w", address, err)
	default:
		return fmt.Errorf("cannot listen on %s: %w", address, err)
	}
}

// listenUnix opens the Unix socket. One that a dead process left behind is replaced; one that answers, or a
// file that is no socket, is not.
func listenUnix(path string, perm uint32) (net.Listener, error) {
	if info, err := os.Lstat(path); err == nil {
		if info.Mode()&os.ModeSocket == 0 {
			return nil, fmt.Errorf("unix-socket: %s is there already, and is no socket", path)
		}
		if peer, err := net.DialTimeout("unix", path, time.Second); err == nil {
			_ = peer.Close() // it answered, that is all we asked
			return nil, fmt.Errorf("unix-socket: %s is in use by another program", path)
		}
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("unix-socket: %w", err)
		}
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("unix-socket: %w", err)
	}
	if perm != 0 {
		if err := os.Chmod(path, os.FileMode(perm)); err != nil {
			_ = ln.Close() // the error that matters is the first
			return nil, fmt.Errorf("unix-socket: %w", err)
		}
	}
	return ln, nil
}

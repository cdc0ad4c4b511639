// This file is "lockd ping": is a node there, and does it answer? It is made for health checks, where no
// redis-cli is installed (the container image has nothing but lockd), and speaks the few bytes itself.

package server

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

// pinger is one ping.
type pinger struct {
	address   string // host:port, or the path of a Unix socket
	user      string
	password  Secret
	timeout   time.Duration
	tls       bool
	authority string // file; "" are the system's
	certFile  string
	keyFile   string
	insecure  bool // take any certificate
}

// maxReply is longer than any true answer to AUTH and PING, protected mode's explanation included.
const maxReply = 4096

// ping returns nil if the node said PONG, and otherwise a sentence.
func (p *pinger) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	conn, err := p.dial(ctx)
	if err != nil {
		return p.explain(err)
	}
	defer conn.Close()
	end, _ := ctx.Deadline()
	if err := conn.SetDeadline(end); err != nil {
		return p.explain(err)
	}
	replies := bufio.NewReader(io.LimitReader(conn, maxReply))
	if err := p.login(conn, replies); err != nil {
		return p.explain(err)
	}
	if err := exchange(conn, replies, "+PONG", "PING"); err != nil {
		return p.explain(err)
	}
	return nil
}

// login gives the password, if there is one.
func (p *pinger) login(w io.Writer, replies *bufio.Reader) error {
	switch {
	case p.password == "":
		return nil
	case p.user == "":
		return exchange(w, replies, "+OK", "AUTH", p.password.Reveal())
	}
	return exchange(w, replies, "+OK", "AUTH", p.user, p.password.Reveal())
}

// dial opens the connection, TLS included.
func (p *pinger) dial(ctx context.Context) (net.Conn, error) {
	network := "tcp"
	if strings.Contains(p.address, "/") {
		network = "unix"
	}
	if !p.tls {
		return new(net.Dialer).DialContext(ctx, network, p.address)
	}
	config, err := p.tlsConfig()
	if err != nil {
		return nil, err
	}
	return (&tls.Dialer{Config: config}).DialContext(ctx, network, p.address)
}

// tlsConfig reads the certificates.
func (p *pinger) tlsConfig() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: p.insecure}
	if p.authority != "" {
		pem, err := os.ReadFile(p.authority)
		if err != nil {
			return nil, usageError("tls-ca-cert-file: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, usageError("tls-ca-cert-file: no certificate in %s", p.authority)
		}
	}
	if p.certFile != "" {
		pair, err := tls.LoadX509KeyPair(p.certFile, p.keyFile)
		if err != nil {
			return nil, usageError("tls-cert-file, tls-key-file: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// explain puts the address before what went wrong, and says a timeout as such.
func (p *pinger) explain(err error) error {
	if timeout, is := errors.AsType[net.Error](err); is && timeout.Timeout() {
		return fmt.Errorf("%s did not answer within %v", p.address, p.timeout)
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("nothing listens on %s: %w", p.address, syscall.ECONNREFUSED)
	}
	return fmt.Errorf("%s: %w", p.address, err)
}

// exchange sends a command and expects a reply.
func exchange(w io.Writer, replies *bufio.Reader, want string, words ...string) error {
	_, errWrite := io.WriteString(w, wire(words...))
	// A server that refuses us answers and closes before it has read: what it said is worth more than
	// the failed write.
	line, err := replies.ReadString('\n')
	if line == "" && errWrite != nil {
		return errWrite
	}
	if err != nil && !(errors.Is(err, io.EOF) && strings.HasPrefix(line, "-")) {
		return fmt.Errorf("no whole reply: %w", err)
	}
	switch line = strings.TrimRight(line, "\r\n"); {
	case line == want:
		return nil
	case strings.HasPrefix(line, "-"):
		return errors.New("the node answers: " + line[1:])
	}
	return fmt.Errorf("the answer %.40q is not a lock server's", line)
}

// wire is a command as it is sent.
func wire(words ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(word), word)
	}
	return b.String()
}

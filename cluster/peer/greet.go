// How a connection begins, on both sides: TLS, hello, and a decision of both whether to talk.
//
// Certificates are checked after the TLS handshake and before anything is read or written: the handshake
// has proved that the other side has its certificate's key, and whoever is refused then gets a sentence
// instead of TLS's "bad certificate".

package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/divtxt/lockd/cluster"
)

// greetedConn is a connection whose two nodes have admitted each other.
type greetedConn struct {
	net.Conn
	under   *conn // what it runs over
	other   cluster.Identity
	purpose cluster.Purpose
}

// Close closes the connection at once. TLS's own farewell would wait for a network that may not work.
func (c *greetedConn) Close() error { return c.under.Close() }

// connect opens a connection to the node at address. If the two do not want to talk, the error is a
// *cluster.Refusal, and the identity tells who is there.
func (n *Network) connect(ctx context.Context, address string, why cluster.Purpose) (
	*greetedConn, cluster.Identity, error,
) {
	var it cluster.Identity
	ctx, cancel := context.WithTimeout(ctx, connectLimit+helloLimit)
	defer cancel()
	h, err := n.awaitHandler(ctx)
	if err != nil {
		return nil, it, err
	}
	raw, err := n.dial(ctx, address)
	if err != nil {
		return nil, it, err
	}
	raw.watchFor(why)
	_ = raw.SetDeadline(time.Now().Add(helloLimit))
	stop := context.AfterFunc(ctx, raw.drop)
	c, it, err := n.greet(raw, h, why)
	if !stop() {
		err = ctx.Err()
	}
	if err != nil {
		raw.drop()
		return nil, it, explain(address, err)
	}
	_ = raw.SetDeadline(time.Time{})
	return c, it, nil
}

// explain says in an error of connect where it was, and what a handshake that ends early may mean.
func explain(address string, err error) error {
	var refusal *cluster.Refusal
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &refusal):
		return err
	case errors.As(err, &record):
		return fmt.Errorf("%s speaks no TLS, and this node does: give --peer-tls-* to all nodes, or to none "+
			"(or something else listens there): %w", address, err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return fmt.Errorf("%s ended the connection before it said who it is: something else may listen there, "+
			"or only one of the two nodes has --peer-tls-*; its log says more: %w", address, err)
	}
	return fmt.Errorf("%s did not say who it is: %w", address, err)
}

// greet is the part of the side that connects.
func (n *Network) greet(raw *conn, h cluster.Handler, why cluster.Purpose) (
	*greetedConn, cluster.Identity, error,
) {
	c, other, err := n.secure(raw, tls.Client)
	if err != nil {
		var it cluster.Identity
		if c != nil {
			_ = message{kind: kindNo, Text: err.Error()}.write(c)
			err = &cluster.Refusal{By: h.Identity(), Text: err.Error()}
		}
		return nil, it, err
	}
	me := h.Identity()
	if err := (message{kind: byte(why), Identity: me}).write(c); err != nil {
		return nil, cluster.Identity{}, err
	}
	answer, err := readMessage(c)
	it := answer.Identity
	if err != nil {
		return nil, it, err
	}
	if answer.kind != kindYes {
		return nil, it, &cluster.Refusal{By: it, Text: answer.Text}
	}
	if err := judge(h, other, it, why); err != nil {
		_ = message{kind: kindNo, Text: err.Error()}.write(c)
		return nil, it, &cluster.Refusal{By: me, Text: err.Error()}
	}
	if err := (message{kind: kindYes}).write(c); err != nil {
		return nil, it, err
	}
	return &greetedConn{Conn: c, under: raw, other: it, purpose: why}, it, nil
}

// secure makes a connection a TLS one if this node has certificates. If an error comes with a connection, the
// other side can be told of it.
func (n *Network) secure(raw net.Conn, side func(net.Conn, *tls.Config) *tls.Conn) (
	net.Conn, *material, error,
) {
	if n.certs == nil {
		return raw, nil, nil
	}
	m := n.certs.current()
	c := side(raw, m.config())
	if err := c.Handshake(); err != nil {
		return nil, nil, err
	}
	other, err := m.verify(c.ConnectionState().PeerCertificates)
	return c, other, err
}

// judge decides whether to talk with a node: its certificate must name it, and the handler must want to.
func judge(h cluster.Handler, cert *material, other cluster.Identity, why cluster.Purpose) error {
	if cert != nil {
		if err := cert.names(other.Node); err != nil {
			return err
		}
	}
	return h.Admit(other, why)
}

const notAdmitted = "a connection to the cluster port was not admitted"

// accept takes connections from the listener until Close.
func (n *Network) accept() {
	const pause = 50 * time.Millisecond // for the system to have files or memory again
	for {
		raw, err := n.opt.Listener.Accept()
		switch {
		case n.life.Err() != nil:
			if err == nil {
				raw.Close()
			}
			return
		case err != nil:
			n.log.warn("cannot accept connections of other nodes", "", err)
			time.Sleep(pause)
			continue
		}
		c, ok := n.conns.add(raw, maxConns)
		if !ok {
			n.log.warn(notAdmitted, "", fmt.Errorf("%d connections are open already", maxConns))
			raw.Close()
			continue
		}
		select {
		case n.greeting <- struct{}{}:
			n.spawn(func() { n.admit(c) })
		default:
			n.log.warn(notAdmitted, "", fmt.Errorf("%d others do not say who they are", maxGreeting))
			c.drop()
		}
	}
}

// admit is the part of the side that accepts, and hands the connection on.
func (n *Network) admit(raw *conn) {
	_ = raw.SetDeadline(time.Now().Add(helloLimit))
	c, err := n.answer(raw)
	<-n.greeting
	if err != nil {
		raw.drop()
		if !errors.Is(err, io.EOF) && n.life.Err() == nil { // io.EOF is a Probe
			n.log.warn(notAdmitted, hostOf(raw), err)
		}
		return
	}
	_ = raw.SetDeadline(time.Time{})
	raw.watchFor(c.purpose)
	if c.purpose == cluster.ForRaft {
		n.raft.put(c)
	} else {
		n.greeted.put(c)
	}
}

// answer reads a hello and answers it.
func (n *Network) answer(raw *conn) (*greetedConn, error) {
	c, other, err := n.secure(raw, tls.Server)
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &record) && string(record.RecordHeader[:]) == magic:
		const text = "this node's cluster port wants TLS, and the other side has none: " +
			"give --peer-tls-* to all nodes, or to none"
		n.refuse(raw, cluster.Identity{}, text)
		_, _ = io.CopyN(io.Discard, raw, maxHello) // else its end may overtake the text
		return nil, errors.New(text)
	case c != nil && err != nil:
		n.refuse(c, cluster.Identity{}, err.Error())
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("TLS: %w", err)
	}
	first, err := readMessage(c)
	switch {
	case err != nil:
		return nil, err
	case first.kind == kindNo:
		return nil, fmt.Errorf("the other side does not want to talk: %s", first.Text)
	}
	ctx, cancel := context.WithTimeout(n.life, helloLimit)
	defer cancel()
	h, err := n.awaitHandler(ctx)
	if err != nil {
		return nil, fmt.Errorf("this node is not ready to talk with others yet: %w", err)
	}
	return n.decide(raw, c, h, other, first)
}

// decide answers a hello that was understood.
func (n *Network) decide(raw *conn, c net.Conn, h cluster.Handler, cert *material, first message) (
	*greetedConn, error,
) {
	other, why := first.Identity, cluster.Purpose(first.kind)
	var err error
	switch why {
	case cluster.ForRaft, cluster.ForForward, cluster.ForAsk:
		err = judge(h, cert, other, why)
	default:
		err = fmt.Errorf("this version of lockd does not know connections of kind %q", first.kind)
	}
	me := h.Identity()
	if err != nil {
		n.refuse(c, me, err.Error())
		return nil, fmt.Errorf("%s was refused: %w", describe(other), err)
	}
	if err := (message{kind: kindYes, Identity: me}).write(c); err != nil {
		return nil, err
	}
	last, err := readMessage(c)
	switch {
	case err != nil:
		return nil, noEOF(err)
	case last.kind != kindYes:
		return nil, fmt.Errorf("%s does not want to talk with this node: %s", describe(other), last.Text)
	}
	return &greetedConn{Conn: c, under: raw, other: other, purpose: why}, nil
}

// refuse says no; whether it arrives is the other side's matter.
func (n *Network) refuse(c net.Conn, me cluster.Identity, text string) {
	_ = message{kind: kindNo, Identity: me, Text: text}.write(c)
}

// describe names a node for people.
func describe(id cluster.Identity) string {
	if id.Node == "" {
		return "a node without a name"
	}
	return fmt.Sprintf("node %q (%s)", id.Node, id.Address)
}

// hostOf is the machine at the other end.
func hostOf(c net.Conn) string {
	address := c.RemoteAddr().String()
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return host
}

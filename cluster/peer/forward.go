// Streams of commands: gRPC's streams with the Send, Recv and Close of cluster.Stream.

package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/divtxt/lockd/cluster"
)

// errEnded is what a Send returns when the stream has ended; Recv knows why.
var errEnded = errors.New("the stream has ended")

// Open implements cluster.Network.
func (n *Network) Open(ctx context.Context, address string) (cluster.Stream, cluster.Identity, error) {
	c, it, err := n.connect(ctx, address, cluster.ForForward)
	if err != nil {
		return nil, it, err
	}
	s := &openedStream{conn: c, limit: n.opt.Tuning.FrameBytes}
	var life context.Context
	life, s.cancel = context.WithCancel(context.Background())
	unlink := context.AfterFunc(ctx, func() { _ = s.Close() })
	if s.client, err = n.newClient(c); err == nil {
		err = s.start(life)
	}
	if !unlink() {
		err = ctx.Err()
	}
	if err != nil {
		_ = s.Close()
		return nil, it, fmt.Errorf("no stream to %s: %w", address, err)
	}
	return s, it, nil
}

// openedStream is the end of a stream that has opened it.
type openedStream struct {
	conn   *greetedConn
	client *grpc.ClientConn
	grpc   grpc.ClientStream
	cancel context.CancelFunc
	limit  int
	out    []byte // what is being sent; here, so that it needs no memory of its own
	in     []byte // what is being received

	mu     sync.Mutex
	closed bool
}

// start opens the stream, and waits until the other side has begun to serve it. Before that gRPC would
// keep all that is sent, to send it again.
func (s *openedStream) start(life context.Context) (err error) {
	desc := &grpc.StreamDesc{StreamName: forwardMethod, ServerStreams: true, ClientStreams: true}
	if s.grpc, err = s.client.NewStream(life, desc, "/"+serviceName+"/"+forwardMethod); err != nil {
		return err
	}
	_, err = s.grpc.Header()
	return err
}

// Send implements cluster.Stream.
func (s *openedStream) Send(frame []byte) error {
	if len(frame) > s.limit {
		return tooLong(frame, s.limit)
	}
	s.out = frame
	err := s.grpc.SendMsg(&s.out)
	s.out = nil
	switch {
	case err == nil:
		return nil
	case s.isClosed():
		return errStreamClosed
	case errors.Is(err, io.EOF):
		return errEnded
	}
	return callError(s.conn.other, err)
}

// Recv implements cluster.Stream.
func (s *openedStream) Recv() (frame []byte, err error) {
	err = s.grpc.RecvMsg(&s.in)
	frame, s.in = s.in, nil
	switch {
	case err == nil:
		return frame, nil
	case s.isClosed():
		return nil, errStreamClosed
	case errors.Is(err, io.EOF):
		return nil, io.EOF
	}
	return nil, callError(s.conn.other, err)
}

// Close implements cluster.Stream. The connection goes first: gRPC would wait for its farewell to be sent.
func (s *openedStream) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.cancel()
	s.conn.under.drop()
	if s.client != nil {
		_ = s.client.Close()
	}
	return nil
}

func (s *openedStream) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// errStreamClosed is what Send and Recv return after this side's own Close.
var errStreamClosed = errors.New("the stream is closed")

func tooLong(frame []byte, limit int) error {
	return fmt.Errorf("a frame of %d bytes, where %d are allowed", len(frame), limit)
}

// serveForward is gRPC's handler of a stream. It returns when the node's handler does, or has called
// Close: what makes a Recv return that still waits is the end of this function.
func serveForward(network any, gs grpc.ServerStream) error {
	n := network.(*Network)
	c, err := caller(gs.Context(), cluster.ForForward)
	if err != nil {
		return err
	}
	if err := gs.SendHeader(metadata.MD{}); err != nil {
		return err
	}
	s := &servedStream{grpc: gs, conn: c, limit: n.opt.Tuning.FrameBytes, closed: make(chan struct{})}
	done := make(chan error, 1)
	n.spawn(func() { done <- (*n.handler.Load()).Forward(c.other, s) })
	select {
	case err := <-done:
		if s.isClosed() { // whatever came after that, the other side has its end
			return nil
		}
		return handlerError(err)
	case <-s.closed:
		return nil
	case <-n.life.Done():
		return errClosed
	}
}

// servedStream is the end of a stream that serves it.
type servedStream struct {
	grpc   grpc.ServerStream
	conn   *greetedConn
	limit  int
	out    []byte
	in     []byte
	once   sync.Once
	closed chan struct{}
}

// Send implements cluster.Stream.
func (s *servedStream) Send(frame []byte) error {
	if len(frame) > s.limit {
		return tooLong(frame, s.limit)
	}
	if s.isClosed() {
		return errStreamClosed
	}
	s.out = frame
	err := s.grpc.SendMsg(&s.out)
	s.out = nil
	return s.explain(err)
}

// Recv implements cluster.Stream.
func (s *servedStream) Recv() (frame []byte, err error) {
	if s.isClosed() {
		return nil, errStreamClosed
	}
	err = s.grpc.RecvMsg(&s.in)
	frame, s.in = s.in, nil
	return frame, s.explain(err)
}

// explain is what an error of gRPC means here. It does not tell whether the other side has closed the
// stream or has died, nor need it: either way there is nobody to answer to.
func (s *servedStream) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case s.isClosed():
		return errStreamClosed
	}
	return fmt.Errorf("%s has ended the stream: %w", describe(s.conn.other), err)
}

// Close implements cluster.Stream. The other side gets io.EOF, after what was sent.
func (s *servedStream) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

func (s *servedStream) isClosed() bool {
	select {
	case <-s.closed:
		return true
	default:
		return false
	}
}

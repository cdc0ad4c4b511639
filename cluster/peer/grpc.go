// gRPC between nodes, without generated code: one service with two methods, whose messages are plain bytes
// that the caller frames. gRPC brings what is hard to get right on such a link: flow control in both
// directions, keepalive, the end of a stream with a reason, deadlines that reach the other side.
//
// A gRPC connection runs over exactly one connection that has greeted already. When that ends, it ends:
// gRPC's own redialing would hide a death that the node wants to know of at once.

package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/mem"
	grpcpeer "google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/divtxt/lockd/cluster"
)

const (
	serviceName   = "lockd.Peer"
	forwardMethod = "Forward"
	askMethod     = "Ask"
)

// How gRPC runs on such a connection.
const (
	// streamWindow is how much the other side may send ahead of this one's reading. A fixed window spares
	// the pings with which gRPC would measure the link.
	streamWindow = 1 << 20
	connWindow   = 2 << 20
	// bufferBytes is what is read or written in one go, as long as there is that much. Without a buffer each
	// frame would take two system calls.
	bufferBytes = 128 << 10
	// serverPing is how soon who accepted asks a silent other side for a sign of life, and clientPing how soon
	// who connected does; both are the least that gRPC allows. pingLimit is how long either waits for it.
	serverPing = time.Second
	clientPing = 10 * time.Second
	pingLimit  = 3 * time.Second
	// idleLimit is how long a connection may be open without a stream.
	idleLimit = 10 * time.Second
	// maxStreams is how many streams a connection may have; each has one.
	maxStreams = 4
)

// newServer makes the gRPC server for accepted connections.
func (n *Network) newServer() *grpc.Server {
	s := grpc.NewServer(
		grpc.Creds(greetedCreds{}),
		grpc.ForceServerCodecV2(codec{}),
		grpc.MaxRecvMsgSize(n.opt.Tuning.FrameBytes+questionOverhead),
		grpc.MaxSendMsgSize(n.opt.Tuning.FrameBytes),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.StaticStreamWindowSize(streamWindow),
		grpc.StaticConnWindowSize(connWindow),
		grpc.WriteBufferSize(bufferBytes),
		grpc.ReadBufferSize(bufferBytes),
		grpc.ConnectionTimeout(helloLimit),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			Time: serverPing, Timeout: pingLimit, MaxConnectionIdle: idleLimit,
		}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{
			MinTime: clientPing / 2, PermitWithoutStream: true,
		}),
	)
	s.RegisterService(&grpc.ServiceDesc{
		ServiceName: serviceName,
		HandlerType: (*any)(nil),
		Methods:     []grpc.MethodDesc{{MethodName: askMethod, Handler: serveAsk}},
		Streams: []grpc.StreamDesc{
			{StreamName: forwardMethod, Handler: serveForward, ServerStreams: true, ClientStreams: true},
		},
	}, n)
	return s
}

// newClient makes a gRPC connection over c, which is used up by that.
func (n *Network) newClient(c *greetedConn) (*grpc.ClientConn, error) {
	var used atomic.Bool
	return grpc.NewClient("passthrough:///"+serviceName,
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) {
			if used.Swap(true) {
				return nil, errEnded
			}
			return c, nil
		}),
		grpc.WithTransportCredentials(greetedCreds{}),
		grpc.WithDefaultCallOptions(
			grpc.ForceCodecV2(codec{}),
			grpc.MaxCallRecvMsgSize(n.opt.Tuning.FrameBytes),
			grpc.MaxCallSendMsgSize(n.opt.Tuning.FrameBytes+questionOverhead),
		),
		grpc.WithStaticStreamWindowSize(streamWindow),
		grpc.WithStaticConnWindowSize(connWindow),
		grpc.WithWriteBufferSize(bufferBytes),
		grpc.WithReadBufferSize(bufferBytes),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: clientPing, Timeout: pingLimit}),
		grpc.WithIdleTimeout(0),
		grpc.WithDisableRetry(),
		grpc.WithDisableServiceConfig(),
		grpc.WithNoProxy(),
	)
}

// codec passes messages, which are *[]byte, on as they are. gRPC writes a message after Send has returned,
// so it gets a copy.
type codec struct{}

func (codec) Name() string { return "bytes" }

func (codec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.Copy(*v.(*[]byte), mem.DefaultBufferPool())}, nil
}

func (codec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

// greetedCreds tells gRPC's handlers who is on the other side, which the hello has found out.
type greetedCreds struct{}

// authInfo is what they get.
type authInfo struct{ conn *greetedConn }

// AuthType implements credentials.AuthInfo.
func (authInfo) AuthType() string { return "lockd" }

func (greetedCreds) ClientHandshake(_ context.Context, _ string, c net.Conn) (
	net.Conn, credentials.AuthInfo, error,
) {
	return greetedCreds{}.ServerHandshake(c)
}

func (greetedCreds) ServerHandshake(c net.Conn) (net.Conn, credentials.AuthInfo, error) {
	g, ok := c.(*greetedConn)
	if !ok {
		return nil, nil, errors.New("a connection without a hello")
	}
	return g, authInfo{g}, nil
}

func (greetedCreds) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "lockd"}
}

func (c greetedCreds) Clone() credentials.TransportCredentials { return c }

func (greetedCreds) OverrideServerName(string) error { return nil }

// caller returns the connection of a call. Its hello was for one purpose, and it is used for no other.
func caller(ctx context.Context, why cluster.Purpose) (*greetedConn, error) {
	p, ok := grpcpeer.FromContext(ctx)
	if !ok {
		return nil, status.Error(codes.Unauthenticated, "a call without a connection")
	}
	info, ok := p.AuthInfo.(authInfo)
	if !ok || info.conn.purpose != why {
		return nil, status.Error(codes.Unauthenticated, "this connection was opened for something else")
	}
	return info.conn, nil
}

// refusalCode marks the error of a Handler among those of gRPC, which never uses it by itself.
const refusalCode = codes.FailedPrecondition

// handlerError is err as it goes to the other side; nil stays nil.
func handlerError(err error) error {
	if err == nil {
		return nil
	}
	return status.Error(refusalCode, shorten(err.Error()))
}

// callError is what an error of gRPC means to who called the node by.
func callError(by cluster.Identity, err error) error {
	s := status.Convert(err)
	if s.Code() == refusalCode {
		return &cluster.Refusal{By: by, Text: s.Message()}
	}
	return fmt.Errorf("the connection with %s broke: %s", describe(by), s.Message())
}

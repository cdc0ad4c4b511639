// Single questions, each over a connection of its own: they are asked while a cluster forms or changes,
// which is seldom, and mostly of nodes to which there is no other connection yet.

package peer

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/divtxt/lockd/cluster"
)

// maxOp is how long the name of a question may be: its length is one byte.
const maxOp = 255

// questionOverhead is how much a message of Ask may be longer than the question in it.
const questionOverhead = 1 + maxOp

// Ask implements cluster.Network. The other side's handler gets ctx's deadline too.
func (n *Network) Ask(ctx context.Context, address, op string, question []byte) (
	[]byte, cluster.Identity, error,
) {
	if len(op) > maxOp || len(question) > n.opt.Tuning.FrameBytes {
		return nil, cluster.Identity{}, fmt.Errorf("the question %.40q of %d bytes is too long: %d are allowed",
			op, len(question), n.opt.Tuning.FrameBytes)
	}
	c, it, err := n.connect(ctx, address, cluster.ForAsk)
	if err != nil {
		return nil, it, err
	}
	defer c.under.drop()
	client, err := n.newClient(c)
	if err != nil {
		return nil, it, err
	}
	defer func() { _ = client.Close() }()
	message := append(append([]byte{byte(len(op))}, op...), question...)
	var answer []byte
	err = client.Invoke(ctx, "/"+serviceName+"/"+askMethod, &message, &answer)
	switch {
	case err == nil:
		return answer, it, nil
	case ctx.Err() != nil:
		return nil, it, fmt.Errorf("no answer from %s: %w", address, ctx.Err())
	case outOfTime(ctx, err):
		return nil, it, fmt.Errorf("no answer from %s: %w", address, context.DeadlineExceeded)
	}
	return nil, it, callError(it, err)
}

// outOfTime tells whether the other side's timer for ctx's deadline has ended the call, a moment before
// ours did.
func outOfTime(ctx context.Context, err error) bool {
	_, limited := ctx.Deadline()
	code := status.Code(err)
	return limited && (code == codes.DeadlineExceeded || code == codes.Canceled)
}

// serveAsk is gRPC's handler of a question.
//
//nolint:revive // the order of the parameters is gRPC's
func serveAsk(network any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (
	any, error,
) {
	n := network.(*Network)
	c, err := caller(ctx, cluster.ForAsk)
	if err != nil {
		return nil, err
	}
	var message []byte
	if err := decode(&message); err != nil {
		return nil, err
	}
	op, question, err := splitQuestion(message)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	answer, err := (*n.handler.Load()).Ask(ctx, c.other, op, question)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, status.FromContextError(ctx.Err()).Err()
	case err != nil:
		return nil, handlerError(err)
	}
	if len(answer) > n.opt.Tuning.FrameBytes {
		return nil, handlerError(tooLong(answer, n.opt.Tuning.FrameBytes))
	}
	return &answer, nil
}

// splitQuestion takes a message of Ask apart.
func splitQuestion(message []byte) (op string, question []byte, err error) {
	if len(message) == 0 || len(message) < 1+int(message[0]) {
		return "", nil, errors.New("a question that was cut short")
	}
	end := 1 + int(message[0])
	return string(message[1:end]), message[end:], nil
}

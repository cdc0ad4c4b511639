// The contract of cluster.Network, tested on all that keep it: real sockets, plain and with TLS, and the
// network in memory.

package peer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/divtxt/lockd/cluster"
	"github.com/divtxt/lockd/cluster/memnet"
)

func TestContract(t *testing.T) {
	checks := []struct {
		name string
		run  func(*testing.T, world)
	}{
		{"identities", identities},
		{"ask", ask},
		{"refused by who accepts", refusedByAcceptor},
		{"refused by who connects", refusedByOpener},
		{"waits for Serve", waitsForServe},
		{"order and size of frames", order},
		{"sent frames may be used again", reuse},
		{"back-pressure", backPressure},
		{"end of a stream", ends},
		{"Close by who opened", closeByOpener},
		{"Close by who serves", closeByServer},
		{"death", death},
		{"nothing listens", nothingListens},
		{"after Close", afterClose},
		{"raft", raftRPC},
		{"raftReturn", raftReturn},
		{"TimeoutNow to itself", timeoutNowToSelf},
	}
	worlds := map[string]func(*testing.T) world{
		"memory": func(*testing.T) world { return memory{memnet.New()} },
		"plain":  func(*testing.T) world { return sockets{} },
		"TLS":    func(t *testing.T) world { return sockets{newAuthority(t)} },
	}
	for name, world := range worlds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, check := range checks {
				t.Run(check.name, func(t *testing.T) { check.run(t, world(t)) })
			}
		})
	}
}

func identities(t *testing.T, w world) {
	a, b := start(t, w, "a", ""), start(t, w, "b", "")
	from := make(chan cluster.Identity, 1)
	b.h.forward = func(id cluster.Identity, s cluster.Stream) error {
		from <- id
		return echo(s)
	}
	mustEcho(t, mustOpen(t, a, b), "hello")
	if id := receive(t, "Forward", from); id != a.h.me {
		t.Errorf("Forward was told that %+v calls", id)
	}
	if *b.h.met.Load() != a.h.me || *a.h.met.Load() != b.h.me {
		t.Errorf("Admit was asked about %+v and %+v", *b.h.met.Load(), *a.h.met.Load())
	}
	if a.h.why.Load() != int32(cluster.ForForward) || b.h.why.Load() != int32(cluster.ForForward) {
		t.Errorf("Admit was asked for purposes %c and %c", a.h.why.Load(), b.h.why.Load())
	}
	// A node that comes to belong to a cluster says so on its next connection; another handler may, too.
	next := &handler{me: a.h.me, forward: b.h.forward}
	next.me.Cluster = "c"
	a.Serve(next)
	mustEcho(t, mustOpen(t, a, b), "again")
	if id := receive(t, "Forward", from); id != next.me {
		t.Errorf("Forward was told that %+v calls", id)
	}
}

func ask(t *testing.T, w world) {
	a, b := start(t, w, "a", ""), start(t, w, "b", "")
	b.h.ask = func(ctx context.Context, from cluster.Identity, op string, question []byte) ([]byte, error) {
		switch op {
		case "echo":
			return fmt.Appendf(nil, "%s asks %s", from.Node, question), nil
		case "nothing":
			return nil, nil
		case "wait":
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("no such question as %q: ask another\nüber", op)
	}
	answer, it, err := a.Ask(context10(t), b.address, "echo", []byte("who?"))
	if err != nil || string(answer) != "a asks who?" || it != b.h.me {
		t.Errorf("the answer was %q of %+v, %v", answer, it, err)
	}
	if answer, _, err := a.Ask(context10(t), b.address, "nothing", nil); err != nil || len(answer) != 0 {
		t.Errorf("an empty answer to an empty question was %q, %v", answer, err)
	}
	_, it, err = a.Ask(context10(t), b.address, "what", nil)
	wantRefusal(t, err, b.h.me, `no such question as "what": ask another`+"\nüber")
	if it != b.h.me {
		t.Errorf("a refusal came from %+v", it)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, _, err := a.Ask(ctx, b.address, "wait", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("an Ask whose time was over: %v", err)
	}
}

func refusedByAcceptor(t *testing.T, w world) { refused(t, w, "b") }

func refusedByOpener(t *testing.T, w world) { refused(t, w, "a") }

// refused has one of two nodes refuse the other, for all purposes.
func refused(t *testing.T, w world, by string) {
	a, b := start(t, w, "a", ""), start(t, w, "b", "")
	who := map[string]*node{"a": a, "b": b}[by]
	text := "your disk is not the one I know: wipe it"
	who.h.refuse.Store(&text)
	_, it, err := a.Open(context10(t), b.address)
	wantRefusal(t, err, who.h.me, text)
	if it != b.h.me {
		t.Errorf("Open says that %+v is there", it)
	}
	_, it, err = a.Ask(context10(t), b.address, "op", nil)
	wantRefusal(t, err, who.h.me, text)
	if it != b.h.me {
		t.Errorf("Ask says that %+v is there", it)
	}
	var answer raft.RequestVoteResponse
	err = a.Transport().RequestVote("b", raft.ServerAddress(b.address), &raft.RequestVoteRequest{}, &answer)
	wantRefusal(t, err, who.h.me, text)
	if err := a.Probe(context10(t), b.address); err != nil {
		t.Errorf("Probe is not for the handler: %v", err)
	}
	who.h.refuse.Store(nil)
	mustEcho(t, mustOpen(t, a, b), "now")
}

func waitsForServe(t *testing.T, w world) {
	b, address := w.listen(t, "b", "")
	t.Cleanup(func() { b.Close() })
	a, _ := w.listen(t, "a", "")
	t.Cleanup(func() { a.Close() })
	opened := make(chan error, 1)
	go func() {
		s, _, err := a.Open(context10(t), address)
		if err == nil {
			s.Close()
		}
		opened <- err
	}()
	time.Sleep(50 * time.Millisecond) // in which the connection could come about, were it not to wait
	select {
	case err := <-opened:
		t.Fatalf("Open did not wait for Serve: %v", err)
	default:
	}
	for _, n := range []cluster.Network{a, b} {
		n.Serve(&handler{me: cluster.Identity{Node: map[bool]string{true: "a", false: "b"}[n == a]},
			forward: func(_ cluster.Identity, s cluster.Stream) error { return echo(s) }})
	}
	if err := receive(t, "Open", opened); err != nil {
		t.Error(err)
	}
}

func order(t *testing.T, w world) {
	a, b := start(t, w, "a", ""), start(t, w, "b", "")
	s := mustOpen(t, a, b)
	frames := [][]byte{{}, []byte("x"), bytes.Repeat([]byte("large "), 500_000)}
	for i := range 2000 {
		frames = append(frames, fmt.Appendf(nil, "frame %d", i))
	}
	sent := make(chan error, 1)
	go func() {
		for _, frame := range frames {
			if err := s.Send(frame); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	for i, want := range frames {
		got, err := s.Recv()
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("frame %d came as %.40q, %v", i, got, err)
		}
	}
	if err := receive(t, "Send", sent); err != nil {
		t.Error(err)
	}
}

func reuse(t *testing.T, w world) {
	a, b := start(t, w, "a", ""), start(t, w, "b", "")
	s := mustOpen(t, a, b)
	frame := make([]byte, 2000)
	for i := range 100 {
		for j := range frame {
			frame[j] = byte(i)
		}
		if err := s.Send(frame); err != nil {
			t.Fatal(err)
		}
	}
	clear(frame)
	var all [][]byte
	for range 100 {
		got, err := s.Recv()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, got)
	}
	for i, got := range all {
		if want := bytes.Repeat([]byte{byte(i)}, 2000); !bytes.Equal(got, want) {
			t.Fatalf("frame %d was changed on its way, or after it", i)
		}
	}
}

func backPressure(t *testing.T, w world) {
	a, b := start(t, w, "a", ""), start(t, w, "b", "")
	read, done := make(chan struct{}), make(chan struct{})
	b.h.forward = func(_ cluster.Identity, s cluster.Stream) error {
		<-read
		err := echo(s)
		close(done)
		return err
	}
	s := mustOpen(t, a, b)
	const size, most = 10_000, 1000
	var sent atomic.Int64
	go func() {
		for range most {
			if s.Send(make([]byte, size)) != nil {
				return
			}
			sent.Add(1)
		}
	}()
	// It has stopped when it does not go on for a while.
	last, since := int64(-1), time.Now()
	for time.Since(since) < 200*time.Millisecond {
		if n := sent.Load(); n != last {
			last, since = n, time.Now()
		}
		time.Sleep(5 * time.Millisecond)
	}
	if last == 0 || last*size > 4<<20 {
		t.Errorf("%d frames of %d bytes were taken while nobody reads", last, size)
	}
	close(read)
	for range most {
		if _, err := s.Recv(); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	receive(t, "the end of Forward", done)
}

func ends(t *testing.T, w world) {
	a, b := start(t, w, "a", ""), start(t, w, "b", "")
	for text, want := range map[string]func(error){
		"":                           func(err error) { wantIs(t, err, io.EOF) },
		"I am no longer the leader":  func(err error) { wantRefusal(t, err, b.h.me, "I am no longer the leader") },
		strings.Repeat("long ", 1e5): func(err error) { wantRefusal(t, err, b.h.me, "long long") },
	} {
		b.h.forward = func(_ cluster.Identity, s cluster.Stream) error {
			for i := range 3 {
				if err := s.Send([]byte{byte(i)}); err != nil {
					return err
				}
			}
			if text != "" {
				return errors.New(text)
			}
			return nil
		}
		s := mustOpen(t, a, b)
		for i := range 3 {
			if got, err := s.Recv(); err != nil || !bytes.Equal(got, []byte{byte(i)}) {
				t.Fatalf("frame %d before the end: %v, %v", i, got, err)
			}
		}
		for range 2 {
			_, err := s.Recv()
			want(err)
		}
		if err := s.Send([]byte("x")); err == nil {
			t.Error("a stream that ended takes frames")
		}
	}
}

func closeByOpener(t *testing.T, w world) {
	a, b := start(t, w, "a", ""), start(t, w, "b", "")
	ended := make(chan error, 1)
	b.h.forward = func(_ cluster.Identity, s cluster.Stream) error {
		err := echo(s)
		ended <- err
		return err
	}
	s := mustOpen(t, a, b)
	mustEcho(t, s, "x")
	got := make(chan error, 1)
	go func() {
		_, err := s.Recv()
		got <- err
	}()
	s.Close()
	if err := receive(t, "Recv after Close", got); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("Recv after this side's Close: %v", err)
	}
	if err := receive(t, "Forward after the other side's Close", ended); err == nil {
		t.Error("Forward did not notice a Close")
	}
	if err := s.Send([]byte("x")); err == nil {
		t.Error("Send works after Close")
	}
	// A Send that waits returns, too.
	b.h.forward = func(cluster.Identity, cluster.Stream) error { select {} }
	release := make(chan struct{})
	defer close(release)
	b.h.forward = func(cluster.Identity, cluster.Stream) error {
		<-release
		return nil
	}
	s = mustOpen(t, a, b)
	go func() {
		for {
			if err := s.Send(make([]byte, 100_000)); err != nil {
				got <- err
				return
			}
		}
	}()
	time.Sleep(50 * time.Millisecond) // so that it waits, mostly
	s.Close()
	receive(t, "Send after Close", got)
	soon(t, "Close again", s.Close)
}

func closeByServer(t *testing.T, w world) {
	a, b := start(t, w, "a", ""), start(t, w, "b", "")
	got := make(chan error, 1)
	b.h.forward = func(_ cluster.Identity, s cluster.Stream) error {
		if err := s.Send([]byte("last")); err != nil {
			return err
		}
		go func() {
			_, err := s.Recv()
			got <- err
		}()
		s.Close()
		if err := s.Send([]byte("late")); err == nil {
			got <- errors.New("Send works after Close")
		}
		return <-got
	}
	s := mustOpen(t, a, b)
	if frame, err := s.Recv(); err != nil || string(frame) != "last" {
		t.Errorf("before the end came %q, %v", frame, err)
	}
	_, err := s.Recv()
	wantIs(t, err, io.EOF)
}

func death(t *testing.T, w world) {
	a, b := start(t, w, "a", ""), start(t, w, "b", "")
	s := mustOpen(t, a, b)
	mustEcho(t, s, "x")
	go answerRaft(t, b)
	if err := appendTo(a, b); err != nil {
		t.Error(err)
	}
	asked := make(chan struct{})
	b.h.ask = func(ctx context.Context, _ cluster.Identity, _ string, _ []byte) ([]byte, error) {
		close(asked)
		<-ctx.Done()
		return nil, ctx.Err()
	}
	answered := make(chan error, 1)
	go func() {
		_, _, err := a.Ask(context10(t), b.address, "wait", nil)
		answered <- err
	}()
	receive(t, "Ask", asked)
	type end struct {
		err error
		at  time.Time
	}
	ended := make(chan end, 1)
	go func() {
		_, err := s.Recv()
		ended <- end{err, time.Now()}
	}()
	begin := time.Now()
	b.Close()
	e := receive(t, "Recv after the other side's death", ended)
	if e.err == nil || errors.Is(e.err, io.EOF) {
		t.Errorf("Recv after the other side's death: %v", e.err)
	}
	if d := e.at.Sub(begin); d > time.Second { // a millisecond, on a machine that has nothing else to do
		t.Errorf("the death was noticed after %v", d)
	}
	if err := receive(t, "Ask after the other side's death", answered); err == nil {
		t.Error("a dead node has answered")
	}
	if err := appendTo(a, b); err == nil {
		t.Error("a dead node has answered raft")
	}
	again := start(t, w, "b", b.address)
	mustEcho(t, mustOpen(t, a, again), "back again")
}

func nothingListens(t *testing.T, w world) {
	a, b := start(t, w, "a", ""), start(t, w, "b", "")
	if err := a.Probe(context10(t), b.address); err != nil {
		t.Errorf("Probe: %v", err)
	}
	b.Close()
	_, _, opened := a.Open(context10(t), b.address)
	_, _, asked := a.Ask(context10(t), b.address, "op", nil)
	for what, err := range map[string]error{
		"Probe": a.Probe(context10(t), b.address), "Open": opened, "Ask": asked, "raft": appendTo(a, b),
	} {
		if !errors.Is(err, cluster.ErrNotListening) {
			t.Errorf("%s where nothing listens: %v", what, err)
		}
	}
}

func afterClose(t *testing.T, w world) {
	a, b := start(t, w, "a", ""), start(t, w, "b", "")
	s := mustOpen(t, a, b)
	mustEcho(t, s, "x")
	got := make(chan error, 1)
	go func() {
		_, err := s.Recv()
		got <- err
	}()
	soon(t, "Close", a.Close)
	if err := receive(t, "Recv after Close", got); err == nil {
		t.Error("a stream outlived the network")
	}
	_, _, opened := a.Open(context10(t), b.address)
	_, _, asked := a.Ask(context10(t), b.address, "op", nil)
	for what, err := range map[string]error{
		"Probe": a.Probe(context10(t), b.address), "Open": opened, "Ask": asked, "raft": appendTo(a, b),
	} {
		if err == nil {
			t.Errorf("%s works after Close", what)
		}
	}
	if err := soon(t, "Close again", a.Close); err != nil {
		t.Errorf("Close again: %v", err)
	}
}

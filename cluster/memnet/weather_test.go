package memnet_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"github.com/divtxt/lockd/cluster"
	"github.com/divtxt/lockd/cluster/memnet"
)

// What a stream carries comes late and in its order, whatever each frame would take alone.
func TestStreamsAreSlowAndInOrder(t *testing.T) {
	within(t, func(t *testing.T, n *memnet.Net, a, _ cluster.Network) {
		s := open(t, a, "b")
		n.SetWeather("a", "b", memnet.Weather{Delay: time.Second, Jitter: time.Second})
		begun := time.Now()
		for _, text := range strings.Split("abcdefghijklmnopqrstuvwxyz", "") {
			if err := s.Send([]byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		var got strings.Builder
		for range 26 {
			frame, err := s.Recv()
			if err != nil {
				t.Fatal(err)
			}
			got.Write(frame)
		}
		if got.String() != "abcdefghijklmnopqrstuvwxyz" {
			t.Errorf("they came as %s", got.String())
		}
		if took := time.Since(begun); took < time.Second || took > 2*time.Second {
			t.Errorf("they took %v", took)
		}
	})
}

func TestRPCsAreLost(t *testing.T) {
	within(t, func(t *testing.T, n *memnet.Net, a, _ cluster.Network) {
		for _, direction := range [][2]string{{"a", "b"}, {"b", "a"}} {
			n.SetWeather(direction[0], direction[1], memnet.Weather{Loss: 1})
			begun := time.Now()
			if err := appendTo(a, "b"); err == nil {
				t.Errorf("an RPC was answered though nothing comes from %s to %s", direction[0], direction[1])
			}
			if took := time.Since(begun); took < memnet.RaftTimeout {
				t.Errorf("that was known after %v", took)
			}
			n.SetWeather(direction[0], direction[1], memnet.Weather{})
		}
		if err := appendTo(a, "b"); err != nil {
			t.Error(err)
		}
	})
}

func TestRPCsComeTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		a, b := n.Node("a"), n.Node("b")
		a.Serve(echo{"a"})
		b.Serve(echo{"b"})
		n.SetWeather("a", "b", memnet.Weather{Twice: 1, Late: time.Minute})
		came := make(chan time.Time, 2)
		go func() {
			for range 2 {
				rpc := <-b.Transport().Consumer()
				came <- time.Now()
				rpc.Respond(&raft.AppendEntriesResponse{Success: true}, nil)
			}
		}()
		if err := appendTo(a, "b"); err != nil {
			t.Fatal(err)
		}
		first, second := <-came, <-came
		if late := second.Sub(first); late <= 0 || late > time.Minute {
			t.Errorf("the second came %v after the first", late)
		}
		n.Stop("a")
		n.Stop("b")
	})
}

func TestBreak(t *testing.T) {
	within(t, func(t *testing.T, n *memnet.Net, a, b cluster.Network) {
		s, back := open(t, a, "b"), open(t, b, "a")
		n.Break("a", "b")
		for _, s := range []cluster.Stream{s, back} {
			if _, err := s.Recv(); err == nil || errors.Is(err, cluster.ErrNotListening) {
				t.Errorf("a broken stream said %v", err)
			}
		}
		exchange(t, open(t, a, "b"), "again")
	})
}

// A frozen node neither says nor hears anything, also where somebody heals its links.
func TestFreeze(t *testing.T) {
	within(t, func(t *testing.T, n *memnet.Net, a, b cluster.Network) {
		s := open(t, a, "b")
		n.Freeze("b")
		n.Cut("a", "b")
		n.Heal("a", "b")
		time.AfterFunc(5*time.Second, func() { n.Thaw("b") })
		begun := time.Now()
		if err := appendTo(a, "b"); err == nil {
			t.Error("a frozen node answered")
		}
		exchange(t, s, "across")
		if took := time.Since(begun); took != 5*time.Second {
			t.Errorf("a frame took %v to a node that was frozen for 5 s", took)
		}
		if err := appendTo(b, "a"); err != nil {
			t.Error(err)
		}
	})
}

// How long a frame takes to the other side and back, over real sockets of this machine.

package peer_test

import (
	"fmt"
	"net"
	"testing"
)

func BenchmarkPingPong(b *testing.B) {
	for _, size := range []int{200, 16 << 10, 256 << 10} {
		b.Run(fmt.Sprintf("plain/%d", size), func(b *testing.B) { pingPong(b, sockets{}, size) })
		b.Run(fmt.Sprintf("TLS/%d", size), func(b *testing.B) { pingPong(b, sockets{newAuthority(b)}, size) })
	}
}

func pingPong(b *testing.B, w world, size int) {
	one, two := start(b, w, "a", ""), start(b, w, "b", "")
	s := mustOpen(b, one, two)
	frame := make([]byte, size)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Send(frame); err != nil {
			b.Fatal(err)
		}
		if _, err := s.Recv(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBare is the same without anything but a socket: what the machine can do.
func BenchmarkBare(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		buffer := make([]byte, 200)
		for {
			n, err := c.Read(buffer)
			if err != nil {
				return
			}
			if _, err := c.Write(buffer[:n]); err != nil {
				return
			}
		}
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	buffer := make([]byte, 200)
	for b.Loop() {
		if _, err := c.Write(buffer); err != nil {
			b.Fatal(err)
		}
		if _, err := c.Read(buffer); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOneWay sends frames as fast as they go.
func BenchmarkOneWay(b *testing.B) {
	one, two := start(b, sockets{}, "a", ""), start(b, sockets{}, "b", "")
	s := mustOpen(b, one, two)
	go func() {
		for {
			if _, err := s.Recv(); err != nil {
				return
			}
		}
	}()
	frame := make([]byte, 16<<10)
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Send(frame); err != nil {
			b.Fatal(err)
		}
	}
}

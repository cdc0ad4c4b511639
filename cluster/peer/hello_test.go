package peer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/divtxt/lockd/cluster"
)

func encode(t testing.TB, m message) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := m.write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestHelloAndBack(t *testing.T) {
	long := strings.Repeat("ü", maxText)
	for _, m := range []message{
		{kind: kindYes},
		{kind: kindNo, Text: "no \"reason\"\n<at all>"},
		{kind: byte(cluster.ForRaft), Identity: cluster.Identity{
			Node: "n1", Cluster: "c", Disk: "d", Incarnation: 1<<64 - 1, Address: "h:1", Client: "h:2", Version: 3,
		}},
	} {
		// A byte at a time, and with more behind it that must stay unread.
		r := bytes.NewReader(append(encode(t, m), "raft"...))
		got, err := readMessage(iotest.OneByteReader(r))
		if err != nil || got != m {
			t.Errorf("%+v came as %+v, %v", m, got, err)
		}
		if r.Len() != len("raft") {
			t.Errorf("%d bytes are left behind a message, want 4", r.Len())
		}
	}
	got, err := readMessage(bytes.NewReader(encode(t, message{kind: kindNo, Text: long})))
	if err != nil || len(got.Text) > maxText+2 || !strings.HasPrefix(long, strings.TrimRight(got.Text, "?")) {
		t.Errorf("a long text came with %d bytes, %v", len(got.Text), err)
	}
}

func TestHelloTooLong(t *testing.T) {
	m := message{kind: 'A', Identity: cluster.Identity{Node: strings.Repeat("x", maxHello)}}
	if err := m.write(io.Discard); err == nil {
		t.Error("a hello beyond the limit was sent")
	}
	b := encode(t, message{kind: 'A'})
	binary.BigEndian.PutUint32(b[len(magic)+2:], maxHello+1)
	if _, err := readMessage(io.MultiReader(bytes.NewReader(b), zeros{})); err == nil {
		t.Error("a hello beyond the limit was read")
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestHelloCutShort(t *testing.T) {
	whole := encode(t, message{kind: 'A', Identity: cluster.Identity{Node: "n1"}})
	for n := range whole {
		_, err := readMessage(bytes.NewReader(whole[:n]))
		want := io.ErrUnexpectedEOF
		if n == 0 {
			want = io.EOF
		}
		if !errors.Is(err, want) {
			t.Errorf("after %d bytes of %d: %v, want %v", n, len(whole), err, want)
		}
	}
}

func TestStrangers(t *testing.T) {
	for first, want := range map[string]string{
		"GET / HTTP/1.1\r\n":           `"GET /"`,
		"*1\r\n$4\r\nPING\r\n":         "Redis client",
		"PING\r\n":                     "Redis client",
		"\x16\x03\x01\x02\x00":         "--peer-tls-",
		"LOCKS":                        `"LOCKS"`,
		"x":                            `"x"`,
		"LOCKD\x02R\x00\x00\x00":       "unexpected EOF",
		"LOCKD\x02R\x00\x00\x00!":      "version 2",
		"LOCKD\x01R\x00\x00\x00\x02[]": "not JSON",
	} {
		_, err := readMessage(strings.NewReader(first))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", first, err, want)
		}
	}
}

// FuzzHello reads anything; what it understands, it must write and read as the same.
func FuzzHello(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\n"))
	f.Add(encode(f, message{kind: kindNo, Text: "no"}))
	f.Add(encode(f, message{kind: 'R', Identity: cluster.Identity{Node: "n1", Incarnation: 3}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		m, err := readMessage(r)
		if err != nil {
			return
		}
		if used := len(b) - r.Len(); used > len(magic)+6+maxHello {
			t.Errorf("%d bytes were read", used)
		}
		var again bytes.Buffer
		if err := m.write(&again); err != nil {
			return // JSON may need more bytes for the same than somebody else used
		}
		back, err := readMessage(&again)
		if err != nil || back != m {
			t.Errorf("%+v came back as %+v, %v", m, back, err)
		}
	})
}

func FuzzQuestion(f *testing.F) {
	f.Add([]byte("\x04joinplease"))
	f.Fuzz(func(t *testing.T, b []byte) {
		op, question, err := splitQuestion(b)
		if err == nil && (len(op) != int(b[0]) || string(b[1:]) != op+string(question)) {
			t.Errorf("%q was split into %q and %q", b, op, question)
		}
	})
}

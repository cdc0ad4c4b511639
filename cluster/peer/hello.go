// The hello: three messages of one form, before a connection is used for anything.
//
//	who connects  -> 'R', 'F' or 'A': what the connection is for, and who it is
//	who accepts   -> 'Y' and who it is, or 'N' and why not
//	who connects  -> 'Y', or 'N' and why not; what the connection is for follows 'Y' at once
//
// A message is the five letters LOCKD, a version, its kind, a length in four bytes (big endian) and that
// much JSON. The letters tell a stranger at its first bytes. JSON, because it is read once a connection
// and nodes of different versions must understand each other's, if only to say that they do not fit
// together.

package peer

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/divtxt/lockd/cluster"
)

const (
	magic        = "LOCKD"
	helloVersion = 1
	// maxHello is the most JSON that a message may have.
	maxHello = 64 << 10
	// maxText is the most that is kept of a sentence for people.
	maxText = 4 << 10
)

// The kinds of an answer. Those of a first message are the cluster.Purposes.
const (
	kindYes = 'Y'
	kindNo  = 'N'
)

// message is one of the three.
type message struct {
	kind     byte
	Identity cluster.Identity `json:"identity,omitzero"`
	Text     string           `json:"text,omitempty"` // for people: why not
}

// write sends m in one piece.
func (m message) write(w io.Writer) error {
	m.Text = shorten(m.Text)
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if len(body) > maxHello {
		return fmt.Errorf("a hello of %d bytes is too long", len(body))
	}
	b := append([]byte(magic), helloVersion, m.kind)
	b = binary.BigEndian.AppendUint32(b, uint32(len(body)))
	_, err = w.Write(append(b, body...))
	return err
}

// shorten keeps a sentence to what a message may have.
func shorten(text string) string {
	if len(text) > maxText {
		text = text[:maxText]
	}
	return strings.ToValidUTF8(text, "?")
}

// readMessage reads one message, and not a byte more. io.EOF means that nothing at all came.
func readMessage(r io.Reader) (message, error) {
	if err := readMagic(r); err != nil {
		return message{}, err
	}
	var head [6]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return message{}, noEOF(err)
	}
	m := message{kind: head[1]}
	if head[0] != helloVersion {
		return m, fmt.Errorf("the other side greets with version %d of the hello, and this one knows version %d: "+
			"their versions of lockd are too far apart", head[0], helloVersion)
	}
	size := binary.BigEndian.Uint32(head[2:])
	if size > maxHello {
		return m, fmt.Errorf("a hello of %d bytes, where %d are allowed", size, maxHello)
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(r, body); err != nil {
		return m, noEOF(err)
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return m, fmt.Errorf("a hello that is not JSON: %w", err)
	}
	m.Text = shorten(m.Text)
	return m, nil
}

// strangerError tells that somebody else than a node has connected.
type strangerError struct{ first []byte }

func (e *strangerError) Error() string {
	text := fmt.Sprintf("what came begins with %q: that is not another node of lockd", e.first)
	switch {
	case e.first[0] == recordHandshake:
		text = "the other side speaks TLS and this node has none: give --peer-tls-* to all nodes, or to none"
	case bytes.HasPrefix(e.first, []byte("*")), bytes.HasPrefix(e.first, []byte("PING")):
		text += ", but looks like a Redis client; clients have a port of their own (--port)"
	}
	return text
}

// recordHandshake is the first byte of a TLS connection.
const recordHandshake = 0x16

// readMagic reads the first letters, and stops at the first wrong one: a stranger may send no more than that.
func readMagic(r io.Reader) error {
	var first [len(magic)]byte
	for n := 0; n < len(first); {
		m, err := r.Read(first[n:])
		n += m
		switch {
		case !strings.HasPrefix(magic, string(first[:n])):
			return &strangerError{first[:n]}
		case err != nil && n == 0:
			return err
		case err != nil && n < len(first):
			return noEOF(err)
		}
	}
	return nil
}

// noEOF names an end in the middle of a message.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// A command as it stands in an entry, and as a node forwards it to the leader.

package fsm

import "encoding/binary"

// Kind says what a logged command is.
type Kind byte

// The kinds of logged command. Their values are part of the log's format.
const (
	KindCommand  Kind = iota // the words of a command in the command table
	KindRegister             // the first command of an origin; its words say where the node is
	KindClose                // a connection has ended
	KindUnblock              // end the waiting of a connection; one word: TIMEOUT or ERROR

	// Since entries of version 2, on the leader's own behalf; members.go says what they do.
	KindAdmit   // words: node, disk, cluster address, NONVOTER or nothing
	KindForget  // word: node
	KindSilence // words: node, incarnation

	// Since entries of version 3.
	KindExec // the commands of a transaction; exec.go says how its words tell them
)

// isOrder tells whether a command is about nodes.
func (k Kind) isOrder() bool { return k == KindRegister || k >= KindAdmit && k <= KindSilence }

// Since is the version of entries that first may hold a command of this kind. In an older one it would stop
// every node.
func (k Kind) Since() int {
	for v := byte(EntryVersionFirst); v < EntryVersion; v++ {
		if k <= lastKind(v) {
			return int(v)
		}
	}
	return EntryVersion
}

// lastKind is the last kind that entries of a version know.
func lastKind(version byte) Kind {
	switch {
	case version < versionMembers:
		return KindUnblock
	case version < VersionData:
		return KindSilence
	}
	return KindExec
}

// Command is one command of an entry.
type Command struct {
	Kind  Kind
	DB    uint8
	Conn  uint64
	Words [][]byte
}

// Append appends the command in its log format to b.
func (c *Command) Append(b []byte) []byte {
	b = append(b, byte(c.Kind))
	b = binary.AppendUvarint(b, c.Conn)
	b = append(b, c.DB)
	b = binary.AppendUvarint(b, uint64(len(c.Words)))
	for _, w := range c.Words {
		b = binary.AppendUvarint(b, uint64(len(w)))
		b = append(b, w...)
	}
	return b
}

// Size returns about how many bytes the command takes in an entry, never less.
func (c *Command) Size() int {
	n := 16
	for _, w := range c.Words {
		n += len(w) + 5
	}
	return n
}

// DecodeCommand reads the command at the beginning of b and returns what follows it. Its words point into b.
func DecodeCommand(b []byte) (c Command, rest []byte, err error) {
	r := reader{rest: b, last: lastKind(EntryVersion)}
	c, n := r.commandHead()
	c.Words = make([][]byte, 0, min(n, wordsAtOnce))
	for ; n > 0 && r.err == nil; n-- {
		c.Words = append(c.Words, r.bytes())
	}
	if r.err != nil {
		return Command{}, nil, r.err
	}
	return c, r.rest, nil
}

// wordsAtOnce is for how many words a command gets memory before they are there.
const wordsAtOnce = 256

// commandHead reads a command up to its words, and how many of these follow.
func (r *reader) commandHead() (c Command, words int) {
	c = Command{Kind: Kind(r.byte()), Conn: r.uint(), DB: r.byte()}
	if c.Kind > r.last || c.DB >= Databases {
		r.fail(errKind)
	}
	return c, r.count(1)
}

// Files that a crash tears, and bits that flip while nobody looks.
//
// A torn end is what power cuts leave: a write that was on its way and was never acknowledged. It must be
// cut without a word to anybody. A flipped bit in what was once safe must never be read as data: the node
// must not start, and must say which file it is.

package real

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
)

// exitDataDir is the exit code of a node whose data folder is damaged.
const exitDataDir = 3

// TearLog kills a node in the midst of a write, as it were: behind the end of its log stands what a crash
// might leave of a batch. End starts it again. The fault is rare if left to itself: a kill -9 alone lets the
// kernel finish each write.
func (n *Node) TearLog() (end func() error, err error) {
	n.Kill()
	files, err := n.logFiles()
	if err != nil {
		return nil, err
	}
	err = edit(files[len(files)-1], func(b []byte) []byte {
		used := len(bytes.TrimRight(b, "\x00"))
		used = (used + 7) &^ 7 // frames begin at multiples of 8
		// The header of an entry's frame, kind 1 and 4096 bytes, which promises more than follows.
		torn := append(b[:used], 1, 0, 0, 0, 0, 16, 0, 0)
		for range 1 + rand.IntN(500) {
			torn = append(torn, byte(rand.Uint32()))
		}
		return torn
	})
	return n.Start, err
}

// FlipLog kills a node and flips a bit in an early part of its log. The node must refuse to start. End flips
// the bit back, as if the file came from a copy, and starts the node.
func (n *Node) FlipLog() (end func() error, err error) {
	n.Kill()
	files, err := n.logFiles()
	if err != nil {
		return nil, err
	}
	return n.flip(files[0])
}

// FlipSnapshot does the same to the node's newest snapshot, of which there must be one.
func (n *Node) FlipSnapshot() (end func() error, err error) {
	n.Kill()
	files, err := n.snapshotFiles()
	if err != nil {
		return nil, err
	}
	return n.flip(files[len(files)-1])
}

// flip flips a bit and sees the node refuse.
func (n *Node) flip(file string) (end func() error, err error) {
	at := 0
	bit := byte(1) << rand.IntN(8)
	change := func(b []byte) []byte {
		if at == 0 {
			// In the first half: a flipped bit in the very last batch cannot be told from a torn end.
			at = rand.IntN(len(bytes.TrimRight(b, "\x00"))/2) + 1
		}
		b[at] ^= bit
		return b
	}
	end = func() error { return errors.Join(edit(file, change), n.Start()) }
	if err := errors.Join(edit(file, change), n.Start()); err != nil {
		return end, err
	}
	code, err := n.AwaitEnd(patience)
	if err == nil && (code != exitDataDir || !n.Wrote(file+" is damaged")) {
		err = fmt.Errorf("bit %08b of byte %d of %s was flipped, and %s ended with code %d\n%s",
			bit, at, file, n.ID, code, n.Tail(5))
	}
	if err != nil { // it serves, or ended for another reason: nothing to bring back
		n.Kill()
	}
	return end, err
}

// edit replaces what is in a file.
func edit(file string, change func([]byte) []byte) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return os.WriteFile(file, change(b), 0o600)
}

// logFiles is the files of a node's log, the oldest first; none is empty.
func (n *Node) logFiles() ([]string, error) {
	return n.files(filepath.Join(n.Dir, "raft", "wal", "*.wal"), func(a, b string) int {
		return bytes.Compare([]byte(a), []byte(b)) // names begin with the first index, in digits enough
	})
}

// snapshotFiles is the states in a node's snapshots, the oldest first.
func (n *Node) snapshotFiles() ([]string, error) {
	key := func(file string) (term, index, made int) {
		_, _ = fmt.Sscanf(filepath.Base(filepath.Dir(file)), "%d-%d-%d", &term, &index, &made)
		return term, index, made
	}
	return n.files(filepath.Join(n.Dir, "raft", "snapshots", "*-*-*", "state.bin"), func(a, b string) int {
		term, index, made := key(a)
		term2, index2, made2 := key(b)
		return slices.Compare([]int{term, index, made}, []int{term2, index2, made2})
	})
}

// files finds files that have something in them.
func (n *Node) files(pattern string, order func(a, b string) int) ([]string, error) {
	found, err := filepath.Glob(pattern)
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(name string) bool { // a log's next file may have been prepared
		b, err := os.ReadFile(name)
		return err != nil || len(bytes.TrimRight(b, "\x00")) < 256
	})
	if len(found) == 0 {
		return nil, fmt.Errorf("%s has no file %s", n.ID, pattern)
	}
	slices.SortFunc(found, order)
	return found, nil
}

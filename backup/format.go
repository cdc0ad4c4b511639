// Package backup is copies of the whole state outside of the log: the format of their file (this file), the
// keeping of a copy on a node while somebody pulls it (keeper.go), and data folders that are made of one
// (restore.go) or of the last node that is left of a cluster (recover.go).
//
// A backup is a file of
//
//	lockd backup 1            the format's name and version, one line
//	{"cluster": …}            Header as JSON, one line: "head -2 FILE" shows what a file is
//	crc32c 0123abcd           CRC-32C of these two lines
//	…                         the state, in the format of a snapshot (fsm/snapshot.go), which has its own sum
//	LOCKDEND                  8 bytes, then the length of the state (uint64) and the CRC-32C of everything
//	                          before that sum (uint32), both little endian
//
// So a file that is cut short is told from one that was damaged, and nothing is taken from either. A change
// of the format gets a new version, and the old one must still be read.
package backup

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"time"

	"github.com/divtxt/lockd/fsm"
)

const (
	title       = "lockd backup "
	version     = "1"
	sumTitle    = "crc32c "
	endMark     = "LOCKDEND"
	endSize     = len(endMark) + 8 + 4
	longestHead = 64 << 10 // bytes of the three lines; true ones have some hundred
)

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// Header says what a backup is a copy of. It is for people and programs that list backups; nothing that a
// restore does depends on it.
type Header struct {
	Cluster string    `json:"cluster"` // its name
	Node    string    `json:"node"`    // that made the copy
	Lockd   string    `json:"lockd"`   // its version
	Taken   time.Time `json:"taken"`   // by the clock of that node's machine
	Index   uint64    `json:"index"`   // of the last log entry in it
	Term    uint64    `json:"term"`
	Token   uint64    `json:"token"` // the last fencing token that it knows
	Keys    int       `json:"keys"`  // of all databases
	Bytes   int64     `json:"bytes"` // of the state, as max-memory counts them
}

// describe completes a header with what the copy says.
func (h *Header) describe(s *fsm.Stats) {
	h.Index, h.Term, h.Token, h.Bytes = s.Index, s.Term, s.Token, s.Bytes
	h.Keys = keysOf(s)
}

func keysOf(s *fsm.Stats) (n int) {
	for _, keys := range s.Keys {
		n += keys
	}
	return n
}

// Write writes a backup of view to w, with what h says of the cluster, the node and the time.
func Write(w io.Writer, h Header, view *fsm.View) error {
	stats := view.Stats()
	h.describe(&stats)
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	sum := &summed{w: w}
	head := title + version + "\n" + string(text) + "\n"
	head += fmt.Sprintf("%s%08x\n", sumTitle, crc32.Checksum([]byte(head), castagnoli()))
	if _, err := io.WriteString(sum, head); err != nil {
		return err
	}
	if err := view.Write(sum); err != nil {
		return err
	}
	end := binary.LittleEndian.AppendUint64([]byte(endMark), uint64(sum.length)-uint64(len(head)))
	if _, err := sum.Write(end); err != nil {
		return err
	}
	_, err = w.Write(binary.LittleEndian.AppendUint32(nil, sum.sum))
	return err
}

// summed counts and sums what passes.
type summed struct {
	w      io.Writer
	length int64
	sum    uint32
}

func (s *summed) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	s.length += int64(n)
	s.sum = crc32.Update(s.sum, castagnoli(), p[:n])
	return n, err
}

// Verifier is told a backup's bytes as they pass, and then whether they were a whole one.
type Verifier struct {
	head   []byte // of the file, as far as the header can reach
	tail   []byte // the last bytes, not yet in sum: perhaps the end
	length int64
	sum    uint32 // of all before tail
}

// Write takes the next bytes. It does not fail.
func (v *Verifier) Write(p []byte) (int, error) {
	v.length += int64(len(p))
	if room := longestHead - len(v.head); room > 0 {
		v.head = append(v.head, p[:min(room, len(p))]...)
	}
	v.tail = append(v.tail, p...)
	if done := len(v.tail) - endSize; done > 0 {
		v.sum = crc32.Update(v.sum, castagnoli(), v.tail[:done])
		v.tail = append(v.tail[:0], v.tail[done:]...)
	}
	return len(p), nil
}

var (
	errNoBackup = errors.New("this is no backup of lockd")
	errCutShort = errors.New("it is cut short: the copy was not finished, or a part of the file is missing; " +
		"use another backup")
	errDamaged = errors.New("it is damaged: its bytes do not match their checksum; use another backup, " +
		"or another copy of this one")
)

// End returns what the backup says of itself, if it was whole.
func (v *Verifier) End() (h Header, err error) {
	h, head, err := readHead(v.head)
	if err != nil {
		return h, err
	}
	if len(v.tail) < endSize || string(v.tail[:len(endMark)]) != endMark {
		return h, errCutShort
	}
	rest := v.tail[len(endMark):]
	sum := crc32.Update(v.sum, castagnoli(), v.tail[:endSize-4])
	if sum != binary.LittleEndian.Uint32(rest[8:]) ||
		binary.LittleEndian.Uint64(rest) != uint64(v.length-int64(head+endSize)) {
		return h, errDamaged
	}
	return h, nil
}

// readHead reads the first lines, and returns how many bytes they are.
func readHead(b []byte) (h Header, size int, err error) {
	if len(b) < len(title) && bytes.HasPrefix([]byte(title), b) && len(b) > 0 {
		return h, 0, errCutShort
	}
	after, is := bytes.CutPrefix(b, []byte(title))
	if !is {
		return h, 0, errNoBackup
	}
	number, after, _ := bytes.Cut(after, []byte("\n"))
	text, after, _ := bytes.Cut(after, []byte("\n"))
	sum, rest, whole := bytes.Cut(after, []byte("\n"))
	switch {
	case string(number) != version && len(number) < 10 && len(text) > 0:
		return h, 0, fmt.Errorf("it has version %s of the format, this program knows %s: use a newer lockd",
			number, version)
	case !whole && len(b) < longestHead:
		return h, 0, errCutShort
	}
	size = len(b) - len(rest)
	summed := b[:size-len(sum)-1]
	if string(sum) != fmt.Sprintf("%s%08x", sumTitle, crc32.Checksum(summed, castagnoli())) ||
		json.Unmarshal(text, &h) != nil {
		return h, 0, errDamaged
	}
	return h, size, nil
}

// Load reads the backup at path, checks every byte and every rule of the state, and returns both. runner runs
// the commands of the machine; nil for one that only is looked at.
func Load(path string, runner fsm.Runner) (*fsm.Machine, Header, error) {
	m, h, err := load(path, runner)
	if err != nil {
		return nil, h, fmt.Errorf("%s: %w", path, err)
	}
	return m, h, nil
}

func load(path string, runner fsm.Runner) (*fsm.Machine, Header, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, Header{}, errors.Unwrap(err) // the path is said by the caller
	}
	defer f.Close()
	v := new(Verifier)
	// Hidden behind structs so that the buffer is used, and not *os.File's own way with one of 32 KiB.
	if _, err := io.CopyBuffer(struct{ io.Writer }{v}, struct{ io.Reader }{f}, make([]byte, 1<<20)); err != nil {
		return nil, Header{}, err
	}
	h, err := v.End()
	if err != nil {
		return nil, h, err
	}
	_, head, _ := readHead(v.head)
	m := fsm.New(runner)
	if err := m.Restore(io.NewSectionReader(f, int64(head), v.length-int64(head+endSize))); err != nil {
		return nil, h, err
	}
	if err := m.Check(); err != nil {
		return nil, h, fmt.Errorf("its state is against the rules, which is an error in lockd: please report it "+
			"with this file: %w", err)
	}
	return m, h, nil
}

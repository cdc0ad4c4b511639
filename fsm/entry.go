// The format of a log entry.
//
//	byte    version, 1 to 4
//	uint32  CRC-32C of all that follows, little endian; from version 3 on it begins with the version
//	varint  nonce, term, clock, wall, limits (memory, waiters, waiters of a key, owner)
//	varint  index and digest of the proposer's state, to notice a node that went another way
//	varint  number of runs; for each run
//	          string  node, varint incarnation, first number, number of commands; for each command
//	            byte kind, varint connection, byte database, varint number of words, strings
//
// A string is a varint length and its bytes. A command is logged with the words that the client sent, as in
// Redis' append-only file: a log can be read by a person, and a handler has one way in.
//
// A node that meets a version it does not know, or bytes that do not match their sum, stops: skipping an
// entry would make it differ from the others. So the leader writes a version only when all members know it.
// A meaning that came with a version is used only by entries of that version or a later one, whoever reads
// them: an entry of version 1 means today what it meant to the program that wrote it.
//
//	version 2   the kinds from KindAdmit on; with the first such entry the state's level becomes 2, and digests
//	            cover the nodes' numbers from there
//	version 3   KindExec, and every command that is not about strings and locks: scripts, hashes, lists, sets,
//	            sorted sets, blocking, subscriptions; items have revisions from the first such entry on
//	version 4   the modes of locks, several keys in a request, priorities, sessions, deadlocks; fences,
//	            requests that are sent again, latches, barriers, rate limits; from the first such entry on
//	            items keep which client took them, and what happens to locks is kept

package fsm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// The versions of an entry that this program knows.
const (
	EntryVersionFirst = 1 // what an Entry has that does not say
	EntryVersion      = 4 // the newest
)

// versionMembers is the version with which the state came to know its members.
const versionMembers = 2

// VersionData is the version with which the state came to hold more than strings and locks.
const VersionData = 3

// VersionLocks is the version with which locks came to be more than one owner's.
const VersionLocks = 4

// Run is consecutive commands of one origin. The first has the number First.
type Run struct {
	Origin   Origin
	First    uint64
	Commands []Command
}

// Limits bound the state. The leader's settings travel with each entry, so that every node refuses alike.
// Zero means no limit.
type Limits struct {
	Memory        int64 // bytes, as Machine.Bytes counts them
	Waiters       int   // parked commands in all
	WaitersPerKey int
	OwnerBytes    int // length up to which a value is an owner; zero is MaxOwner
}

// Entry is what one log entry says.
type Entry struct {
	Version     byte   // EntryVersionFirst to EntryVersion; 0: the first
	Nonce       uint64 // matches the reads that ride along
	Term        uint64 // the term in which Clock was stamped; 0: not stamped
	Clock       Clock
	Wall        Wall
	Limits      Limits
	DigestIndex uint64
	Digest      uint64
	Runs        []Run
}

// headerBytes is the version and the checksum.
const headerBytes = 5

var (
	errTruncated = errors.New("it ends too early")
	errTrailing  = errors.New("bytes are left over at its end")
	errChecksum  = errors.New("its checksum does not match: it was damaged on disk or on the way")
	errKind      = errors.New("a command is of a kind that this version does not know")
)

// sumOf returns the checksum of an entry. From version 3 on a changed version is noticed by it.
func sumOf(data []byte) uint32 {
	begin := uint32(0)
	if data[0] >= VersionData {
		begin = uint32(data[0])
	}
	return crc32.Update(begin, castagnoli(), data[headerBytes:])
}

// castagnoli returns the CRC-32C table, which the standard library makes once.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// Check tells whether data is an entry that this program can read, without running it.
func Check(data []byte) error { return check(data, EntryVersion) }

// CheckUpTo returns Check as a program has it that knows no entry version above newest.
func CheckUpTo(newest int) func(data []byte) error {
	known := knownVersion(newest)
	return func(data []byte) error { return check(data, known) }
}

// knownVersion returns the nearest version to v that there is.
func knownVersion(v int) byte { return byte(min(max(v, EntryVersionFirst), EntryVersion)) }

func check(data []byte, newest byte) error {
	if len(data) < headerBytes {
		return errTruncated
	}
	if data[0] < EntryVersionFirst || data[0] > newest {
		return fmt.Errorf("it has version %d, this program knows %d: start a newer lockd", data[0], newest)
	}
	if sumOf(data) != binary.LittleEndian.Uint32(data[1:]) {
		return errChecksum
	}
	return nil
}

// Append appends e in its log format to b.
func (e *Entry) Append(b []byte) []byte {
	start := len(b)
	b = append(b, max(e.Version, EntryVersionFirst), 0, 0, 0, 0)
	for _, n := range [...]uint64{
		e.Nonce, e.Term, uint64(e.Clock), uint64(e.Wall),
		uint64(e.Limits.Memory), uint64(e.Limits.Waiters), uint64(e.Limits.WaitersPerKey),
		uint64(e.Limits.OwnerBytes),
		e.DigestIndex, e.Digest, uint64(len(e.Runs)),
	} {
		b = binary.AppendUvarint(b, n)
	}
	for i := range e.Runs {
		r := &e.Runs[i]
		b = appendString(b, r.Origin.Node)
		b = binary.AppendUvarint(b, r.Origin.Incarnation)
		b = binary.AppendUvarint(b, r.First)
		b = binary.AppendUvarint(b, uint64(len(r.Commands)))
		for j := range r.Commands {
			b = r.Commands[j].Append(b)
		}
	}
	binary.LittleEndian.PutUint32(b[start+1:], sumOf(b[start:]))
	return b
}

func appendString(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// entryBuffer decodes entries into memory that it uses again: a decoded entry is valid until the next.
type entryBuffer struct {
	newest   byte // the newest version that it decodes
	entry    Entry
	commands []Command
	words    [][]byte
}

// reader takes an entry's bytes apart and keeps its first error.
type reader struct {
	rest []byte
	last Kind // the last kind of command that there may be
	err  error
}

func (r *reader) uint() uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 {
		r.fail(errTruncated)
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *reader) bytes() []byte {
	n := r.uint()
	if n > uint64(len(r.rest)) {
		r.fail(errTruncated)
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) byte() byte {
	if len(r.rest) == 0 {
		r.fail(errTruncated)
		return 0
	}
	c := r.rest[0]
	r.rest = r.rest[1:]
	return c
}

// count reads how many things follow, each of which takes at least size bytes.
func (r *reader) count(size int) int {
	n := r.uint()
	if n > uint64(len(r.rest)/size) {
		r.fail(errTruncated)
		return 0
	}
	return int(n)
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err, r.rest = err, nil
	}
}

// decode reads an entry. The result points into data and is valid until the next call.
func (b *entryBuffer) decode(data []byte) (*Entry, error) {
	if err := check(data, b.newest); err != nil {
		return nil, err
	}
	r := reader{rest: data[headerBytes:], last: lastKind(data[0])}
	e := &b.entry
	e.Version, e.Nonce, e.Term = data[0], r.uint(), r.uint()
	e.Clock, e.Wall = Clock(r.uint()), Wall(r.uint())
	e.Limits = Limits{int64(r.uint()), int(r.uint()), int(r.uint()), int(r.uint())}
	e.DigestIndex, e.Digest = r.uint(), r.uint()
	e.Runs = e.Runs[:0]
	b.commands, b.words = b.commands[:0], b.words[:0]
	for n := r.count(4); n > 0 && r.err == nil; n-- {
		e.Runs = append(e.Runs, b.run(&r))
	}
	if r.err == nil && len(r.rest) > 0 {
		r.err = errTrailing
	}
	return e, r.err
}

func (b *entryBuffer) run(r *reader) Run {
	run := Run{Origin: Origin{Node: string(r.bytes()), Incarnation: r.uint()}, First: r.uint()}
	n := r.count(4)
	from := len(b.commands)
	for ; n > 0 && r.err == nil; n-- {
		b.commands = append(b.commands, b.command(r))
	}
	run.Commands = b.commands[from:len(b.commands):len(b.commands)]
	return run
}

func (b *entryBuffer) command(r *reader) Command {
	c, n := r.commandHead()
	from := len(b.words)
	for ; n > 0 && r.err == nil; n-- {
		b.words = append(b.words, r.bytes())
	}
	c.Words = b.words[from:len(b.words):len(b.words)]
	return c
}

// Nonce reads only the nonce of an entry, to find the reads that ride along with it before it is applied.
// It returns 0 for bytes that are no entry.
func Nonce(data []byte) uint64 {
	if len(data) < headerBytes {
		return 0
	}
	n, _ := binary.Uvarint(data[headerBytes:])
	return n
}

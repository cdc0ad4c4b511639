//go:build linux

// The commands that are measured, as bytes. A lock is taken by the same words on both servers; it is given
// back by lockd's DELIFEQ, and on Redis by the script that every lock library sends there.

package main

import (
	"encoding/hex"
	"math/rand/v2"
	"strconv"
)

// releaseScript is the compare-and-delete of Redis' own documentation.
const releaseScript = `if redis.call("get",KEYS[1]) == ARGV[1] ` +
	`then return redis.call("del",KEYS[1]) else return 0 end`

const (
	keyBytes   = 22
	ownerBytes = 20
)

// appendCommand appends a command in RESP.
func appendCommand(b []byte, words ...string) []byte {
	b = append(b, '*')
	b = strconv.AppendInt(b, int64(len(words)), 10)
	b = append(b, "\r\n"...)
	for _, w := range words {
		b = append(b, '$')
		b = strconv.AppendInt(b, int64(len(w)), 10)
		b = append(b, "\r\n"...)
		b = append(b, w...)
		b = append(b, "\r\n"...)
	}
	return b
}

// dialect is how a server is spoken to.
type dialect struct {
	sha string // of releaseScript, "" for lockd
}

// lockPair is the two commands of one lock, whose key and owner are rewritten in place for the next one:
// the client must not cost more than it has to.
type lockPair struct {
	acquire, release []byte
	keyAt, ownerAt   [2]int
	random           *rand.Rand // nil: the commands stay as they are
}

// Marks of the right length, found again in the encoded command.
const (
	keyMark   = "lock:KKKKKKKKKKKKKKKKK"
	ownerMark = "OOOOOOOOOOOOOOOOOOOO"
)

func newLockPair(d dialect, seed uint64) *lockPair {
	p := &lockPair{random: rand.New(rand.NewPCG(seed, 1))}
	p.acquire = appendCommand(nil, "SET", keyMark, ownerMark, "NX", "PX", "30000")
	if d.sha == "" {
		p.release = appendCommand(nil, "DELIFEQ", keyMark, ownerMark)
	} else {
		p.release = appendCommand(nil, "EVALSHA", d.sha, "1", keyMark, ownerMark)
	}
	for i, c := range [][]byte{p.acquire, p.release} {
		p.keyAt[i] = indexOf(c, keyMark) + len("lock:")
		p.ownerAt[i] = indexOf(c, ownerMark)
	}
	return p
}

func indexOf(b []byte, mark string) int {
	for i := range b {
		if i+len(mark) <= len(b) && string(b[i:i+len(mark)]) == mark {
			return i
		}
	}
	panic("bench: the mark is not in the command")
}

// next gives both commands a new key and owner.
func (p *lockPair) next() {
	if p.random == nil {
		return // always the same lock
	}
	var raw [18]byte
	for i := 0; i < 16; i += 8 {
		n := p.random.Uint64()
		for j := range 8 {
			raw[i+j] = byte(n >> (8 * j))
		}
	}
	var text [36]byte
	hex.Encode(text[:], raw[:])
	for i, c := range [][]byte{p.acquire, p.release} {
		copy(c[p.keyAt[i]:p.keyAt[i]+keyBytes-len("lock:")], text[:])
		copy(c[p.ownerAt[i]:p.ownerAt[i]+ownerBytes], text[10:])
	}
}

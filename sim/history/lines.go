// Histories as text: one operation a line, each a JSON object, so that clients in any language can write
// what they did, and a failed run can be read, searched and judged again.
//
// For whoever writes a client. Every line is one object with these fields; those marked ? may be left out
// where they are empty, zero or false. No other field is allowed, so that a misspelt one is noticed.
//
//	kind    what the operation was meant to do:
//	        take     LOCK, SET NX PX, or a library's acquire
//	        renew    RENEW, PEXPIRE GT: lives at least ttl more
//	        replace  SET IFEQ PX, or a library's extend: lives ttl more, also where that is less
//	        release  UNLOCK, DELIFEQ, or a library's release
//	        holds    ISLOCKED, LOCK.TOKEN, or GET of a lock: does owner hold it?
//	        queue    LOCK.INFO: who waits?
//	        count    INCR
//	        read     GET of a counter
//	        pass     FENCE.PASS
//	        fence    FENCE.GET
//	        revoke   LOCK.REVOKE, LOCK.FORCE: may end what others hold, after ttl
//	key     the key
//	owner ? who takes or has the lock, unique to one attempt to hold one key: never use a name twice, not
//	        even for the same key after a release. It is needed for kinds that are about a holder
//	node  ? the node that was asked
//	cmd   ? the command's first word, for people
//	ttl   ? the time to live that was asked for
//	wait  ? how long the server was told to let it wait
//	dialed? when its connection was made; when sent, if left out
//	sent    read from the clock before the request was written
//	done    read from the clock after the reply was read, or when the client gave up
//	out     what the client knows then:
//	        yes      it did what its kind says; see number
//	        no       it surely did not, the server says: held by another, not held, no such counter
//	        refused  it surely did nothing: it was never sent, or the reply was TRYAGAIN
//	        unknown  anything else: no reply, a lost connection, an error that says nothing about it
//	number? the fencing token of a take or holds, if the reply had it; what is left in milliseconds for
//	        renew, if the reply had it; the value of the counter for count and read; the token that was shown
//	        for pass, and the highest one for fence
//	queue ? for kind queue: the owners that wait, first to last
//	said  ? the error, for people; "closed" where the connection was closed or refused
//	left  ? true if the client hung up while its take waited; out must then be unknown
//	mode  ? shared, update or semaphore, with the token in number; for semaphores also permits? and limit?
//	prio  ? by how much the take's priority is above the usual one
//	session? what the lock hangs on beside its ttl
//	among ? how many keys the command named, if it was not one: it has a line for each of them
//
// All times are integers of nanoseconds, durations as well as moments. Moments are CLOCK_MONOTONIC (Python:
// time.monotonic_ns(); Node: process.hrtime.bigint()), which all processes of one machine share.

package history

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"
)

// WriteOps writes operations as lines of JSON.
func WriteOps(w io.Writer, ops []Op) error {
	out := bufio.NewWriter(w)
	lines := json.NewEncoder(out)
	lines.SetEscapeHTML(false)
	for i := range ops {
		if err := lines.Encode(&ops[i]); err != nil {
			return err
		}
	}
	return out.Flush()
}

// longestLine bounds a line: a queue of ten thousand waiters fits.
const longestLine = 4 << 20

// absent is a moment that a line does not tell.
const absent = time.Duration(math.MinInt64)

// ReadOps reads lines of JSON, in their order. Its error names the first line that is no operation.
func ReadOps(r io.Reader) ([]Op, error) {
	var ops []Op
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), longestLine)
	for n := 1; lines.Scan(); n++ {
		op := Op{Sent: absent, Done: absent, Outcome: Unknown + 1}
		fields := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		fields.DisallowUnknownFields()
		err := fields.Decode(&op)
		if op.Dialed == 0 {
			op.Dialed = op.Sent
		}
		if err == nil {
			err = op.valid()
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		ops = append(ops, op)
	}
	return ops, lines.Err()
}

// ofHolders are the kinds of operations that are about an owner and a key, and ofKeys about a key alone.
func ofHolders() []Kind { return []Kind{Take, Renew, Replace, Release, Holds} }
func ofKeys() []Kind    { return []Kind{Queue, Count, Read, Pass, Fence, Revoke} }

// valid tells what is wrong with an operation in itself.
func (o *Op) valid() error {
	switch {
	case !slices.Contains(slices.Concat(ofHolders(), ofKeys()), o.Kind):
		return fmt.Errorf("no kind %q", o.Kind)
	case !slices.Contains([]Mode{ModeAlone, ModeShared, ModeUpdate, ModeSemaphore}, o.Mode):
		return fmt.Errorf("no mode %q", o.Mode)
	case o.Key == "":
		return errors.New("it has no key")
	case o.Owner == "" && slices.Contains(ofHolders(), o.Kind):
		return fmt.Errorf("kind %s needs an owner", o.Kind)
	case o.Sent == absent || o.Done == absent || o.Outcome > Unknown:
		return errors.New("sent, done and out are needed")
	case o.Done < o.Sent || o.Sent < o.Dialed:
		return fmt.Errorf("dialed %d, sent %d and done %d are not in order", o.Dialed, o.Sent, o.Done)
	case o.Left && (o.Kind != Take || o.Outcome != Unknown):
		return errors.New("left is for takes of unknown outcome")
	}
	return nil
}

// MarshalText writes the outcome's name.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads the outcome's name.
func (o *Outcome) UnmarshalText(text []byte) error {
	for known := Yes; known <= Unknown; known++ {
		if known.String() == string(text) {
			*o = known
			return nil
		}
	}
	return fmt.Errorf("no outcome %q", text)
}

// Shift moves operations in time, in place, and returns them. What other processes wrote on a Shared
// recorder's machine comes into its history with Shift(ops, -recorder.Zero()).
func Shift(ops []Op, by time.Duration) []Op {
	for i := range ops {
		ops[i].Dialed += by
		ops[i].Sent += by
		ops[i].Done += by
	}
	return ops
}

// Merge makes one history of several that count time from the same moment.
func Merge(lists ...[]Op) []Op {
	ops := slices.Concat(lists...)
	slices.SortStableFunc(ops, func(a, b Op) int { return cmp.Compare(a.Sent, b.Sent) })
	return ops
}

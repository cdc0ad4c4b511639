package commands

import (
	"strings"
	"testing"

	"github.com/divtxt/lockd/fsm"
)

// The Redis families are judged by compat_test, against a real Redis. Here is what it cannot see: the two
// clocks, and lockd's own bounds.

// The wall clock of the driver begins at 1,700,000,000 s and the cluster clock at 1,000 ms.
func TestTwoClocks(t *testing.T) {
	d := newDriver(t)
	d.expect(`
		SET a v PX 5000           -> OK
		SET b v PXAT 1700000007000 -> OK
		PTTL b                    -> 7000
		PEXPIRETIME a             -> 1700000005000
		EXPIRETIME a              -> 1700000005
	`)
	d.wall += 3_600_000_000 // somebody sets the date: no key may end
	d.expect(`
		PTTL a                    -> 5000
		PTTL b                    -> 7000
		PEXPIRETIME a             -> 1700003605000
		EXPIREAT a 1700003610     -> 1
		PTTL a                    -> 10000
		EXPIREAT a 1700003600     -> 1
		EXISTS a                  -> 0
		TIME                      -> [1700003600 0]
	`)
	d.wall -= 7_200_000_000
	d.expect(`
		PTTL b                    -> 7000
		+7000
		PTTL b                    -> 0
		+1
		PTTL b                    -> -2
	`)
}

// A deadline of exactly now is no deadline at all on a clock that stands at zero: such a key is gone.
func TestNothingEndsNever(t *testing.T) {
	d := newDriver(t)
	d.clock = 0
	d.expect(`
		SET k v PXAT 1700000000000 -> OK
		EXISTS k                   -> 0
		SET k v                    -> OK
		PEXPIREAT k 1700000000000  -> 1
		EXISTS k                   -> 0
		SET k v                    -> OK
		GETEX k PXAT 1700000000000 -> v
		EXISTS k                   -> 0
	`)
}

func TestExpireConditions(t *testing.T) {
	newDriver(t).expect(`
		SET k v                    -> OK
		EXPIRE k 10 XX             -> 0
		EXPIRE k 10 GT             -> 0
		EXPIRE k 10 LT             -> 1
		EXPIRE k 10 NX             -> 0
		EXPIRE k 20 LT             -> 0
		EXPIRE k 20 GT             -> 1
		EXPIRE k 20 GT             -> 0
		EXPIRE k 5 XX LT           -> 1
		PTTL k                     -> 5000
		EXPIRE k -1 GT             -> 0
		PEXPIRE k -9223372036854775808 LT -> 1
		EXISTS k                   -> 0
		EXPIRE k 5 FOO             -> ERR Unsupported option FOO
		EXPIRE k 5 NX GT           -> ERR NX and XX, GT or LT options at the same time are not compatible
		EXPIRE k 5 LT GT           -> ERR GT and LT options at the same time are not compatible
		EXPIRE k 9223372036854775807 -> ERR invalid expire time in 'expire' command
		PEXPIREAT k x              -> ERR value is not an integer or out of range
	`)
}

// The largest times to live of lock libraries fit.
func TestHugeTimes(t *testing.T) {
	newDriver(t).expect(`
		SET k v PX 922337203685477    -> OK
		PTTL k                        -> 922337203685477
		LOCK j o 9223370000000000000  -> 2
		PTTL j                        -> 9223370000000000000
		PERSIST j                     -> 1
		PEXPIREAT j 9223372036854775807 -> 1
		PEXPIRETIME j                 -> 9223372036854775807
		SET k v PX 9223372036854775807 -> ERR invalid expire time in 'set' command
		SETEX k 9223372036854776 v     -> ERR invalid expire time in 'setex' command
		GETEX k PX 0                   -> ERR invalid expire time in 'getex' command
	`)
}

func TestKeysMoveWithTheirTime(t *testing.T) {
	newDriver(t).expect(`
		SET a 1 PX 5000       -> OK
		SET b 2               -> OK
		RENAME a c            -> OK
		PTTL c                -> 5000
		RENAMENX c b          -> 0
		RENAMENX c c          -> 0
		RENAMENX x y          -> ERR no such key
		RENAMENX c d          -> 1
		COPY d e              -> 1
		COPY d b              -> 0
		COPY d d              -> ERR source and destination objects are the same
		COPY d d DB 0         -> ERR source and destination objects are the same
		COPY d d DB 3         -> 1
		COPY d x DB 16        -> ERR DB index is out of range
		COPY d x DB a         -> ERR value is not an integer or out of range
		COPY d x DB 4294967296 -> ERR value is out of range, value must between -2147483648 and 2147483647
		COPY d x FOO          -> ERR syntax error
		PTTL e                -> 5000
		MOVE d 3              -> 0
		MOVE d 4              -> 1
		MOVE d 0              -> ERR source and destination objects are the same
		EXISTS d e b e        -> 3
		TYPE e                -> string
		TYPE d                -> none
		KEYS *                -> [b e]
	`)
}

func TestSwapDBIsBounded(t *testing.T) {
	d := newDriver(t)
	d.fill("k", fsm.MaxSwap)
	d.expect(`SWAPDB 0 1 -> OK`)
	d.fill("k", 1)
	if got := d.do("SWAPDB 0 1"); !strings.HasPrefix(got, "ERR these databases hold more than 1000 keys") {
		t.Error(got)
	}
	d.expect(`
		SWAPDB 2 3     -> OK
		DBSIZE         -> 1
		SWAPDB x 1     -> ERR invalid first DB index
		SWAPDB 1 x     -> ERR invalid second DB index
		SWAPDB 1 16    -> ERR DB index is out of range
		FLUSHDB NOW    -> ERR syntax error
		FLUSHALL SYNC  -> OK
		DBSIZE         -> 0
	`)
}

func TestValuesAreBounded(t *testing.T) {
	d := newDriver(t)
	const tooLong = "ERR string exceeds maximum allowed size (proto-max-bulk-len)"
	d.words("SET", "k", strings.Repeat("x", maxValue))
	for _, words := range [][]string{
		{"APPEND", "k", "y"}, {"SETRANGE", "k", "1048576", "y"}, {"SETRANGE", "none", "9223372036854775807", "y"},
		{"SETRANGE", "none", "1048570", "1234567"},
	} {
		if got := d.words(words...); got != tooLong {
			t.Errorf("%s: %s", words, got)
		}
	}
	d.expect(`
		STRLEN k               -> 1048576
		SETRANGE k 1048575 y   -> 1048576
		GETRANGE k -1 -1       -> y
		EXISTS none            -> 0
	`)
}

func TestCounting(t *testing.T) {
	newDriver(t).expect(`
		INCRBY k 9223372036854775807  -> 9223372036854775807
		INCR k                        -> ERR increment or decrement would overflow
		DECRBY k -9223372036854775808 -> ERR decrement would overflow
		DECRBY k 7                    -> 9223372036854775800
		INCRBYFLOAT k 1e-3            -> 9223372036854775800
		INCRBYFLOAT k inf             -> ERR increment would produce NaN or Infinity
		INCRBYFLOAT k nan             -> ERR value is not a valid float
		INCRBYFLOAT f 0.1             -> 0.1
		INCRBYFLOAT f 0.2             -> 0.3
		INCRBYFLOAT f -0.3            -> 0
		INCRBYFLOAT f 1e4933          -> ERR value is not a valid float
		INCRBY f x                    -> ERR value is not an integer or out of range
	`)
}

func TestObject(t *testing.T) {
	newDriver(t).expect(`
		SET k 9999              -> OK
		OBJECT ENCODING k       -> int
		OBJECT REFCOUNT k       -> 2147483647
		+2500
		OBJECT IDLETIME k       -> 2
		OBJECT ENCODING none    -> (nil)
		APPEND k x              -> 5
		OBJECT ENCODING k       -> embstr
		OBJECT REFCOUNT k       -> 1
		OBJECT FREQ none        -> (nil)
		SCAN 0 TYPE list        -> [0 []]
		SCAN 0 COUNT 0          -> ERR syntax error
		SCAN x                  -> ERR invalid cursor
	`)
}

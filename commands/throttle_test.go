package commands

import "testing"

// The example of redis-cell's README, and its own test cases with the replies that follow from them: a burst
// of five, one a second, at the times which they say.
func TestThrottle(t *testing.T) {
	d := newDriver(t)
	d.expect(`CL.THROTTLE user123 15 30 60 1 -> [0 16 15 -1 2]`)
	d.expect(`
		CL.THROTTLE foo 4 1 1 6 -> [1 5 5 -1 0]
		CL.THROTTLE foo 4 1 1   -> [0 5 4 -1 1]
		CL.THROTTLE foo 4 1 1 1 -> [0 5 3 -1 2]
		CL.THROTTLE foo 4 1 1   -> [0 5 2 -1 3]
		CL.THROTTLE foo 4 1 1   -> [0 5 1 -1 4]
		CL.THROTTLE foo 4 1 1   -> [0 5 0 -1 5]
		CL.THROTTLE foo 4 1 1   -> [1 5 0 1 5]
		PTTL foo                -> 5000
		+3000
		CL.THROTTLE foo 4 1 1   -> [0 5 2 -1 3]
		+100
		CL.THROTTLE foo 4 1 1   -> [0 5 1 -1 4]
		+900
		CL.THROTTLE foo 4 1 1   -> [0 5 1 -1 4]
		+4000
		CL.THROTTLE foo 4 1 1   -> [0 5 4 -1 1]
		+1500
		CL.THROTTLE foo 4 1 1   -> [0 5 4 -1 1]
		CL.THROTTLE foo 4 1 1 0 -> [0 5 4 -1 1]
		CL.THROTTLE foo 4 1 1 2 -> [0 5 2 -1 3]
		CL.THROTTLE foo 4 1 1 5 -> [1 5 2 3 3]
		TYPE foo                -> throttle
		+3000
		EXISTS foo              -> 1
		+1
		EXISTS foo              -> 0
		DBSIZE                  -> 0`)
}

// Many a second, for which milliseconds are too coarse; nobody is told to come back too early.
func TestThrottleFast(t *testing.T) {
	d := newDriver(t)
	for range 10 { // 3,000 a second, no more than one at once: a third of a millisecond each
		d.expect(`
			CL.THROTTLE k 0 3000 1 -> [0 1 0 -1 0]
			CL.THROTTLE k 0 3000 1 -> [1 1 0 0 0]
			+1`)
	}
	d.expect(`
		CL.THROTTLE j 0 2 1    -> [0 1 0 -1 1]
		CL.THROTTLE j 0 2 1    -> [1 1 0 1 1]
		+499
		CL.THROTTLE j 0 2 1    -> [1 1 0 1 1]
		+1
		CL.THROTTLE j 0 2 1    -> [0 1 0 -1 1]`)
}

func TestThrottleErrors(t *testing.T) {
	newDriver(t).expect(`
		CL.THROTTLE k 1 1                -> ERR wrong number of arguments for 'cl.throttle' command
		CL.THROTTLE k x 1 1              -> ERR 'x' is no max_burst: give an integer of 0 or more
		CL.THROTTLE k -1 1 1             -> ERR '-1' is no max_burst: give an integer of 0 or more
		CL.THROTTLE k 1 0 1              -> ERR '0' is no count: give an integer of 1 or more
		CL.THROTTLE k 1 1 0              -> ERR '0' is no period: give an integer of 1 or more
		CL.THROTTLE k 1 1 1 -1           -> ERR '-1' is no quantity: give an integer of 0 or more
		CL.THROTTLE k 1 1 1 1 1          -> ERR syntax error
		CL.THROTTLE k 1 1 1 REQID        -> ERR 'REQID' is no quantity: give an integer of 0 or more
		CL.THROTTLE k 1 2000000000 1     -> ERR a rate is at most one in a nanosecond, and its period at most 36 years
		CL.THROTTLE k 1 1 9223372036854775807 -> ERR a rate is at most one in a nanosecond, and its period at most 36 years
		CL.THROTTLE k 9223372036854775807 1 1 -> ERR max_burst is so much that it takes more than 36 years until it can be had again
		CL.THROTTLE k 1 1 1 9223372036854775807 -> [1 2 2 -1 0]
		EXISTS k                         -> 0
		SET s x                          -> OK
		CL.THROTTLE s 1 1 1              -> WRONGTYPE Operation against a key holding the wrong kind of value
	`)
}

func TestThrottleRequest(t *testing.T) {
	d := newDriver(t)
	d.expect(`
		CL.THROTTLE k 4 1 1 REQID a   -> [0 5 4 -1 1]
		CL.THROTTLE k 4 1 1 REQID a   -> [0 5 4 -1 1]
		CL.THROTTLE k 4 1 1 2 REQID b -> [0 5 2 -1 3]`)
	d.restart()
	d.expect(`
		CL.THROTTLE k 4 1 1 2 REQID b -> [0 5 2 -1 3]
		CL.THROTTLE k 4 1 1 1 REQID b -> REQIDUSED request id "b" was given to another command before: give each request an id of its own, and send it again with the same words
		CL.THROTTLE k 4 1 1 0         -> [0 5 2 -1 3]`)
	d.undone("CL.THROTTLE k 4 1 1", "CL.THROTTLE new 4 1 1 REQID c")
	d.expect(`
		CL.THROTTLE k 4 1 1 0         -> [0 5 2 -1 3]
		CL.THROTTLE new 4 1 1 REQID c -> [0 5 4 -1 1]
		COPY k l                      -> 1
		CL.THROTTLE l 4 1 1 2         -> [0 5 0 -1 5]
		CL.THROTTLE k 4 1 1 0         -> [0 5 2 -1 3]`)
}

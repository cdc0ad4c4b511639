// Settings for tests and measurements only. They are no entries of the table of settings, so that no manual
// offers them.

package server

import (
	"fmt"
	"os"
	"time"
)

// testPrefix begins the names of variables that tests and measurements set.
const testPrefix = envPrefix + "TEST_"

// testSyncDelay is how much longer each append to the log is to take, so that a machine with a quick disk can
// show how lockd does on a slow one.
func testSyncDelay() (time.Duration, error) {
	name := testPrefix + "SYNC_DELAY"
	text := os.Getenv(name)
	if text == "" {
		return 0, nil
	}
	delay, err := time.ParseDuration(text)
	if err != nil || delay < 0 || delay > time.Second {
		err = fmt.Errorf("%s=%s: it is a time from 0 to 1s, for measurements only", name, text)
		return 0, WithExit(ExitUsage, err)
	}
	return delay, nil
}

// testAppend is what is done around each append to the log: nothing, the delay, or what the test's control
// says at the moment.
func (s *Server) testAppend() (func(store func() error) error, error) {
	delay, err := testSyncDelay()
	switch {
	case err != nil:
		return nil, err
	case s.control != nil:
		return s.control.appending, nil
	case delay > 0:
		return func(store func() error) error {
			time.Sleep(delay)
			return store()
		}, nil
	}
	return nil, nil
}

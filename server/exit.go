// This file gives the process's end a meaning. A supervisor (systemd, Kubernetes, a script) sees only a
// number, and should restart after a failed disk but not after a typing error; so each kind of end has its
// own number, and an error carries it from where it is known to main.

package server

import (
	"errors"
	"fmt"
)

// The exit codes.
const (
	ExitOK      = 0 // asked to stop, and stopped cleanly
	ExitFailure = 1 // failed while running, or could not start; also: told twice to stop
	ExitUsage   = 2 // a flag, variable, or line of the configuration file is wrong
	ExitDataDir = 3 // the data folder is in use, belongs to another node, or is damaged
	ExitIO      = 4 // the disk failed, stalled or lied; the node stopped rather than guess
	ExitRemoved = 5 // the cluster has removed this node
)

// exitHelp says the same to the reader of the help text.
const exitHelp = `Exit codes:
  0  stopped cleanly, or the command did what it should
  1  failed while running or could not start (port in use, …)
  2  a flag, variable or line of the configuration file is wrong
  3  the data folder is in use, belongs to another node, or is damaged
  4  the disk failed or stalled; the node stopped rather than guess
  5  the cluster has removed this node (RAFT.REMOVE), or never knew its data folder
`

// coded is an error that knows its exit code.
type coded struct {
	code int
	err  error
}

func (c *coded) Error() string { return c.err.Error() }
func (c *coded) Unwrap() error { return c.err }

// WithExit gives err an exit code. A nil err stays nil.
func WithExit(code int, err error) error {
	if err == nil {
		return nil
	}
	return &coded{code, err}
}

// usageError is WithExit(ExitUsage) of a new error.
func usageError(format string, args ...any) error {
	return WithExit(ExitUsage, fmt.Errorf(format, args...))
}

// ExitCode returns the code that the process should end with for err: the outermost that WithExit gave,
// ExitFailure if none did, ExitOK for nil.
func ExitCode(err error) int {
	if err == nil {
		return ExitOK
	}
	if c, found := errors.AsType[*coded](err); found {
		return c.code
	}
	return ExitFailure
}

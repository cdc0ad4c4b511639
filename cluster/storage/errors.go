// The errors that this package gives to people. A storage error is read at night by somebody who
// has to decide what to do with a machine, so each one names the file, says what is wrong with it
// in a sentence, and says what can be done.

package storage

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/hashicorp/raft"
)

// ExitCode is the status with which the default Options.Fail ends the process.
const ExitCode = 4

// ErrClosed is what every store call answers after Store.Close.
var ErrClosed = errors.New("storage: closed")

// CorruptError says that data which was once safely written is damaged or missing. The node must
// not start on it: raft would go on from what is left and forget what was acknowledged.
type CorruptError struct {
	File     string // the damaged file
	Why      string // what is wrong with it
	WhatToDo string // what the operator can do
}

// Error names the file first, for that is what the operator needs first.
func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s is damaged: %s. %s", e.File, e.Why, e.WhatToDo)
}

// adviceRebuild is the usual way out: the data of a voter can be rebuilt from the others, and a
// copy of the folder keeps the evidence.
const adviceRebuild = "lockd does not start on damaged data, because acknowledged locks could be lost. " +
	"Check the disk; then either put this file back from a copy, or move the whole data folder away and " +
	"let the node join again as a new member (a single node: restore a backup)"

func corrupt(file, format string, args ...any) *CorruptError {
	return &CorruptError{File: file, Why: fmt.Sprintf(format, args...), WhatToDo: adviceRebuild}
}

// InUseError says that another process holds the data folder.
type InUseError struct {
	Dir     string
	PID     int       // 0 when the other process did not say
	Started time.Time // zero when the other process did not say
	Node    string
	Address string
}

// Error names the process that was first.
func (e *InUseError) Error() string {
	s := fmt.Sprintf("data folder %s is in use by another lockd", e.Dir)
	if e.PID != 0 {
		s += fmt.Sprintf(" (process %d, started %s", e.PID, e.Started.Format(time.RFC3339))
		if e.Node != "" {
			s += ", node " + e.Node
		}
		if e.Address != "" {
			s += ", address " + e.Address
		}
		s += ")"
	}
	return s + ": stop it first, or give this one another --dir"
}

// StallError is the reason given to Options.Fail when a store call does not come back.
type StallError struct {
	Call string
	Age  time.Duration
}

// Error says which call hangs.
func (e *StallError) Error() string {
	return fmt.Sprintf("the disk hangs: %s has not returned for %v", e.Call, e.Age)
}

// benign tells answers from failures: "not there" is what raft expects to hear. The stable store's
// "not found" has no exported value that all stores share; raft compares the text (api.go,
// raft.go), so the text is what must be recognised and must reach raft unchanged.
func benign(err error) bool {
	return err == nil || errors.Is(err, raft.ErrLogNotFound) || err.Error() == "not found"
}

// brokenDisk tells errors of the device from errors of the situation (a full disk, too many files).
func brokenDisk(err error) bool {
	for _, no := range []syscall.Errno{
		syscall.EIO, syscall.EROFS, syscall.ENXIO, syscall.ENODEV, syscall.ESTALE,
	} {
		if errors.Is(err, no) {
			return true
		}
	}
	return false
}

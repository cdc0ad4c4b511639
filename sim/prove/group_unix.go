//go:build unix

// A part may start processes of its own. They are ended with it, and Ctrl-C reaches this program alone, which
// ends its children in its own way.

package main

import (
	"os/exec"
	"syscall"
)

// ownGroup makes the process the first of a group.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// endGroup ends what is left of the group.
func endGroup(cmd *exec.Cmd) {
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
}

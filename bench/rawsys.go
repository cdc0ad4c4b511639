//go:build linux

// System calls that cannot block, made without telling Go's scheduler.

package main

import (
	"syscall"
	"unsafe"
)

func write(fd int, b []byte) (int, error) {
	return result(syscall.RawSyscall(syscall.SYS_WRITE,
		uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b))))
}

func read(fd int, b []byte) (int, error) {
	return result(syscall.RawSyscall(syscall.SYS_READ,
		uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b))))
}

func result(n, _ uintptr, errno syscall.Errno) (int, error) {
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// poll is epoll_wait with a timeout of 0.
func (c *client) poll() int {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(c.epoll),
		uintptr(unsafe.Pointer(&c.events[0])), uintptr(len(c.events)), 0, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

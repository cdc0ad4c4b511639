// The system calls that only Linux has.
package storage

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// syncData is fsync without the times of the file, which cost a second write in the journal.
func syncData(f *os.File) error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// reserve takes the space of a file in advance. Where the disk is too full or the file system cannot,
// the file grows as it is written; a release must not fail because 64 MiB are not free at once.
func reserve(f *os.File, size int64) error {
	err := unix.Fallocate(int(f.Fd()), 0, 0, size)
	if err == nil || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EINTR) {
		return nil
	}
	return os.NewSyscallError("fallocate", err)
}

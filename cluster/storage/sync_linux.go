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

// reserve takes the space of a file in advance. Where the disk is too full or the file system
// cannot, the file grows as it is written; a release must not fail because 64 MiB are not free at
// once.
func reserve(f *os.File, size int64) error {
	err := unix.Fallocate(int(f.Fd()), 0, 0, size)
	if err == nil || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSPC) ||
		errors.Is(err, unix.EINTR) {
		return nil
	}
	return os.NewSyscallError("fallocate", err)
}

// writeOut has a part of a file written to the disk and waits for it. It gives no durability, which
// a later fsync must; it only leaves that little to do, and stays out of the file system's journal.
func writeOut(f *os.File, at, size int64) error {
	const all = unix.SYNC_FILE_RANGE_WAIT_BEFORE | unix.SYNC_FILE_RANGE_WRITE | unix.SYNC_FILE_RANGE_WAIT_AFTER
	err := unix.SyncFileRange(int(f.Fd()), at, size, all)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EINTR) {
		return nil // the final fsync does it all
	}
	return os.NewSyscallError("sync_file_range", err)
}

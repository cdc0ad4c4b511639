// Taking a data folder without opening it: for who puts another in its place.

package storage

import (
	"os"
	"path/filepath"
	"time"
)

// Hold takes the folder dir for this process, as Open does, and makes it where there is none. A folder that
// another process holds is an *InUseError. release gives it up again; it leaves the lock file in the folder.
func Hold(dir string) (release func() error, err error) {
	if err := makeDir(dir); err != nil {
		return nil, unusable(dir, err)
	}
	f := &folder{dir: dir, who: holder{PID: os.Getpid(), Started: time.Now()}}
	if err := f.take(); err != nil {
		return nil, err
	}
	return f.lock.Close, nil
}

// Names of a data folder's parts, for who moves a whole one.
const (
	LockFile     = lockName     // of no use to a process that does not hold it
	IdentityFile = identityName // without it, or with a damaged one, the folder is refused
	RaftFolder   = "raft"
)

// Unfinished makes Open refuse the folder dir, which the caller holds, until another identity is put in the
// place of the one that this writes. why is for people who look.
func Unfinished(dir, why string) error {
	return replaceFile(filepath.Join(dir, identityName), []byte(why+"\n"))
}

// SyncDir makes the names in dir durable.
func SyncDir(dir string) error { return syncDir(dir) }

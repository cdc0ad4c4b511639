// Small files that are written whole: the folder's identity and the list of log segments. Each is
// JSON, so that a person can read it, followed by a line with its checksum, so that a flipped bit
// is found; each is replaced by rename after an fsync, and the folder is fsynced after that, so
// that a crash leaves either the old or the new one.

package storage

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
)

// castagnoli is the polynomial with hardware support; raft-wal uses the same.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// checksumLine is the last line of a sealed file.
func checksumLine(body []byte) []byte {
	return fmt.Appendf(nil, "crc32c %08x\n", crc32.Checksum(body, castagnoli()))
}

// writeSealed replaces path with v, durably.
func writeSealed(path string, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	body = append(body, '\n')
	return replaceFile(path, append(body, checksumLine(body)...))
}

// readSealed reads path into v. A missing file is os.ErrNotExist; a damaged one is a CorruptError.
func readSealed(path string, v any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	end := bytes.IndexByte(data, '\n') + 1
	if !bytes.Equal(data[end:], checksumLine(data[:end])) {
		return corrupt(path, "its checksum does not match")
	}
	if err := json.Unmarshal(data[:end], v); err != nil {
		return corrupt(path, "it cannot be read (%v)", err)
	}
	return nil
}

// replaceFile puts data at path so that a crash leaves the old file or the new one, never a part.
func replaceFile(path string, data []byte) error {
	tmp := path + ".tmp"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes the names in dir durable: the fsync of a file does not promise that of its name.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// makeDir creates dir for us alone, and makes its name durable in its parent.
func makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return syncDir(filepath.Dir(filepath.Clean(dir)))
}

// exists says whether there is anything of that name, also if it cannot be opened.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

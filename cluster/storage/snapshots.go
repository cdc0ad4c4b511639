// Snapshots, on raft's file store. raft itself tries the older snapshot when the newest is damaged
// (api.go, restoreSnapshot); the log behind the newest may be gone by then, so acknowledged writes
// would be missing, or the start ends in a panic. So the newest is checked here first, and a
// damaged one refuses the start.
//
// The watchdog does not time these calls: a snapshot may rightly take minutes, and where a disk
// hangs the log's calls hang too. Errors at run time are of two kinds. A device that reports an I/O
// error is broken for the log too: fail-stop. Anything else (a full disk, a file that rotted since)
// costs one snapshot and nothing that was acknowledged: the log is whole, so it is said loudly and
// raft tries again later.

package storage

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc64"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/hashicorp/raft"
)

const (
	snapMeta   = "meta.json" // raft's names
	snapState  = "state.bin"
	snapTmp    = ".tmp"
	snapSealed = "meta.crc" // ours: the checksum of meta.json, which raft gives none
)

// snapshotStore wraps raft's store.
type snapshotStore struct {
	inner raft.SnapshotStore
	dir   string
	rate  int
	gate  *gate
	log   *slog.Logger
}

var _ raft.SnapshotStore = (*snapshotStore)(nil)

// openSnapshots checks what is there, removes what a crash left, and gives the newest snapshot's
// meta, nil if there is none.
func openSnapshots(s *Store) (*snapshotStore, *raft.SnapshotMeta, error) {
	dir := s.folder.path("raft", "snapshots")
	if s.folder.id.Ready && !exists(dir) {
		return nil, nil, corrupt(dir, "it is missing")
	}
	if err := makeDir(dir); err != nil {
		return nil, nil, unusable(s.opts.Dir, err)
	}
	newest, err := checkSnapshots(dir, s.opts.Log)
	if err != nil {
		return nil, nil, err
	}
	inner, err := raft.NewFileSnapshotStoreWithLogger(filepath.Dir(dir), retainSnapshots,
		NewHCLog(s.opts.Log, "snapshot"))
	if err != nil {
		return nil, nil, unusable(s.opts.Dir, err)
	}
	return &snapshotStore{
		inner: inner, dir: dir, rate: s.opts.SnapshotRate, gate: s.gate, log: s.opts.Log,
	}, newest, nil
}

// snapName is a snapshot folder's name, as raft makes it: term, index, milliseconds.
type snapName struct {
	term, index, made uint64
	name              string
}

// checkSnapshots checks the newest whole and the others' meta data, which raft's List reads as
// well.
func checkSnapshots(dir string, log *slog.Logger) (*raft.SnapshotMeta, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var found []snapName
	for _, e := range entries {
		n := snapName{name: e.Name()}
		if strings.HasSuffix(n.name, snapTmp) || !e.IsDir() {
			// Never finished: raft leaves these for ever, and each is as large as the state.
			if err := os.RemoveAll(filepath.Join(dir, n.name)); err != nil {
				return nil, err
			}
			continue
		}
		if _, err := fmt.Sscanf(n.name, "%d-%d-%d", &n.term, &n.index, &n.made); err != nil {
			return nil, corrupt(filepath.Join(dir, n.name), "this is no name of a snapshot")
		}
		found = append(found, n)
	}
	// raft's own order: term, index, then the time, which is in the name.
	sort.Slice(found, func(i, j int) bool {
		a, b := found[i], found[j]
		if a.term != b.term {
			return a.term > b.term
		}
		if a.index != b.index {
			return a.index > b.index
		}
		return a.made > b.made
	})
	if len(found) == 0 {
		return nil, nil
	}
	for _, n := range found[1:] {
		if _, err := readSnapMeta(filepath.Join(dir, n.name), n); err != nil {
			log.Warn("an older snapshot is damaged; it is not needed", "reason", err)
		}
	}
	return checkSnapshot(filepath.Join(dir, found[0].name), found[0])
}

// fileMeta is what raft keeps in meta.json.
type fileMeta struct {
	raft.SnapshotMeta
	CRC []byte
}

// readSnapMeta reads meta.json, and holds it against its checksum and against the folder's name.
func readSnapMeta(path string, n snapName) (meta fileMeta, err error) {
	path = filepath.Join(path, snapMeta)
	text, err := os.ReadFile(path)
	if err != nil {
		return meta, corrupt(path, "it cannot be read (%v)", err)
	}
	// The checksum is written after raft has put the snapshot in place; a crash in between leaves
	// none.
	sum, err := os.ReadFile(filepath.Join(filepath.Dir(path), snapSealed))
	if err == nil && !bytes.Equal(sum, checksumLine(text)) {
		return meta, corrupt(path, "it does not match its checksum in %s", snapSealed)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return meta, corrupt(path, "its checksum cannot be read (%v)", err)
	}
	if err := json.Unmarshal(text, &meta); err != nil {
		return meta, corrupt(path, "it cannot be read (%v)", err)
	}
	if meta.ID != n.name || meta.Index != n.index || meta.Term != n.term ||
		meta.Version < raft.SnapshotVersionMin || meta.Version > raft.SnapshotVersionMax {
		return meta, corrupt(path, "it is not about the snapshot %s", n.name)
	}
	return meta, nil
}

// checkSnapshot reads a whole snapshot.
func checkSnapshot(path string, n snapName) (*raft.SnapshotMeta, error) {
	meta, err := readSnapMeta(path, n)
	if err != nil {
		return nil, err
	}
	path = filepath.Join(path, snapState)
	f, err := os.Open(path)
	if err != nil {
		return nil, corrupt(path, "it cannot be read (%v)", err)
	}
	defer func() { _ = f.Close() }()
	hash := crc64.New(crc64.MakeTable(crc64.ECMA))
	// Hidden behind a struct so that io.CopyBuffer uses the buffer and not *os.File's own 32 KiB.
	if _, err := io.CopyBuffer(hash, struct{ io.Reader }{f}, make([]byte, 1<<20)); err != nil {
		return nil, corrupt(path, "it cannot be read (%v)", err)
	}
	if !bytes.Equal(hash.Sum(nil), meta.CRC) {
		return nil, corrupt(path, "it does not match its checksum")
	}
	return &meta.SnapshotMeta, nil
}

// failed sorts an error at run time into the two kinds.
func (s *snapshotStore) failed(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case brokenDisk(err):
		return s.gate.trip(fmt.Errorf("%s: %w", what, err))
	}
	s.log.Error(what+" failed; nothing acknowledged is lost, raft will try again", "error", err)
	return err
}

// List gives the snapshots, newest first.
func (s *snapshotStore) List() ([]*raft.SnapshotMeta, error) {
	list, err := s.inner.List()
	return list, s.failed("listing snapshots", err)
}

// Open gives a snapshot after raft's store has compared its checksum.
func (s *snapshotStore) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	meta, from, err := s.inner.Open(id)
	return meta, from, s.failed("opening snapshot "+id, err)
}

// Create begins a snapshot.
func (s *snapshotStore) Create(version raft.SnapshotVersion, index, term uint64, conf raft.Configuration,
	confIndex uint64, trans raft.Transport,
) (raft.SnapshotSink, error) {
	if err := s.gate.tripped(); err != nil {
		return nil, err
	}
	sink, err := s.inner.Create(version, index, term, conf, confIndex, trans)
	if err != nil {
		return nil, s.failed("beginning a snapshot", err)
	}
	out, err := newSink(s, sink)
	if err != nil {
		return nil, s.failed("beginning a snapshot", errors.Join(err, sink.Cancel()))
	}
	return out, nil
}

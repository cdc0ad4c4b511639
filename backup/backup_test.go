package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/divtxt/lockd/cluster"
	"github.com/divtxt/lockd/cluster/storage"
	"github.com/divtxt/lockd/commands"
	"github.com/divtxt/lockd/fsm"
)

// state is a machine with keys locks, which end at different times, and an owner each.
func state(t testing.TB, keys int) *fsm.Machine {
	t.Helper()
	m := fsm.New(commands.New())
	o := fsm.Origin{Node: "n1", Incarnation: 1}
	run := fsm.Run{Origin: o, First: 1, Commands: []fsm.Command{{Kind: fsm.KindRegister}}}
	for i := range keys {
		words := strings.Fields(fmt.Sprintf("LOCK key%d owner%d %d", i, i, 60_000+i))
		c := fsm.Command{}
		for _, w := range words {
			c.Words = append(c.Words, []byte(w))
		}
		run.Commands = append(run.Commands, c)
	}
	e := fsm.Entry{Term: 1, Clock: 1000, Runs: []fsm.Run{run}}
	if err := m.Apply(7, 1, e.Append(nil), nil, none{}); err != nil {
		t.Fatal(err)
	}
	return m
}

type none struct{}

func (none) Answer(fsm.Origin, uint64, fsm.Reply) {}
func (none) AnswerRead(int, fsm.Reply)            {}
func (none) LongRead(int, *fsm.View)              {}
func (none) Refuse(fsm.Origin, uint64)            {}
func (none) Silenced(fsm.Origin)                  {}

var header = Header{Cluster: "c1", Node: "n1", Lockd: "1.0", Taken: time.Unix(1e9, 0).UTC()}

// file writes a backup of a state.
func file(t *testing.T, m *fsm.Machine) (path string, content []byte) {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, header, m.View()); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "b.backup")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, b.Bytes()
}

func TestRoundTrip(t *testing.T) {
	m := state(t, 100)
	path, _ := file(t, m)
	got, h, err := Load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got.Hash() != m.Hash() {
		t.Error("the state is another")
	}
	want := header
	want.Index, want.Term, want.Token, want.Keys, want.Bytes = 7, 1, 100, 100, m.Bytes()
	if h != want {
		t.Errorf("got  %+v\nwant %+v", h, want)
	}
}

// Not one bit of a backup may be wrong, and not one byte may be missing or added.
func TestDamageIsRefused(t *testing.T) {
	path, good := file(t, state(t, 5))
	refused := func(what string, content []byte, says ...string) {
		t.Helper()
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		_, _, err := Load(path, nil)
		if err == nil {
			t.Fatalf("%s is taken", what)
		}
		for _, s := range says {
			if strings.Contains(err.Error(), s) {
				return
			}
		}
		t.Errorf("%s: %v", what, err)
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1 << (i % 8)
		refused(fmt.Sprintf("bit %d of byte %d flipped", i%8, i), bad, "damaged", "no backup", "version", "cut short")
	}
	for i := 1; i < len(good); i++ {
		refused(fmt.Sprintf("cut at %d", i), good[:i], "cut short")
	}
	refused("an empty file", nil, "no backup")
	refused("a byte too many", append(bytes.Clone(good), 'x'), "cut short", "damaged")
	refused("a half twice", append(bytes.Clone(good[:len(good)/2]), good...), "damaged")
	refused("a newer format", bytes.Replace(good, []byte("backup 1\n"), []byte("backup 2\n"), 1), "use a newer lockd")
	if _, _, err := Load(path+"x", nil); !errors.Is(err, os.ErrNotExist) && !strings.Contains(fmt.Sprint(err), "no such file") {
		t.Error(err)
	}
}

// keeper is one over a state, on a disk with so much room.
func keeper(t *testing.T, m *fsm.Machine, change func(*Options)) *Keeper {
	o := Options{
		Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler), Header: func() Header { return header },
		Copy: func(context.Context) (*fsm.View, error) { return m.View(), nil },
		Free: func() (uint64, bool) { return 1 << 40, true },
	}
	if change != nil {
		change(&o)
	}
	k := New(o)
	t.Cleanup(k.Close)
	return k
}

// pull reads a copy to its end.
func pull(t *testing.T, k *Keeper, name string) []byte {
	t.Helper()
	var all []byte
	for {
		piece, err := k.Read(t.Context(), name, int64(len(all)))
		if err != nil {
			t.Fatal(err)
		}
		if len(piece) > pieceSize {
			t.Fatalf("a piece of %d bytes", len(piece))
		}
		if len(piece) == 0 {
			return all
		}
		all = append(all, piece...)
	}
}

func TestKeeper(t *testing.T) {
	m := state(t, 50_000) // some MiB, so that it is read while it is written
	var dir string
	k := keeper(t, m, func(o *Options) { dir = o.Dir })
	first, err := k.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	second, err := k.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Begin(t.Context()); !errors.Is(err, errBusy) {
		t.Errorf("a third one: %v", err)
	}
	v := new(Verifier)
	all := pull(t, k, first)
	_, _ = v.Write(all)
	if h, err := v.End(); err != nil || h.Keys != 50_000 || h.Taken.IsZero() {
		t.Errorf("%+v %v", h, err)
	}
	if again, err := k.Read(t.Context(), first, 10); err != nil || !bytes.Equal(again, all[10:10+pieceSize]) {
		t.Errorf("a piece cannot be read again: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
		t.Errorf("files with names: %v", left)
	}
	if err := k.End(first); err != nil {
		t.Error(err)
	}
	if _, err := k.Read(t.Context(), first, 0); !errors.Is(err, errEnded) {
		t.Error(err)
	}
	if _, err := k.Begin(t.Context()); err != nil {
		t.Errorf("the place of an ended one is not free: %v", err)
	}
	k.Close()
	if _, err := k.Read(t.Context(), second, 0); err == nil {
		t.Error("read after Close")
	}
	if _, err := k.Begin(t.Context()); !errors.Is(err, errClosing) {
		t.Error(err)
	}
}

func TestKeeperRefuses(t *testing.T) {
	m := state(t, 100)
	k := keeper(t, m, func(o *Options) { o.Free = func() (uint64, bool) { return 1000, true }; o.Floor = 999 })
	if _, err := k.Begin(t.Context()); err == nil || !strings.Contains(err.Error(), "min-free-disk") {
		t.Error(err)
	}
	broken := errors.New("no leader")
	k = keeper(t, m, func(o *Options) { o.Copy = func(context.Context) (*fsm.View, error) { return nil, broken } })
	for range 2 * maxCopies { // a place is given back
		if _, err := k.Begin(t.Context()); !errors.Is(err, broken) {
			t.Error(err)
		}
	}
	// The disk fills up while it is written.
	looks := 0
	k = keeper(t, m, func(o *Options) { o.Free = func() (uint64, bool) { looks++; return 1 << 30, looks < 2 } })
	name, err := k.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Read(t.Context(), name, 0); err == nil || !strings.Contains(err.Error(), "nearly full") {
		t.Error(err)
	}
}

// A copy that nobody reads ends by itself, and what a crash has left is removed.
func TestForgottenCopies(t *testing.T) {
	dir := t.TempDir()
	left := filepath.Join(dir, "backup-1.tmp")
	if err := os.WriteFile(left, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	k := keeper(t, state(t, 1), func(o *Options) { o.Dir, o.Idle = dir, time.Millisecond })
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	for range 3 * maxCopies {
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
			if _, err := k.Begin(t.Context()); err == nil {
				break
			} else if time.Now().After(deadline) {
				t.Fatal(err)
			}
		}
	}
}

func folder(dir string) *Folder {
	return &Folder{
		Dir: dir, NodeID: "n1", Address: "127.0.0.1:1", LogStore: storage.LogWAL,
		Log: slog.New(slog.DiscardHandler),
	}
}

// open opens a folder as a node does, and returns its state.
func open(dir string) (*cluster.LastState, error) {
	s, err := storage.Open(storage.Options{Dir: dir, Check: fsm.Check, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	l, err := cluster.ReadState(cluster.Stores{Log: s.Log, Stable: s.Stable, Snapshots: s.Snapshots}, commands.New())
	return l, errors.Join(err, s.Close())
}

// mustBeRefused looks whether a copy of a folder, as a crash would leave it, can be opened.
func mustBeRefused(t *testing.T, dir string) error {
	left := t.TempDir()
	if err := os.CopyFS(left, os.DirFS(dir)); err != nil {
		return err
	}
	var corrupt *storage.CorruptError
	if _, err := open(left); !errors.As(err, &corrupt) {
		t.Errorf("a folder that is not finished can be opened: %v", err)
	}
	return nil
}

func TestRestore(t *testing.T) {
	m := state(t, 100)
	path, _ := file(t, m)
	f := folder(filepath.Join(t.TempDir(), "a", "b"))
	before := 0
	f.Before = func() error {
		before++
		return mustBeRefused(t, f.Dir)
	}
	earliest := uint64(time.Now().UnixMilli()) * 1000
	r, h, err := Restore(path, f, 0)
	if err != nil || before != 1 {
		t.Fatal(err, before)
	}
	if r.Keys != 100 || r.Locks != 100 || r.Token < earliest || r.Token >= 1<<53 || h.Cluster != "c1" || r.Cluster == "c1" {
		t.Errorf("%+v %+v", r, h)
	}
	l, err := open(f.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if l.Cluster != r.Cluster || l.Members != 1 || l.Machine.Clock() != m.Clock() || l.Machine.Stats().Token != r.Token {
		t.Errorf("%+v, clock %d", l, l.Machine.Clock())
	}
	if _, err := os.Stat(f.path(making)); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if _, _, err := Restore(path, f, 0); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("restored over another: %v", err)
	}
	high := folder(t.TempDir())
	if r, _, err := Restore(path, high, 1<<52); err != nil || r.Token != 1<<52 {
		t.Error(r, err)
	}
}

// A restore that fails leaves the folder as it was, and one that was broken off leaves one that is refused.
func TestRestoreFails(t *testing.T) {
	path, good := file(t, state(t, 10))
	f := folder(t.TempDir())
	if err := os.Mkdir(f.path("lost+found"), 0o700); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	f.Before = func() error { return broken }
	if _, _, err := Restore(path, f, 0); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	if err := f.mustBeEmpty(); err != nil {
		t.Error(err)
	}
	f.Before = nil
	if err := os.WriteFile(path, good[:len(good)-1], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Restore(path, f, 0); !errors.Is(err, errCutShort) {
		t.Error(err)
	}
	if err := f.mustBeEmpty(); err != nil {
		t.Error(err)
	}
	release, err := storage.Hold(f.Dir)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	var inUse *storage.InUseError
	if _, _, err := Restore(path, f, 0); !errors.As(err, &inUse) {
		t.Error(err)
	}
}

// Wherever a recovery is broken off, the folder is refused or good.
func TestRecover(t *testing.T) {
	path, _ := file(t, state(t, 10))
	f := folder(t.TempDir())
	first, _, err := Restore(path, f, 0)
	if err != nil {
		t.Fatal(err)
	}
	look := folder(f.Dir)
	look.NodeID = ""
	found, err := Look(look, commands.New())
	if err != nil {
		t.Fatal(err)
	}
	if found.Cluster != first.Cluster || found.NodeID != "n1" || found.Members != 1 || found.Keys != 10 || found.Index != 1 || found.Token != first.Token {
		t.Errorf("%+v", found)
	}
	look.Before = func() error {
		return mustBeRefused(t, f.Dir)
	}
	r, kept, err := found.Recover(look, 0)
	if err != nil {
		t.Fatal(err)
	}
	if r.Cluster == first.Cluster || r.Token <= first.Token || r.Keys != 10 {
		t.Errorf("%+v after %+v", r, first)
	}
	now, err := open(f.Dir)
	if err != nil || now.Cluster != r.Cluster {
		t.Errorf("%+v %v", now, err)
	}
	if old, err := open(kept); err != nil || old.Cluster != first.Cluster {
		t.Errorf("what was kept: %+v %v", old, err)
	}
	if _, err := Look(folder(t.TempDir()), nil); err == nil || !strings.Contains(err.Error(), "no data folder") {
		t.Error(err)
	}
}

func (none) Push(string, uint64, fsm.Reply)       {}
func (none) Changed(int, string, fsm.Caller)      {}
func (none) Flushed(fsm.Caller)                   {}
func (none) Listens(string, uint64, fsm.Listens)  {}
func (none) Event(int, fsm.Event, string, string) {}

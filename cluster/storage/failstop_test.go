// Fail-stop: the first failure of each kind of call, stalls, and what must not count as either.

package storage

import (
	"errors"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// sickStore is a store in memory whose calls fail, panic or hang on demand.
type sickStore struct {
	*raft.InmemStore
	sick  string // the call that is
	how   error  // nil: panic
	hang  chan struct{}
	calls atomic.Int64
}

func (s *sickStore) do(call string) error {
	s.calls.Add(1)
	if call != s.sick {
		return nil
	}
	if s.hang != nil {
		<-s.hang
		return nil
	}
	if s.how == nil {
		panic("page 7: invalid page type")
	}
	return s.how
}

func (s *sickStore) StoreLogs(l []*raft.Log) error {
	if err := s.do("StoreLogs"); err != nil {
		return err
	}
	return s.InmemStore.StoreLogs(l)
}

func (s *sickStore) DeleteRange(a, b uint64) error {
	if err := s.do("DeleteRange"); err != nil {
		return err
	}
	return s.InmemStore.DeleteRange(a, b)
}

func (s *sickStore) GetLog(i uint64, l *raft.Log) error {
	if err := s.do("GetLog"); err != nil {
		return err
	}
	return s.InmemStore.GetLog(i, l)
}

func (s *sickStore) FirstIndex() (uint64, error) {
	if err := s.do("FirstIndex"); err != nil {
		return 0, err
	}
	return s.InmemStore.FirstIndex()
}

func (s *sickStore) LastIndex() (uint64, error) {
	if err := s.do("LastIndex"); err != nil {
		return 0, err
	}
	return s.InmemStore.LastIndex()
}

func (s *sickStore) Set(k, v []byte) error {
	if err := s.do("Set"); err != nil {
		return err
	}
	return s.InmemStore.Set(k, v)
}

func (s *sickStore) Get(k []byte) ([]byte, error) {
	if err := s.do("Get"); err != nil {
		return nil, err
	}
	return s.InmemStore.Get(k)
}

// guarded gives the guards over a sick store, and every call that raft can make.
func guarded(s *sickStore, fail func(error)) (*gate, *guardedLog, map[string]func() error) {
	g := newGate(fail, 2*time.Second)
	log := &guardedLog{gate: g, inner: s, file: "log", check: checkPayload, meter: &meter{}, times: &histogram{}}
	stable := &guardedStable{gate: g, inner: s, file: "stable"}
	return g, log, map[string]func() error{
		"StoreLog":    func() error { return log.StoreLog(entries(3, 3, 10)[0]) },
		"StoreLogs":   func() error { return log.StoreLogs(entries(3, 4, 10)) },
		"DeleteRange": func() error { return log.DeleteRange(1, 1) },
		"GetLog":      func() error { return log.GetLog(1, new(raft.Log)) },
		"FirstIndex":  func() error { _, err := log.FirstIndex(); return err },
		"LastIndex":   func() error { _, err := log.LastIndex(); return err },
		"Set":         func() error { return stable.Set([]byte("k"), []byte("v")) },
		"SetUint64":   func() error { return stable.SetUint64([]byte("n"), 5) },
		"Get":         func() error { _, err := stable.Get([]byte("k")); return err },
		"GetUint64":   func() error { _, err := stable.GetUint64([]byte("n")); return err },
	}
}

func healthy(t *testing.T, calls map[string]func() error) {
	t.Helper()
	for _, name := range []string{"Set", "SetUint64"} { // the others read what these wrote
		if err := calls[name](); err != nil {
			t.Fatal(err)
		}
	}
	for name, call := range calls {
		if err := call(); err != nil && !errors.Is(err, raft.ErrLogNotFound) {
			t.Fatalf("%s on a healthy store: %v", name, err)
		}
	}
}

func TestFirstErrorStopsEverything(t *testing.T) {
	for _, how := range []error{syscall.EIO, os.ErrDeadlineExceeded, nil} {
		for _, sick := range []string{"StoreLogs", "DeleteRange", "GetLog", "FirstIndex", "LastIndex", "Set", "Get"} {
			s := &sickStore{InmemStore: raft.NewInmemStore(), how: how}
			_ = s.InmemStore.StoreLogs(entries(1, 2, 10))
			var reasons []error
			_, _, calls := guarded(s, func(err error) { reasons = append(reasons, err) })
			healthy(t, calls)
			s.sick = sick
			if err := calls[sick](); err == nil || (how != nil && !errors.Is(err, how)) {
				t.Fatalf("%s: %v gives %v", sick, how, err)
			}
			s.sick = "" // the disk looks healthy again, which proves nothing
			before := s.calls.Load()
			for name, call := range calls {
				if err := call(); err == nil {
					t.Errorf("%s succeeds after %s failed", name, sick)
				}
			}
			if len(reasons) != 1 || s.calls.Load() != before {
				t.Errorf("%s: Fail called %d times, store called %d times after", sick, len(reasons), s.calls.Load()-before)
			}
		}
	}
}

func TestDamagedReadsStop(t *testing.T) {
	for name, damage := range map[string]func(s *sickStore){
		"data": func(s *sickStore) { _ = s.InmemStore.StoreLog(&raft.Log{Index: 1, Data: []byte("x12345678")}) },
		"type": func(s *sickStore) {
			_ = s.InmemStore.StoreLog(&raft.Log{Index: 1, Type: raft.LogNoop, Data: sealedPayload(1, 20)})
		},
		"value": func(s *sickStore) { _ = s.InmemStore.Set([]byte("k"), []byte("12345678")) },
		"number": func(s *sickStore) {
			_ = s.InmemStore.Set([]byte("n"), sealValue([]byte("n"), []byte("123")))
		},
	} {
		s := &sickStore{InmemStore: raft.NewInmemStore()}
		var reason error
		_, _, calls := guarded(s, func(err error) { reason = err })
		_ = s.InmemStore.StoreLogs(entries(1, 2, 10))
		healthy(t, calls)
		damage(s)
		call := map[string]string{"value": "Get", "number": "GetUint64"}[name]
		if call == "" {
			_ = s.InmemStore.StoreLogs(entries(2, 2, 10))
			call = "GetLog"
		}
		var bad *CorruptError
		if err := calls[call](); !errors.As(err, &bad) || !errors.As(reason, &bad) {
			t.Errorf("%s: %v, reason %v", name, err, reason)
		}
	}
}

func TestStallStops(t *testing.T) {
	for _, sick := range []string{"StoreLogs", "GetLog", "Set"} {
		s := &sickStore{InmemStore: raft.NewInmemStore(), sick: sick, hang: make(chan struct{})}
		var failed atomic.Int64
		var reason atomic.Value
		g, _, calls := guarded(s, func(err error) { failed.Add(1); reason.Store(err) })
		done := make(chan error)
		go func() { done <- calls[sick]() }()
		for s.calls.Load() == 0 {
			time.Sleep(time.Millisecond)
		}
		for range 10 { // 2 s
			g.step(watchCap)
		}
		if failed.Load() != 0 {
			t.Fatalf("%s: stopped at the limit, not beyond it", sick)
		}
		g.step(watchTick)
		g.step(watchTick)
		var stall *StallError
		if err, _ := reason.Load().(error); failed.Load() != 1 || !errors.As(err, &stall) {
			t.Fatalf("%s: Fail called %d times with %v", sick, failed.Load(), err)
		}
		close(s.hang)
		if err := <-done; err == nil {
			t.Errorf("%s: a stalled call succeeds after the stop", sick)
		}
	}
}

func TestSuspendIsNoStall(t *testing.T) {
	s := &sickStore{InmemStore: raft.NewInmemStore(), sick: "StoreLogs", hang: make(chan struct{})}
	g, _, calls := guarded(s, func(err error) { t.Errorf("stopped: %v", err) })
	done := make(chan error)
	go func() { done <- calls["StoreLogs"]() }()
	for s.calls.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	g.step(10 * time.Hour) // one tick, however late
	g.step(watchTick)
	close(s.hang)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for range 100 { // nothing is in progress
		g.step(watchCap)
	}
}

// TestOthersWaitForFail: raft panics on some errors, which must not cut an orderly end short.
func TestOthersWaitForFail(t *testing.T) {
	s := &sickStore{InmemStore: raft.NewInmemStore(), sick: "StoreLogs", how: syscall.EIO}
	began, end := make(chan struct{}), make(chan struct{})
	var ended atomic.Bool
	_, _, calls := guarded(s, func(error) { close(began); <-end; ended.Store(true) })
	var wait sync.WaitGroup
	wait.Go(func() { _ = calls["StoreLogs"]() })
	<-began
	for _, name := range []string{"Set", "GetLog", "LastIndex"} {
		wait.Go(func() {
			if err := calls[name](); err == nil || !ended.Load() {
				t.Errorf("%s returned %v before Fail did", name, err)
			}
		})
	}
	time.Sleep(20 * time.Millisecond)
	close(end)
	wait.Wait()
}

func TestClosedIsNoFailure(t *testing.T) {
	s := mustOpen(t, testOptions(t, tempDir(t), LogWAL))
	fill(t, s, 1, 10, 2, 10)
	mustClose(t, s)
	mustClose(t, s)
	if err := s.Log.StoreLogs(entries(11, 11, 10)); !errors.Is(err, ErrClosed) {
		t.Errorf("StoreLogs after Close: %v", err)
	}
	if _, err := s.Stable.Get([]byte("k")); !errors.Is(err, ErrClosed) {
		t.Errorf("Get after Close: %v", err)
	}
}

// TestRotationErrorStops: raft-wal logs an error of its background rotation and goes on.
func TestRotationErrorStops(t *testing.T) {
	var reason atomic.Value
	o := testOptions(t, tempDir(t), LogWAL)
	o.Fail = func(err error) { reason.Store(err) }
	s := mustOpen(t, o)
	if err := s.Stable.SetUint64([]byte("CurrentTerm"), 9); err != nil {
		t.Fatal(err)
	}
	// A folder in the list's place: the rename fails, for root too.
	list := s.folder.path("raft", "wal", segmentListName)
	if err := errors.Join(os.Remove(list), os.MkdirAll(list+"/x", 0o700)); err != nil {
		t.Fatal(err)
	}
	var err error
	for i := uint64(1); i < 100 && err == nil; i++ {
		err = s.Log.StoreLogs(entries(i, i, 5000))
	}
	got, _ := reason.Load().(error)
	if err == nil || got == nil || !strings.Contains(got.Error(), "new log file") {
		t.Fatalf("StoreLogs %v, reason %v", err, got)
	}
}

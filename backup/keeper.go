// Copies that a node keeps for those who pull them. The copy of the state is made in constant time and
// written to a file in the data folder at once, at a pace that leaves the log its disk, so that it is not in
// memory twice for as long as a slow reader takes. The file has no name: whatever becomes of this process,
// the system frees it.

package backup

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/divtxt/lockd/cluster/storage"
	"github.com/divtxt/lockd/fsm"
)

// Options are what a Keeper is made of.
type Options struct {
	Dir    string                                   // the data folder
	Copy   func(context.Context) (*fsm.View, error) // of all that was acknowledged before
	Header func() Header                            // cluster, node and version; the rest is filled in
	Free   func() (bytes uint64, enough bool)       // on the data folder's disk
	Floor  uint64                                   // bytes that must stay free on it
	Rate   int                                      // bytes a second that are written; 0: no bound
	Idle   time.Duration                            // a copy that is not read for so long ends; 0: a minute
	Log    *slog.Logger
}

const (
	// maxCopies bounds the copies there are at one time: each may be as large as the state.
	maxCopies = 2
	// pieceSize is what Read returns at most: well below a connection's output queue.
	pieceSize = 256 << 10
	// namePattern is what the files are called in the moment in which they have a name.
	namePattern = "backup-*.tmp"
)

// Keeper keeps copies. Its methods may be called from any goroutine.
type Keeper struct {
	o Options

	mu      sync.Mutex
	copies  map[string]*kept
	begun   int // copies that there are, those that are only about to be included
	closed  bool
	writing sync.WaitGroup
}

// New returns a Keeper without copies, and removes what a crash may have left.
func New(o Options) *Keeper {
	if o.Idle <= 0 {
		o.Idle = time.Minute
	}
	left, _ := filepath.Glob(filepath.Join(o.Dir, namePattern)) // only a wrong pattern is an error
	for _, name := range left {
		_ = os.Remove(name) // if it cannot be, the disk says so elsewhere
	}
	return &Keeper{o: o, copies: map[string]*kept{}}
}

var (
	errBusy = fmt.Errorf("%d backups are being read from this node already: wait for one to end, which takes "+
		"a minute if nobody reads it, or ask another node", maxCopies)
	errEnded   = errors.New("there is no such backup: it has ended, or was not read for too long")
	errClosing = errors.New("this node is shutting down: ask another one")
)

// Begin makes a copy and returns its name. It can be read at once, while it is written.
func (k *Keeper) Begin(ctx context.Context) (name string, err error) {
	if err := k.enter(); err != nil {
		return "", err
	}
	c, err := k.begin(ctx)
	if err != nil {
		k.leave()
		return "", err
	}
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	name = hex.EncodeToString(b[:])
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		c.end(errClosing)
		k.begun--
		return "", errClosing
	}
	c.idle = time.AfterFunc(k.o.Idle, func() {
		if k.End(name) == nil {
			k.o.Log.Warn("a backup was given up: nobody has read it", "backup", name, "for", k.o.Idle)
		}
	})
	k.copies[name] = c
	k.writing.Go(func() { k.write(c, name) })
	return name, nil
}

// enter takes a place among the copies; leave gives it back.
func (k *Keeper) enter() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.closed:
		return errClosing
	case k.begun >= maxCopies:
		return errBusy
	}
	k.begun++
	return nil
}

func (k *Keeper) leave() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.begun--
}

// begin makes the copy and its file.
func (k *Keeper) begin(ctx context.Context) (*kept, error) {
	view, err := k.o.Copy(ctx)
	if err != nil {
		return nil, err
	}
	// What the state counts is more than its file takes, but for waiters' names.
	if size, free := view.Stats().Bytes, k.free(); free < size {
		return nil, fmt.Errorf("it may take %d MiB of disk, and %d MiB are free above min-free-disk: free some "+
			"space, or ask another node", size>>20+1, max(0, free)>>20)
	}
	f, err := os.CreateTemp(k.o.Dir, namePattern)
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &kept{view: view, file: f, grown: make(chan struct{}), over: make(chan struct{})}, nil
}

// free is how many bytes may be written.
func (k *Keeper) free() int64 {
	free, _ := k.o.Free()
	return int64(free) - int64(k.o.Floor)
}

// write writes the copy, and lets go of the memory.
func (k *Keeper) write(c *kept, name string) {
	begun := time.Now()
	out := storage.NewPaced(c.file, k.o.Rate)
	h := k.o.Header()
	h.Taken = time.Now().UTC().Truncate(time.Second)
	err := Write(writerFunc(func(p []byte) (int, error) {
		if _, enough := k.o.Free(); !enough {
			return 0, errors.New("the disk of this node is nearly full (min-free-disk)")
		}
		n, err := out.Write(p)
		return n, c.grow(n, err)
	}), h, c.view)
	c.finish(err)
	if err != nil && !errors.Is(err, errEnded) {
		k.o.Log.Error("a backup could not be written", "backup", name, "error", err)
		return
	}
	k.o.Log.Info("backup written", "backup", name, "bytes", c.written, "took",
		time.Since(begun).Round(time.Millisecond))
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// Read returns the next piece of a copy from offset on, and waits until that is written. An empty one is the
// end.
func (k *Keeper) Read(ctx context.Context, name string, offset int64) ([]byte, error) {
	k.mu.Lock()
	c := k.copies[name]
	k.mu.Unlock()
	if c == nil {
		return nil, errEnded
	}
	c.idle.Reset(k.o.Idle)
	return c.read(ctx, offset)
}

// End gives a copy up.
func (k *Keeper) End(name string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	c := k.copies[name]
	if c == nil {
		return errEnded
	}
	delete(k.copies, name)
	k.begun--
	c.end(errEnded)
	return nil
}

// Close gives all copies up and takes no more.
func (k *Keeper) Close() {
	k.mu.Lock()
	k.closed = true
	for name, c := range k.copies {
		delete(k.copies, name)
		c.end(errClosing)
	}
	k.mu.Unlock()
	k.writing.Wait()
}

// kept is one copy.
type kept struct {
	file *os.File
	idle *time.Timer
	view *fsm.View // of the writing goroutine

	mu      sync.Mutex
	written int64
	done    bool
	err     error         // why it is not whole
	grown   chan struct{} // closed and replaced when written has grown
	over    chan struct{} // closed when it was given up
}

// grow counts what was written. An error of it ends the writing.
func (c *kept) grow(n int, err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.written += int64(n)
	close(c.grown)
	c.grown = make(chan struct{})
	if c.err != nil {
		return c.err
	}
	return err
}

// finish notes that no more comes.
func (c *kept) finish(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.view, c.done = nil, true
	if c.err == nil {
		c.err = err
	}
	close(c.grown)
	c.grown = make(chan struct{})
}

// end gives the copy up. A writer notices with its next piece.
func (c *kept) end(why error) {
	if c.idle != nil {
		c.idle.Stop()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = why
	close(c.over)
	_ = c.file.Close() // it was never meant to last
}

// read waits for a whole piece or the end.
func (c *kept) read(ctx context.Context, offset int64) ([]byte, error) {
	for {
		c.mu.Lock()
		size, done, err, grown := c.written, c.done, c.err, c.grown
		c.mu.Unlock()
		switch {
		case err != nil:
			return nil, err
		case size-offset >= pieceSize || done:
			piece := make([]byte, max(0, min(pieceSize, size-offset)))
			_, err := io.ReadFull(io.NewSectionReader(c.file, offset, int64(len(piece))), piece)
			return piece, err
		}
		select {
		case <-grown:
		case <-c.over:
		case <-ctx.Done():
			return nil, errors.New("the disk of this node is too slow: try again, or ask another node")
		}
	}
}

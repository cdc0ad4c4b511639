// Command locks asks the Go lock libraries what their users ask them: acquire, contend, extend, expire, wait,
// and what each has beyond.
//
//	locks once|failover HOST:PORT SECONDS [library…]
//
// This file is what all libraries are asked, whatever their own words for it are; the same as
// ../python/kit.py.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	ttl         = time.Second
	failoverTTL = 2 * time.Second
	without     = 10 * time.Second // the longest time without a lock through a change of leader
	patience    = 20 * time.Second // for one feature
)

// library is one of them. What it cannot do it leaves out.
type library struct {
	name, module string
	connect      func(addr string) (*connected, error)
}

type connected struct {
	owner    func(key string, ttl time.Duration) owner
	lasting  bool // its locks do not expire while their owner lives
	features []feature
}

// owner is somebody who wants a lock. try and wait tell whether he got it, extend and release whether he
// had it.
type owner struct {
	try     func() (bool, error)
	wait    func(time.Duration) (bool, error)
	extend  func(time.Duration) (bool, error)
	release func() (bool, error)
}

type feature struct {
	name string
	work func() error
}

// inTime gives up a feature that hangs; what hangs is left behind.
func (f feature) inTime() error {
	done := make(chan error, 1)
	go func() { done <- f.work() }()
	select {
	case err := <-done:
		return err
	case <-time.After(patience):
		return fmt.Errorf("it hangs for %v", patience)
	}
}

// steps runs what must be so, in turn, until something is not.
type steps struct{ err error }

func (s *steps) want(so func() (bool, error), equals bool, otherwise string) {
	if s.err != nil {
		return
	}
	got, err := so()
	switch {
	case err != nil:
		s.err = fmt.Errorf("%s: %w", otherwise, err)
	case got != equals:
		s.err = errors.New(otherwise)
	}
}

func (s *steps) sleep(d time.Duration) {
	if s.err == nil {
		time.Sleep(d)
	}
}

func unique(what string) string { return what + "-" + strconv.FormatInt(time.Now().UnixNano(), 36) }

// common are the features that every library is asked for that can do them.
func common(c *connected) []feature {
	if c.owner == nil {
		return nil
	}
	key := func(what string, n int, d time.Duration) []owner {
		name, owners := unique(what), []owner(nil)
		for range n {
			owners = append(owners, c.owner(name, d))
		}
		return owners
	}
	sample := c.owner("sample", ttl)
	all := []feature{
		{"acquire", func() error { return acquire(key("acquire", 1, 5*ttl)) }},
		{"contend", func() error { return contend(key("contend", 2, 5*ttl)) }},
		{"release", func() error { return release(key("release", 2, 5*ttl)) }},
		{"wait", func() error { return wait(key("wait", 2, 5*ttl)) }},
	}
	if sample.extend != nil {
		all = append(all, feature{"extend", func() error { return extend(key("extend", 2, ttl)) }})
	}
	if !c.lasting {
		all = append(all, feature{"expire", func() error { return expire(key("expire", 2, ttl)) }},
			feature{"release by another", func() error { return foreign(key("foreign", 3, ttl)) }})
	}
	return all
}

func acquire(o []owner) error {
	var s steps
	s.want(o[0].try, true, "a free lock was not given")
	s.want(o[0].release, true, "the owner could not release")
	return s.err
}

func contend(o []owner) error {
	var s steps
	s.want(o[0].try, true, "a free lock was not given")
	s.want(o[1].try, false, "a second owner got a held lock")
	s.want(o[0].release, true, "the owner could not release")
	return s.err
}

func extend(o []owner) error {
	var s steps
	s.want(o[0].try, true, "a free lock was not given")
	s.sleep(ttl * 6 / 10)
	s.want(func() (bool, error) { return o[0].extend(ttl) }, true, "the owner could not extend")
	s.sleep(ttl * 6 / 10)
	s.want(o[1].try, false, "an extended lock expired at its first time")
	s.sleep(ttl * 12 / 10)
	s.want(o[1].try, true, "an extended lock never expired")
	return s.err
}

func expire(o []owner) error {
	var s steps
	s.want(o[0].try, true, "a free lock was not given")
	s.sleep(ttl * 18 / 10)
	s.want(o[1].try, true, "the lock is held beyond its time")
	return s.err
}

func release(o []owner) error {
	var s steps
	s.want(o[0].try, true, "a free lock was not given")
	s.want(o[0].release, true, "the owner could not release")
	s.want(o[1].try, true, "a released lock is not free")
	s.want(o[1].release, true, "the next owner could not release")
	return s.err
}

func foreign(o []owner) error {
	var s steps
	s.want(o[0].try, true, "a free lock was not given")
	s.sleep(ttl * 18 / 10)
	s.want(o[1].try, true, "the lock is held beyond its time")
	s.want(o[0].release, false, "who no longer owns it released it")
	s.want(o[2].try, false, "who no longer owns it made it free")
	return s.err
}

func wait(o []owner) error {
	var s steps
	s.want(o[0].try, true, "a free lock was not given")
	done := make(chan error, 1)
	go func() {
		got, err := o[1].wait(4 * time.Second)
		if err == nil && !got {
			err = errors.New("the lock was not given to who waited")
		}
		done <- err
	}()
	select {
	case err := <-done:
		return fmt.Errorf("the second did not wait: %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	s.want(o[0].release, true, "the owner could not release")
	if s.err != nil {
		return s.err
	}
	if err := <-done; err != nil {
		return err
	}
	s.want(o[1].release, true, "the next owner could not release")
	return s.err
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

func once(c *connected, out *strings.Builder) bool {
	good := true
	for _, f := range append(common(c), c.features...) {
		if err := f.inTime(); err != nil {
			good = false
			fmt.Fprintf(out, "fail %s: %s\n", f.name, oneLine(err))
		} else {
			fmt.Fprintf(out, "ok %s\n", f.name)
		}
	}
	return good
}

// watch knows who believes to own the lock, and until when.
type watch struct {
	sync.Mutex
	holder       string
	until, last  time.Time
	done, errors int
	gap          time.Duration
	wrong, why   string
}

func (w *watch) enter(who string, until time.Time) {
	w.Lock()
	defer w.Unlock()
	now := time.Now()
	if w.holder != "" && now.Before(w.until) {
		w.wrong = fmt.Sprintf("%s got it while %s had it for %v more; ", who, w.holder, w.until.Sub(now))
	}
	w.holder, w.until = who, until
	w.done, w.gap, w.last = w.done+1, max(w.gap, now.Sub(w.last)), now
}

func (w *watch) leave(who string) {
	w.Lock()
	defer w.Unlock()
	if w.holder == who {
		w.holder = ""
	}
}

func (w *watch) error(err error) {
	w.Lock()
	defer w.Unlock()
	w.errors, w.why = w.errors+1, ", last error "+oneLine(err)
}

func (w *watch) count() int {
	w.Lock()
	defer w.Unlock()
	return w.done
}

// compete takes and frees the lock until the end; errors are what a user would try again after.
func compete(c *connected, key, who string, w *watch, end time.Time) {
	for time.Now().Before(end) {
		begin, o := time.Now(), c.owner(key, failoverTTL)
		got, err := o.try()
		if err == nil && got {
			w.enter(who, begin.Add(failoverTTL))
			time.Sleep(10 * time.Millisecond)
			w.leave(who)
			_, err = o.release()
		}
		if err != nil {
			w.error(err)
		}
		time.Sleep(30 * time.Millisecond)
	}
}

// failover lets two compete for one lock, and tells whether they never had it both, nor long neither.
func failover(c *connected, out *strings.Builder, d time.Duration, started func()) bool {
	w := &watch{last: time.Now()}
	key, end := unique("failover"), time.Now().Add(d)
	var both sync.WaitGroup
	for _, who := range []string{"a", "b"} {
		both.Go(func() { compete(c, key, who, w, end) })
	}
	for w.count() == 0 && time.Now().Before(end) {
		time.Sleep(10 * time.Millisecond)
	}
	started()
	both.Wait()
	gap, word := max(w.gap, time.Since(w.last)), "ok"
	if w.wrong != "" || gap >= without || w.done == 0 {
		word = "fail"
	}
	fmt.Fprintf(out, "%s leader killed: %s%d locks, %d errors, longest gap %.1f s%s\n",
		word, w.wrong, w.done, w.errors, gap.Seconds(), w.why)
	return word == "ok"
}

// version is the one of a module that this program was built with.
func version(module string) string {
	info, ok := debug.ReadBuildInfo()
	if ok {
		for _, m := range info.Deps {
			if m.Path == module {
				return strings.TrimPrefix(m.Version, "v")
			}
		}
	}
	return "unknown"
}

func main() {
	mode, addr := os.Args[1], os.Args[2]
	seconds, err := strconv.ParseFloat(os.Args[3], 64)
	if err != nil {
		fmt.Fprintln(os.Stderr, "locks: SECONDS is a number:", err)
		os.Exit(2)
	}
	var chosen []library
	for _, l := range libraries() {
		if len(os.Args) == 4 || slices.Contains(os.Args[4:], l.name) {
			chosen = append(chosen, l)
		}
	}
	outs, goods := make([]strings.Builder, len(chosen)), make([]bool, len(chosen))
	var all, begun sync.WaitGroup
	begun.Add(len(chosen))
	go func() {
		begun.Wait()
		fmt.Println("begin")
	}()
	for i, l := range chosen {
		all.Go(func() {
			fmt.Fprintf(&outs[i], "library %s %s\n", l.name, version(l.module))
			c, err := l.connect(addr)
			switch {
			case err != nil:
				fmt.Fprintf(&outs[i], "fail connect: %s\n", oneLine(err))
				begun.Done()
			case mode == "once":
				goods[i] = once(c, &outs[i])
			default:
				goods[i] = failover(c, &outs[i], time.Duration(seconds*float64(time.Second)), begun.Done)
			}
		})
	}
	all.Wait()
	for i := range outs {
		fmt.Print(outs[i].String())
	}
	if slices.Contains(goods, false) {
		os.Exit(1)
	}
}

// background is the context of all calls.
func background() context.Context { return context.Background() }

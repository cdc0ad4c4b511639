// This file is the Config of a node that runs: what CONFIG GET shows and CONFIG SET changes.
//
// A change makes a new Config and swaps it in, so readers need no lock and never see half of a change.
// Who keeps something made from a setting (the log's level, a limit in a listener) asks to be told.

package server

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Settings is a Config that can change. All methods may be called at the same time.
type Settings struct {
	table   *table
	foreign map[string]foreignWord
	from    map[string]string // where the values came from at the start
	now     atomic.Pointer[Config]

	change    sync.Mutex // held by one SetAll at a time, observers included: they see the changes in order
	observers []func(*Config)
}

// Defaults returns a Config in which nobody said anything.
func Defaults() *Config { return newTable().defaults() }

// NewSettings returns Settings that begin with cfg, which is not to be changed any more.
func NewSettings(cfg *Config) *Settings {
	s := &Settings{table: newTable(), foreign: newForeign(), from: map[string]string{}}
	s.now.Store(cfg)
	return s
}

// Config returns the Config of this moment. It is not to be changed.
func (s *Settings) Config() *Config { return s.now.Load() }

// OnChange has f called after each change, with the Config that it made. f must not change settings.
func (s *Settings) OnChange(f func(*Config)) {
	s.change.Lock()
	defer s.change.Unlock()
	s.observers = append(s.observers, f)
}

// Names returns what CONFIG GET can be asked for, in order: each setting, also by its name in redis.conf,
// and the words of Redis that have one answer here.
func (s *Settings) Names() []string {
	names := s.table.allNames()
	for name, f := range s.foreign {
		if f.shown {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Get returns the value of a setting as CONFIG GET shows it. Secrets are given, as Redis does: who may
// send CONFIG may change them too. So what Get returns must not be logged.
func (s *Settings) Get(name string) (string, bool) {
	if entry := s.table.find(name); entry != nil {
		return entry.field(s.Config().clone()).String(), true
	}
	f := s.foreign[strings.ToLower(name)]
	return f.value, f.shown
}

// Secret tells whether the values of a setting must not be shown (in SLOWLOG, MONITOR, the log).
func (s *Settings) Secret(name string) bool {
	entry := s.table.find(name)
	return entry != nil && entry.secret()
}

// Set changes one setting, see SetAll.
func (s *Settings) Set(name, value string) error { return s.SetAll(Change{name, value}) }

// Change is one setting and the text of its new value.
type Change struct{ Name, Value string }

// SetAll changes all of the settings or, if anything is wrong, none. Its errors are what Redis says after
// "ERR ".
func (s *Settings) SetAll(changes ...Change) error {
	s.change.Lock()
	defer s.change.Unlock()
	next := s.Config().clone()
	if err := s.known(changes); err != nil || len(changes) == 0 {
		return err
	}
	seen := map[*setting]bool{}
	for _, c := range changes {
		entry := s.table.find(c.Name)
		var err error
		switch {
		case entry == nil:
			err = s.setForeign(c)
		case seen[entry]:
			err = errors.New("duplicate parameter")
		default:
			err = setLive(next, entry, c.Value)
			seen[entry] = true
		}
		if err != nil {
			return setFailed(c.Name, err)
		}
	}
	if errs := check(next); len(errs) > 0 {
		return setFailed(changes[0].Name, errs[0])
	}
	s.now.Store(next)
	for _, f := range s.observers {
		f(next)
	}
	return nil
}

// setLive sets one entry of a Config, if it may change while the node runs.
func setLive(c *Config, entry *setting, value string) error {
	if !entry.live {
		return errors.New("can't set immutable config")
	}
	return entry.field(c).parse(value)
}

// known finds names that are none. Redis looks at all names before it looks at any value.
func (s *Settings) known(changes []Change) error {
	for _, c := range changes {
		_, foreign := s.foreign[strings.ToLower(c.Name)]
		if !foreign && s.table.find(c.Name) == nil {
			//nolint:staticcheck // Redis' words, which begin with a capital
			return fmt.Errorf("Unknown option or number of arguments for CONFIG SET - '%s'", c.Name)
		}
	}
	return nil
}

// setForeign answers a change to a word of Redis: it stands, or it cannot be had here.
func (s *Settings) setForeign(c Change) error {
	f := s.foreign[strings.ToLower(c.Name)]
	if f.agrees([]string{c.Value}) {
		return nil
	}
	return errors.New(f.why)
}

// setFailed puts an error into Redis' words.
func setFailed(name string, err error) error {
	return fmt.Errorf("CONFIG SET failed (possibly related to argument '%s') - %w", name, err)
}

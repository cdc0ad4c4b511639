// This file is the shape of the one table of settings. Each setting stands there once; flags, environment,
// file, CONFIG GET and SET, help and the reference in docs/ are all read from it, so that they cannot
// disagree, and a new setting is one field in config.go and one entry in entries.go.
//
// The table is built by a constructor, never kept in a package variable: nothing can change it behind the
// back of another part, and tests need not put it back.

package server

import (
	"cmp"
	"slices"
	"strings"
)

// setting is one entry of the table.
type setting struct {
	name  string              // as a flag, in the file and for CONFIG
	redis string              // its name in redis.conf where that is another; taken everywhere too
	also  string              // another name, that is none of redis.conf; taken everywhere too
	def   string              // the default, as somebody would write it
	live  bool                // CONFIG SET may change it while the node runs
	help  string              // one sentence
	field func(*Config) value // where in a Config it stands, and the rules of its value
}

// secret tells whether the setting must not be shown.
func (s *setting) secret() bool { return s.kind() == kindSecret }

// many tells whether the setting takes several words, as bind does.
func (s *setting) many() bool { return s.kind() == kindList }

// kind is what help writes in place of the value.
func (s *setting) kind() string { return s.field(new(Config)).kind() }

// shown is the value in c, fit for a log.
func (s *setting) shown(c *Config) string {
	text := s.field(c).String()
	if s.secret() {
		return Secret(text).String()
	}
	return text
}

// group is a heading and the settings below it, in the order of help.
type group struct {
	title    string
	settings []*setting
}

// table is all settings, in order and by name.
type table struct {
	groups []group
	names  map[string]*setting // lower case; also their other names
}

// newTable builds the table.
func newTable() *table {
	t := &table{groups: allGroups(), names: map[string]*setting{}}
	for _, s := range t.all() {
		for _, name := range append(s.otherNames(), s.name) {
			t.names[name] = s
		}
	}
	return t
}

// otherNames are the names that s has beside its own.
func (s *setting) otherNames() []string {
	var names []string
	for _, name := range []string{s.redis, s.also} {
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

// all returns the settings in the order of help.
func (t *table) all() []*setting {
	var all []*setting
	for _, g := range t.groups {
		all = append(all, g.settings...)
	}
	return all
}

// byName returns the settings in alphabetical order.
func (t *table) byName() []*setting {
	all := t.all()
	slices.SortFunc(all, func(a, b *setting) int { return cmp.Compare(a.name, b.name) })
	return all
}

// find returns the setting of that name, any of its names, in any case; nil if there is none.
func (t *table) find(name string) *setting { return t.names[strings.ToLower(name)] }

// defaults returns a Config in which every setting has its default. A default that its own rules refuse
// is a mistake in the table; the tests look for it, so the error is not passed on.
func (t *table) defaults() *Config {
	c := new(Config)
	for _, s := range t.all() {
		if err := s.field(c).parse(s.def); err != nil {
			panic("default of " + s.name + ": " + err.Error())
		}
	}
	return c
}

// envName turns a setting's name into that of its environment variable: max-clients, LOCKD_MAX_CLIENTS.
func envName(name string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// envPrefix begins the name of each environment variable that is ours.
const envPrefix = "LOCKD_"

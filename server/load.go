// This file gathers a Config from where it is said: defaults, then the file, then the environment, then
// flags, the later stronger. All mistakes are found in one go and each names its place, for a service that
// says one wrong line per restart is a morning lost. A wrong value is refused even where a stronger
// source replaces it: it would come to light on the day that the flag is dropped.

package server

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// origin of a value that nobody gave.
const fromDefault = "default"

// Source is where settings are said.
type Source struct {
	File    string              // path of a configuration file, "" for none
	Environ []string            // as os.Environ gives it
	Flags   map[string][]string // by the setting's name, in the order given
}

// Load reads a Config from src. The warnings are for the log, once there is one. The error, if any, names
// all that is wrong, a line each.
func Load(src Source) (settings *Settings, warnings []string, err error) {
	l := newLoader()
	if src.File != "" {
		l.file(src.File)
	}
	l.environ(src.Environ)
	l.flags(src.Flags)
	l.errs = append(l.errs, check(l.config)...)
	if l.config.TLS.Port != 0 {
		if _, err := l.config.TLS.ServerConfig(); err != nil {
			l.errs = append(l.errs, err)
		}
	}
	l.errs = append(l.errs, l.config.Cluster.checkFiles()...)
	if len(l.errs) > 0 {
		return nil, l.warnings, WithExit(ExitUsage, errors.Join(l.errs...))
	}
	settings = NewSettings(l.config)
	settings.from = l.from
	return settings, l.warnings, nil
}

// loader is one run of Load.
type loader struct {
	table    *table
	foreign  map[string]foreignWord
	config   *Config
	from     map[string]string // setting's name: the place that its value came from
	warnings []string
	errs     []error
}

// newLoader returns one that has the defaults.
func newLoader() *loader {
	t := newTable()
	return &loader{table: t, foreign: newForeign(), config: t.defaults(), from: map[string]string{}}
}

// assign sets s from text, said at place. A secret's text is in no message.
func (l *loader) assign(s *setting, text, place string) {
	if err := s.field(l.config).parse(text); err != nil {
		said := ""
		if !s.secret() {
			said = fmt.Sprintf(" %q", text)
		}
		l.fail("%s: %s%s: %w", place, s.name, said, err)
		return
	}
	l.from[s.name] = place
}

func (l *loader) fail(format string, args ...any) {
	l.errs = append(l.errs, fmt.Errorf(format, args...))
}

func (l *loader) warn(format string, args ...any) {
	l.warnings = append(l.warnings, fmt.Sprintf(format, args...))
}

// file takes the directives of a configuration file.
func (l *loader) file(path string) {
	directives, err := readConf(path, 0)
	if err != nil {
		l.errs = append(l.errs, err)
		return
	}
	warned := map[string]bool{}
	for _, d := range directives {
		s := l.table.find(d.name)
		if s == nil {
			l.other(d, warned)
			continue
		}
		if len(d.words) != 1 && !(s.many() && len(d.words) > 1) {
			l.fail("%s: %s takes one value, and %d are given", d.at, d.name, len(d.words))
			continue
		}
		l.assign(s, strings.Join(d.words, " "), d.at)
	}
}

// other takes a directive that is no setting: a word of redis.conf, or a mistake.
func (l *loader) other(d directive, warned map[string]bool) {
	f, known := l.foreign[d.name]
	switch {
	case !known:
		l.fail("%s: unknown setting %q%s", d.at, d.name, suggest(d.name, l.table.allNames()))
	case f.agrees(d.words):
	case f.refused:
		l.fail("%s: %s is refused: %s", d.at, d.name, f.why)
	case !warned[d.name]:
		warned[d.name] = true
		l.warn("%s: %s is ignored: %s", d.at, d.name, f.why)
	}
}

// environ takes the variables that are ours. An empty one is as good as none, for compose files and charts
// pass on variables that nobody set. An unknown one is a warning only: others may use the prefix.
func (l *loader) environ(environ []string) {
	for _, entry := range environ {
		name, text, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, envPrefix) || text == "" || fromKubernetes(name, text) ||
			strings.HasPrefix(name, testPrefix) {
			continue
		}
		word := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name, envPrefix), "_", "-"))
		if s := l.table.find(word); s != nil {
			l.assign(s, text, name)
		} else {
			l.warn("%s: no such setting%s", name, suggest(word, l.table.allNames()))
		}
	}
}

// fromKubernetes tells the variables that Kubernetes gives to each pod beside a service named "lockd".
// LOCKD_PORT=tcp://10.0.0.7:6380 among them would else stop every node from starting.
func fromKubernetes(name, text string) bool {
	rest := strings.TrimPrefix(name, envPrefix)
	return strings.HasPrefix(rest, "SERVICE_HOST") || strings.HasPrefix(rest, "SERVICE_PORT") ||
		strings.HasPrefix(rest, "PORT_") ||
		rest == "PORT" && (strings.HasPrefix(text, "tcp://") || strings.HasPrefix(text, "udp://"))
}

// flags takes what the command line says. Of a setting with several words each flag adds some, of another
// the last one counts.
func (l *loader) flags(flags map[string][]string) {
	for _, s := range l.table.all() {
		given := flags[s.name]
		if len(given) == 0 {
			continue
		}
		text := given[len(given)-1]
		if s.many() {
			text = strings.Join(given, " ")
		}
		l.assign(s, text, "--"+s.name)
	}
}

// check finds what no single value shows: settings that do not go together.
func check(c *Config) []error {
	var errs []error
	refuse := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	refuse(len(c.Network.Bind) == 0, "bind: no address is given to listen on")
	refuse(slices.Contains(c.Network.Bind, ""), "bind: an address is empty")
	refuse(c.Storage.Dir == "", "dir: the data folder has no name")
	refuse(len(c.Network.UnixSocket) > maxUnixPath,
		"unix-socket: the path is longer than %d bytes, the most that systems take", maxUnixPath)
	refuse(c.PeerPort() > maxPort,
		"port: %d leaves no room for the cluster port %d; give --cluster-port",
		c.PeerPort()-clusterPortOffset, c.PeerPort())
	refuse(samePort(c.Network.Port, c.TLS.Port), "tls-port: %d is port too", c.TLS.Port)
	refuse(samePort(c.PeerPort(), c.Network.Port) || samePort(c.PeerPort(), c.TLS.Port),
		"cluster-port: %d is port or tls-port too", c.PeerPort())
	refuse(c.Limits.MaxInlineBytes > c.Limits.MaxCommandBytes,
		"max-inline-bytes: is more than max-command-bytes (%d)", c.Limits.MaxCommandBytes)
	refuse(c.Limits.PreauthBytes > c.Limits.MaxCommandBytes,
		"preauth-max-bytes: is more than max-command-bytes (%d)", c.Limits.MaxCommandBytes)
	refuse(c.Limits.PreauthArgs > c.Limits.MaxArgs,
		"preauth-max-args: is more than max-args (%d)", c.Limits.MaxArgs)
	refuse(c.Limits.MaxKeyBytes > c.Limits.MaxCommandBytes,
		"max-key-bytes: is more than max-command-bytes (%d)", c.Limits.MaxCommandBytes)
	refuse(c.Queues.MaxPendingBytes < c.Limits.MaxCommandBytes,
		"max-pending-bytes: is less than max-command-bytes (%d), one command could not pass",
		c.Limits.MaxCommandBytes)
	refuse(c.Queues.MaxWaitersPerKey > c.Queues.MaxWaiters,
		"max-waiters-per-key: is more than max-waiters (%d)", c.Queues.MaxWaiters)
	return slices.Concat(errs, checkCluster(c), checkDiscovery(c))
}

// maxUnixPath is what fits into the shortest sockaddr_un of the systems that we run on (macOS).
const maxUnixPath = 103

// samePort tells whether two settings name the same port; 0 names none.
func samePort(a, b int) bool { return a != 0 && a == b }

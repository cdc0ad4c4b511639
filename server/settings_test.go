package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
)

// TestTable holds the table to what its readers rely on.
func TestTable(t *testing.T) {
	table, foreign := newTable(), newForeign()
	seen := map[string]string{}
	for _, s := range table.all() {
		for _, name := range []string{s.name, s.redis, s.also} {
			if name == "" {
				continue
			}
			if other := seen[name]; other != "" {
				t.Errorf("%s names %s and %s", name, other, s.name)
			}
			seen[name] = s.name
			if _, both := foreign[name]; both {
				t.Errorf("%s is a setting and a word without meaning", name)
			}
			if name != strings.ToLower(name) || strings.Contains(name, "_") {
				t.Errorf("%s would not be found", name)
			}
		}
		if s.help == "" || !strings.HasSuffix(s.help, ".") {
			t.Errorf("%s: its help is no sentence", s.name)
		}
		c := table.defaults()
		if err := s.field(c).parse(s.field(c).String()); err != nil {
			t.Errorf("%s: what CONFIG GET gives cannot be read: %v", s.name, err)
		}
	}
}

// TestEveryFieldHasASetting finds fields of a Config that nothing sets, and two settings with one field.
func TestEveryFieldHasASetting(t *testing.T) {
	var c Config
	free := map[uintptr]string{}
	for _, group := range reflect.ValueOf(&c).Elem().Fields() {
		for field, value := range group.Fields() {
			free[value.Addr().Pointer()] = group.Type().Name() + "." + field.Name
		}
	}
	for _, s := range newTable().all() {
		at := reflect.ValueOf(s.field(&c))
		for at.Kind() == reflect.Struct {
			at = at.Field(0)
		}
		if free[at.Pointer()] == "" {
			t.Errorf("%s shares its field with another, or has none", s.name)
		}
		delete(free, at.Pointer())
	}
	for _, field := range free {
		t.Errorf("no setting for %s", field)
	}
}

func TestGet(t *testing.T) {
	s := NewSettings(Defaults())
	for name, want := range map[string]string{
		"port": "6380", "PORT": "6380", "maxclients": "10000", "max-clients": "10000", "max-command-bytes": "1048576",
		"timeout": "0", "protected-mode": "yes", "bind": "127.0.0.1", "write-timeout": "10s", "save": "",
		"appendonly": "yes", "databases": "16", "maxmemory-policy": "noeviction", "slowlog-log-slower-than": "10000",
	} {
		if got, found := s.Get(name); !found || got != want {
			t.Errorf("%s is %q %v, want %q", name, got, found, want)
		}
	}
	if _, found := s.Get("pidfile"); found {
		t.Error("a word that is ignored has a value")
	}
	names := s.Names()
	for _, name := range names {
		if _, found := s.Get(name); !found {
			t.Errorf("%s is among the names and cannot be got", name)
		}
	}
	if !slices.IsSorted(names) || !slices.Contains(names, "maxmemory") || !slices.Contains(names, "max-memory") {
		t.Errorf("names %q", names)
	}
}

func TestSet(t *testing.T) {
	const failed = "CONFIG SET failed (possibly related to argument '"
	for _, c := range []struct {
		name    string
		changes []Change
		want    string
	}{
		{"one", []Change{{"maxclients", "5"}}, ""},
		{"any case", []Change{{"Protected-Mode", "NO"}}, ""},
		{"several", []Change{{"timeout", "5"}, {"slowlog-max-len", "6"}}, ""},
		{"a word that stands", []Change{{"save", ""}}, ""},
		{"immutable", []Change{{"port", "1"}}, failed + "port') - can't set immutable config"},
		{"unknown", []Change{{"frob", "1"}}, "Unknown option or number of arguments for CONFIG SET - 'frob'"},
		{"unknown after a wrong one", []Change{{"maxclients", "x"}, {"frob", "1"}},
			"Unknown option or number of arguments for CONFIG SET - 'frob'"},
		{"wrong", []Change{{"maxclients", "x"}}, failed + "maxclients') - argument couldn't be parsed into an integer"},
		{"twice", []Change{{"timeout", "1"}, {"timeout", "2"}}, failed + "timeout') - duplicate parameter"},
		{"twice by two names", []Change{{"maxclients", "1"}, {"max-clients", "2"}},
			failed + "max-clients') - duplicate parameter"},
		{"one wrong of two", []Change{{"timeout", "77"}, {"maxclients", "0"}},
			failed + "maxclients') - argument must be between 1 and 4294967295 inclusive"},
		{"a word of Redis", []Change{{"appendonly", "no"}}, failed + "appendonly') - every acknowledged command is on disk"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := NewSettings(Defaults())
			before := s.Config()
			told := 0
			s.OnChange(func(now *Config) {
				told++
				if now != s.Config() {
					t.Error("told of another Config")
				}
			})
			err := s.SetAll(c.changes...)
			if c.want != "" {
				if err == nil || !strings.HasPrefix(err.Error(), c.want) {
					t.Fatalf("got %v, want %s", err, c.want)
				}
				if s.Config() != before || told > 0 {
					t.Error("half a change was made")
				}
				return
			}
			if err != nil || told != 1 {
				t.Fatal(err, told)
			}
			for _, change := range c.changes {
				if got, _ := s.Get(change.Name); !strings.EqualFold(got, change.Value) {
					t.Errorf("%s is %q", change.Name, got)
				}
			}
			if !reflect.DeepEqual(before, Defaults()) {
				t.Error("the old Config was changed in place")
			}
		})
	}
}

func TestSetAtTheSameTime(t *testing.T) {
	s := NewSettings(Defaults())
	last := 0
	s.OnChange(func(c *Config) { last = c.Limits.MaxClients }) // a race if two came at once
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 50 {
				if err := s.Set("maxclients", fmt.Sprint(i+1)); err != nil {
					t.Error(err)
				}
				s.Get("maxclients")
			}
		})
	}
	all.Wait()
	if got := s.Config().Limits.MaxClients; got != last {
		t.Errorf("max-clients is %d, and the last change said %d", got, last)
	}
}

// TestSecretsAreHidden tries all ways in which a Config might be printed by mistake.
func TestSecretsAreHidden(t *testing.T) {
	c := Defaults()
	c.Security.RequirePass, c.TLS.KeyFilePass = "sesame", "sesame"
	var logged bytes.Buffer
	for _, format := range []string{LogText, LogJSON} {
		log, err := NewLogging(Log{Format: format, Level: "debug"}, &logged)
		if err != nil {
			t.Fatal(err)
		}
		log.Info("start", "config", c, "security", c.Security, "pass", c.Security.RequirePass)
		log.Info("plain", "requirepass", "sesame", "Password", "sesame",
			slog.Group("g", "tls-key-file-pass", []byte("sesame")))
	}
	asJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	printed := []string{logged.String(), string(asJSON), c.String()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, what := range []any{c, *c, c.Security, &c.Security, c.TLS, c.Security.RequirePass, []Secret{"sesame"}} {
			printed = append(printed, fmt.Sprintf(verb, what))
		}
	}
	for _, text := range printed {
		if strings.Contains(text, "sesame") || strings.Contains(text, fmt.Sprintf("%x", "sesame")) {
			t.Errorf("the password is in: %s", text)
		}
	}
	if !strings.Contains(c.String(), "requirepass ***\n") || !strings.Contains(c.String(), "port 6380\n") {
		t.Errorf("not shown:\n%v", c)
	}
	if !c.Security.RequirePass.Matches("sesame") || c.Security.RequirePass.Matches("Sesame") {
		t.Error("Matches")
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "100": 100, "7b": 7, "1k": 1000, "1kb": 1024, "1KB": 1024, "2m": 2000000, "2mb": 2 << 20, "1G": 1e9, "1gb": 1 << 30,
	} {
		if got, err := parseBytes(text); err != nil || got != want {
			t.Errorf("%s is %d %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "k", "-1", "1tb", "1 kb", "1.5kb", "1kk", "9999999999gb", "0x10", "b1"} {
		if got, err := parseBytes(text); err == nil {
			t.Errorf("%q is taken as %d", text, got)
		}
	}
}

func TestTimes(t *testing.T) {
	for text, want := range map[string]string{"5": "5", "5m": "300", "0": "0", "2000ms": "2"} {
		c := Defaults()
		if err := seconds(&c.Limits.IdleTimeout).parse(text); err != nil || seconds(&c.Limits.IdleTimeout).String() != want {
			t.Errorf("%s is %s %v, want %s", text, seconds(&c.Limits.IdleTimeout).String(), err, want)
		}
	}
	for _, text := range []string{"", "-1", "-1s", "x", "99999999999999999999", "9223372036854775807", "1y"} {
		c := Defaults()
		if err := seconds(&c.Limits.IdleTimeout).parse(text); err == nil {
			t.Errorf("%q is taken as %v", text, c.Limits.IdleTimeout)
		}
	}
}

func TestMachineMemory(t *testing.T) {
	if m := machineMemory(); m < 64<<20 {
		t.Errorf("%d bytes", m)
	}
	if got := (Limits{MaxMemory: 5}).MemoryBound(); got != 5 {
		t.Errorf("bound %d", got)
	}
	if got := memTotal("/none"); got != assumedMemory {
		t.Errorf("without a file: %d", got)
	}
}

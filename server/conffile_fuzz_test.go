// Configuration files: any text is read or refused with a sentence that names its line, and what was taken
// can be written back and read as the same.

package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func FuzzConfFile(f *testing.F) {
	for _, text := range []string{
		"port 7000\nbind 127.0.0.1 ::1\n# a comment\n\n", "max-memory 1gb\r\nnode-id \"n\\x31\"\n", "save 60 1",
		"\ufeffloglevel 'verbose'", "port", "port 1 2", "port \"1", "nonsense yes", "command-timeout 10s",
		"cluster-members n1=a:1,n2=b:2", "requirepass secret", "maxmemory 100mb", "tls-port 7", "heartbeat 1.5s",
	} {
		f.Add(text)
	}
	path := filepath.Join(f.TempDir(), "lockd.conf")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(strings.ToLower(text), "include") {
			return // it would read files of this machine
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		l := newLoader()
		l.file(path)
		for _, err := range append(l.errs, check(l.config)...) {
			if err.Error() == "" {
				t.Error("an error without words")
			}
		}
		for _, err := range l.errs {
			if !strings.Contains(err.Error(), path) {
				t.Errorf("%q does not say where", err)
			}
		}
		for name := range l.from {
			s := l.table.find(name)
			said := s.field(l.config).String()
			again := newLoader()
			if err := s.field(again.config).parse(said); err != nil || s.field(again.config).String() != said {
				t.Errorf("%s: %q is read again as %q, %v", name, said, s.field(again.config).String(), err)
			}
		}
	})
}

package server

import (
	"testing"
	"time"
)

func TestTestSyncDelay(t *testing.T) {
	for text, want := range map[string]time.Duration{"": 0, "2ms": 2 * time.Millisecond, "1s": time.Second} {
		t.Setenv("LOCKD_TEST_SYNC_DELAY", text)
		if got, err := testSyncDelay(); got != want || err != nil {
			t.Errorf("%q: %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"2", "-1ms", "2s", "soon"} {
		t.Setenv("LOCKD_TEST_SYNC_DELAY", text)
		if _, err := testSyncDelay(); err == nil || ExitCode(err) != ExitUsage {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, warnings, err := Load(Source{Environ: []string{"LOCKD_TEST_SYNC_DELAY=2ms"}}); err != nil || len(warnings) > 0 {
		t.Errorf("a variable of tests is no unknown setting: %v, %v", warnings, err)
	}
}

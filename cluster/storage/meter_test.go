// Bytes of log and times of syncs.

package storage

import (
	"path/filepath"
	"testing"
	"time"
)

func near(t *testing.T, what string, got, want uint64) {
	t.Helper()
	if got > want+meterStep || got+meterStep < want {
		t.Errorf("%s is %d, want about %d", what, got, want)
	}
}

func TestLogBytes(t *testing.T) {
	for _, kind := range []string{LogWAL, LogBolt} {
		o := testOptions(t, filepath.Join(tempDir(t), "d"), kind)
		o.SegmentSize = 1 << 20
		s := mustOpen(t, o)
		const each = 1000 + 8 + entryOverhead
		fill(t, s, 1, 5000, 50, 1000)
		written, live := s.LogBytes()
		near(t, "written", written, 5000*each)
		near(t, "live", live, 5000*each)
		near(t, "behind 4000", s.LogBytesAfter(4000), 1000*each)
		near(t, "behind the end", s.LogBytesAfter(6000), 0)
		wantSnapshot(t, s, 2000, 1)
		if err := s.Log.DeleteRange(1, 2000); err != nil {
			t.Fatal(err)
		}
		if err := s.Log.DeleteRange(4501, 5000); err != nil {
			t.Fatal(err)
		}
		_, live = s.LogBytes()
		near(t, "live after cutting both ends", live, 2500*each)
		fill(t, s, 4501, 5500, 50, 1000)
		near(t, "behind 3000", s.LogBytesAfter(3000), 2500*each)
		mustClose(t, s)
		s = mustOpen(t, o)
		written, live = s.LogBytes()
		near(t, "live after a restart", live, 3500*each)
		near(t, "behind 3000 after a restart", s.LogBytesAfter(3000), 2500*each)
		if written != 0 {
			t.Errorf("%d bytes written by a store that was just opened", written)
		}
		if err := s.Log.DeleteRange(2001, 5500); err != nil {
			t.Fatal(err)
		}
		if _, live = s.LogBytes(); live != 0 {
			t.Errorf("an empty log holds %d bytes", live)
		}
	}
}

func TestHistogram(t *testing.T) {
	for us := int64(0); us < 1<<34; us += 1 + us/50 {
		d := time.Duration(us) * time.Microsecond
		if up := upperBound(bucketOf(d)); up <= d || up > d+d/8+time.Microsecond {
			t.Fatalf("%v is counted as up to %v", d, up)
		}
	}
	var h histogram
	for i := range 1000 {
		h.add(time.Duration(i) * time.Millisecond)
	}
	for range 2 {
		s := h.read()
		if s.Count != 1000 || s.Last != 999*time.Millisecond || s.P50 < 450*time.Millisecond ||
			s.P50 > 570*time.Millisecond || s.P99 < 980*time.Millisecond || s.Peak < 999*time.Millisecond {
			t.Fatalf("%+v", s)
		}
		h.turn() // after one turn all is still there, after two it is gone
	}
	if s := h.read(); s.Count != 1000 || s.P50 != 0 || s.Peak != 0 {
		t.Fatalf("%+v", s)
	}
}

func TestSyncTimesAreMeasured(t *testing.T) {
	for _, kind := range []string{LogWAL, LogBolt} {
		s := mustOpen(t, testOptions(t, tempDir(t), kind))
		before := s.SyncTimes().Count
		fill(t, s, 1, 10, 1, 20)
		if n := s.SyncTimes().Count - before; n != 10 {
			t.Errorf("%s: %d syncs for 10 appends", kind, n)
		}
	}
}

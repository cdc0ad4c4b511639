package session

import (
	"testing"
	"time"

	"github.com/divtxt/lockd/commands"
)

// TestBeat lets signs of life come at some times: they wait for the next beat once those of the beat before
// were many, and the first ones, and few, do not wait at all.
func TestBeat(t *testing.T) {
	var b beat
	at := func(beats int, more time.Duration) time.Duration { return time.Duration(beats)*beatEvery + more }
	for beats := range 10 {
		for i := range beatFrom - 1 {
			if wait := b.wait(at(beats, time.Duration(i)*time.Millisecond)); wait != 0 {
				t.Fatalf("one of a few in beat %d waits %v", beats, wait)
			}
		}
	}
	for i := range beatFrom {
		if wait := b.wait(at(10, time.Duration(i))); wait != 0 {
			t.Fatalf("number %d of the first many waits %v", i, wait)
		}
	}
	for _, more := range []time.Duration{0, time.Millisecond, beatEvery - 1} {
		if wait := b.wait(at(11, more)); wait != beatEvery-more {
			t.Errorf("after many, %v after the beat: waits %v, not until the next", more, wait)
		}
	}
	if wait := b.wait(at(12, 0)); wait != 0 {
		t.Errorf("after few, waits %v", wait)
	}
	for range 2 * beatFrom {
		b.wait(at(13, 0))
	}
	if wait := b.wait(at(15, 0)); wait != 0 {
		t.Errorf("after a beat without any, waits %v", wait)
	}
}

// TestPatience asks which groups may wait for a beat: those of nothing but signs of life.
func TestPatience(t *testing.T) {
	ping, get := &commands.Command{Flags: commands.Patient}, &commands.Command{Flags: commands.ReadOnly}
	local := slot{call: -1}
	for _, k := range []struct {
		slots []slot
		want  bool
	}{
		{[]slot{{call: 0, cmd: ping}}, true},
		{[]slot{local, {call: 0, cmd: ping}, {call: 1, cmd: ping}}, true},
		{[]slot{{call: 0, cmd: ping}, {call: 1, cmd: get}}, false},
		{[]slot{{call: 0, cmd: get}}, false},
	} {
		if got := (&conn{slots: k.slots}).patient(); got != k.want {
			t.Errorf("%d commands are patient: %v", len(k.slots), got)
		}
	}
}

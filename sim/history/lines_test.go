package history

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestLinesKeepOperations(t *testing.T) {
	ops := history(t, `
		take yes k a n1 1 5 ttl=1000 wait=7 n=1
		take unknown k b n1 2 6 ttl=1000 wait=7 dialed=1 left said=closed
		queue yes <k>&☃ - n1 3 7 q=b,c
		count refused c - n1 4 8 said=TRYAGAIN
		holds no k a n2 5 9`)
	var text bytes.Buffer
	if err := WriteOps(&text, ops); err != nil {
		t.Fatal(err)
	}
	t.Log(text.String())
	got, err := ReadOps(&text)
	if err != nil || !reflect.DeepEqual(got, ops) {
		t.Errorf("got %v, %v; wrote %v", got, err, ops)
	}
}

// TestLinesOfOthers reads what a client in another language writes: the least, and mistakes.
func TestLinesOfOthers(t *testing.T) {
	const good = `{"kind":"take","key":"k","owner":"a","sent":5,"done":9,"out":"yes","number":7}`
	ops, err := ReadOps(strings.NewReader(good + "\n"))
	want := []Op{{Kind: Take, Key: "k", Owner: "a", Dialed: 5, Sent: 5, Done: 9, Number: 7}}
	if err != nil || !reflect.DeepEqual(ops, want) {
		t.Errorf("got %v, %v", ops, err)
	}
	for _, c := range []struct{ old, bad, says string }{
		{`take`, `took`, `no kind "took"`},
		{`"key":"k",`, ``, "no key"},
		{`"owner":"a",`, ``, "needs an owner"},
		{`"sent":5,`, ``, "are needed"},
		{`"done":9,`, ``, "are needed"},
		{`"out":"yes",`, ``, "are needed"},
		{`yes`, `maybe`, `no outcome "maybe"`},
		{`"done":9`, `"done":4`, "not in order"},
		{`"sent"`, `"dialed":6,"sent"`, "not in order"},
		{`number`, `token`, "token"},
		{`"out"`, `"left":true,"out"`, "left is for"},
		{`{`, `[`, "invalid character"},
	} {
		line := strings.Replace(good, c.old, c.bad, 1)
		_, err := ReadOps(strings.NewReader(good + "\n" + line + "\n"))
		if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("%s: %v, want %q", line, err, c.says)
		}
	}
}

// TestMerge joins what two processes wrote down on one clock.
func TestMerge(t *testing.T) {
	h := Shared()
	if ahead := monotonic() - h.Zero() - h.Now(); ahead > 0 || ahead < -time.Second {
		t.Errorf("the history's clock is ahead by %v", ahead)
	}
	ours := []Op{{Key: "a", Sent: 1}, {Key: "c", Sent: 8, Done: 9}}
	theirs := []Op{{Key: "b", Dialed: 1002, Sent: 1003, Done: 1005}}
	got := Merge(ours, Shift(theirs, -1000))
	want := []Op{{Key: "a", Sent: 1}, {Key: "b", Dialed: 2, Sent: 3, Done: 5}, {Key: "c", Sent: 8, Done: 9}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
}

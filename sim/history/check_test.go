// Each check is shown histories that are right and such that are wrong in one point: it must bite, and only
// then.

package history

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// history makes operations from lines: kind outcome key owner node sent done, then ttl=ms wait=ms n=number
// q=owners dialed=ms said=error cmd=word left mode=m permits=n limit=n prio=n session=id. Times are milliseconds.
func history(t *testing.T, text string) []Op {
	t.Helper()
	var ops []Op
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		var op Op
		var outcome string
		var sent, done int64
		words := strings.Fields(line)
		_, err := fmt.Sscan(strings.Join(words[:7], " "), &op.Kind, &outcome, &op.Key, &op.Owner, &op.Node, &sent, &done)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		op.Command, op.Dialed, op.Sent, op.Done = string(op.Kind), ms(sent), ms(sent), ms(done)
		op.Outcome = map[string]Outcome{"yes": Yes, "no": No, "refused": Refused, "unknown": Unknown}[outcome]
		if op.Outcome.String() != outcome {
			t.Fatalf("%s: no outcome %q", line, outcome)
		}
		if op.Owner == "-" {
			op.Owner = ""
		}
		for _, word := range words[7:] {
			name, value, _ := strings.Cut(word, "=")
			var n int64
			_, _ = fmt.Sscan(value, &n)
			switch name {
			case "ttl":
				op.TTL = ms(n)
			case "wait":
				op.Wait = ms(n)
			case "n":
				op.Number = n
			case "q":
				op.Waiters = strings.Split(value, ",")
			case "dialed":
				op.Dialed = ms(n)
			case "said":
				op.Said = value
			case "cmd":
				op.Command = value
			case "left":
				op.Left = true
			case "mode":
				op.Mode = Mode(value)
			case "permits":
				op.Permits = n
			case "limit":
				op.Limit = n
			case "prio":
				op.Prio = int(n)
			case "session":
				op.Session = value
			default:
				t.Fatalf("%s: what is %s?", line, word)
			}
		}
		ops = append(ops, op)
	}
	slices.SortStableFunc(ops, func(a, b Op) int { return cmp.Compare(a.Sent, b.Sent) })
	return ops
}

func ms(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// cases are histories with a word of each finding that they must give; none for good ones.
var cases = []struct {
	name, history string
	want          []string
}{
	{"one after the other", `
		take yes k a n1 0 5 ttl=1000 n=1
		release yes k a n1 10 20
		take yes k b n1 11 15 ttl=1000 n=2
		holds yes k b n1 30 40 n=2
		holds no k a n1 30 40`, nil},
	{"two holders", `
		take yes k a n1 0 5 ttl=1000 n=1
		take yes k b n1 10 15 ttl=1000 n=2`, []string{"two holders"}},
	{"two holders without tokens", `
		take yes k a n1 0 5 ttl=1000
		take yes k b n1 10 15 ttl=1000`, []string{"two holders"}},
	{"the second grant is replied before the first", `
		take yes k a n1 0 100 ttl=1000 n=1
		take yes k b n1 10 15 ttl=1000 n=2`, []string{"two holders"}},
	{"one without a token among others", `
		take yes k a n1 0 5 ttl=100
		take yes k b n1 10 15 ttl=1000 n=2
		release yes k b n1 200 210
		take yes k c n1 205 220 ttl=1000`, []string{"a (token 0) held k"}},
	{"granted without a token while held", `
		take yes k b n1 10 15 ttl=1000 n=2
		release yes k b n1 200 210
		take yes k c n1 100 190 ttl=1000`, []string{"two holders"}},
	{"a reply that comes after the time to live", `
		take yes k a n1 0 500 ttl=100
		take yes k b n1 200 210 ttl=1000 n=2
		holds no k a n1 510 520`, nil},
	{"an early end, after a long and a short hold", `
		take yes k a n1 0 5 ttl=1000 n=1
		release unknown k a n1 300 400
		take yes k b n1 310 315 ttl=20 n=2
		take yes k c n1 329 329 ttl=20 n=3`, []string{"two holders at once, or an early end: b"}},
	{"expired, then taken", `
		take yes k a n1 0 5 ttl=100 n=1
		take yes k b n1 90 101 ttl=100 n=2
		holds no k a n1 102 104`, nil},
	{"expired early", `
		take yes k a n1 0 5 ttl=100 n=1
		take yes k b n1 90 99 ttl=100 n=2`, []string{"early end"}},
	{"renewed, and expired early all the same", `
		take yes k a n1 0 5 ttl=100 n=1
		renew yes k a n1 50 55 ttl=100 n=100
		take yes k b n1 90 120 ttl=100 n=2`, []string{"early end"}},
	{"a renewal whose outcome is not known gives nothing", `
		take yes k a n1 0 5 ttl=100 n=1
		renew unknown k a n1 50 55 ttl=100
		take yes k b n1 90 120 ttl=100 n=2`, nil},
	{"a renewal never shortens", `
		take yes k a n1 0 5 ttl=1000 n=1
		renew yes k a n1 50 55 ttl=100 n=950
		take yes k b n1 300 310 ttl=100 n=2`, []string{"early end"}},
	{"a replacement does", `
		take yes k a n1 0 5 ttl=1000 n=1
		replace yes k a n1 50 55 ttl=100
		take yes k b n1 300 310 ttl=100 n=2`, nil},
	{"also one that may come late", `
		take yes k a n1 0 5 ttl=1000 n=1
		replace unknown k a n1 50 55 ttl=100
		renew yes k a n1 60 65 ttl=1000 n=1000
		take yes k b n1 300 310 ttl=100 n=2`, nil},
	{"a renewal gave too little", `
		take yes k a n1 0 5 ttl=100 n=1
		renew yes k a n1 50 55 ttl=100 n=99`, []string{"gave less"}},
	{"a holder cannot renew", `
		take yes k a n1 0 5 ttl=100 n=1
		renew no k a n1 50 55 ttl=100`, []string{"grant is gone"}},
	{"a holder is not seen", `
		take yes k a n1 0 5 ttl=100 n=1
		holds no k a n2 50 55`, []string{"grant is gone"}},
	{"a holder cannot release", `
		take yes k a n1 0 5 ttl=100 n=1
		release no k a n2 50 55`, []string{"grant is gone"}},
	{"too late for all of them", `
		take yes k a n1 0 5 ttl=100 n=1
		holds no k a n2 95 101
		renew no k a n2 102 103 ttl=100
		release no k a n2 104 105`, nil},
	{"refused operations say nothing", `
		take yes k a n1 0 5 ttl=1000 n=1
		release refused k a n2 50 55
		holds yes k a n1 60 65 n=1
		release yes k a n1 70 75
		take refused k a n1 80 85 ttl=100
		holds no k a n1 90 95`, nil},
	{"held after its release", `
		take yes k a n1 0 5 ttl=100 n=1
		release yes k a n2 50 55
		holds yes k a n1 60 65`, []string{"after its release"}},
	{"held after its release, but a first request may have come late", `
		take unknown k a n1 0 5 ttl=100
		take yes k a n2 10 15 ttl=100 n=1
		release yes k a n2 50 55
		holds yes k a n1 60 65`, nil},
	{"granted anew while held", `
		take yes k a n1 0 5 ttl=100 n=1
		take yes k a n2 10 15 ttl=100 n=2`, []string{"granted anew"}},
	{"asked again", `
		take yes k a n1 0 5 ttl=100 n=1
		take yes k a n2 10 15 ttl=100 n=1
		take yes k b n2 90 105 ttl=100 n=2`, []string{"early end"}},
	{"the token of a SET NX is asked for later", `
		take yes k a n1 0 5 ttl=100
		holds yes k a n1 10 15 n=7
		take yes k b n2 16 200 ttl=100 n=7`, []string{"token 7 was given twice"}},
	{"the token changes under the holder", `
		take yes k a n1 0 5 ttl=100 n=1
		holds yes k a n1 10 15 n=2`, []string{"token is now another"}},
	{"tokens of two keys are the same", `
		take yes k a n1 0 5 ttl=100 n=4
		take yes l b n1 1 6 ttl=100 n=4`, []string{"token 4 was given twice"}},
	{"tokens fall", `
		take yes k a n1 0 5 ttl=100 n=4
		take yes m b n1 1 6 ttl=100 n=5
		take yes l c n1 6 9 ttl=100 n=3`, []string{"token 3 was given"}},
	{"a token whose first reply was lost", `
		take unknown k a n1 1 5 ttl=100 wait=100
		take yes m b n1 6 8 ttl=100 n=5
		take yes k a n1 9 12 ttl=100 n=4`, nil},
	{"tokens of requests at the same time are in any order", `
		take yes k a n1 0 5 ttl=100 n=4
		take yes l c n1 5 9 ttl=100 n=3`, nil},
	{"one who left was perhaps granted for a moment", `
		take yes k a n1 0 5 ttl=100 n=1
		take unknown k b n1 10 20 ttl=100 wait=100 left
		release yes k a n1 21 25
		take yes k c n1 22 26 ttl=100 n=3`, nil},
	{"one who left keeps no place in the queue", `
		queue yes k - n1 4 5 q=a,b,c
		take yes k a n1 0 50 ttl=10 wait=100 n=3
		take unknown k b n1 0 60 ttl=10 wait=100 left
		take yes k c n1 0 70 ttl=10 wait=100 n=4`, nil},
	{"sent away before its time", `
		take no k a n1 0 90 wait=100 ttl=100`, []string{"before its time"}},
	{"sent away in time", `
		take yes k b n1 0 20 ttl=100
		take no k a n1 0 100 wait=100 ttl=100`, nil},
	{"counters", `
		count yes c - n1 0 5 n=1
		count unknown c - n1 6 10
		count refused c - n1 6 10
		count yes c - n1 11 15 n=3
		count yes d - n1 11 15 n=1
		read yes c - n1 20 25 n=3`, nil},
	{"an increment is lost", `
		count yes c - n1 0 5 n=1
		count yes c - n1 6 10 n=2
		read yes c - n1 20 25 n=1`, []string{"lost"}},
	{"an increment is lost, and the next one counts from there", `
		count yes c - n1 0 5 n=1
		count yes c - n1 6 10 n=1`, []string{"given twice"}},
	{"increments are lost, though their numbers look right", `
		count yes c - n1 0 5 n=1
		count unknown c - n1 0 5
		count yes c - n1 0 8 n=2
		read yes c - n1 20 25 n=1`, []string{"lost"}},
	{"a counter is gone", `
		read no c - n1 0 4
		count yes c - n1 0 5 n=1
		read no c - n1 4 7
		read no c - n1 6 7`, []string{"[6ms, 7ms]"}},
	{"an increment counts twice", `
		count yes c - n1 0 5 n=1
		count yes c - n1 6 10 n=3`, []string{"twice"}},
	{"a refused increment counts", `
		count yes c - n1 0 5 n=1
		count refused c - n1 6 10
		read yes c - n1 11 12 n=2`, []string{"twice"}},
	{"in turn", `
		queue yes k - n1 4 5 q=x,a,b,c
		take yes k a n1 0 50 ttl=10 wait=100 n=3
		take yes k c n1 0 70 ttl=10 wait=100 n=5
		take no k x n1 0 110 ttl=10 wait=100`, nil},
	{"out of turn", `
		queue yes k - n1 4 5 q=a,b,c
		take yes k a n1 0 50 ttl=10 wait=100 n=5
		take yes k c n1 0 40 ttl=1 wait=100 n=4`, []string{"out of turn: take k c"}},
	{"out of turn, but its first request was lost", `
		queue yes k - n1 4 5 q=a,b,c
		take unknown k a n1 0 6 ttl=10 wait=100
		take yes k a n1 10 50 ttl=10 wait=100 n=5
		take yes k c n1 0 40 ttl=1 wait=100 n=4`, nil},
	{"overtaken by one who came later", `
		take yes k a n1 0 50 ttl=1 wait=100 n=5
		queue yes k - n1 4 5 q=a
		take yes k b n1 6 40 ttl=1 wait=100 n=4`, []string{"token 4 was given to b after 5"}},
	{"overtaken by one who did not wait", `
		take yes k a n1 0 50 ttl=1 wait=100 n=5
		queue yes k - n1 4 5 q=a
		take yes k b n1 6 40 ttl=1 n=4`, []string{"token 4 was given to b after 5"}},
	{"who came first is not known", `
		take yes k a n1 0 50 ttl=1 wait=100 n=5
		queue yes k - n1 4 5 q=a
		take yes k b n1 5 40 ttl=1 wait=100 n=4`, nil},
	{"still in the queue", `
		take yes k a n1 0 50 ttl=1000 wait=100 n=5
		queue yes k - n1 54 55 q=a`, []string{"still waiting"}},
}

// notAboutOrder are cases that one key's replies cannot show: an order of them is possible.
var notAboutOrder = []string{
	"a renewal gave too little", "tokens of two keys are the same", "tokens fall", "out of turn",
	"overtaken by one who came later", "overtaken by one who did not wait", "still in the queue",
}

func TestChecks(t *testing.T) {
	for _, c := range cases {
		verdict := Judge(history(t, c.history), Options{})
		found := slices.DeleteFunc(slices.Clone(verdict.Violations), isOrder)
		if len(found) != len(c.want) {
			t.Errorf("%s: found %d, want %d: %s", c.name, len(found), len(c.want), strings.Join(found, "\n\t"))
			continue
		}
		for i, want := range c.want {
			if !strings.Contains(found[i], want) {
				t.Errorf("%s: found %s, want %q", c.name, found[i], want)
			}
		}
		ordered := len(c.want) == 0 || slices.Contains(notAboutOrder, c.name)
		if ordered == slices.ContainsFunc(verdict.Violations, isOrder) || ordered != (verdict.Worst == "") {
			t.Errorf("%s: has an order: %v; found %v, worst %q", c.name, ordered, verdict.Violations, verdict.Worst)
		}
	}
}

func isOrder(finding string) bool { return strings.HasPrefix(finding, "no order") }

func TestErrorsNeedAnExcuse(t *testing.T) {
	ops := history(t, `
		count yes c - n1 0 5 n=1
		count unknown c - n2 10 20 said=closed
		count refused c - n2 30 40 said=TRYAGAIN
		take unknown k a n1 0 60 wait=100 left
		count unknown c - n2 50 60 dialed=29 said=closed`)
	for _, c := range []struct {
		excuse Excuse
		want   int
	}{
		{Excuse{Node: "n2"}, 0},
		{Excuse{Node: "n1"}, 3},
		{Excuse{Node: "n2", From: ms(21)}, 1},
		{Excuse{Node: "n2", From: ms(20)}, 0},
		{Excuse{Node: "n2", To: ms(28)}, 2},
		{Excuse{Node: "n2", To: ms(29)}, 1},
		{Excuse{Node: "n2", To: ms(30)}, 0},
		{Excuse{Node: "n2", ClosedOnly: true}, 1},
	} {
		if found := CheckErrors(ops, []Excuse{c.excuse}); len(found) != c.want {
			t.Errorf("%+v: found %d, want %d: %v", c.excuse, len(found), c.want, found)
		}
	}
}

func TestSlowOperations(t *testing.T) {
	ops := history(t, `
		take yes k a n1 0 1200 ttl=1000 wait=1000 n=1
		count yes c - n2 0 300 n=1`)
	if found := CheckSlow(ops, nil, ms(250)); len(found) != 1 || !strings.Contains(found[0], "300ms") {
		t.Errorf("found %v", found)
	}
	if found := CheckSlow(ops, []Excuse{{Node: "n2"}}, ms(199)); len(found) != 1 || !strings.Contains(found[0], "200ms") {
		t.Errorf("found %v", found)
	}
}

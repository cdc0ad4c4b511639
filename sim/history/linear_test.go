// The models of a lock and a counter, where they say more than the other checks, and what must not change
// what they say: where a history is cut, and what is settled before the search.

package history

import (
	"slices"
	"strings"
	"testing"

	"github.com/anishathalye/porcupine"
)

// orders are histories that have an order, and such that have none.
var orders = []struct {
	name, history string
	possible      bool
}{
	{"turned away though it was free", `
		take no k a n1 0 5 ttl=100`, false},
	{"turned away by one who was released before", `
		take yes k a n1 0 5 ttl=100 n=1
		release yes k a n1 10 15
		take no k b n1 16 20 ttl=100`, false},
	{"turned away while the release is on its way", `
		take yes k a n1 0 5 ttl=100 n=1
		release yes k a n1 10 15
		take no k b n1 14 20 ttl=100`, true},
	{"turned away by one whose time is over: late is allowed", `
		take yes k a n1 0 5 ttl=10 n=1
		take no k b n1 50 60 ttl=100`, true},
	{"one who was late is gone once another was there", `
		take yes k a n1 0 5 ttl=10 n=1
		take yes k b n1 50 60 ttl=100 n=2
		renew yes k a n1 61 65 ttl=100`, false},
	{"one who waited was turned away at the end of its wait", `
		take yes k a n1 0 5 ttl=1000 n=1
		release yes k a n1 10 15
		take no k b n1 8 120 ttl=100 wait=100`, false},
	{"SET NX of one's own", `
		take yes k a n1 0 5 ttl=100 n=1 cmd=SET
		take no k a n1 6 10 ttl=100 cmd=SET`, true},
	{"LOCK of one's own", `
		take yes k a n1 0 5 ttl=100 n=1
		take no k a n1 6 10 ttl=100`, false},
	{"turned away by one who left", `
		take unknown k a n1 0 5 ttl=100 wait=50 left
		take no k b n1 6 10 ttl=100`, true},
	{"but not before that one came", `
		take no k b n1 1 4 ttl=100
		take unknown k a n1 5 9 ttl=100 wait=50 left`, false},
	{"a take of unknown outcome was granted, and its owner looks", `
		take unknown k a n1 0 5 ttl=100
		holds yes k a n1 6 10 n=4
		take yes k b n1 11 20 ttl=100 n=5`, false},
	{"and is over when another is granted", `
		take unknown k a n1 0 5 ttl=100
		holds yes k a n1 6 10 n=4
		take yes k b n1 11 100 ttl=100 n=5`, true},
	{"it was granted after all, late and once more", `
		take unknown k a n1 0 5 ttl=10
		take yes k a n1 6 8 ttl=10 n=1
		holds yes k a n1 30 32 n=2`, true},
	{"but never without having been asked", `
		take yes k a n1 6 8 ttl=10 n=1
		holds yes k a n1 30 32 n=2`, false},
	{"a release of unknown outcome may come late", `
		take yes k a n1 0 5 ttl=1000 n=1
		release unknown k a n1 10 15
		holds yes k a n1 16 17
		take yes k b n1 20 25 ttl=1000 n=2`, true},
	{"the order of tokens is that of grants", `
		take yes k a n1 0 50 ttl=10 n=2
		release yes k a n1 51 55
		take yes k b n1 56 60 ttl=10 n=1`, false},
	{"time does not go back for those who come later", `
		take yes k a n1 0 5 ttl=100 n=1
		take yes k b n1 1 150 ttl=10 n=2
		holds no k a n1 20 40`, false},
	{"a request that was lost is granted after the release", `
		take yes k a n1 0 5 ttl=100 n=1
		take unknown k b n1 6 9 ttl=10
		release yes k b n1 20 130
		release yes k a n1 30 40
		take no k c n1 10 15 ttl=10`, true},
	{"a grant after a wait whose reply was lost is given back", `
		take unknown k a n1 0 50 ttl=1000 wait=100
		take no k c n1 10 15 ttl=10
		take yes k b n1 20 55 ttl=10 wait=100 n=2
		take yes k a n1 51 80 ttl=1000 wait=100 n=3`, true},
	{"one that came at once is not", `
		take unknown k a n1 0 50 ttl=1000
		take no k c n1 10 15 ttl=10
		take yes k b n1 20 55 ttl=10 wait=100 n=2
		take yes k a n1 56 80 ttl=1000 wait=100 n=3`, false},
	{"increments of unknown outcome count once", `
		count unknown c - n1 0 5
		count unknown c - n1 0 5
		count yes c - n1 6 9 n=3
		read yes c - n1 10 11 n=4`, false},
	{"or not at all, or late", `
		count unknown c - n1 0 5
		count unknown c - n1 0 5
		count yes c - n1 6 9 n=1
		read yes c - n1 10 11 n=3`, true},
	{"but not before they were sent", `
		read yes c - n1 0 4 n=1
		count unknown c - n1 5 6`, false},
	{"a read that is newer than one after it", `
		count yes c - n1 0 9 n=1
		read yes c - n1 1 4 n=1
		read no c - n1 5 6`, false},
}

func TestOrders(t *testing.T) {
	for _, c := range orders {
		found := CheckLinear(history(t, c.history), Options{})
		if (len(found.Violations) == 0) != c.possible || len(found.Wrong) != len(found.Violations) {
			t.Errorf("%s: possible: %v; found %v", c.name, c.possible, found.Violations)
		}
	}
}

// TestFastClocks lets a server's clock run 2 % faster than allowed for.
func TestFastClocks(t *testing.T) {
	for text, want := range map[string]int{
		`take yes k a n1 0 5 ttl=1000 n=1
		 take yes k b n1 900 981 ttl=1000 n=2`: 0,
		`take yes k a n1 0 5 ttl=1000 n=1
		 take yes k b n1 900 979 ttl=1000 n=2`: 2,
		`take yes k a n1 0 5 ttl=2000 n=1
		 take no k b n1 6 988 ttl=1000 wait=1000`: 0,
		`take yes k a n1 0 5 ttl=2000 n=1
		 take no k b n1 6 985 ttl=1000 wait=1000`: 1,
	} {
		if v := Judge(history(t, text), Options{FastBy: 20_000}); len(v.Violations) != want {
			t.Errorf("%s: want %d findings: %v", text, want, v.Violations)
		}
		if v := Judge(history(t, text), Options{}); len(v.Violations) == 0 {
			t.Errorf("%s: nothing is wrong with usual clocks", text)
		}
	}
}

// TestCutsChangeNothing judges long histories cut and whole, right and wrong ones.
func TestCutsChangeNothing(t *testing.T) {
	tune := tuning{clients: 6, locks: 2, counters: 1, ops: 2500, lost: 100}
	for i, flaw := range []string{"", "early end", "stale look", "taken while held", "stale count", "token again"} {
		for _, key := range byKey(play(uint64(i), flaw, tune)) {
			parts := stretches(key, Options{})
			if len(parts) < 2 {
				t.Errorf("%d operations on %s were not cut", len(key), key[0].Key)
			}
			whole := stretch{model: parts[0].model}
			seen := map[any]bool{}
			cut := porcupine.Ok
			for _, part := range parts {
				if r := porcupine.CheckOperationsTimeout(part.model, part.history, searchLimit); r != porcupine.Ok {
					cut = r
				}
				for _, op := range part.history {
					if seen[op.Input] {
						t.Errorf("%v is in two parts", op.Input)
					}
					seen[op.Input] = true
					whole.history = append(whole.history, op)
				}
			}
			if r := porcupine.CheckOperationsTimeout(whole.model, whole.history, searchLimit); r != cut {
				t.Errorf("%q, %s: cut %v, whole %v", flaw, key[0].Key, cut, r)
			}
		}
	}
}

// TestInconclusive has reads that can stand in any order, before one that can stand nowhere.
func TestInconclusive(t *testing.T) {
	ops := history(t, "count yes c - n1 0 5 n=1"+strings.Repeat("\nread yes c - n1 10 20 n=1", 40)+
		"\nread no c - n1 11 19")
	found := checkLinear(ops, Options{}, ms(20))
	if !slices.Equal(found.Inconclusive, []string{"c"}) || len(found.Violations) > 0 {
		t.Errorf("found %+v", found)
	}
}

// TestRows puts operations that are open together into rows of their own.
func TestRows(t *testing.T) {
	list := []porcupine.Operation{{Call: 5, Return: 9}, {Call: 0, Return: 5}, {Call: 6, Return: 7}, {Call: 10, Return: 11}}
	inRows(list)
	var rows []int
	for _, op := range list {
		rows = append(rows, op.ClientId)
	}
	if !slices.Equal(rows, []int{0, 1, 0, 0}) {
		t.Errorf("rows %v of %v", rows, list)
	}
}

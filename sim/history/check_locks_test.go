// The checks of what Redis' locks have not: modes, priorities, sessions, fences, locks that are taken back.

package history

import (
	"strings"
	"testing"
)

// lockCases are histories with a word of each finding that they must give; none for good ones.
var lockCases = []struct {
	name, history string
	want          []string
}{
	{"readers together, and a writer after them", `
		take yes k a n1 0 5 ttl=1000 n=1 mode=shared
		take yes k b n1 1 6 ttl=1000 n=2 mode=shared
		take yes k u n1 2 7 ttl=1000 n=3 mode=update
		release yes k a n1 10 20
		release yes k b n1 12 20
		release yes k u n1 13 20
		take yes k c n1 3 21 ttl=1000 wait=500 n=4`, nil},
	{"a writer beside a reader", `
		take yes k a n1 0 5 ttl=1000 n=1 mode=shared
		take yes k b n1 1 6 ttl=1000 n=2 mode=shared
		release yes k b n1 10 20
		take yes k c n1 11 21 ttl=1000 n=3`, []string{"two holders"}},
	{"a reader beside a writer", `
		take yes k c n1 0 5 ttl=1000 n=1
		take yes k a n1 6 9 ttl=1000 n=2 mode=shared`, []string{"two holders"}},
	{"two who update", `
		take yes k c n1 0 5 ttl=1000 n=1 mode=update
		take yes k a n1 6 9 ttl=1000 n=2 mode=update`, []string{"two holders"}},
	{"a reader that was let past a waiting writer", `
		take yes k a n1 0 5 ttl=1000 n=1 mode=shared
		take yes k w n1 6 90 ttl=1000 wait=500 n=3
		queue yes k - n1 10 12 q=w
		take yes k b n1 20 25 ttl=1000 n=2 mode=shared
		release yes k a n1 30 35
		release yes k b n1 60 65`, []string{"turn at k"}},
	{"as many permits as there are", `
		take yes k a n1 0 5 ttl=1000 n=1 mode=semaphore permits=2 limit=3
		take yes k b n1 1 6 ttl=1000 n=2 mode=semaphore permits=1 limit=3
		release yes k a n1 10 20
		take yes k c n1 11 21 ttl=1000 n=3 mode=semaphore permits=2 limit=3`, nil},
	{"more permits than there are", `
		take yes k a n1 0 5 ttl=1000 n=1 mode=semaphore permits=2 limit=3
		take yes k b n1 1 6 ttl=1000 n=2 mode=semaphore permits=2 limit=3`, []string{"4 permits were held of 3"}},
	{"a semaphore beside a writer", `
		take yes k a n1 0 5 ttl=1000 n=1 mode=semaphore permits=2 limit=3
		take yes k b n1 6 9 ttl=1000 n=2`, []string{"two holders"}},
	{"one token for several keys", `
		take yes k a n1 0 5 ttl=1000 n=1
		take yes l a n1 0 5 ttl=1000 n=1
		release yes l a n1 6 7
		take yes l b n1 8 9 ttl=1000 n=2`, nil},
	{"one token for two owners", `
		take yes k a n1 0 5 ttl=1000 n=1
		take yes l b n1 8 9 ttl=1000 n=1`, []string{"token 1 was given twice"}},
	{"who came later is before who has a lower priority", `
		take yes k a n1 0 5 ttl=1000 n=1
		take yes k b n1 6 80 ttl=1000 wait=500 n=3
		queue yes k - n1 10 12 q=b
		take yes k c n1 20 50 ttl=1000 wait=500 n=2 prio=2
		release yes k a n1 30 35
		release yes k c n1 60 65`, nil},
	{"a queue that is not in the order of priorities", `
		take unknown k b n1 6 80 ttl=1000 wait=500
		take unknown k c n1 6 80 ttl=1000 wait=500 prio=2
		queue yes k - n1 10 12 q=b,c`, []string{"lower priority"}},
	{"a lower priority is served first", `
		take yes k a n1 0 5 ttl=1000 n=1
		take yes k c n1 6 80 ttl=1000 wait=500 n=3 prio=2
		queue yes k - n1 10 12 q=c
		take yes k b n1 20 50 ttl=1000 wait=500 n=2
		release yes k a n1 30 35
		release yes k b n1 60 65`, []string{"turn at k"}},
	{"a session that ends before its time", `
		take yes k a n1 0 5 ttl=100 n=1 session=s1
		renew yes k a n1 50 60 ttl=100 session=s1
		holds no k a n1 120 130 session=s1`, []string{"is gone"}},
	{"a session that ends in its time", `
		take yes k a n1 0 5 ttl=100 n=1 session=s1
		renew yes k a n1 50 60 ttl=100 session=s1
		holds no k a n1 140 151 session=s1
		take yes k b n1 140 152 ttl=100 n=2 session=s2`, nil},
	{"who is refused for another reason need not have waited", `
		take no k a n1 0 5 ttl=100 wait=1000 said=DEADLOCK mode=update`, nil},
	{"taken back at once", `
		take yes k a n1 0 5 ttl=1000 n=1
		revoke yes k - n1 10 20
		renew no k a n1 30 40 ttl=1000
		take yes k b n1 21 25 ttl=1000 n=2`, nil},
	{"taken back before its grace is over", `
		take yes k a n1 0 5 ttl=1000 n=1
		revoke yes k - n1 10 20 ttl=50
		take yes k b n1 21 25 ttl=1000 n=2
		renew no k a n1 30 40 ttl=1000`, []string{"is gone", "two holders"}},
	{"who took it back may still come", `
		take yes k a n1 0 5 ttl=1000 n=1
		revoke unknown k - n1 10 20
		take yes k b n1 30 40 ttl=1000 n=2`, nil},
	{"taken back from the one before", `
		take yes k a n1 0 5 ttl=1000 n=1
		revoke yes k - n1 10 20
		take yes k b n1 30 40 ttl=1000 n=2
		take yes k c n1 50 60 ttl=1000 n=3`, []string{"two holders"}},
	{"taken back and renewed up to the grace", `
		take yes k a n1 0 5 ttl=1000 n=1
		revoke yes k - n1 10 20 ttl=50
		renew yes k a n1 30 40 ttl=1000 n=45`, nil},
	{"taken back and renewed beyond the grace", `
		take yes k a n1 0 5 ttl=1000 n=1
		revoke yes k - n1 10 20 ttl=50
		renew yes k a n1 30 40 ttl=1000 n=1000`, []string{"beyond its grace"}},
	{"a fence that rises", `
		pass yes f - n1 0 5 n=3
		pass yes f - n1 6 9 n=3
		pass no f - n1 10 12 n=2
		pass yes f - n1 11 15 n=7
		fence yes f - n1 16 17 n=7
		pass yes f - n1 11 18 n=5`, nil},
	{"a lower token passes", `
		pass yes f - n1 0 5 n=3
		pass yes f - n1 6 9 n=2`, []string{"went down"}},
	{"a token is refused for nothing", `
		pass yes f - n1 0 5 n=3
		pass no f - n1 6 9 n=3`, []string{"nobody had shown a higher one"}},
	{"a fence that is forgotten", `
		pass yes f - n1 0 5 n=3
		fence no f - n1 6 9`, []string{"went down"}},
	{"a fence that shows what comes later", `
		pass unknown f - n1 0 5 n=3
		fence yes f - n1 6 9 n=4
		pass yes f - n1 10 11 n=4`, []string{"nobody had shown to it"}},
}

func TestLockChecks(t *testing.T) {
	for _, c := range lockCases {
		var found []string
		for _, v := range Judge(history(t, c.history), Options{}).Violations {
			if !isOrder(v) {
				found = append(found, v)
			}
		}
		if len(found) != len(c.want) {
			t.Errorf("%s: found %d, want %d: %s", c.name, len(found), len(c.want), strings.Join(found, "\n\t"))
			continue
		}
		for i, want := range c.want {
			if !strings.Contains(found[i], want) {
				t.Errorf("%s: found %s, want %q", c.name, found[i], want)
			}
		}
	}
}

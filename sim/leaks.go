// Goroutines that stay behind. synctest panics where some do at the end of a bubble, or where all of them
// wait for ever; the panic is caught here, so that the run is told and others go on, and who is known to
// stay is let be.

package sim

import (
	"bytes"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
)

// knownLeaks are goroutines of others that stay behind, by a line of their stack. There are none.
var knownLeaks []string

// inBubble runs f in a bubble and returns what was wrong with its goroutines.
func inBubble(t *testing.T, f func(*testing.T)) (wrong []string) {
	defer func() {
		if p := recover(); p != nil {
			wrong = leaks(fmt.Sprint(p))
		}
	}()
	synctest.Test(t, f)
	return nil
}

// leaks finds the goroutines of the last bubble, except known ones.
func leaks(why string) (wrong []string) {
	buffer := make([]byte, 16<<20)
	buffer = buffer[:runtime.Stack(buffer, true)]
	last := 0
	byBubble := map[int][]string{}
	for stack := range bytes.SplitSeq(buffer, []byte("\n\n")) {
		head, _, _ := strings.Cut(string(stack), "\n")
		_, number, in := strings.Cut(head, "synctest bubble ")
		if !in {
			continue
		}
		bubble, _ := strconv.Atoi(strings.TrimSuffix(number, "]:"))
		last = max(last, bubble)
		byBubble[bubble] = append(byBubble[bubble], string(stack))
	}
	for _, stack := range byBubble[last] {
		if !known(stack) {
			wrong = append(wrong, why+": "+stack)
		}
	}
	if byBubble[last] == nil {
		wrong = append(wrong, why) // it was something else that panicked
	}
	return wrong
}

func known(stack string) bool {
	for _, line := range knownLeaks {
		if strings.Contains(stack, line) {
			return true
		}
	}
	return false
}

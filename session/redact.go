// What of a command may be shown to others, in SLOWLOG: an owner is the proof by which its holder renews
// and releases, a value of a string key is such an owner, and both may be anything. So of a command that
// touches the state its keys are shown, its option words, and the numbers and patterns that its Syntax has
// places for; whatever else it says is not. A new command is covered without being thought of.

package session

import (
	"fmt"
	"strings"

	"github.com/divtxt/lockd/commands"
)

// As Redis cuts them.
const (
	slowWords = 32  // words of an entry, the last one says how many more there were
	slowBytes = 128 // bytes of a word
)

const redacted = "(redacted)"

// shownWords are the words of a command fit for others, cut to a bounded size.
func (h *Hub) shownWords(cmd *commands.Command, words [][]byte) []string {
	secret := h.secretWords(cmd, words)
	list := make([]string, 0, min(len(words), slowWords))
	for i, w := range words {
		switch {
		case i == slowWords-1 && len(words) > slowWords:
			return append(list, fmt.Sprintf("... (%d more arguments)", len(words)-i))
		case secret(i):
			list = append(list, redacted)
		case len(w) > slowBytes:
			list = append(list, fmt.Sprintf("%s... (%d more bytes)", w[:slowBytes], len(w)-slowBytes))
		default:
			list = append(list, string(w))
		}
	}
	return list
}

// secretWords tells which of the words must not be shown.
func (h *Hub) secretWords(cmd *commands.Command, words [][]byte) func(i int) bool {
	switch {
	case cmd.FullName() == "config|set":
		return func(i int) bool { return i > 2 && i%2 == 1 && h.Settings.Secret(string(words[i-1])) }
	case cmd.Local != nil:
		return func(int) bool { return false }
	}
	shown := map[int]bool{}
	for i := range 1 + strings.Count(cmd.FullName(), "|") {
		shown[i] = true
	}
	for _, i := range cmd.KeyPlaces(words) {
		shown[i] = true
	}
	markBySyntax(cmd, words, shown)
	return func(i int) bool { return !shown[i] }
}

// markBySyntax marks the option words of a command, and the numbers and patterns where its Syntax has them.
func markBySyntax(cmd *commands.Command, words [][]byte, shown map[int]bool) {
	places := strings.FieldsFunc(cmd.Syntax, func(r rune) bool { return strings.ContainsRune(" []|.", r) })
	at := 0 // in places: what the next word is
	for i := 1 + strings.Count(cmd.FullName(), "|"); i < len(words); i++ {
		word := string(words[i])
		if option := optionAt(places, word); option >= 0 {
			shown[i] = true
			at = option + 1
			continue
		}
		if at < len(places) && harmless(places[at], word) {
			shown[i] = true
		}
		at++
	}
}

// optionAt finds word among the words in capitals.
func optionAt(places []string, word string) int {
	for i, place := range places {
		if place == strings.ToUpper(place) && strings.EqualFold(place, word) {
			return i
		}
	}
	return -1
}

// harmless tells whether a word may be shown for what its place in the Syntax is called.
func harmless(place, word string) bool {
	switch place {
	case "pattern", "type":
		return true
	case "ms", "ttl-ms", "seconds", "milliseconds", "unix-time-seconds", "unix-time-milliseconds", "count",
		"offset", "start", "end", "increment", "decrement", "index", "index1", "index2", "db",
		"destination-db", "cursor", "token":
		return strings.Trim(word, "+-.0123456789eE") == ""
	}
	return false
}

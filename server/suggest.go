// This file guesses what somebody meant to type.

package server

import (
	"slices"
	"strings"
)

// suggest returns "; did you mean …?" with the name nearest to word, or nothing if none is near.
func suggest(word string, names []string) string {
	word = strings.ToLower(word)
	best, distance := "", len(word)/3+2 // exclusive: a third of the letters may be wrong, and one more
	for _, name := range names {
		d := editDistance(word, name)
		if len(word) >= 3 && strings.HasPrefix(name, word) {
			d = min(d, 1)
		}
		if d < distance {
			best, distance = name, d
		}
	}
	if best == "" {
		return ""
	}
	return `; did you mean "` + best + `"?`
}

// editDistance is Levenshtein's: the least number of letters to put in, leave out or change.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		left := row[0] // of the row above, one to the left
		row[0] = i + 1
		for j := range len(b) {
			change := left
			if a[i] != b[j] {
				change++
			}
			left = row[j+1]
			row[j+1] = min(change, row[j]+1, left+1)
		}
	}
	return row[len(b)]
}

// names returns all names that a setting can be called by, in order.
func (t *table) allNames() []string {
	var names []string
	for name := range t.names {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

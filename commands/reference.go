// The command table as a page for people: the README's and the manual's table are written by WriteReference.

package commands

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// WriteReference writes a Markdown table for each group of commands: the locks first, then the others by
// name.
func (t *Table) WriteReference(w io.Writer) error {
	groups := map[string][]*Command{}
	for _, c := range t.shownCommands() {
		groups[c.Group] = append(groups[c.Group], c)
		for i := range c.Sub {
			if c.Sub[i].Summary != c.Summary { // else it only says the same: CLUSTER and its many words
				groups[c.Group] = append(groups[c.Group], &c.Sub[i])
			}
		}
	}
	names := slices.Collect(maps.Keys(groups))
	slices.SortFunc(names, func(a, b string) int {
		switch {
		case a == "lock":
			return -1
		case b == "lock":
			return 1
		}
		return strings.Compare(a, b)
	})
	for _, name := range names {
		if err := writeGroup(w, name, groups[name]); err != nil {
			return err
		}
	}
	return nil
}

func writeGroup(w io.Writer, name string, list []*Command) error {
	title := strings.ToUpper(name[:1]) + name[1:]
	_, err := fmt.Fprintf(w, "### %s\n\n| Command | What it does |\n|---|---|\n", title)
	for _, c := range list {
		if err != nil {
			return err
		}
		usage := strings.ToUpper(strings.ReplaceAll(c.full, "|", " ")) + " " + c.Syntax
		// Inside a table a bar ends the cell, even within backquotes.
		usage = strings.ReplaceAll(strings.TrimSpace(usage), "|", `\|`)
		_, err = fmt.Fprintf(w, "| `%s` | %s |\n", usage, c.Summary)
	}
	if err == nil {
		_, err = fmt.Fprintln(w)
	}
	return err
}

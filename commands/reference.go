// The command table as a page for people: the README's and the manual's table are written by WriteReference.

package commands

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// OwnGroups returns the groups of commands that Redis does not have, in the order in which pages show them.
func OwnGroups() []string { return []string{"lock", "session", "fencing", "coordination"} }

// Groups returns the groups of the commands that listings show: the own ones first, then those of Redis by
// name.
func (t *Table) Groups() []string {
	names := OwnGroups()
	own := len(names)
	for _, c := range t.shownCommands() {
		if !slices.Contains(names, c.Group) {
			names = append(names, c.Group)
		}
	}
	slices.Sort(names[own:])
	return names
}

// WriteReference writes a Markdown table for each group of commands.
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
	for _, name := range t.Groups() {
		if err := writeGroup(w, name, groups[name]); err != nil {
			return err
		}
	}
	return nil
}

// groupHead is what stands above the table of a group: its name, and where its manual is.
func groupHead(name string) string {
	title := strings.ToUpper(name[:1]) + strings.ReplaceAll(name[1:], "-", " ")
	switch name {
	case "lock":
		return "Locks\n\nExplained in [locks.md](locks.md); seeing them and taking them back in " +
			"[operating-locks.md](operating-locks.md)."
	case "session":
		return "Sessions\n\nExplained in [locks.md](locks.md#sessions)."
	case "fencing":
		return title + "\n\nExplained in [fencing.md](fencing.md)."
	case "coordination":
		return title + "\n\nExplained in [coordination.md](coordination.md)."
	}
	return title
}

func writeGroup(w io.Writer, name string, list []*Command) error {
	_, err := fmt.Fprintf(w, "### %s\n\n| Command | What it does |\n|---|---|\n", groupHead(name))
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

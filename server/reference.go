// This file writes the table of settings for people: the reference in docs/ and the list of lockd config.

package server

import (
	"fmt"
	"io"
	"strings"
)

// strengthHelp says which source wins. It stands in help and reference alike.
const strengthHelp = "A flag is stronger than an environment variable, that than the configuration file,\n" +
	"and that than the default."

// WriteReference writes the configuration reference in Markdown.
func WriteReference(w io.Writer) {
	fmt.Fprintf(w, `# Configuration

This page is made from the table of settings by `+"`lockd config --reference`"+`; do not edit it.

Each setting can be given as a flag (`+"`--max-clients 500`"+`), as an environment variable
(`+"`LOCKD_MAX_CLIENTS=500`"+`), or as a line of a configuration file (`+"`max-clients 500`"+`) whose path is
given to lockd as its argument. %s An empty environment variable counts as not set.

The file is written as a redis.conf is: one setting a line, comments begin with #, values with spaces are
quoted, `+"`include FILE`"+` reads another file. Names of redis.conf, where they differ, are taken everywhere.
Words of redis.conf that mean nothing here are ignored with a warning that says why; those that would leave
the node less safe than the file says are refused.

Bytes take Redis' units: 1k is 1000, 1kb is 1024, likewise m, mb, g, gb. Times take 250ms, 10s, 5m, 1h.
"Live" settings can be changed by CONFIG SET while the node runs.
`, strengthHelp)
	for _, g := range newTable().groups {
		fmt.Fprintf(w, "\n## %s\n\n| setting | value | default | live | meaning |\n", g.title)
		fmt.Fprintln(w, "|---|---|---|---|---|")
		for _, s := range g.settings {
			writeRow(w, s)
		}
	}
	fmt.Fprintf(w, "\n## Exit codes\n\n```\n%s```\n", exitHelp)
}

// writeRow writes one setting.
func writeRow(w io.Writer, s *setting) {
	name := "`" + s.name + "`"
	if s.redis != "" {
		name += " (redis.conf: `" + s.redis + "`)"
	}
	if s.also != "" {
		name += " (also `" + s.also + "`)"
	}
	def, live := "", ""
	if s.def != "" {
		def = "`" + s.def + "`"
	}
	if s.live {
		live = "yes"
	}
	kind := strings.ReplaceAll(s.kind(), "|", ", ")
	fmt.Fprintf(w, "| %s | %s | %s | %s | %s |\n", name, kind, def, live, s.help)
}

// writeEffective writes what each setting is and where it was said, secrets hidden.
func writeEffective(w io.Writer, s *Settings) {
	for _, g := range s.table.groups {
		fmt.Fprintf(w, "# %s\n", g.title)
		for _, entry := range g.settings {
			from, said := s.from[entry.name]
			if !said {
				from = fromDefault
			}
			line := entry.name + " " + quoted(entry.shown(s.Config()))
			fmt.Fprintf(w, "%-40s # %s\n", line, from)
		}
	}
}

// quoted is a value as a file needs it.
func quoted(value string) string {
	if value == "" || strings.ContainsAny(value, "\"'\\\n\r\t\x00") {
		return fmt.Sprintf("%q", value)
	}
	return value
}

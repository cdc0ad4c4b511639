// This file makes the flags of serve from the table of settings, and its help.

package server

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// flags is what the command line says of the settings.
type flags struct {
	groups []flagGroup
	all    []*flagWords
	names  map[string]string // other names of flags: maxclients, max-clients
}

// flagGroup is the flags below one heading.
type flagGroup struct {
	title string
	set   *pflag.FlagSet
}

// flagWords remembers what was given for one flag. It judges nothing: Load does.
//
// Each flag takes a value, yes and no too (--protected-mode no): were the value of some left out at will,
// as pflag has it, the "no" of that line would be taken for the configuration file.
type flagWords struct {
	setting *setting
	table   *table
	words   []string
}

// Set adds one. The name of a flag in its place says that it was left out.
func (f *flagWords) Set(text string) error {
	if name, dashes := strings.CutPrefix(text, "--"); dashes && f.table.find(name) != nil {
		return fmt.Errorf("the value is missing, %s follows", text)
	}
	f.words = append(f.words, text)
	return nil
}

// String is the default, for pflag's help.
func (f *flagWords) String() string { return f.setting.def }

// Type is what help writes in place of the value.
func (f *flagWords) Type() string { return f.setting.kind() }

// newFlags makes the flags.
func newFlags(t *table) *flags {
	f := &flags{names: map[string]string{}}
	for _, g := range t.groups {
		set := pflag.NewFlagSet(g.title, pflag.ContinueOnError)
		set.SortFlags = false
		for _, s := range g.settings {
			words := &flagWords{setting: s, table: t}
			f.all = append(f.all, words)
			set.Var(words, s.name, s.help)
			for _, other := range s.otherNames() {
				f.names[other] = s.name
			}
		}
		f.groups = append(f.groups, flagGroup{g.title, set})
	}
	return f
}

// add gives the flags to cmd, under all their names.
func (f *flags) add(cmd *cobra.Command) {
	for _, g := range f.groups {
		cmd.Flags().AddFlagSet(g.set)
	}
	cmd.Flags().SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		name = strings.ReplaceAll(name, "_", "-")
		if own, is := f.names[name]; is {
			name = own
		}
		return pflag.NormalizedName(name)
	})
}

// hide leaves the flags out of cobra's own help, where they would bury what a command has of its own.
func (f *flags) hide() {
	for _, g := range f.groups {
		g.set.VisitAll(func(flag *pflag.Flag) { flag.Hidden = true })
	}
}

// words returns what was given, by the settings' names.
func (f *flags) words() map[string][]string {
	given := map[string][]string{}
	for _, w := range f.all {
		if len(w.words) > 0 {
			given[w.setting.name] = w.words
		}
	}
	return given
}

// helpWidth is how wide help is: what a terminal shows that nobody resized is 80, but then the longest
// lines of the table break badly.
const helpWidth = 110

// serveHelp is the help of serve and of lockd itself.
func serveHelp(f *flags) string {
	var b strings.Builder
	b.WriteString(`lockd is a lock server that speaks the Redis protocol and keeps its locks in a Raft log.

Usage:
  lockd [serve] [CONFIG-FILE] [flags]   run a lock server
  lockd config [CONFIG-FILE] [flags]    show each setting and where it was said
  lockd ping [flags]                    ask a node whether it is there
  lockd backup [flags]                  copy the state of a running cluster into a file
  lockd restore FILE [flags]            begin a new cluster with the state of a backup
  lockd recover [flags]                 begin a new cluster with what the last node has that is left
  lockd version                         print the version

Example:
  lockd --port 6380 --dir ./lockd-data
  redis-cli -p 6380 LOCK foo owner1 30000

`)
	fmt.Fprintf(&b, "Each flag is also an environment variable (--max-clients: %s) and a line of the "+
		"configuration\nfile, which is written as a redis.conf is (max-clients 500).\n%s\n",
		envName("max-clients"), strengthHelp)
	for _, g := range f.groups {
		fmt.Fprintf(&b, "\n%s:\n%s", g.title, g.set.FlagUsagesWrapped(helpWidth))
	}
	return b.String() + "\n" + exitHelp
}

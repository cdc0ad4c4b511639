package compat_test

import (
	"slices"
	"strings"
)

// tableFields are the fields of an element of COMMAND's reply that are compared for every command that both
// servers have. Redis' list of subcommands is in the order of a hash, so these are compared one by one.
func tableFields() []string {
	return []string{"name", "arity", "flags", "first key", "last key", "step", "categories", "tips", "key specifications"}
}

// tableDiffers are the fields that differ on purpose (command-info in the list of differences), by command.
func tableDiffers() map[string]string {
	return map[string]string{
		"time":             "flags categories", // its time comes with the log, so it is a read
		"config|resetstat": "tips",             // as Redis 7.2 has them
		"config|rewrite":   "tips",
		"script|exists":    "flags", // a read of the state
		"zrank":            "arity",
		"zrevrank":         "arity",
	}
}

// refused are the containers whose subcommands are in lockd's table only to be refused in Redis' words.
func refused() []string { return []string{"acl|", "cluster|", "module|"} }

// withoutFlags are flags about what lockd has not: loading a data set beside serving it, and a log of slow
// commands that shows no secrets whatever this flag says.
func withoutFlags(flags string) string {
	for _, f := range []string{" no_async_loading", " skip_slowlog"} {
		flags = strings.ReplaceAll(flags, f, "")
	}
	return flags
}

// table compares what COMMAND says of each command that both servers have.
func (r *runner) table() {
	s := &script{name: "COMMAND", steps: []step{{words: []string{"COMMAND"}}}}
	got, err := r.lockd.do(s.commands(), true)
	if err != nil {
		r.t.Fatal(err)
	}
	want, _ := r.wanted(s)
	ours, theirs := commandTable(got[0]), commandTable(want[0])
	both := 0
	for name, mine := range ours {
		isRefused := slices.ContainsFunc(refused(), func(p string) bool { return strings.HasPrefix(name, p) })
		if its, ok := theirs[name]; ok && !isRefused {
			both++
			r.tableEntry(name, its, mine)
		}
	}
	if both < 60 {
		r.t.Errorf("only %d commands are in both tables", both)
	}
	r.t.Logf("%d commands are in both tables", both)
}

func (r *runner) tableEntry(name string, want, got []string) {
	for i, field := range tableFields() {
		if withoutFlags(want[i]) != withoutFlags(got[i]) && !slices.Contains(strings.Fields(tableDiffers()[name]), field) {
			r.t.Errorf("%s: %s\n   redis %s\n   lockd %s", name, field, want[i], got[i])
		}
	}
}

// commandTable returns the fields of each command and subcommand by its name.
func commandTable(raw string) map[string][]string {
	table := map[string][]string{}
	var add func(list []reply)
	add = func(list []reply) {
		for _, c := range list {
			var fields []string
			for i := range tableFields() {
				fields = append(fields, plain(c.inner[i]))
			}
			table[c.inner[0].text] = fields
			add(c.inner[len(c.inner)-1].inner)
		}
	}
	all, _ := parseReply(raw)
	add(all.inner)
	return table
}

// plain writes a reply without its types, and without the notes of key specifications, which are for people.
func plain(r reply) string {
	if len(r.inner) == 0 {
		return r.text
	}
	var parts []string
	for i := 0; i < len(r.inner); i++ {
		if r.kind == '%' && r.inner[i].text == "notes" {
			i++
			continue
		}
		parts = append(parts, plain(r.inner[i]))
	}
	return "[" + strings.Join(parts, " ") + "]"
}

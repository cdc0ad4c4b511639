package commands

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// each calls f with every command and subcommand.
func each(t *Table, f func(c *Command)) {
	for _, c := range t.All() {
		f(c)
		for i := range c.Sub {
			f(&c.Sub[i])
		}
	}
}

// What an entry says must not contradict itself.
func TestTable(t *testing.T) {
	table := New()
	seen := map[string]bool{}
	each(table, func(c *Command) {
		wrong := func(what string) { t.Errorf("%s: %s", c.FullName(), what) }
		if seen[c.FullName()] {
			wrong("is there twice")
		}
		seen[c.FullName()] = true
		if c.Name != strings.ToLower(c.Name) || len(c.Name) > longestName {
			wrong("has no name that Lookup can find")
		}
		if c.Handler == nil && c.Local == nil && len(c.Sub) == 0 {
			wrong("must have a Handler or a Local")
		}
		reads := c.Has(ReadOnly) || c.Has(PubSub) && !c.Numbered() // PUBSUB is no read by Redis' word
		if c.Handler != nil && c.Local == nil && c.Numbered() == reads {
			wrong("must either write or read")
		}
		if c.Local != nil && (c.Has(Write) || c.Has(ReadOnly)) {
			wrong("a Local never touches the state")
		}
		if c.Arity == 0 {
			wrong("has no arity")
		}
		for what, text := range map[string]string{
			"summary": c.Summary, "since": c.Since, "group": c.Group, "complexity": c.Complexity,
		} {
			if text == "" {
				wrong("has no " + what)
			}
		}
		if !strings.HasSuffix(c.Summary, ".") || strings.Contains(c.Summary, "\n") {
			wrong("its summary is no sentence")
		}
		for _, name := range c.Categories {
			if !slices.Contains(categoryOrder(), name) {
				wrong("has an unknown category " + name)
			}
		}
		checkKeys(c, wrong)
		checkSyntax(c, wrong)
	})
}

// writesWithoutKeys are the writes that are about whole databases, or about sessions.
func writesWithoutKeys() []string {
	return []string{"flushall", "flushdb", "swapdb", "lock.freeze", "lock.thaw",
		"session.open", "session.ping", "session.attach", "session.close"}
}

func checkKeys(c *Command, wrong func(string)) {
	k := c.Keys
	none := k == Keys{} && c.NumKeys == 0
	if c.Has(Write) && none != slices.Contains(writesWithoutKeys(), c.Name) {
		wrong("writes, and its keys are not said")
	}
	if none != (c.KeyFlags == "") {
		wrong("has keys without KeyFlags, or KeyFlags without keys")
	}
	if c.Has(MovableKeys) != (c.NumKeys > 0 || c.GetKeys != nil) {
		wrong("whether its keys are movable and how they are found do not fit")
	}
	if k == (Keys{}) {
		return
	}
	if k.First < 1 || k.Step < 1 || (k.Last > 0 && k.Last < k.First) {
		wrong("its keys are nowhere")
	}
	least := max(c.Arity, -c.Arity)
	if c.KeyFlags == "not_key" { // a shard channel
		return
	}
	if k.First >= least || k.Last >= least {
		wrong("has fewer words than keys")
	}
	for part := range strings.SplitSeq(c.KeyFlags, ";") {
		access := strings.Fields(part)[0]
		if reads := access == "RO"; !slices.Contains([]string{"RO", "RW", "OW", "RM"}, access) || (reads && c.Has(Write) &&
			!strings.Contains(c.KeyFlags, ";")) || (!reads && c.Has(ReadOnly)) {
			wrong("its key flags do not fit: " + c.KeyFlags)
		}
	}
}

func checkSyntax(c *Command, wrong func(string)) {
	args, err := parseSyntax(c.Syntax)
	if err != nil {
		wrong("its syntax cannot be read: " + err.Error())
		return
	}
	least := 1 + len(strings.Split(c.FullName(), "|")) - 1
	for _, a := range args {
		switch {
		case a.optional:
		case a.kind == "block":
			least += len(a.inner)
		case a.token != "" && a.kind != "pure-token": // the option's name and what follows it
			least += 2
		default:
			least++
		}
	}
	if most := max(c.Arity, -c.Arity); len(c.Sub) == 0 && least != most {
		wrong("its syntax and its arity do not say the same")
	}
	if (c.Arity > 0) != fixed(args) && len(c.Sub) == 0 {
		wrong("whether its syntax has options and its arity is negative do not fit")
	}
}

func fixed(args []argument) bool {
	return !slices.ContainsFunc(args, func(a argument) bool { return a.optional || a.multiple })
}

func TestLookup(t *testing.T) {
	table := New()
	for words, want := range map[string]string{
		"get k":             "get",
		"GET k":             "get",
		"Object ENCODING":   "ERR wrong number of arguments for 'object|encoding' command",
		"object encoding k": "object|encoding",
		"object":            "ERR wrong number of arguments for 'object' command",
		"object nosuch k":   "ERR unknown subcommand 'nosuch'. Try OBJECT HELP.",
		"get":               "ERR wrong number of arguments for 'get' command",
		"nosuch a b":        "ERR unknown command 'nosuch', with args beginning with: 'a' 'b' ",
		"command":           "command",
	} {
		var raw [][]byte
		for _, w := range strings.Fields(words) {
			raw = append(raw, []byte(w))
		}
		c, problem := table.Lookup(raw)
		got := problem.Str()
		if c != nil {
			got = c.FullName()
		}
		if got != want {
			t.Errorf("%s: %s, want %s", words, got, want)
		}
	}
	if c, _ := table.Lookup([][]byte{bytes.Repeat([]byte("x"), 1<<16)}); c != nil {
		t.Error("found a very long name")
	}
}

// Looking up a command is on the way of every command: it needs no memory.
func TestLookupAllocatesNothing(t *testing.T) {
	table := New()
	words := [][]byte{[]byte("Object"), []byte("Encoding"), []byte("k")}
	if n := testing.AllocsPerRun(100, func() { table.Lookup(words) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestRunRefusesWhatIsNotForTheLog(t *testing.T) {
	d := newDriver(t)
	d.logged = true
	if got := d.do("GET k"); got != "(nil)" {
		t.Error(got)
	}
	for _, c := range []string{"SCRIPT KILL", "COMMAND COUNT"} {
		seq := d.apply(commandOf(strings.Fields(c)...), false)
		if got := show(d.answers[seq]); !strings.Contains(got, "cannot run in the state machine") {
			t.Error(got)
		}
	}
	d.apply(commandOf("SET", "k", "v"), true)
	if got := show(d.read); !strings.Contains(got, "cannot run as a read") {
		t.Error(got)
	}
}

// Who writes one of lockd's own commands wrongly is told how it is written; of Redis' commands only what Redis
// tells.
func TestSyntaxIsTold(t *testing.T) {
	d := newDriver(t)
	for line, want := range map[string]string{
		"LOCK.EVENTS SINCE 1": "ERR syntax error: LOCK.EVENTS FROM <number | $> [MATCH pattern] [COUNT count] [BLOCK ms]",
		"fence.list FOO 1":    "ERR syntax error: FENCE.LIST [CURSOR cursor] [COUNT count]",
		"SET k v FOO":         "ERR syntax error",
		"EVAL return{redis.pcall('FENCE.LIST','FOO')['err']} 0": "[ERR syntax error: FENCE.LIST [CURSOR cursor] [COUNT count]]",
	} {
		if got := d.do(line); got != want {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
}

func TestWriteReference(t *testing.T) {
	var page bytes.Buffer
	if err := New().WriteReference(&page); err != nil {
		t.Fatal(err)
	}
	text := page.String()
	if !strings.HasPrefix(text, "### Locks\n") {
		t.Error("the locks do not come first")
	}
	at := 0
	for _, head := range []string{"Locks", "Sessions", "Fencing", "Coordination", "Connection", "Sorted set", "String"} {
		found := strings.Index(text, "\n### "+head+"\n")
		if head != "Locks" && found <= at {
			t.Errorf("%s stands at %d, which is not behind %d", head, found, at)
		}
		at = max(at, found)
	}
	for _, want := range []string{
		"| `OBJECT ENCODING key` |", `[NX \| XX \|`, "| `LOCK key [owner [ttl-ms] [WAIT ms] [PRIO prio] [SHARED \\| UPDATE",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("it lacks %s", want)
		}
	}
}

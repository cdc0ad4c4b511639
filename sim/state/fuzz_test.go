package state

import (
	"bytes"
	"strings"
	"testing"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

// FuzzCommands runs lines of words by the real commands on two machines, one of which is made again from its
// own snapshot between lines. They must reply the same and come to the same state, and no handler may panic:
// the machine would catch that, but it is a mistake.
func FuzzCommands(f *testing.F) {
	for _, list := range [][]*form{judgedForms(), otherForms(), rareForms(), readForms()} {
		for _, form := range list {
			line := string(bytes.Join(form.words, []byte(" ")))
			line = strings.NewReplacer("%k", "a", "%x", "a", "%y", "b", "%o", "o", "%c", "1").Replace(line)
			line = strings.NewReplacer("%t", "30", "%w", "20", "%s", "1", "%a", "1700000000100", "%n", "3", "%d", "2").Replace(line)
			f.Add(line + "\nSET a 5 PX 20\n" + line)
		}
	}
	f.Add("LOCK a o 9223372036854775807\nPEXPIRE a -1\nSETRANGE a 9223372036854775807 x\nGETRANGE a -1 -9223372036854775808")
	f.Fuzz(func(t *testing.T, text string) {
		machines := []*fsm.Machine{fsm.New(newRunner()), fsm.New(newRunner())}
		var tape tape
		origin := fsm.Origin{Node: "n", Incarnation: 1}
		commands := []fsm.Command{{Kind: fsm.KindRegister}}
		for i, line := range strings.Split(text, "\n") {
			words := bytes.Fields([]byte(line))
			if i > 20 || len(words) == 0 || len(line) > 2000 || string(words[0]) == "UNDONE" ||
				string(words[0]) == "AUDIT" || strings.EqualFold(string(words[0]), "SCAN") {
				continue // SCAN's cursors are a node's own
			}
			commands = append(commands, fsm.Command{Conn: uint64(1 + i%3), Words: words})
		}
		for i, c := range commands {
			e := fsm.Entry{
				Term: 1, Clock: fsm.Clock(1000 + 15*i), Wall: 1_700_000_000_000_000, Nonce: uint64(i),
				Runs: []fsm.Run{{Origin: origin, First: uint64(1 + i), Commands: []fsm.Command{c}}},
			}
			for place, m := range machines {
				tape.begin(nil, place == 0)
				if err := m.Apply(uint64(1+i), 1, e.Append(nil), nil, &tape); err != nil {
					t.Fatal(err)
				}
				if wrong := tape.end(); wrong != "" {
					t.Fatalf("%q: %s", c.Words, wrong)
				}
				if err := m.Check(); err != nil {
					t.Fatalf("%q: %v", c.Words, err)
				}
			}
			for _, said := range tape.events {
				if said.value.Kind() == resp.KindError && strings.Contains(said.value.Str(), "internal error") {
					t.Fatalf("%q: %s", c.Words, said.value.Str())
				}
			}
			var b bytes.Buffer
			if err := machines[0].View().Write(&b); err != nil {
				t.Fatal(err)
			}
			again := fsm.New(newRunner())
			if err := again.Restore(&b); err != nil || again.Hash() != machines[0].Hash() {
				t.Fatalf("%q: its snapshot is of another state, %v", c.Words, err)
			}
			machines[1] = again
		}
	})
}

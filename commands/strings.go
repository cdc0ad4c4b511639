// Strings.

package commands

import (
	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

func stringCommands() []Command {
	return []Command{
		{Name: "get", Arity: 2, Flags: ReadOnly | Fast, Keys: Keys{1, 1, 1}, Group: "string", Since: "1.0.0",
			Syntax: "key", Summary: "Get the value of a key.", Complexity: "O(1)", Handler: get},
		{Name: "set", Arity: -3, Flags: Write | DenyOOM, Keys: Keys{1, 1, 1}, Group: "string", Since: "1.0.0",
			Syntax: "key value", Summary: "Set the value of a key.", Complexity: "O(1)", Handler: set},
	}
}

func get(tx *fsm.Tx, a Args) resp.Value {
	if it := tx.Get(a.Str(1)); it != nil {
		return resp.Bulk(it.Str)
	}
	return resp.Null()
}

func set(tx *fsm.Tx, a Args) resp.Value {
	nx := false
	deadline := fsm.NoDeadline
	for i := 3; i < len(a); i++ {
		switch {
		case a.Is(i, "NX"):
			nx = true
		case a.Is(i, "PX") && i+1 < len(a):
			i++
			n, _ := a.Int(i)
			deadline = tx.Clock().After(n)
		}
	}
	if nx && tx.Get(a.Str(1)) != nil {
		return resp.Null()
	}
	tx.Set(a.Str(1), a.Str(2), deadline)
	return resp.OK()
}

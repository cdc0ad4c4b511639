// COMMAND and its subcommands.

package commands

func (t *Table) commandCommands() []Command { return nil }

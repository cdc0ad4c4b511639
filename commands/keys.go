// Keys of any type.

package commands

func keyCommands() []Command      { return nil }
func databaseCommands() []Command { return nil }
func serverCommands() []Command   { return nil }

// Package commands is the command table: what each command is called, how many words it takes, which of
// them are keys, what it is for, and the function that runs it. Everything that needs to know a command
// reads it from here: arity errors, COMMAND and COMMAND DOCS, routing, scripts, metrics, the README.
//
// A command is one entry in the file of its family (strings.go, keys.go, locks.go, …). An entry has either
// a Handler, which is pure and runs inside the replicated state machine, or a Local, which runs on the node
// that holds the connection and may use time and locks, but never the state.
package commands

// Package session is what belongs to this node's connections: who is connected, whether they may do what
// they ask, their pipelines on the way to the node and their replies on the way back. It brings the
// commands that are about the node and its connections (AUTH, CLIENT, INFO, CONFIG, …) to the command table.
//
// Where to look: hub.go knows all connections, serve.go takes a pipeline through, each other file is a
// family of commands.
package session

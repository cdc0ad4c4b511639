package session

import (
	"github.com/divtxt/lockd/commands"
)

type latencyEvents struct{}

func (h *Hub) latencyCommands() []commands.Command { return nil }

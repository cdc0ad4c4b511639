package session

import (
	"github.com/divtxt/lockd/commands"
)

func (h *Hub) configCommands() []commands.Command { return nil }

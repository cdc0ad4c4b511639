package session

import (
	"github.com/divtxt/lockd/commands"
)

func (h *Hub) clientCommands() []commands.Command { return nil }

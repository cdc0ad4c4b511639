package session

import (
	"github.com/divtxt/lockd/commands"
)

func (h *Hub) serverCommands() []commands.Command { return nil }

package session

import (
	"github.com/divtxt/lockd/commands"
)

func (h *Hub) infoCommands() []commands.Command { return nil }

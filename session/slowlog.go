package session

import (
	"github.com/divtxt/lockd/commands"
	"time"
)

type slowlog struct{}

func (h *Hub) slowlogCommands() []commands.Command                                     { return nil }
func (h *Hub) slow(c *conn, cmd *commands.Command, words [][]byte, took time.Duration) {}

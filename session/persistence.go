// SAVE and its kin, and SHUTDOWN. Nothing depends on them: every answered write is in the Raft log on disk,
// and snapshots make themselves when the log has grown enough. A snapshot taken by hand makes the next start
// faster.

package session

import (
	"github.com/divtxt/lockd/commands"
	"github.com/divtxt/lockd/resp"
)

func (h *Hub) persistenceCommands() []commands.Command {
	const admin = commands.Admin | commands.NoScript
	return []commands.Command{
		{
			Name: "save", Arity: 1, Flags: admin | commands.NoMulti, Group: "server", Since: "1.0.0",
			Complexity: "O(N), N the number of keys", Local: h.save,
			Summary: "Take a snapshot, and reply when it is on disk. Commands go on meanwhile.",
		},
		{
			Name: "bgsave", Arity: -1, Flags: admin, Group: "server", Since: "1.0.0", Syntax: "[SCHEDULE]",
			Complexity: "O(1)", Local: h.bgSave, Summary: "Begin to take a snapshot.",
		},
		{
			Name: "lastsave", Arity: 1, Flags: commands.Loading | commands.Stale | commands.Fast, Group: "server",
			Since: "1.0.0", Complexity: "O(1)", Local: h.lastSave, Categories: []string{"admin", "dangerous"},
			Tips:    []string{"nondeterministic_output"},
			Summary: "Reply when the last snapshot was taken, or when the node started: seconds since 1970.",
		},
		{
			Name: "shutdown", Arity: -1, Flags: local | commands.Admin | commands.NoMulti | commands.AllowBusy,
			Group: "server", Since: "1.0.0", Syntax: "[NOSAVE | SAVE] [NOW] [FORCE] [ABORT]",
			Complexity: "O(1), with SAVE O(N), N the number of keys", Local: h.shutdown,
			Summary: "Stop this node. Nothing is lost, also without a snapshot.",
		},
	}
}

// save does not stop other commands meanwhile: a snapshot is written from a copy.
func (h *Hub) save(*commands.Conn, commands.Args) resp.Value {
	if h.Node.Status().Snapshotting {
		return resp.Error(msgSaving)
	}
	if err := h.Node.Snapshot(); err != nil {
		h.log.Error("could not take a snapshot", "error", err)
		return resp.Errorf("ERR could not take a snapshot: %v", err)
	}
	return resp.OK()
}

const msgSaving = "ERR Background save already in progress"

// bgSave remembers its own run beside the node's state, for a second BGSAVE may come before the first has
// begun.
func (h *Hub) bgSave(_ *commands.Conn, a commands.Args) resp.Value {
	if len(a) > 2 || (len(a) == 2 && !a.Is(1, "SCHEDULE")) {
		return errSyntax()
	}
	if h.Node.Status().Snapshotting || !h.saving.CompareAndSwap(false, true) {
		return resp.Error(msgSaving)
	}
	go func() {
		defer h.saving.Store(false)
		if err := h.Node.Snapshot(); err != nil {
			h.log.Error("could not take a snapshot", "error", err)
		}
	}()
	return resp.Simple("Background saving started")
}

// lastSave replies the start where there was no snapshot since, as Redis does: tools compute an age from it.
func (h *Hub) lastSave(*commands.Conn, commands.Args) resp.Value {
	return resp.Int(max(h.Node.Status().LastSnapshot, h.started.Unix()))
}

// shutdownOptions are the words behind SHUTDOWN.
type shutdownOptions struct{ save, noSave, force, abort bool }

func readShutdown(a commands.Args) (o shutdownOptions, problem resp.Value) {
	for i := 1; i < len(a); i++ {
		switch {
		case a.Is(i, "SAVE"):
			o.save = true
		case a.Is(i, "NOSAVE"):
			o.noSave = true
		case a.Is(i, "FORCE"):
			o.force = true
		case a.Is(i, "ABORT"):
			o.abort = true
		case !a.Is(i, "NOW"):
			return o, errSyntax()
		}
	}
	if o.save && o.noSave || o.abort && len(a) > 2 {
		return o, errSyntax()
	}
	return o, problem
}

// shutdown replies nothing when it succeeds, as in Redis: the connection ends.
func (h *Hub) shutdown(c *commands.Conn, a commands.Args) resp.Value {
	o, problem := readShutdown(a)
	if problem.IsError() {
		return problem
	}
	if o.abort {
		return resp.Error("ERR No shutdown in progress.")
	}
	if o.save {
		if err := h.Node.Snapshot(); err != nil {
			h.log.Error("could not take a snapshot before the shutdown", "error", err)
			if !o.force {
				return resp.Error("ERR Errors trying to SHUTDOWN. Check logs.")
			}
		}
	}
	h.log.Info("stopping: a client sent SHUTDOWN", "client", c.Addr, "client-id", c.ID, "client-name", c.Name)
	c.Closing = true
	go h.Stop() // which waits for connections, this one among them
	return resp.None()
}

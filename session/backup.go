// RAFT.BACKUP: a copy of the whole state, pulled in pieces over an ordinary connection, so that a backup
// needs no other port, password or certificate than commands do, and a slow reader holds up nobody. "lockd
// backup" is its client. Who keeps the copy meanwhile is package backup's business.

package session

import (
	"context"
	"time"

	"github.com/divtxt/lockd/commands"
	"github.com/divtxt/lockd/resp"
)

// Backups keeps copies of the state for those who read them.
type Backups interface {
	// Begin makes a copy that holds everything that was acknowledged before, and gives it a name.
	Begin(ctx context.Context) (name string, err error)
	// Read returns the next piece from offset on; none is left where it is empty.
	Read(ctx context.Context, name string, offset int64) ([]byte, error)
	// End gives the copy up. One that nobody reads ends by itself.
	End(name string) error
}

// backupWithin bounds how long RAFT.BACKUP waits for a leader, for this node to catch up, or for the disk.
const backupWithin = 20 * time.Second

func (h *Hub) backupCommands() []commands.Command {
	const flags = commands.Admin | commands.NoScript | commands.NoMulti
	return []commands.Command{{
		Name: "raft.backup", Arity: -2, Flags: flags, Group: "server", Since: "1.0.0",
		Complexity: "Depends on the subcommand.", Summary: "Copy the whole state, as lockd backup does.",
		Sub: []commands.Command{
			{
				Name: "begin", Arity: 2, Flags: flags, Group: "server", Since: "1.0.0",
				Complexity: "O(1); the copy is written to disk meanwhile", Local: h.backupBegin,
				Summary: "Begin a copy that has everything that was answered before, and reply its name.",
			},
			{
				Name: "read", Arity: 4, Flags: flags, Group: "server", Since: "1.0.0", Syntax: "name offset",
				Complexity: "O(1)", Local: h.backupRead,
				Summary: "Reply the next bytes of a copy, at most 256 KiB; null after its end.",
			},
			{
				Name: "end", Arity: 3, Flags: flags, Group: "server", Since: "1.0.0", Syntax: "name",
				Complexity: "O(1)", Local: h.backupEnd,
				Summary: "Give a copy up; one that is not read for a minute ends by itself.",
			},
		},
	}}
}

// backupBegin leaves a line in the log: who has a copy has every lock and every owner.
func (h *Hub) backupBegin(c *commands.Conn, _ commands.Args) resp.Value {
	if h.Backups == nil {
		return resp.Error("ERR this node makes no backups")
	}
	ctx, cancel := context.WithTimeout(context.Background(), backupWithin)
	defer cancel()
	name, err := h.Backups.Begin(ctx)
	h.log.Info("audit", "command", "raft.backup|begin", "backup", name, "client", c.Addr, "client-id", c.ID,
		"client-name", c.Name, "error", err)
	if err != nil {
		return resp.Errorf("ERR no backup was begun: %v", err)
	}
	return resp.Bulk(name)
}

func (h *Hub) backupRead(_ *commands.Conn, a commands.Args) resp.Value {
	offset, ok := a.Int(3)
	if !ok || offset < 0 {
		return errNotInt()
	}
	if h.Backups == nil {
		return resp.Error("ERR this node makes no backups")
	}
	ctx, cancel := context.WithTimeout(context.Background(), backupWithin)
	defer cancel()
	piece, err := h.Backups.Read(ctx, a.Str(2), offset)
	switch {
	case err != nil:
		return resp.Errorf("ERR the backup cannot be read: %v", err)
	case len(piece) == 0:
		return resp.Null()
	}
	return resp.Bulk(string(piece))
}

func (h *Hub) backupEnd(_ *commands.Conn, a commands.Args) resp.Value {
	if h.Backups == nil {
		return resp.Error("ERR this node makes no backups")
	}
	if err := h.Backups.End(a.Str(2)); err != nil {
		return resp.Errorf("ERR %v", err)
	}
	return resp.OK()
}

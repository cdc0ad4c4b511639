// Sessions: what locks hang on, so that a client has one thing to keep alive for all of them.

package commands

import (
	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

func sessionCommands() []Command {
	list := []Command{
		{
			Name: "session.open", Arity: -3, Flags: Write | DenyOOM | Fast,
			Syntax:     "TTL ms [BIND CONN [GRACE ms]] [LOCKDELAY ms] [REQID id] [META name value [name value ...]]",
			Complexity: "O(log N)", Handler: sessionOpen, Binds: bindsConn,
			Summary: "Open a session for locks to hang on, and reply its id.",
		},
		{
			Name: "session.ping", Arity: 2, Flags: Write | Fast | Patient, Syntax: "id", Complexity: "O(log N)",
			Handler: sessionPing,
			Summary: "Keep a session alive, and reply the milliseconds until the next ping is due.",
		},
		{
			Name: "session.attach", Arity: 2, Flags: Write | Fast, Syntax: "id", Complexity: "O(log N)",
			Handler: sessionAttach, Binds: func(Args) bool { return true },
			Summary: "Take a session over to this connection, and reply the milliseconds until the next ping is due.",
		},
		{
			Name: "session.close", Arity: 2, Flags: Write, Syntax: "id", Complexity: "O(M log N), M locks",
			Handler: sessionClose,
			Summary: "End a session, release what hangs on it, and reply how many locks that were.",
		},
		{
			Name: "session.info", Arity: 2, Flags: ReadOnly, Syntax: "id", Complexity: "O(M log N), M locks shown",
			Handler: sessionInfo,
			Summary: "Show a session and the locks that hang on it.",
		},
		{
			Name: "session.list", Arity: -1, Flags: ReadOnly, Syntax: "[CURSOR cursor] [COUNT count]",
			Complexity: "O(M), M sessions shown", Handler: sessionList,
			Summary: "List the sessions in the order of their ids, page by page.",
		},
	}
	for i := range list {
		list[i].Group, list[i].Since, list[i].Entry = "session", "0.1.0", fsm.VersionLocks
	}
	return list
}

// mostMeta bounds what a client may say about a session, in words and in bytes.
const (
	mostMeta      = 64
	mostMetaBytes = 4096
)

func sessionOpen(tx *fsm.Tx, a Args) resp.Value {
	s, request, problem := readSession(tx, a)
	if problem.IsError() {
		return problem
	}
	if reply, known := sent(tx, request, a); known {
		if old := tx.Session(reply.Str()); old != nil && s.Bound {
			tx.AttachSession(old) // to the connection that knows of it now
		}
		return reply
	}
	return remembered(tx, request, resp.Bulk(tx.OpenSession(s).ID))
}

func readSession(tx *fsm.Tx, a Args) (s fsm.Session, r *fsm.Request, problem resp.Value) {
	for i := 1; i < len(a); i += 2 {
		if i+1 >= len(a) {
			return s, r, errSyntax()
		}
		switch {
		case a.Is(i, "TTL"):
			s.TTL, problem = sessionTime(a, i+1, 1)
		case a.Is(i, "GRACE"):
			s.Grace, problem = sessionTime(a, i+1, 0)
		case a.Is(i, "LOCKDELAY"):
			s.LockDelay, problem = sessionTime(a, i+1, 0)
		case a.Is(i, "REQID"):
			r, problem = requestArg(tx, a, i+1)
		case a.Is(i, "BIND") && a.Is(i+1, "CONN"):
			s.Bound = true
		case a.Is(i, "META"):
			if problem = readMeta(&s, a, i+1); problem.IsError() {
				return s, r, problem
			}
			i = len(a) // it is the last
		default:
			problem = errSyntax()
		}
		if problem.IsError() {
			return s, r, problem
		}
	}
	return s, r, checkSession(tx, &s)
}

func checkSession(tx *fsm.Tx, s *fsm.Session) resp.Value {
	switch {
	case s.TTL == 0:
		return resp.Error("ERR a session needs a time to live, before META if there is any: " +
			"SESSION.OPEN TTL 15000 META host web-3")
	case s.Grace > 0 && !s.Bound:
		return resp.Error("ERR GRACE is how long a session outlives its connection: say BIND CONN too")
	case s.Bound && tx.IsInside():
		return resp.Error("ERR BIND CONN is for a connection's own commands, not for scripts and transactions")
	}
	return resp.Value{}
}

func readMeta(s *fsm.Session, a Args, i int) resp.Value {
	bytes := 0
	for ; i < len(a); i++ {
		s.Meta = append(s.Meta, a.Str(i))
		bytes += len(a[i])
	}
	switch {
	case len(s.Meta) == 0 || len(s.Meta)%2 != 0:
		return resp.Error("ERR META is names and values: META host web-3 pid 812")
	case len(s.Meta) > mostMeta || bytes > mostMetaBytes:
		return resp.Errorf("ERR META has at most %d words of %d bytes in all", mostMeta, mostMetaBytes)
	}
	return resp.Value{}
}

// mostSession bounds the times of a session, in milliseconds: ten years.
const mostSession = 10 * 366 * 24 * 3600 * 1000

func sessionTime(a Args, i int, least int64) (int64, resp.Value) {
	n, ok := a.Int(i)
	if !ok || n < least || n > mostSession {
		return 0, resp.Errorf("ERR '%s' is no time for a session: give milliseconds, %d to %d", clip(a[i], 32),
			least, int64(mostSession))
	}
	return n, resp.Value{}
}

func sessionPing(tx *fsm.Tx, a Args) resp.Value {
	s := tx.Session(a.Str(1))
	if s == nil {
		return errNoSession(a.Str(1))
	}
	return resp.Int(tx.PingSession(s).TTLLeft(tx.Clock()))
}

func sessionAttach(tx *fsm.Tx, a Args) resp.Value {
	s := tx.Session(a.Str(1))
	if s == nil {
		return errNoSession(a.Str(1))
	}
	if s.TTL == 0 {
		return resp.Errorf("ERR %s is what a connection's own locks hang on, and ends with it: open a session "+
			"with SESSION.OPEN, which another connection can take over", shown(s.ID))
	}
	if tx.IsInside() {
		return resp.Error("ERR SESSION.ATTACH is for a connection's own commands, not for scripts and transactions")
	}
	return resp.Int(tx.AttachSession(s).TTLLeft(tx.Clock()))
}

func sessionClose(tx *fsm.Tx, a Args) resp.Value {
	s := tx.Session(a.Str(1))
	if s == nil {
		return errNoSession(a.Str(1))
	}
	freed := tx.CloseSession(s)
	tx.Spend(int64(freed) * perKey)
	return resp.Int(int64(freed))
}

// sessionRow is a session as listings show it.
func sessionRow(tx *fsm.Tx, s *fsm.Session) []resp.Value {
	meta := make([]resp.Value, 0, len(s.Meta))
	for _, word := range s.Meta {
		meta = append(meta, resp.Bulk(word))
	}
	bound := "nothing"
	if s.Bound {
		bound = "connection"
	}
	return []resp.Value{
		resp.Bulk("id"), resp.Bulk(s.ID), resp.Bulk("ttl-ms"), resp.Int(s.TTLLeft(tx.Clock())),
		resp.Bulk("age-ms"), resp.Int(int64(tx.Clock() - s.Since)),
		resp.Bulk("bound-to"), resp.Bulk(bound), resp.Bulk("node"), resp.Bulk(s.Node),
		resp.Bulk("conn"), resp.Int(int64(s.Conn)), resp.Bulk("grace-ms"), resp.Int(s.Grace),
		resp.Bulk("lockdelay-ms"), resp.Int(s.LockDelay), resp.Bulk("meta"), resp.Map(meta...),
	}
}

func sessionInfo(tx *fsm.Tx, a Args) resp.Value {
	s := tx.Session(a.Str(1))
	if s == nil {
		return resp.Null()
	}
	var locks []resp.Value
	tx.SessionLocks(s.ID, func(db int, key, owner string) bool {
		locks = append(locks, resp.Map(resp.Bulk("key"), resp.Bulk(key), resp.Bulk("owner"), resp.Bulk(owner),
			resp.Bulk("db"), resp.Int(int64(db))))
		return len(locks) < listMaxCount
	})
	return resp.Map(append(sessionRow(tx, s), resp.Bulk("locks"), resp.Array(locks...))...)
}

func sessionList(tx *fsm.Tx, a Args) resp.Value {
	after, count := "", int64(listCount)
	for i := 1; i < len(a); i += 2 {
		switch {
		case i+1 >= len(a):
			return errSyntax()
		case a.Is(i, "CURSOR"):
			if after = a.Str(i + 1); after == "0" {
				after = ""
			}
		case a.Is(i, "COUNT"):
			n, ok := a.Int(i + 1)
			if !ok || n < 1 {
				return resp.Errorf("ERR '%s' is no count: give a positive integer", clip(a[i+1], 32))
			}
			count = min(n, listMaxCount)
		default:
			return errSyntax()
		}
	}
	var list []resp.Value
	next := "0"
	tx.Sessions(after, func(s *fsm.Session) bool {
		if s.ID == after {
			return true
		}
		if int64(len(list)) == count {
			return false
		}
		list = append(list, resp.Map(sessionRow(tx, s)...))
		next = s.ID
		return true
	})
	if int64(len(list)) < count {
		next = "0"
	}
	return resp.Array(resp.Bulk(next), resp.Array(list...))
}

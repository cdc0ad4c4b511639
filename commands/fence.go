// Fencing for what cannot compare tokens itself: a register for each resource that only rises.

package commands

import (
	"strings"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

func fenceCommands() []Command {
	// A resource stands where a key would, for redirections and the slow log; it is none.
	one := Keys{1, 1, 1}
	return coordination("fencing", []Command{
		{
			Name: "fence.pass", Arity: 3, Flags: Write | DenyOOM | Fast, Keys: one, KeyFlags: "not_key",
			Syntax: "resource token", Complexity: "O(log N)", Handler: fencePass,
			Summary: "Show a fencing token for a resource, and reply OK, or an error where a higher one was seen.",
		},
		{
			Name: "fence.get", Arity: 2, Flags: ReadOnly | Fast, Keys: one, KeyFlags: "not_key",
			Syntax: "resource", Complexity: "O(log N)", Handler: fenceGet,
			Summary: "Reply the highest fencing token that was shown for a resource, or null.",
		},
		{
			Name: "fence.del", Arity: 2, Flags: Write | Admin | Audit | Fast, Keys: one, KeyFlags: "not_key",
			Syntax: "resource", Complexity: "O(log N)", Handler: fenceDel,
			Summary: "Forget what was shown for a resource, so that any token passes, and reply 1 if there was any.",
		},
		{
			Name: "fence.list", Arity: -1, Flags: ReadOnly, Syntax: "[CURSOR cursor] [COUNT count]",
			Complexity: "O(M), M resources shown", Handler: fenceList,
			Summary: "List the resources with their tokens in the order of their names, page by page.",
		},
	})
}

// coordination completes the entries of commands that are about more than locks, and belong to them.
func coordination(group string, list []Command) []Command {
	for i := range list {
		list[i].Group, list[i].Categories = group, []string{"lock"}
		list[i].Since, list[i].Entry = "0.1.0", fsm.VersionLocks
	}
	return list
}

// maxResource bounds the name of a resource, in bytes.
const maxResource = 1024

func fencePass(tx *fsm.Tx, a Args) resp.Value {
	resource := a.Str(1)
	if len(resource) == 0 || len(resource) > maxResource {
		return resp.Errorf("ERR a resource's name has 1 to %d bytes, this one has %d", maxResource, len(resource))
	}
	token, problem := tokenArg(a, 2)
	if problem.IsError() {
		return problem
	}
	highest, passed := tx.PassFence(resource, token)
	if !passed {
		return resp.Errorf("STALE %d < %d: a later owner has been at %s already, so your lock is over; "+
			"leave it alone", token, highest, shown(resource))
	}
	return resp.OK()
}

func fenceGet(tx *fsm.Tx, a Args) resp.Value {
	token, ok := tx.Fence(a.Str(1))
	if !ok {
		return resp.Null()
	}
	return resp.Int(int64(token))
}

func fenceDel(tx *fsm.Tx, a Args) resp.Value { return zeroOne(tx.DropFence(a.Str(1))) }

func fenceList(tx *fsm.Tx, a Args) resp.Value {
	after, count := "", int64(listCount)
	for i := 1; i < len(a); i += 2 {
		switch {
		case i+1 >= len(a):
			return errSyntax()
		case a.Is(i, "CURSOR"):
			var ok bool
			if after, ok = strings.CutPrefix(a.Str(i+1), cursorMark); ok {
				continue
			}
			if after = ""; a.Str(i+1) != "0" {
				return resp.Error("ERR invalid cursor: give the one that FENCE.LIST replied, or 0 to begin")
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
	tx.Fences(after, func(resource string, token uint64) bool {
		if resource == after {
			return true
		}
		if int64(len(list)) == count {
			next = cursorMark + list[len(list)-1].List()[1].Str()
			return false
		}
		list = append(list, resp.Map(
			resp.Bulk("resource"), resp.Bulk(resource), resp.Bulk("token"), resp.Int(int64(token))))
		return true
	})
	return resp.Array(resp.Bulk(next), resp.Array(list...))
}

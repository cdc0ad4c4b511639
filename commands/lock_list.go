// Showing locks: LOCK.INFO and LOCK.LIST.

package commands

import (
	"github.com/tidwall/match"

	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

func lockInfo(tx *fsm.Tx, a Args) resp.Value { return resp.Null() }
func lockList(tx *fsm.Tx, a Args) resp.Value { _ = match.Match; return resp.Null() }

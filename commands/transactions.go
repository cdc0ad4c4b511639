// The state's part in transactions: what WATCH asks. The rest is in session/transaction.go and fsm/exec.go.

package commands

import (
	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
)

// Revisions is the Handler of WATCH: it replies the revisions of the keys.
func Revisions(tx *fsm.Tx, a Args) resp.Value {
	list := make([]resp.Value, 0, len(a)-1)
	for i := 1; i < len(a); i++ {
		list = append(list, resp.Int(int64(tx.Revision(a.Str(i)))))
	}
	return resp.Array(list...)
}

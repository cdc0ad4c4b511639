// The budget of an entry. Scripts and commands over many keys may cost far more than their bytes say, and
// while an entry is applied nothing else is. So each says what it has spent, in steps of about a tenth of a
// microsecond; when the budget is gone, the rest of the entry does not run: whoever sent it is told and sends
// it again. At least one command of an entry always runs.

package fsm

const (
	entryBudget = 1_000_000 // steps: about a tenth of a second
	readBudget  = 50_000    // of a read that rides along: what takes longer runs beside later entries
	perCommand  = 10
)

// Spend counts steps against the entry's budget, before they are made. A read is not part of the entry: it
// runs on one node only, and must not decide what the entry does on the others. One that would take long
// is given up, and runs again on a copy of the state.
func (tx *Tx) Spend(steps int64) {
	switch {
	case tx.write:
		tx.m.spent += steps
	case tx.short && !tx.inside: // a script would take the panic for an error
		if tx.took += steps; tx.took > readBudget {
			panic(tooLong{})
		}
	}
}

// tooLong is the panic of a read that is given up.
type tooLong struct{}

// exhausted tells whether nothing more of the entry may run. Entries of programs that knew no budget have
// none.
func (m *Machine) exhausted() bool { return m.spent >= entryBudget && m.at.version >= VersionData }

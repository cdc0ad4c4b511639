// A call is a command on its way to the state machine and, later, its reply: what a connection hands to
// its node. How it gets there is not known here.

package fsm

// Call is one command as a connection submits it. Words must stay as they are until it is answered.
type Call struct {
	Command Command
	Read    bool // changes nothing: rides along with an entry instead of being logged
	Long    bool // a read that may be long: runs beside later entries
	Grows   bool // may add to the state: refused while the disk is nearly full
	Here    bool // answered when this node has applied it, though the leader's answer may come before
	Reply   Reply
	Number  uint64 // of a logged one that was answered: what it has changed carries it too (Caller.Seq)
}

// What a Local may know and change of the connection it was called on.

package commands

import "time"

// Conn is one connection's state, as far as commands are concerned. It belongs to the connection's own
// goroutine.
type Conn struct {
	ID        uint64
	Name      string // CLIENT SETNAME; only shown, two clients may share one
	LibName   string // CLIENT SETINFO
	LibVer    string
	Mode      string // of its port, as HELLO and INFO tell it: standalone, cluster or sentinel
	DB        int
	Proto     int    // RESP version, 2 or 3
	User      string // "" before AUTH, where a password is needed
	Addr      string // of the peer
	LocalAddr string
	Created   time.Time
	ReadOnly  bool // READONLY: stale reads are welcome
	Listening bool // it has subscribed to something
	NoEvict   bool
	NoTouch   bool
	InMulti   bool // MULTI was sent
	Queued    int  // commands that wait for EXEC
	Closing   bool // QUIT: the connection ends once it has its replies
}

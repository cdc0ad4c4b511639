// This file is protected mode, as in Redis: a server that anybody can reach and that asks for no password
// is found by worms within hours, so it answers only peers on its own machine, and tells the others why.

package server

import "net"

// protectedText is the whole answer, in the shape of Redis' own, so that people recognise it.
const protectedText = "DENIED lockd is running in protected mode because protected mode is enabled and no " +
	"password is set. In this mode connections are only accepted from the loopback interface. If you want to " +
	"connect from external computers to lockd you may adopt one of the following solutions: " +
	"1) Just disable protected mode sending the command 'CONFIG SET protected-mode no' from the loopback " +
	"interface by connecting to lockd from the same host the server is running, however MAKE SURE lockd is " +
	"not publicly accessible from internet if you do so. " +
	"2) Alternatively you can just disable the protected mode by editing the configuration file, setting the " +
	"protected mode option to 'no', and then restarting the server. " +
	"3) If you started the server manually just for testing, restart it with the '--protected-mode no' " +
	"option. 4) Set a password with 'requirepass'. " +
	"NOTE: You only need to do one of the above things in order for the server to start accepting connections " +
	"from the outside."

// Refusal tells whether a connection from remote is to be refused, and the text of the error reply to give
// it before it is closed (for resp.Error, which adds the dash and the line end). The address that the peer
// comes from counts, not the one that the node listens on: a container's port map makes "listens beyond
// loopback" true of nearly every node.
func Refusal(protected, hasPassword bool, remote net.Addr) (text string, refused bool) {
	if !protected || hasPassword || local(remote) {
		return "", false
	}
	return protectedText, true
}

// local tells whether a peer is on this machine. An address of a kind not known here is taken as foreign.
func local(remote net.Addr) bool {
	switch a := remote.(type) {
	case *net.UnixAddr:
		return true
	case *net.TCPAddr:
		return a.IP.IsLoopback()
	}
	return false
}

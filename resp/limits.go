package resp

// This file holds what one connection may cost before it has proved anything. Every number bounds memory
// or time that a stranger could otherwise make the server spend, so none of them has "unlimited" as its
// default; where 0 switches a limit off, the field says so.

import "time"

// Limits bounds one connection, and the number of connections. DefaultLimits fills it.
type Limits struct {
	CommandBytes        int           // one whole command, its framing included
	Args                int           // words of one command
	InlineBytes         int           // one inline line, and any length line of a framed command
	PreAuthArgs         int           // words of a command before the connection is trusted
	PreAuthBytes        int           // bytes of one word before the connection is trusted
	PipelineCommands    int           // commands handed to Handler.Serve at once
	PipelineBytes       int           // bytes after which no further command joins a pipeline
	MaxClients          int           // connections at once; SetMaxClients changes it later
	OutputBytes         int           // pushes queued for a reader that does not read
	WriteTimeout        time.Duration // for a peer to take 64 KiB of replies; 0: for ever
	PreAuthTimeout      time.Duration // from accept until trusted; 0: for ever
	TLSHandshakeTimeout time.Duration // for a whole TLS handshake
	KeepAlive           time.Duration // between TCP keepalive probes; 0: the system's own
	IdleTimeout         time.Duration // without a byte from the peer; 0: for ever, as in Redis
}

// DefaultLimits returns the limits that lockd starts with.
//
// PreAuthTimeout is meant for a person as well: somebody who types AUTH by hand needs more than the
// second a library takes, and a stranger may hold a slot for no longer than that.
func DefaultLimits() Limits {
	return Limits{
		CommandBytes:        1 << 20,
		Args:                16384,
		InlineBytes:         64 << 10,
		PreAuthArgs:         16,
		PreAuthBytes:        4 << 10,
		PipelineCommands:    1024,
		PipelineBytes:       1 << 20,
		MaxClients:          10000,
		OutputBytes:         1 << 20,
		WriteTimeout:        10 * time.Second,
		PreAuthTimeout:      30 * time.Second,
		TLSHandshakeTimeout: 5 * time.Second,
		KeepAlive:           60 * time.Second,
	}
}

// orDefault replaces what makes no sense, so that a Limits written by hand cannot switch a bound off.
func (l Limits) orDefault() Limits {
	d := DefaultLimits()
	for _, f := range []struct{ have, want *int }{
		{&l.CommandBytes, &d.CommandBytes}, {&l.Args, &d.Args}, {&l.InlineBytes, &d.InlineBytes},
		{&l.PreAuthArgs, &d.PreAuthArgs}, {&l.PreAuthBytes, &d.PreAuthBytes},
		{&l.PipelineCommands, &d.PipelineCommands}, {&l.PipelineBytes, &d.PipelineBytes},
		{&l.MaxClients, &d.MaxClients}, {&l.OutputBytes, &d.OutputBytes},
	} {
		if *f.have <= 0 {
			*f.have = *f.want
		}
	}
	// A word's place is kept in 32 bits.
	l.CommandBytes = min(l.CommandBytes, 1<<30)
	if l.TLSHandshakeTimeout <= 0 {
		l.TLSHandshakeTimeout = d.TLSHandshakeTimeout
	}
	return l
}

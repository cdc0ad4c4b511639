package resp

// This file names every reason for which the server parts with a connection that did not ask to go. A
// reason is a number on the fast path; its name is for the counters, its text for the peer. The texts are
// Redis 7.0's own, letter for letter, because clients and their tests match on them; the last two are
// ours, for what Redis would take and we do not.

// reason tells why a connection is refused or dropped; the zero reason is none.
type reason uint8

const (
	fine           reason = iota
	badCount              // "*" and no number
	badMark               // another byte where "$" belongs
	badLength             // "$" and no length
	longCount             // a "*" line without end
	longLength            // a "$" line without end
	longInline            // an inline line without end
	unbalanced            // quotes of an inline line
	preAuthCount          // too many words before AUTH
	preAuthLength         // too long a word before AUTH
	manyWords             // legal in Redis, above Limits.Args
	bigCommand            // legal in Redis, above Limits.CommandBytes
	crossProtocol         // a browser was made to speak to us
	slowReader            // output queue full, or a write that took too long
	idleTooLong           // Limits.IdleTimeout
	authTooLate           // Limits.PreAuthTimeout
	panicked              // the handler did
	badHandshake          // TLS
	tooManyClients        // Limits.MaxClients
	refusedAddress        // Server.SetRefuse said so
	reasons               // their number
)

// refusal is a reason's name for Stats and its text for the peer; no text, no reply.
type refusal struct{ name, text string }

// refusals is a table, never changed.
var refusals = [reasons]refusal{
	fine:           {"", ""},
	badCount:       {"invalid-multibulk-length", "ERR Protocol error: invalid multibulk length"},
	badMark:        {"expected-dollar", "ERR Protocol error: expected '$', got '?'"},
	badLength:      {"invalid-bulk-length", "ERR Protocol error: invalid bulk length"},
	longCount:      {"big-mbulk-count", "ERR Protocol error: too big mbulk count string"},
	longLength:     {"big-bulk-count", "ERR Protocol error: too big bulk count string"},
	longInline:     {"big-inline", "ERR Protocol error: too big inline request"},
	unbalanced:     {"unbalanced-quotes", "ERR Protocol error: unbalanced quotes in request"},
	preAuthCount:   {"unauth-multibulk-length", "ERR Protocol error: unauthenticated multibulk length"},
	preAuthLength:  {"unauth-bulk-length", "ERR Protocol error: unauthenticated bulk length"},
	manyWords:      {"too-many-arguments", "ERR Protocol error: too many arguments for this server"},
	bigCommand:     {"too-big-command", "ERR Protocol error: command too big for this server"},
	crossProtocol:  {"cross-protocol", ""},
	slowReader:     {"slow-reader", ""},
	idleTooLong:    {"idle", ""},
	authTooLate:    {"unauth-timeout", ""},
	panicked:       {"panic", ""},
	badHandshake:   {"tls-handshake", ""},
	tooManyClients: {"max-clients", "ERR max number of clients reached"},
	refusedAddress: {"address", ""},
}

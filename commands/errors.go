// All error texts that are used in more than one place. Those that Redis has are Redis 7.0's to the letter,
// because clients and libraries compare them.

package commands

import (
	"strings"

	"github.com/divtxt/lockd/resp"
)

const (
	msgSyntax    = "ERR syntax error"
	msgNotInt    = "ERR value is not an integer or out of range"
	msgNotFloat  = "ERR value is not a valid float"
	msgWrongType = "WRONGTYPE Operation against a key holding the wrong kind of value"
	msgNoKey     = "ERR no such key"
	msgDBIndex   = "ERR DB index is out of range"
	msgOOM       = "OOM command not allowed when used memory > 'maxmemory'."
)

func errSyntax() resp.Value   { return resp.Error(msgSyntax) }
func errNotInt() resp.Value   { return resp.Error(msgNotInt) }
func errNotFloat() resp.Value { return resp.Error(msgNotFloat) }

func errWrongType() resp.Value { return resp.Error(msgWrongType) }

func errArity(name string) resp.Value {
	return resp.Errorf("ERR wrong number of arguments for '%s' command", name)
}

func errExpire(name string) resp.Value {
	return resp.Errorf("ERR invalid expire time in '%s' command", name)
}

// Redis shows at most this much of an unknown command and of its arguments.
const shownOfUnknown = 128

func errUnknown(words [][]byte) resp.Value {
	var args strings.Builder
	for _, w := range words[1:] {
		if args.Len() >= shownOfUnknown {
			break
		}
		room := shownOfUnknown - args.Len()
		args.WriteByte('\'')
		args.WriteString(clip(w, room))
		args.WriteString("' ")
	}
	return resp.Errorf("ERR unknown command '%s', with args beginning with: %s",
		clip(words[0], shownOfUnknown), args.String())
}

func errUnknownSub(c *Command, sub []byte) resp.Value {
	return resp.Errorf("ERR unknown subcommand '%s'. Try %s HELP.",
		clip(sub, shownOfUnknown), strings.ToUpper(c.Name))
}

// clip cuts w to n bytes, and at a zero byte, as C's printf does.
func clip(w []byte, n int) string {
	s := string(w[:min(len(w), max(0, n))])
	if i := strings.IndexByte(s, 0); i >= 0 {
		s = s[:i]
	}
	return s
}

package script

// From a script's text to what the machine runs.

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/parse"
)

// chunkName is what Redis calls a script in errors.
const chunkName = "user_script"

// Program is a compiled script. It never changes and may run in several goroutines at once.
type Program struct {
	Declared
	sha   string
	proto *lua.FunctionProto
}

// Declared is what a script says of itself in a first line like "#!lua flags=no-writes,allow-oom" (Redis
// 7.0).
type Declared struct {
	Shebang  bool // there is such a line: nothing is allowed that it does not say
	NoWrites bool // it changes nothing, and may not
	AllowOOM bool // it may run while memory is short, and its commands with it
}

// SHA1 returns the script's name for EVALSHA: 40 hexadecimal digits.
func (p *Program) SHA1() string { return p.sha }

// Compile turns a script into a Program. The error's text is the error reply.
func (e *Engine) Compile(body []byte) (*Program, error) {
	sum := sha1.Sum(body)
	p := &Program{sha: hex.EncodeToString(sum[:])}
	var err error
	if p.Declared, body, err = shebang(body); err != nil {
		return nil, fmt.Errorf("ERR %w", err)
	}
	if p.proto, err = compile(body, chunkName); err != nil {
		return nil, fmt.Errorf("ERR Error compiling script (new function): %w", err)
	}
	return p, nil
}

// shebangError is what is wrong with a first line, in the words of Redis.
type shebangError struct{ text, word string }

func (e shebangError) Error() string { return e.text + e.word }

// shebang reads the first line where it says something, and returns the rest, in which lines keep their
// numbers.
func shebang(body []byte) (d Declared, rest []byte, err error) {
	if !bytes.HasPrefix(body, []byte("#!")) {
		return d, body, nil
	}
	end := bytes.IndexByte(body, '\n')
	if end < 0 {
		return d, nil, shebangError{"Invalid script shebang", ""}
	}
	d.Shebang = true
	words := strings.Fields(string(body[2:end]))
	if len(words) == 0 || words[0] != "lua" {
		first, _, _ := strings.Cut(string(body[:end]), " ")
		return d, nil, shebangError{"Unexpected engine in script shebang: ", first}
	}
	for _, word := range words[1:] {
		flags, ok := strings.CutPrefix(word, "flags=")
		if !ok {
			return d, nil, shebangError{"Unknown lua shebang option: ", word}
		}
		for flag := range strings.SplitSeq(flags, ",") {
			switch flag {
			case "no-writes":
				d.NoWrites = true
			case "allow-oom":
				d.AllowOOM = true
			case "allow-stale", "no-cluster", "allow-cross-slot-keys", "":
			default:
				return d, nil, shebangError{"Unexpected flag in script shebang: ", flag}
			}
		}
	}
	return d, body[end:], nil
}

// compile parses, rewrites and compiles. What gopher-lua panics with is an error here: the text comes from
// outside.
func compile(body []byte, name string) (proto *lua.FunctionProto, err error) {
	defer func() {
		if r := recover(); r != nil {
			proto, err = nil, fmt.Errorf("%s:1: %v", name, r)
		}
	}()
	if bytes.HasPrefix(body, []byte("\x1bLua")) {
		return nil, fmt.Errorf("%s:1: bytecode is not allowed", name)
	}
	chunk, err := parse.Parse(bytes.NewReader(body), name)
	if err != nil {
		return nil, syntaxError(err, body, name)
	}
	chunk, err = rewrite(chunk)
	if err != nil {
		return nil, fmt.Errorf("%s:%w", name, err)
	}
	proto, err = lua.Compile(chunk, name)
	var ce *lua.CompileError
	if errors.As(err, &ce) {
		return nil, fmt.Errorf("%s:%d: %s", name, ce.Line, ce.Message)
	}
	return proto, err
}

// syntaxError words a parser's error as Lua does, as far as a parser made by yacc can know.
func syntaxError(err error, body []byte, name string) error {
	var pe *parse.Error
	if !errors.As(err, &pe) {
		return fmt.Errorf("%s:1: %w", name, err)
	}
	line, near, message := pe.Pos.Line, pe.Token, pe.Message
	if line == parse.EOF || near == "" {
		line, near = bytes.Count(bytes.TrimRight(body, "\n"), []byte("\n"))+1, "<eof>"
	}
	switch {
	case strings.Contains(message, "unterminated string"):
		message = "unfinished string"
	case strings.Contains(message, "unterminated multiline"):
		message = "unfinished long string"
	case message == "syntax error", strings.Contains(message, "Invalid token"), errors.Is(err, io.EOF):
		message = "unexpected symbol"
	}
	return fmt.Errorf("%s:%d: %s near '%s'", name, line, message, near)
}

package script

import (
	"strconv"
	"strings"

	"github.com/divtxt/lockd/resp"
)

// fakeHost is a server with a few commands, enough for scripts that test the engine.
type fakeHost struct {
	keys  map[string]string
	calls int
	seeds uint32
	log   []string
}

func (h *fakeHost) SetProto(int) {}

// Seed is another one for each run, as that of a server: the tests that count on a sequence seed it themselves.
func (h *fakeHost) Seed() uint32 { h.seeds++; return h.seeds }

func (h *fakeHost) Log(_ int, text string) { h.log = append(h.log, text) }

func (h *fakeHost) Allowed(words [][]byte) (allowed, ok bool) {
	return true, strings.EqualFold(string(words[0]), "get")
}

func (h *fakeHost) Call(words [][]byte) resp.Value {
	h.calls++
	name, arg := strings.ToLower(string(words[0])), func(i int) string { return string(words[i]) }
	need := map[string]int{"get": 2, "set": 3, "incr": 2, "echo": 2, "del": 2}
	if n, ok := need[name]; ok && n != len(words) {
		return resp.Error("ERR Wrong number of args calling Redis command from script")
	}
	switch name {
	case "get":
		if v, ok := h.keys[arg(1)]; ok {
			return resp.Bulk(v)
		}
		return resp.Null()
	case "set":
		h.keys[arg(1)] = arg(2)
		return resp.OK()
	case "del":
		_, ok := h.keys[arg(1)]
		delete(h.keys, arg(1))
		if ok {
			return resp.Int(1)
		}
		return resp.Int(0)
	case "incr":
		n, err := strconv.ParseInt("0"+h.keys[arg(1)], 10, 64)
		if err != nil {
			return resp.Error("ERR value is not an integer or out of range")
		}
		h.keys[arg(1)] = strconv.FormatInt(n+1, 10)
		return resp.Int(n + 1)
	case "echo":
		return resp.Bulk(arg(1))
	case "eval", "subscribe", "config":
		return resp.Error("ERR This Redis command is not allowed from script")
	}
	return resp.Error("ERR Unknown Redis command called from script")
}

func newHost() *fakeHost { return &fakeHost{keys: map[string]string{"s": "x"}} }

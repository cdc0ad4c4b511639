// What clients do with scripts and transactions: what they do otherwise with plain commands, so that the same
// checks judge them, and a script that fails half way, of which nothing may be left.

package sim

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/divtxt/lockd/cluster"
	"github.com/divtxt/lockd/fsm"
	"github.com/divtxt/lockd/resp"
	"github.com/divtxt/lockd/sim/history"
)

// script is the text that stands behind a word like @release.
func script(name string) (body string, ok bool) {
	body, ok = map[string]string{
		"@release": `if redis.call('get',KEYS[1]) == ARGV[1] then return redis.call('del',KEYS[1]) end
			return 0`,
		"@take": `return redis.call('set',KEYS[1],ARGV[1],'NX','PX',ARGV[2])`,
		"@count": `local t = {} for i = 1, 20 do t['k' .. i] = i end
			for k in pairs(t) do redis.call('set','last',k) end
			return redis.call('incr',KEYS[1])`,
		"@fails":   `redis.call('set',KEYS[1],ARGV[1]) redis.call('incr',KEYS[2]) error('as it was told')`,
		"@push":    `return redis.call('rpush',KEYS[1],ARGV[1])`,
		"@publish": `return redis.call('publish',KEYS[1],ARGV[1])`,
		"@look":    `redis.call('set','wall',redis.call('time')[2]) return redis.call('get',KEYS[1])`,
	}[name]
	return body, ok
}

// both is the line of a transaction: the words of an ask with it are those of fsm.KindExec.
const both = "INCR, GET"

// words takes a line apart. A word that names a script is its text; after EVALSHA, the name of that text.
func (a *ask) words() []string {
	if a.line == both {
		key := []byte(a.Key)
		var list []string
		for _, w := range fsm.ExecWords(nil, []fsm.Queued{
			{Words: [][]byte{[]byte("INCR"), key}}, {Words: [][]byte{[]byte("GET"), key}},
		}) {
			list = append(list, string(w))
		}
		return list
	}
	list := strings.Fields(a.line)
	for i, w := range list {
		body, ok := script(w)
		if !ok {
			continue
		}
		if list[i] = body; list[0] == "EVALSHA" {
			sum := sha1.Sum([]byte(body))
			list[i] = hex.EncodeToString(sum[:])
		}
	}
	return list
}

// command is the plain command that an ask stands for.
func (a *ask) command() string {
	verb, rest, _ := strings.Cut(a.line, " ")
	if a.line == both {
		return "INCR"
	}
	if verb != "EVAL" && verb != "EVALSHA" {
		return verb
	}
	name, _, _ := strings.Cut(rest, " ")
	return map[string]string{
		"@release": "DELIFEQ", "@take": "SET", "@count": "INCR", "@look": "GET", "@fails": "EVAL",
	}[name]
}

// evaluates is the line that runs a script: by its name once somebody was told that it ran, for then all
// nodes know it for ever.
func (c *client) evaluates(name string, rest ...any) string {
	verb := "EVAL"
	if _, known := c.loaded.Load(name); known {
		verb = "EVALSHA"
	}
	return verb + " " + name + " " + strings.TrimSuffix(fmt.Sprintln(rest...), "\n")
}

// learn notes that a script has run.
func (c *client) learn(line string) {
	if words := strings.Fields(line); len(words) > 1 && words[0] == "EVAL" && words[1] != "@fails" {
		c.loaded.Store(words[1], true)
	}
}

// together understands the reply of a transaction: what it has read is what it has counted.
func (c *client) together(op *history.Op, v resp.Value) {
	list := v.List()
	if len(list) != 2 || numberOf(list[1]) != list[0].Num() {
		c.problem("%s on %s: INCR and GET of %s in one transaction were answered %v", c.name, c.at.id, op.Key, v)
		return
	}
	op.Number = list[0].Num()
}

// fails runs a script that writes and then fails. Should anything of it be left, whoever looks at the lock or
// the counter next sees what nobody did.
func (c *client) fails(n *cluster.Node) {
	lock, counter := c.rng.IntN(locks), c.rng.IntN(shares)
	c.owners++
	line := fmt.Sprintf("EVAL @fails 2 lock%d shared%d %s#%d", lock, counter, c.name, c.owners)
	c.do(n, 0, ask{line: line})
}

package compat_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// randomSeed makes the same scripts in every run, so that their replies can be recorded.
const randomSeed = 20240611

// randomLines are the commands that random scripts are made of. Their words come from few keys and values,
// so that commands meet what others left.
func randomLines() []string {
	return []string{
		"SET {rk} {rv}", "SET {rk} {rv}", "SET {rk} {rv} {NX|XX|GET|KEEPTTL} {EX|PX} 200000", "SET {rk} {rv} {NX|XX|GET|KEEPTTL}",
		"SET {rk} {rv} PXAT {1|4102444800000}", "SET {rk} {rv} {GET|XX} {NX|GET}", "SETNX {rk} {rv}", "SETEX {rk} {0|300} {rv}",
		"GETSET {rk} {rv}", "GETDEL {rk}", "GETEX {rk} {PERSIST|GET}", "GETEX {rk} {EX|PX} 400000", "GET {rk}", "STRLEN {rk}",
		"MGET {rk} {rk} {rk}", "MSET {rk} {rv} {rk} {rv}", "MSETNX {rk} {rv} {rk} {rv}", "APPEND {rk} {rv}",
		"SETRANGE {rk} {0|3|-1|9} {rv}", "GETRANGE {rk} {0|-3|2} {-1|1|5}", "INCR {rk}", "DECR {rk}", "INCRBY {rk} {rn}",
		"DECRBY {rk} {rn}", "INCRBYFLOAT {rk} {rf}", "INCRBYFLOAT {rk} {rf}", "DEL {rk} {rk}", "UNLINK {rk}",
		"EXISTS {rk} {rk} {rk}", "TOUCH {rk} {rk}", "TYPE {rk}", "RENAME {rk} {rk}", "RENAMENX {rk} {rk}", "COPY {rk} {rk}",
		"COPY {rk} {rk} REPLACE", "COPY {rk} {rk} DB {0|1|2} REPLACE", "MOVE {rk} {0|1|2|x}", "SWAPDB {0|1|2} {0|1|2}",
		"SELECT {0|1|2}", "SELECT 0", "EXPIRE {rk} {100|-1|1000|x} {NX|XX|GT|LT}", "PEXPIRE {rk} {100000|900000|0}",
		"EXPIREAT {rk} {1|4102444800}", "PERSIST {rk}", "near(300): PTTL {rk}", "near(1): TTL {rk}", "near(300): PEXPIRETIME none",
		"anyorder: KEYS {*|a*|[ab]|?}", "anyorder: SCAN 0 COUNT 100", "FLUSHDB", "OBJECT REFCOUNT none",
		"anyorder: SCAN 0 COUNT 100 MATCH {*|[a-c]}", "GET", "SET {rk}", "NOSUCH {rk} {rv}",
	}
}

// randomScripts are commands in any order, each script from an empty server on. What is left at the end is
// read whole.
func randomScripts(t *testing.T) []script {
	rng := rand.New(rand.NewPCG(randomSeed, 0))
	lists := wordLists()
	lists["rk"] = []string{"a", "b", "c", "d", "aa"}
	lists["rv"] = []string{"", "x", "1", "-7", "2.5", "9223372036854775807", "hello", "\x00\xff"}
	lists["rn"] = []string{"1", "-5", "0", "9223372036854775807", "x", "10"}
	lists["rf"] = []string{"0.1", "-2.5", "1e10", "3", "x", "1e-7"}
	var all []script
	for n := range 150 {
		s := script{name: fmt.Sprintf("random script %d", n)}
		add := func(line string) {
			parsed, err := parseLine(line)
			if err != nil {
				t.Fatal(err)
			}
			s.steps = append(s.steps, pick(t, rng, parsed, lists))
		}
		add("SELECT 0")
		add("FLUSHALL")
		for range 60 {
			add(randomLines()[rng.IntN(len(randomLines()))])
		}
		for db := range 3 {
			add(fmt.Sprintf("SELECT %d", db))
			add("MGET a b c d aa")
			for _, k := range lists["rk"] {
				add("near(300): PTTL " + k)
			}
		}
		add("SELECT 0")
		all = append(all, s)
	}
	return all
}

// pick chooses one of the forms of a step.
func pick(t *testing.T, rng *rand.Rand, s step, lists map[string][]string) step {
	forms, err := expand(s, lists)
	if err != nil {
		t.Fatal(err)
	}
	return forms[rng.IntN(len(forms))]
}

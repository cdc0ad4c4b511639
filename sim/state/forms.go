// The commands that are sent, as lines with places for what varies. A verb says how the judge reads a line;
// lines without one are compared between the replicas only.

package state

import "strings"

// verb is what a line means for a lock.
type verb byte

const (
	other  verb = iota // not judged
	take               // LOCK
	drop               // UNLOCK, DELIFEQ
	renew              // RENEW
	claim              // SET NX PX
	put                // SET PX
	swap               // SET IFEQ PX, with the same value
	get                // GET
	remove             // DEL
	force              // LOCK.FORCE
	expire             // PEXPIRE
	held               // ISLOCKED
	token              // LOCK.TOKEN
	count              // INCR of a counter
	pass               // FENCE.PASS
	fence              // FENCE.GET
	open               // SESSION.OPEN: what it replies is asked for
	undone             // anything that ends in a panic
	flush              // FLUSHALL
)

// form is a line cut into words. A word of a percent sign and a letter is a place: k is a judged key, x
// and y are others, b one of a burst, c a counter, o an owner, t and w are times to live and to wait, s is
// seconds, a is a date, n a number, d a database; v is the key of a value, m a member, f a score; h is one of
// few keys of locks, l of latches and the like, e an election, r a judged fence, i a session. A ~ in any
// other word is a blank; %q at its end makes an id of it that is used several times, and then another.
type form struct {
	verb  verb
	words [][]byte
}

// forms reads lines of a weight's worth of stars and words.
func forms(v verb, lines ...string) (list []*form) {
	for _, line := range lines {
		weight, line, _ := strings.Cut(line, " ")
		f := &form{verb: v}
		for word := range strings.FieldsSeq(line) {
			if word[0] != '%' {
				word = strings.ReplaceAll(word, "~", " ")
			}
			f.words = append(f.words, []byte(word))
		}
		for range len(weight) {
			list = append(list, f)
		}
	}
	return list
}

// judgedForms are lines about the keys that the judge watches.
func judgedForms() []*form {
	var list []*form
	add := func(v verb, lines ...string) { list = append(list, forms(v, lines...)...) }
	add(take, "****** LOCK %k %o %t", "******** LOCK %k %o %t WAIT %w NOTE because", "* LOCK %k")
	add(drop, "****** UNLOCK %k %o", "* UNLOCK %k", "** DELIFEQ %k %o")
	add(renew, "*** RENEW %k %o %t")
	add(claim, "**** SET %k %o NX PX %t")
	add(put, "* SET %k %o PX %t")
	add(swap, "* SET %k %o IFEQ %o PX %t")
	add(get, "** GET %k")
	add(remove, "* DEL %k")
	add(force, "* LOCK.FORCE %k REASON test")
	add(expire, "* PEXPIRE %k %t")
	add(held, "* ISLOCKED %k %o")
	add(token, "* LOCK.TOKEN %k %o")
	add(count, "**** INCR %c")
	add(pass, "**** FENCE.PASS %r %n")
	add(fence, "* FENCE.GET %r")
	add(undone, "* UNDONE LOCK %k %o %t WAIT %w | SET %k %o | DEL %k | LOCK %k %o %t")
	return list
}

// otherForms are lines about other keys, as clients of all kinds send them, and some that are wrong.
func otherForms() []*form {
	return forms(other,
		"******** LOCK %x %o %t", "******** LOCK %x %o %t WAIT %w", "* LOCK %x", "****** UNLOCK %x %o",
		"** RENEW %x %o %t", "**** SET %x %o NX PX %t", "** SET %x %o", "* SET %x %o KEEPTTL GET",
		"* SET %x %o EX %s XX", "* SET %x %o PXAT %a", "* SET %x %o IFNE %o PX %t", "* SETNX %x %o",
		"* SETEX %x %s %o", "* PSETEX %x %t %o", "* GETSET %x %o", "* GETDEL %x", "* GETEX %x PX %t",
		"* GETEX %x PERSIST", "** GET %x", "* MGET %x %y", "* MSET %x %o %y %o", "* MSETNX %x %o %y %o",
		"* APPEND %x %o", "* SETRANGE %x 3 %o", "* GETRANGE %x 1 4", "* STRLEN %x", "* SET %x %n",
		"** INCR %x", "* DECRBY %x %n", "* INCRBYFLOAT %x 0.5", "* EXPIRE %x %s NX", "** PEXPIRE %x %t",
		"* PEXPIREAT %x %a GT", "* PERSIST %x", "* PTTL %x", "* EXPIRETIME %x", "*** DEL %x %y", "* UNLINK %x",
		"** DELIFEQ %x %o", "* DELEX %x IFEQ %o", "* EXISTS %x %y", "* TOUCH %x", "* TYPE %x", "** RENAME %x %y",
		"* RENAMENX %x %y", "* COPY %x %y REPLACE", "* COPY %x %y DB %d", "* MOVE %x %d", "* LOCK.FORCE %x",
		"* LOCK.INFO %x", "* LOCK.TOKEN %x %o", "* LOCK.CHECK %x %n", "* DBSIZE", "* RANDOMKEY", "* TIME",
		"* RAFT.INDEX", "* OBJECT ENCODING %x", "* LOCK %x %o", "* SET %x", "* NONSENSE %x %o", "* PING",
		"* UNDONE SET %x %o PX %t | RENAME %x %y | LOCK %y %o %t WAIT %w | DEL %x %y",
	)
}

// valueForms are lines about hashes, lists, sets and sorted sets. Few keys and few members, of all types:
// much of it meets what another left.
func valueForms() []*form {
	return forms(other,
		"*** HSET %v %m %n", "* HSET %v %m %o %m %o", "* HSETNX %v %m %n", "** HDEL %v %m %m",
		"* HINCRBY %v %m %n", "* HINCRBYFLOAT %v %m %f", "* HGETALL %v", "* HMGET %v %m %m",
		"* HRANDFIELD %v 3 WITHVALUES", "* HSCAN %v 0 COUNT 5", "*** LPUSH %v %m %n", "*** RPUSH %v %m %n %o",
		"* LPUSHX %v %m", "** LPOP %v", "** RPOP %v 2", "* LRANGE %v 1 5", "* LSET %v 2 %m",
		"* LINSERT %v BEFORE %m %n", "* LREM %v 1 %m", "* LTRIM %v 1 -2", "* LPOS %v %m COUNT 0",
		"** LMOVE %v %v LEFT RIGHT", "* RPOPLPUSH %v %v", "* LMPOP 2 %v %v RIGHT COUNT 2",
		"*** SADD %v %m %m %n", "** SREM %v %m", "** SPOP %v", "* SPOP %v 2", "* SRANDMEMBER %v -4",
		"* SMOVE %v %v %m", "* SMEMBERS %v", "* SUNIONSTORE %v %v %v", "* SINTERSTORE %v %v %v",
		"* SDIFFSTORE %v %v %v", "* SINTERCARD 2 %v %v", "*** ZADD %v %f %m %f %m", "* ZADD %v GT CH %f %m",
		"* ZADD %v INCR %f %m", "** ZREM %v %m", "** ZINCRBY %v %f %m", "** ZPOPMIN %v", "* ZPOPMAX %v 2",
		"* ZRANGE %v 0 -1 WITHSCORES", "* ZRANGEBYSCORE %v (1 +inf LIMIT 1 3", "* ZREMRANGEBYSCORE %v -inf (2",
		"* ZREMRANGEBYRANK %v 3 -1", "* ZREMRANGEBYLEX %v [m3 +", "* ZRANK %v %m",
		"* ZRANGESTORE %v %v 0 3 REV", "* ZUNIONSTORE %v 2 %v %v WEIGHTS 0.1 %n AGGREGATE MAX",
		"* ZINTERSTORE %v 2 %v %v", "* ZDIFFSTORE %v 2 %v %v", "* ZRANDMEMBER %v 2",
		"* ZMPOP 2 %v %v MIN COUNT 2", "** BLPOP %v %v 0", "** BRPOP %v 0.5",
		"** BLMOVE %v %v LEFT RIGHT 0.05", "* BRPOPLPUSH %v %v 0", "* BLMPOP 2 2 %v %v LEFT COUNT 3",
		"** BZPOPMIN %v %v 0", "* BZPOPMAX %v 0.1", "* BZMPOP 0 1 %v MAX", "** DEL %v %v", "* RENAME %v %v",
		"* COPY %v %v REPLACE", "* COPY %v %v DB %d", "* MOVE %v %d", "* PEXPIRE %v %t", "* PERSIST %v",
		"* SET %v %o", "* LOCK %v %o %t", "* LOCK %v %o %t WAIT %w", "* UNLOCK %v %o", "* GET %v",
		"* APPEND %v %o", "* INCR %v", "* TYPE %v", "* SCAN 0 TYPE zset", "* OBJECT ENCODING %v",
		"* UNDONE RPUSH %v %m | SADD %v %m | ZADD %v %f %m | HSET %v %m %n | LMOVE %v %v LEFT RIGHT | "+
			"SPOP %v | BLPOP %v 0 | DEL %v",
	)
}

// rareForms are lines that touch or show a whole database. FLUSHDB and SWAPDB stay away from database 0,
// where the judged keys are.
func rareForms() []*form {
	return append(forms(other, "* SWAPDB 1 2", "* SWAPDB 3 2", "* KEYS %x*", "* LOCK.LIST COUNT 20", "* FLUSHDB",
		"* UNDONE LOCK %x %o %t | SWAPDB 1 2 | FLUSHALL | LOCK %x %o %t WAIT %w"),
		forms(flush, "* FLUSHALL")...)
}

// readForms are lines that change nothing and ride along with an entry.
func readForms() []*form {
	return append(forms(get, "**** GET %k"), forms(other, "* PTTL %x", "* LOCK.INFO %k", "* LOCK.INFO %x",
		"* ISLOCKED %x",
		"* DBSIZE", "* RANDOMKEY", "* EXISTS %x %y", "* LOCK.LIST MATCH %x* COUNT 5", "* STRLEN %x",
		"* HGETALL %v", "* SUNION %v %v", "* ZUNION 2 %v %v WITHSCORES", "* LRANGE %v 0 -1")...)
}

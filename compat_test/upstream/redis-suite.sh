#!/usr/bin/env bash
# The test suite of Redis itself (7.0.15, written in Tcl) against a lockd that this starts: what Redis' authors
# found worth testing, in their words, beside the differential tests, which are ours.
#
#   bash compat_test/upstream/redis-suite.sh                 all units named below
#   bash compat_test/upstream/redis-suite.sh type/list multi only these
#
# It fails if a test fails that is not in redis-suite.skip, if a unit passes no test, and, when all units run,
# if the list names a test that there is not. redis-suite.tcl has what must be changed in the suite so that it
# can speak with another server than its own.
#
# The units that are left out have nothing that could run: they are about commands that lockd does not have
# (dump, sort, functions, geo, hyperloglog, bitops, bitfield, type/stream*), about access control lists, eviction
# and the memory of one process (acl*, maxmemory, memefficiency, lazyfree, client-eviction), or every one of
# their tests starts a redis-server of its own (auth, info, wait, pubsubshard, limits, networking, shutdown,
# integration/*, cluster/*, …).
#
# The sources come from Debian's mirror into a cache folder (LOCKD_UPSTREAM_CACHE, by default
# ~/.cache/lockd-upstream), or from the archive that LOCKD_REDIS_TAR names. LOCKD_BINARY is a lockd to use;
# without it one is built. curl and tclsh are needed.

set -euo pipefail
cd "$(dirname "$0")"
here=$PWD
cache=${LOCKD_UPSTREAM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lockd-upstream}
archive=${LOCKD_REDIS_TAR:-$cache/redis_7.0.15.orig.tar.gz}
address=https://deb.debian.org/debian/pool/main/r/redis/redis_7.0.15.orig.tar.gz
sum=4b1dc4ee6d622a09fff9c6777191209750fb5e5a725ef78ea012d6eef4c22982
all=(
	protocol quit keyspace scan expire multi scripting pubsub tracking info-command introspection introspection-2
	other slowlog latency-monitor type/string type/incr type/hash type/list type/list-2 type/list-3 type/set
	type/zset
)
me=compat_test/upstream
. ../begin.sh

# fetch unpacks the suite and lets it read our changes.
fetch() {
	if [ ! -f "$archive" ]; then
		need curl "it fetches Redis' sources; or say with LOCKD_REDIS_TAR where they are"
		mkdir -p "$cache"
		curl -fsSL --retry 3 -o "$work/archive" "$address"
		mv "$work/archive" "$archive"
	fi
	echo "$sum  $archive" | sha256sum --check --quiet || die "$archive is not what it should be: remove it"
	mkdir "$work/redis"
	tar xzf "$archive" -C "$work/redis" --strip-components 1 --wildcards '*/tests'
	cd "$work/redis"
	sed -i "s|^if {\\\$::client} {\$|source $here/redis-suite.tcl\n&|" tests/test_helper.tcl
	grep -q "^source $here/redis-suite.tcl" tests/test_helper.tcl || die "tests/test_helper.tcl is not as expected"
	# Each test of scripts runs with EVAL and with FUNCTION, which lockd does not have.
	sed -i 's/^foreach is_eval {0 1} {/foreach is_eval {1} {/' tests/unit/scripting.tcl
}

# serve starts lockd with limits that are as wide as the suite needs them. Its log is in memory: what the suite
# asks for is what commands do, in hundreds of thousands of them.
serve() {
	local binary=${LOCKD_BINARY:-$work/lockd}
	if [ -z "${LOCKD_BINARY:-}" ]; then
		need go "it builds lockd; or say with LOCKD_BINARY where one is"
		(cd "$here/../.." && go build -o "$binary" .)
	fi
	"$binary" --port 0 --dir "$work/data" --log-store memory --log-level error --enable-debug-command local \
		--max-command-bytes 64mb --max-args 1048576 --max-key-bytes 1mb >"$work/out" 2>"$work/err" &
	server=$!
	listening
}

count() {
	grep -ac "^\[$1\]" "$2" || true
}

# unit runs one unit and prints its figures, and what failed.
unit() {
	local log=$work/log failed=0
	tclsh tests/test_helper.tcl --host 127.0.0.1 --port "$port" --single "unit/$1" --skipfile "$here/redis-suite.skip" \
		--durable --timeout "${LOCKD_TIMEOUT:-300}" --ignore-encoding --ignore-digest \
		--tags "-needs:repl -needs:config-maxmemory" >"$log.raw" 2>&1 || failed=1
	sed 's/\x1b\[[0-9;]*m//g' "$log.raw" >"$log"
	sed -n 's/^\[skip\]: //p' "$log" >>"$work/skipped"
	local passed
	passed=$(count ok "$log")
	printf '%-16s %4d passed %4d skipped %4d not for an external server\n' \
		"$1" "$passed" "$(count skip "$log")" "$(count ignore "$log")"
	if [ "$failed" = 1 ] || [ "$passed" = 0 ]; then
		sed -n '/The End/q; /^\[\(err\|exception\|TIMEOUT\)\]/,/^\[\(ok\|skip\|ignore\|done\)/p' "$log"
		tail -3 "$log"
		bad="$bad $1"
	fi
	total=$((total + passed))
}

# stale prints the names in the list of which no test was skipped.
stale() {
	local name
	while IFS= read -r name; do
		case $name in
		'' | '#'*) ;;
		/*) grep -aqE -- "${name#/}" "$work/skipped" || echo "$name" ;;
		*) grep -aqxF -- "$name" "$work/skipped" || echo "$name" ;;
		esac
	done <"$here/redis-suite.skip"
}

need tclsh "the suite is written in Tcl"
units=("$@")
[ $# = 0 ] && units=("${all[@]}")
serve
fetch
total=0 bad=
for u in "${units[@]}"; do
	unit "$u"
done
echo "$total passed"
kill -0 "$server" 2>/dev/null || { cat "$work/err" >&2; die "lockd has ended"; }
if [ $# = 0 ] && [ -n "$(stale)" ]; then
	stale
	die "redis-suite.skip names tests that there are not"
fi
[ -z "$bad" ] || die "failed:$bad"

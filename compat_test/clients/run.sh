#!/usr/bin/env bash
# Real clients of other languages against lockd, each with its defaults: what no protocol test of ours can
# show is that a client's own handshake, reader and pool are content. Each prints one line; the first that
# fails ends the run. redis-cli and redis-benchmark are asked too.
#
#   bash compat_test/clients/run.sh                all
#   bash compat_test/clients/run.sh jedis redis-rs only these
#   bash compat_test/clients/run.sh failover       those that follow a leader, in their modes for that
#   bash compat_test/clients/run.sh prepare redis-py  only fetches it; prints the folder that it is in
#
# The last takes and frees locks for LOCKD_SECONDS (20) through nodes that somebody else has started, and whose
# leader somebody else stops meanwhile: LOCKD_SENTINELS and LOCKD_CLUSTER are their host:port,host:port,… (a
# mode whose list is not given is left out), LOCKD_MASTER the name that Sentinels know (mymaster), LOCKD_PASSWORD
# the password. It says "begin" when the clients start, then what each of them saw; it fails if one never
# succeeded, or was without success for longer than LOCKD_MOST_GAP milliseconds, if that is given. LOCKD_CLIENTS
# names the clients, go-redis redis-py ioredis node-redis jedis by default.
#
# Clients come from their registries in the versions that their manifests pin, into a cache folder
# (LOCKD_CLIENTS_CACHE, by default ~/.cache/lockd-clients) and nowhere else.

set -euo pipefail
cd "$(dirname "$0")"
here=$PWD
cache=${LOCKD_CLIENTS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lockd-clients}
mkdir -p "$cache"
me=compat_test/clients
. ../begin.sh

start_lockd() {
	need go "all of these tests need it"
	(cd ../.. && go build -o "$work/lockd" .)
	"$work/lockd" --port 0 --dir "$work/data" --log-level warn >"$work/out" 2>"$work/err" &
	server=$!
	listening
}

# retry tries what asks a registry a second time: a refused download says nothing about lockd.
retry() {
	"$@" && return
	sleep 3
	"$@"
}

# fresh copies a client's folder into the cache, where its packages may be laid beside it.
fresh() {
	mkdir -p "$cache/$1"
	cp -R "$here/$1/." "$cache/$1/"
	cd "$cache/$1"
}

prepare_redis-py() {
	need python3 "the tests of redis-py need it"
	fresh redis-py
	[ -x venv/bin/python ] || python3 -m venv venv || die "python3 has no venv module: redis-py needs it"
	retry venv/bin/python -m pip install -q -r requirements.txt
}
run_redis-py() {
	prepare_redis-py
	venv/bin/python client.py "$port"
}
failover_redis-py() { venv/bin/python failover.py "$1"; }

prepare_node() {
	need node "the tests of $1 need it"
	need npm "the tests of $1 need it"
	fresh "$1"
	if ! cmp -s package-lock.json node_modules/.installed; then
		retry npm ci --silent --no-audit --no-fund
		cp package-lock.json node_modules/.installed
	fi
}
run_node() {
	prepare_node "$1"
	node client.mjs "$port"
}
run_node-redis() { run_node node-redis; }
run_ioredis() { run_node ioredis; }
prepare_node-redis() { prepare_node node-redis; }
prepare_ioredis() { prepare_node ioredis; }
failover_node-redis() { node failover.mjs "$1"; }
failover_ioredis() { node failover.mjs "$1"; }

prepare_java() {
	need java "the tests of $1 need it"
	need mvn "the tests of $1 need it"
	fresh "$1"
	if ! cmp -s pom.xml lib/.installed; then
		rm -rf lib
		# Maven ends with an escape sequence even where nobody sees colours.
		retry mvn -q -B dependency:copy-dependencies -DoutputDirectory="$PWD/lib" 2>&1 | sed 's/\x1b\[[0-9;]*m//g'
		cp pom.xml lib/.installed
	fi
}
run_java() {
	prepare_java "$1"
	local version # the second in the file: that of the client
	version=$(sed -n 's/.*<version>\(.*\)<.*/\1/p' pom.xml | sed -n 2p)
	java -cp "lib/*" Client.java "$port" "$version" 2>&1 | { grep -v '^Note: ' || true; }
}
run_jedis() { run_java jedis; }
run_lettuce() { run_java lettuce; }
prepare_jedis() { prepare_java jedis; }
failover_jedis() { java -cp "lib/*" Failover.java "$1"; }

prepare_go-redis() {
	need go "the test of go-redis needs it"
	mkdir -p "$cache/go-redis"
	(cd "$here/../.." && go build -o "$cache/go-redis/failover" compat_test/clients/go-redis/failover.go)
}
failover_go-redis() { ./failover "$1"; }

run_redis-rs() {
	need cargo "the tests of redis-rs need it"
	fresh redis-rs
	retry cargo build -q --locked
	target/debug/lockd-redis-rs "$port" "$(sed -n 's/^redis = "=\(.*\)"/\1/p' Cargo.toml)"
}

# check fails unless what a command printed matches a pattern.
check() {
	local what=$1 pattern=$2 got
	shift 2
	got=$("$@" 2>&1) || true
	grep -qE -- "$pattern" <<<"$got" || die "$what: nothing like '$pattern' in: $got"
}

run_redis-cli() {
	need redis-cli "its own tests need it"
	local cli=(redis-cli -p "$port")
	check "redis-cli LOCK" '^\(?(integer\) )?[1-9][0-9]*$' "${cli[@]}" LOCK clients:cli alice 30000
	check "redis-cli HELP LOCK" 'key \[owner \[ttl-ms\] \[WAIT ms\].*\[NOTE text\]' "${cli[@]}" HELP LOCK
	check "redis-cli HELP @connection" 'CLIENT NO-EVICT' "${cli[@]}" HELP @connection
	check "redis-cli --scan" '^clients:cli$' "${cli[@]}" --scan --pattern 'clients:*'
	check "redis-cli -3 HELLO" '^proto 3$' "${cli[@]}" -3 HELLO
	check "redis-cli --bigkeys" '[1-9][0-9]* strings with' "${cli[@]}" --bigkeys
	check "redis-cli --memkeys" '[1-9][0-9]* strings with' "${cli[@]}" --memkeys
	check "redis-cli --pipe" 'errors: 0, replies: 2' sh -c "printf 'PING\r\nPING\r\n' | redis-cli -p $port --pipe"
	# A heading, then a line each interval: keys, memory, clients, blocked, requests, connections.
	check "redis-cli --stat" '^[1-9][0-9]* +[0-9.]+[BKMG] +[1-9][0-9]* +0 +[1-9][0-9]* ' \
		timeout 1.5 stdbuf -oL redis-cli -p "$port" --stat -i 0.2
	check "redis-cli UNLOCK" '^\(?(integer\) )?1$' "${cli[@]}" UNLOCK clients:cli alice
	echo "ok redis-cli $(redis-cli --version | cut -d' ' -f2)"
}

run_redis-benchmark() {
	need redis-benchmark "its own tests need it"
	local name out
	out=$(redis-benchmark -p "$port" -t set,get -P 16 -n 20000 -q 2>&1 | tr '\r' '\n') || die "redis-benchmark: $out"
	for name in SET GET; do
		grep -qE "^ *$name: [1-9][0-9.]* requests per second" <<<"$out" || die "redis-benchmark: no figure for $name in: $out"
	done
	if grep -qiE 'error|warning' <<<"$out"; then
		die "redis-benchmark complains: $out"
	fi
	echo "ok redis-benchmark" $(sed -n 's/^ *\([SG]ET\): \([0-9]*\).*requests per second.*/\1 \2\/s/p' <<<"$out")
}

# failover runs all clients at the same time, so that each of them sees the same failovers.
failover() {
	local clients modes=() name mode pid pids=() bad=
	read -ra clients <<<"${LOCKD_CLIENTS:-go-redis redis-py ioredis node-redis jedis}"
	[ -n "${LOCKD_SENTINELS:-}" ] && modes+=(sentinel)
	[ -n "${LOCKD_CLUSTER:-}" ] && modes+=(cluster)
	[ ${#modes[@]} -gt 0 ] || die "failover: LOCKD_SENTINELS and LOCKD_CLUSTER are empty, so there is nothing to connect to"
	for name in "${clients[@]}"; do
		declare -F "failover_$name" >/dev/null || die "there is no failover test of $name here"
		(set -e; "prepare_$name")
	done
	echo begin
	for name in "${clients[@]}"; do
		for mode in "${modes[@]}"; do
			(cd "$cache/$name" && "failover_$name" "$mode") >"$work/$name-$mode" 2>"$work/$name-$mode.err" &
			pids+=("$!")
		done
	done
	for pid in "${pids[@]}"; do
		wait "$pid" || bad="a client ended with an error"
	done
	for name in "${clients[@]}"; do
		for mode in "${modes[@]}"; do
			judge "$work/$name-$mode" || bad="$name in its $mode mode did not follow"
		done
	done
	[ -z "$bad" ] || die "failover: $bad"
}

# judge prints what a client saw, and tells whether that is good enough.
judge() {
	local line='([0-9]+) succeeded, [0-9]+ errors, longest gap ([0-9]+) ms' said
	said=$(cat "$1")
	echo "$said"
	if ! [[ $said =~ $line ]]; then
		tail -n 20 "$1.err" >&2
		return 1
	fi
	[ "${BASH_REMATCH[1]}" -gt 0 ] && [ "${BASH_REMATCH[2]}" -le "${LOCKD_MOST_GAP:-999999999}" ]
}

if [ "${1:-}" = failover ]; then
	failover
	exit
fi
if [ "${1:-}" = prepare ]; then # for programs elsewhere that use the same clients
	"prepare_$2" >&2
	echo "$cache/$2"
	exit
fi

all=(redis-cli redis-benchmark redis-py node-redis ioredis jedis lettuce redis-rs)
[ $# -gt 0 ] && all=("$@")
start_lockd
for name in "${all[@]}"; do
	declare -F "run_$name" >/dev/null || die "there is no client named $name here"
	# Not as a condition, within which set -e is off.
	set +e
	( set -e; "run_$name" )
	code=$?
	set -e
	[ $code -eq 0 ] || die "$name failed; lockd said: $(cat "$work/err")"
done
kill -0 "$server" || die "lockd is gone: $(cat "$work/err")"
echo "all ${#all[@]} clients work with lockd"

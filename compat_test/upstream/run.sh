#!/usr/bin/env bash
# The lock libraries' own test suites, unchanged, as far as their packages carry them: judges that nobody here wrote.
#
#   bash compat_test/upstream/run.sh redis|lockd [suite…]
#
# Suites: redis-py redlock-py redlock warlock redis-lock redislock redsync rueidislock. Most of them
# know one port only, 6379 or 6386, which must be free; redsync starts servers of its own by the name of redis-server,
# which the shim beside this file then is. One line a suite: ok, or fail and the end of what it said. What comes from
# registries is laid into a cache folder (LOCKD_UPSTREAM_CACHE, by default ~/.cache/lockd-upstream).

set -euo pipefail
cd "$(dirname "$0")"
here=$PWD
cache=${LOCKD_UPSTREAM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lockd-upstream}
mkdir -p "$cache"
work=$(mktemp -d)
servers=()
kind=${1:-}

finish() {
	for id in "${servers[@]}"; do
		kill "$id" 2>/dev/null || true
		wait "$id" 2>/dev/null || true
	done
	rm -rf "$work"
}
trap finish EXIT

die() {
	echo "compat_test/upstream: $*" >&2
	exit 1
}

case $kind in
redis | lockd) shift ;;
*) die "usage: run.sh redis|lockd [suite…]" ;;
esac

answers() { { exec 3<>"/dev/tcp/127.0.0.1/$1" && printf 'PING\r\n' >&3 && head -n 1 <&3; } 2>/dev/null | grep -q PONG; }

serve() {
	local port=$1 tries
	! { exec 3<>"/dev/tcp/127.0.0.1/$port"; } 2>/dev/null || die "port $port is taken, and the suites know no other"
	if [ "$kind" = redis ]; then
		redis-server --port "$port" --save "" --appendonly no --dir "$work" >"$work/$port.log" 2>&1 &
	else
		"$LOCKD" --port "$port" --dir "$work/$port" --log-store memory --log-level warn >"$work/$port.log" 2>&1 &
	fi
	servers+=("$!")
	for tries in $(seq 100); do
		answers "$port" && return
		sleep 0.1
	done
	die "no server on port $port: $(cat "$work/$port.log")"
}

prepare() {
	cd "$cache"
	[ -x venv/bin/python ] || python3 -m venv venv
	if ! cmp -s "$here/requirements.txt" requirements.txt; then
		venv/bin/python -m pip install -q -r "$here/requirements.txt"
		# The suites are in the sources only.
		local name
		rm -rf sources && mkdir sources
		for name in redis redlock-py; do
			venv/bin/python -m pip download -q --no-deps --no-binary :all: -d sources "$(grep "^$name==" "$here/requirements.txt")"
		done
		for name in sources/*.tar.gz; do tar xzf "$name" -C sources; done
		cp "$here/requirements.txt" .
	fi
	if ! cmp -s "$here/package-lock.json" package-lock.json.installed; then
		cp "$here/package.json" "$here/package-lock.json" .
		npm ci --silent --no-audit --no-fund --legacy-peer-deps
		mkdir -p node_modules/redis-lock/node_modules # its suite wants version 4, the others 3
		ln -sfn ../../redis4 node_modules/redis-lock/node_modules/redis
		cp package-lock.json package-lock.json.installed
	fi
}

# module copies a Go module out of the cache of modules, which is read-only, and prints the folder.
module() {
	local from to
	from=$(cd ../locks/go && go mod download -json "$1@$(go list -m -f '{{.Version}}' "$1")" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
	to=$cache/$(basename "$from")
	if [ ! -d "$to" ]; then
		cp -R "$from" "$to"
		chmod -R u+w "$to"
	fi
	echo "$to"
}

python() { (cd "$cache"/sources/$1/ && shift && "$cache/venv/bin/python" -m pytest -q -W ignore -p no:cacheprovider "$@"); }
mocha() { (cd "$cache" && npx mocha --exit "$1"); }

# alone runs a program in a network of its own, if it may: redsync's ports are among those that the kernel gives to
# outgoing connections, so that one of them is taken now and then. What it leaves running ends with it.
alone() {
	if unshare -np --fork true 2>/dev/null; then
		unshare -np --fork --kill-child bash -c 'ip link set lo up && exec "$@"' alone "$@"
	else
		"$@"
	fi
}

suite_redis-py() { python redis-8* --redis-url redis://127.0.0.1:6379 tests/test_lock.py tests/test_asyncio/test_lock.py; }
suite_redlock-py() { python redlock-py-* tests; }
suite_redlock() { mocha node_modules/redlock/test.js; }
suite_warlock() { mocha node_modules/node-redis-warlock/test/warlock.js; }
suite_redis-lock() { mocha node_modules/redis-lock/test/test.js; }
suite_redislock() { cd "$(module github.com/bsm/redislock)" && go test -count=1 ./...; }
suite_redsync() {
	cd "$(module github.com/go-redsync/redsync/v4)"
	go test -c -o "$work/redsync.test" .
	(cd "$work" && alone ./redsync.test) # a real redis-server leaves its dump where it runs
}
suite_rueidislock() { cd "$(module github.com/redis/rueidis)" && go test -count=1 ./rueidislock; }

(prepare)
if [ "$kind" = lockd ]; then
	(cd ../.. && go build -o "$work/lockd" .)
	export LOCKD=$work/lockd
	PATH=$here:$PATH # the shim
fi
serve 6379
serve 6386 # warlock's
all=(redis-py redlock-py redlock warlock redis-lock redislock redsync rueidislock)
[ $# -gt 0 ] && all=("$@")
code=0
for name in "${all[@]}"; do
	declare -F "suite_$name" >/dev/null || die "there is no suite $name here, but: ${all[*]}"
	begin=$SECONDS
	if (set -e; "suite_$name") >"$work/$name" 2>&1; then
		echo "ok $name ($((SECONDS - begin)) s): $(grep -E 'passed|passing|^ok|^PASS' "$work/$name" | tail -n 1 | tr -s ' ')"
	else
		code=1
		echo "fail $name:"
		grep -vE '^\s*$' "$work/$name" | tail -n "${LOCKD_UPSTREAM_LINES:-25}"
	fi
done
exit $code

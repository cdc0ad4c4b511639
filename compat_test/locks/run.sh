#!/usr/bin/env bash
# Real lock libraries of many languages, each asked by a small program for what its users ask it, of any server that
# speaks the protocol. libraries_test.go runs this against redis-server and lockd, and makes docs/compatibility.md.
#
#   bash compat_test/locks/run.sh prepare [language…]               only fetches and builds
#   bash compat_test/locks/run.sh once HOST:PORT [language…]        all features, one language after the other
#   bash compat_test/locks/run.sh failover HOST:PORT SECONDS [language…]
#   bash compat_test/locks/run.sh redlock HOST:PORT HOST:PORT HOST:PORT   redlock-py given three servers
#
# Languages: python node go java rust debian (PHP, Ruby, Perl and C with Debian's packages). What is printed:
#
#   language python
#   library redis-py Lock 8.1.0
#   ok acquire
#   fail expire: the lock is held beyond its time
#
# failover lets two owners compete for one lock of each library for so many seconds, all libraries at once, while
# somebody else kills the leader; it prints "begin" when every library had its lock for the first time. A library
# fails there if both owners had the lock at once, or nobody for 10 s.
#
# Libraries come from their registries in the versions that the manifests pin, into a cache folder
# (LOCKD_LOCKS_CACHE, by default ~/.cache/lockd-locks) and nowhere else.

set -euo pipefail
cd "$(dirname "$0")"
here=$PWD
cache=${LOCKD_LOCKS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lockd-locks}
mkdir -p "$cache"
work=$(mktemp -d)
languages=(python node go java rust debian)
php=("symfony/lock on Predis" "symfony/lock on phpredis" "Predis, SET NX and scripts" "phpredis, SET NX and scripts")
running=()

finish() {
	for id in "${running[@]}"; do kill "$id" 2>/dev/null || true; done
	rm -rf "$work"
}
trap finish EXIT

die() {
	echo "compat_test/locks: $*" >&2
	exit 1
}

# need names a program that is missing, and what it is for.
need() {
	command -v "$1" >/dev/null || die "$1 is missing: the libraries of $2 need it"
}

# retry tries what asks a registry a second time: a refused download says nothing about a library.
retry() {
	"$@" && return
	sleep 3
	"$@"
}

# fresh copies a language's folder into the cache, where its packages may be laid beside it.
fresh() {
	mkdir -p "$cache/$1"
	cp -R "$here/$1/." "$cache/$1/"
	cd "$cache/$1"
}

# same tells whether what was installed last is what a manifest asks for now.
same() { cmp -s "$1" "$1.installed"; }

prepare_python() {
	need python3 Python
	fresh python
	[ -x venv/bin/python ] || python3 -m venv venv || die "python3 has no venv module"
	same requirements.txt || retry venv/bin/python -m pip install -q -r requirements.txt
	cp requirements.txt requirements.txt.installed
}

prepare_node() {
	need npm Node.js
	fresh node
	# Two libraries name newer peers than they need.
	same package-lock.json || retry npm ci --silent --no-audit --no-fund --legacy-peer-deps
	cp package-lock.json package-lock.json.installed
}

prepare_go() {
	need go Go
	mkdir -p "$cache/go"
	cd "$here/go"
	retry go build -o "$cache/go/locks" .
}

prepare_java() {
	need mvn Java
	fresh java
	if ! same pom.xml; then
		rm -rf lib
		# Maven ends with an escape sequence even where nobody sees colours.
		retry mvn -q -B dependency:copy-dependencies -DoutputDirectory="$PWD/lib" 2>&1 | sed 's/\x1b\[[0-9;]*m//g'
		cp pom.xml pom.xml.installed
	fi
	cat ./*.java >sources
	if ! same sources; then
		rm -rf classes
		javac -nowarn -Xlint:-deprecation -cp 'lib/*' -d classes ./*.java 2>&1 | { grep -v '^Note: ' || true; }
		cp sources sources.installed
	fi
}

prepare_rust() {
	need cargo Rust
	fresh rust
	retry cargo build -q --locked
}

prepare_debian() {
	local package missing=()
	for package in $(grep -v '^#' "$here/debian/packages.txt"); do
		dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
	done
	if [ ${#missing[@]} -gt 0 ]; then
		apt-get update -qq
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
	fi
	fresh debian
	cc -Wall -O1 -o locks locks.c -lhiredis
}

prepare() {
	declare -F "prepare_$1" >/dev/null || die "there is no language $1 here, but: ${languages[*]}"
	(set -e; "prepare_$1") >&2
}

# programs prints the commands that run a language's libraries in a mode, one a line; %s is where its arguments go.
programs() {
	local name
	cd "$cache/$1"
	case $1 in
	python) echo "$PWD/venv/bin/python $PWD/main.py %s" ;;
	node) echo "node $PWD/main.mjs %s" ;;
	go) echo "$PWD/locks %s" ;;
	java) echo "java -XX:TieredStopAtLevel=1 -cp $PWD/classes:$PWD/lib/* Main %s $(versions)" ;;
	rust) echo "$PWD/target/debug/lockd-locks %s" ;;
	debian)
		[ "$2" = failover ] || php+=("symfony/semaphore on phpredis") # which has nothing that only one can own
		# The packaged libraries are older than the interpreter, which would say so at every call.
		for name in "${php[@]}"; do echo "php -d error_reporting=22527 $PWD/locks.php %s '$name'"; done
		echo "ruby -W0 $PWD/locks.rb %s"
		echo "perl $PWD/locks.pl %s"
		echo "$PWD/locks %s"
		;;
	esac
}

# versions are those of the pom, as artifact=version,…
versions() {
	sed -n 's/.*<artifactId>\(.*\)<.*/\1/p; s/.*<version>\(.*\)<.*/\1/p' pom.xml | paste -d= - - | tail -n +2 | paste -sd,
}

# start runs all programs of a language at once, each with its output in a file.
start() {
	local language=$1 line i=0
	shift
	while IFS= read -r line; do
		i=$((i + 1))
		printf -v line "$line" "$*"
		: >"$work/$language-$i.out" # the other side of & may be late with it
		eval "set -f; exec $line" </dev/null >"$work/$language-$i.out" 2>"$work/$language-$i.err" &
		running+=("$!")
	done < <(programs "$language" "$1")
}

# report prints what a language's programs said; what they complained of is for whoever looks after a failure.
report() {
	local file
	echo "language $1"
	for file in "$work/$1"-*.out; do
		grep -v '^begin$' "$file" || echo "fail $1: it printed nothing: $(tail -n 3 "${file%.out}.err" | tr '\n' ' ')"
	done
	if grep -q '^fail' "$work/$1"-*.out; then
		tail -n 40 "$work/$1"-*.err >&2
	fi
}

# ended waits for all programs, and tells whether all were content.
ended() {
	local id good=0
	for id in "${running[@]}"; do wait "$id" || good=1; done
	running=()
	return $good
}

once() {
	local address=$1 language code=0
	shift
	for language in "$@"; do
		start "$language" once "$address" 0
		ended || code=1
		report "$language"
	done
	return $code
}

failover() {
	local address=$1 seconds=$2 language file code=0
	shift 2
	for language in "$@"; do start "$language" failover "$address" "$seconds"; done
	local deadline=$((SECONDS + 8))
	for file in "$work"/*.out; do
		until grep -q '^begin$' "$file" || [ $SECONDS -ge $deadline ]; do sleep 0.1; done # or it cannot: then the kill must not wait
	done
	echo begin
	ended || code=1
	for language in "$@"; do report "$language"; done
	return $code
}

mode=${1:-}
[ $# -gt 0 ] && shift
case $mode in
prepare) count=0 ;;
once) count=1 ;;
failover) count=2 ;;
redlock)
	prepare python
	"$cache/python/venv/bin/python" "$cache/python/redlock_nodes.py" "$@"
	exit
	;;
*) die "usage: run.sh prepare|once|failover|redlock …, see the file" ;;
esac
arguments=("${@:1:count}")
shift "$count"
[ $# -gt 0 ] && languages=("$@")
for language in "${languages[@]}"; do prepare "$language"; done
[ "$mode" = prepare ] || "$mode" "${arguments[@]}" "${languages[@]}"

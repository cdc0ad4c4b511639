# What scripts begin with that start a lockd of their own: a folder, work, and a process, server, that end with the
# script, and two ways to give up. It is sourced, by a script that says in me what it is called.

work=$(mktemp -d)
server=

finish() {
	if [ -n "$server" ]; then
		kill "$server" 2>/dev/null || true
		wait "$server" 2>/dev/null || true
	fi
	rm -rf "$work"
}
trap finish EXIT

die() {
	echo "$me: $*" >&2
	exit 1
}

# need PROGRAM WHY ends the script where a program is missing.
need() {
	command -v "$1" >/dev/null || die "$1 is missing: $2"
}

# listening waits until server, a lockd that writes to out and err in work, takes connections, and notes its port.
listening() {
	local tries
	for tries in $(seq 100); do
		port=$(sed -n 's/.* listens on 127\.0\.0\.1:\([0-9]*\).*/\1/p' "$work/out")
		[ -n "$port" ] && return
		kill -0 "$server" 2>/dev/null || break
		sleep 0.1
	done
	cat "$work/err" >&2
	die "lockd did not start"
}

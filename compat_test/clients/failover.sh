#!/usr/bin/env bash
# Clients that follow a leader, through real changes of leader: three nodes, whose leader is killed, and whose next
# leader is asked to stop, while go-redis, redis-py, ioredis, node-redis and Jedis take and free locks, each by
# Sentinels and as a Redis Cluster, unmodified (run.sh failover is their side of it).
#
#   bash compat_test/clients/failover.sh
#
# It fails where a client never succeeds, or has no success for longer than LOCKD_MOST_GAP milliseconds (8000: some
# clients wait seconds before they ask again).

set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
declare -A pid

finish() {
	for id in "${!pid[@]}"; do kill -9 "${pid[$id]}" 2>/dev/null || true; done
	wait 2>/dev/null || true
	rm -rf "$work"
}
trap finish EXIT

die() {
	echo "compat_test/clients/failover: $*" >&2
	tail -n 20 "$work"/*.log >&2 || true
	exit 1
}

# Ports below those that the system gives to clients, in the order data, cluster, Sentinel, cluster view.
port() { echo $((21000 + 10 * $1 + $2)); }

(cd ../.. && CGO_ENABLED=0 go build -o "$work/lockd" .)
list=""
for i in 1 2 3; do list+="${list:+,}n$i=127.0.0.1:$(port 1 "$i")"; done

start() {
	"$work/lockd" --node-id "n$1" --cluster "$list" --port "$(port 0 "$1")" --cluster-port "$(port 1 "$1")" \
		--sentinel-port "$(port 2 "$1")" --cluster-view-port "$(port 3 "$1")" --dir "$work/n$1" >>"$work/n$1.log" 2>&1 &
	pid[$1]=$!
}

# leader prints the number of the node that says that it leads.
leader() {
	local i reply tries
	for tries in $(seq 200); do
		for i in 1 2 3; do
			reply=$({ exec 3<>"/dev/tcp/127.0.0.1/$(port 0 "$i")" && printf 'ROLE\r\n' >&3 && head -n 3 <&3; } 2>/dev/null) || continue
			if grep -q master <<<"$reply"; then
				echo "$i"
				return
			fi
		done
		sleep 0.1
	done
	die "no leader"
}

for i in 1 2 3; do start "$i"; done
leader >/dev/null
addresses() { echo "127.0.0.1:$(port "$1" 1),127.0.0.1:$(port "$1" 2),127.0.0.1:$(port "$1" 3)"; }
# Not exported: the nodes read variables of such names as their own settings.
LOCKD_SENTINELS=$(addresses 2) LOCKD_CLUSTER=$(addresses 3) LOCKD_SECONDS=${LOCKD_SECONDS:-20} \
	LOCKD_MOST_GAP=${LOCKD_MOST_GAP:-8000} bash run.sh failover >"$work/clients.out" 2>&1 &
clients=$!
until grep -qs "^begin" "$work/clients.out"; do # the clients are being fetched
	kill -0 $clients 2>/dev/null || { cat "$work/clients.out" >&2; die "the clients did not start"; }
	sleep 0.2
done
sleep 5
dead=$(leader)
echo "kill -9 of the leader, n$dead"
kill -9 "${pid[$dead]}"
sleep 3
start "$dead"
sleep 3
old=$(leader)
echo "SIGTERM to the leader, n$old"
kill "${pid[$old]}"
sleep 2
start "$old"
code=0
wait $clients || code=$?
grep -v '^begin' "$work/clients.out"
[ $code -eq 0 ] || die "a client did not follow"

#!/usr/bin/env bash
# Three nodes of a cluster on this machine, for trying things out (make cluster).
#
#   bash packaging/dev-cluster.sh      build, start n1, n2 and n3, and stop them on Ctrl-C
#   bash packaging/dev-cluster.sh n2   start one of them again after it was killed, in this terminal
#
# Data, logs and process ids are in ./lockd-data/n1 and so on, or below $LOCKD_CLUSTER_DIR. The same cluster
# comes back at the next start; to begin a new one, remove the three folders.
#
# It runs with the bash 3.2 of macOS too, so there are no associative arrays in it.

set -euo pipefail
cd "$(dirname "$0")/.."

data=${LOCKD_CLUSTER_DIR:-./lockd-data}
members=n1=127.0.0.1:16381,n2=127.0.0.1:16382,n3=127.0.0.1:16383

# Settings of another lockd would be taken by all three.
unset "${!LOCKD_@}"

# run becomes node number $1. The cluster port is the one in the list.
run() {
	exec ./lockd --node-id "n$1" --port "638$1" --cluster "$members" --dir "$data/n$1"
}

answers() { ./lockd ping --addr "127.0.0.1:638$1" --timeout 1s >/dev/null 2>&1; }

alive() { kill -0 "${pids[$1]}" 2>/dev/null; }

case ${1:-all} in
all) ;;
n[123])
	mkdir -p "$data/$1"
	echo $$ >"$data/$1/pid"
	run "${1#n}"
	;;
*)
	echo "there is no node $1: it is n1, n2 or n3" >&2
	exit 2
	;;
esac

CGO_ENABLED=0 go build -trimpath -o lockd .

# Each node in a process group of its own: Ctrl-C is for this script, which then asks the nodes to stop. They
# would take a second signal as the wish to be ended at once.
set -m
pids=(0)
running="1 2 3"

stop() {
	trap - EXIT
	trap '' INT TERM
	[ -z "$running" ] || printf '\nstopping\n'
	for i in $running; do kill -TERM "${pids[$i]}" 2>/dev/null || true; done
	for i in $running; do wait "${pids[$i]}" 2>/dev/null || true; done
}

for i in $running; do
	mkdir -p "$data/n$i"
	(run "$i") >>"$data/n$i/log" 2>&1 </dev/null &
	pids[i]=$!
	echo "${pids[$i]}" >"$data/n$i/pid"
done
trap stop EXIT
trap 'exit 0' INT
trap 'exit 143' TERM

# The nodes wait for each other, so an answer means that the cluster is there.
for i in $running; do
	until answers "$i"; do
		for other in $running; do
			if ! alive "$other"; then
				echo "n$other has ended; the end of $data/n$other/log:" >&2
				tail -n 5 "$data/n$other/log" >&2
				exit 1
			fi
		done
		sleep 0.2
	done
done

cat <<TEXT

A cluster of three runs. Any node takes any command:

  redis-cli -p 6381 LOCK foo owner1 60000
  redis-cli -p 6382 ISLOCKED foo
  redis-cli -p 6383 RAFT.NODES TABLE               who leads

Kill a node while a client works through another: it gets a slower reply, and no error:

  redis-cli -p 6382 -r -1 -i 0.1 INCR counter      in a second terminal
  kill -9 \$(cat $data/n1/pid)                in a third one
  bash packaging/dev-cluster.sh n1                 there: starts it again

Logs: $data/n1/log and so on. Ctrl-C stops the nodes; the next start goes on with their data.
TEXT

# Say when one ends, and end with the last.
while [ -n "$running" ]; do
	sleep 0.5 & # in the background: a trap waits until a command in the foreground is over
	wait $! || true
	left=
	for i in $running; do
		if alive "$i"; then
			left="$left $i"
		else
			echo "n$i has ended; to start it again: bash packaging/dev-cluster.sh n$i"
		fi
	done
	running=$left
done

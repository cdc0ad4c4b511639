"""redis-py taking locks while the leader changes, through its Sentinel or its cluster mode.

Run by ../run.sh failover with the mode as its argument; the addresses are in the environment. It prints how
often it succeeded, how often not, and the longest time between two successes.
"""

import os
import sys
import time

import redis
from redis.cluster import ClusterNode, RedisCluster
from redis.sentinel import Sentinel


def addresses(name):
    return [(host, int(port)) for host, port in (a.rsplit(":", 1) for a in os.environ[name].split(","))]


def connect(mode):
    password = os.environ.get("LOCKD_PASSWORD")
    # A machine that is cut off or stopped says nothing at all: without a timeout a client waits for ever.
    options = {"password": password, "socket_timeout": 1, "socket_connect_timeout": 1}
    if mode == "sentinel":
        sentinel = Sentinel(addresses("LOCKD_SENTINELS"), socket_timeout=1)
        return sentinel.master_for(os.environ.get("LOCKD_MASTER", "mymaster"), **options)
    return RedisCluster(startup_nodes=[ClusterNode(*a) for a in addresses("LOCKD_CLUSTER")], **options)


def main():
    mode = sys.argv[1]
    client = connect(mode)
    done, errors, gap, why = 0, 0, 0.0, ""
    last = begin = time.monotonic()
    end = begin + float(os.environ.get("LOCKD_SECONDS", "20"))
    while time.monotonic() < end:
        # After an error nobody knows whether the lock is held: it is another one then, and this expires.
        key = f"failover:redis-py:{mode}:{errors}"
        try:
            if client.set(key, "me", nx=True, px=10000) is not True:
                raise redis.RedisError("the lock is held")
            if client.delete(key) != 1:
                raise redis.RedisError("the lock was lost")
        # RedisClusterException is no RedisError: redis-py raises it where no node that it knows answers just then.
        except (redis.RedisError, redis.exceptions.RedisClusterException, OSError) as err:
            errors, why = errors + 1, f"{type(err).__name__}: {err}"
            time.sleep(0.005)
            continue
        now = time.monotonic()
        done, gap, last = done + 1, max(gap, now - last), now
    gap = max(gap, time.monotonic() - last)
    print(f"redis-py {mode}: {done} succeeded, {errors} errors, longest gap {gap * 1000:.0f} ms", end="")
    print(f"; last error: {why}" if why else "")


main()

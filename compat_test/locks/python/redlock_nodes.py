"""redlock-py given several servers, as Redlock's users do: does one of two get the lock, and only one?

    python redlock_nodes.py HOST:PORT HOST:PORT HOST:PORT
"""

import sys
import uuid

import redlock


def main():
    servers = [{"host": host, "port": int(port)} for host, port in (a.rsplit(":", 1) for a in sys.argv[1:])]
    name = f"redlock-{uuid.uuid4().hex[:8]}"
    first, second = redlock.Redlock(servers, 1), redlock.Redlock(servers, 1)
    print(f"library redlock-py of {len(servers)} servers")
    lock = first.lock(name, 5000)
    if not lock:
        sys.exit("fail majority: a free lock was not given")
    if second.lock(name, 5000):
        sys.exit("fail majority: two got it")
    first.unlock(lock)
    if not second.lock(name, 1000):
        sys.exit("fail majority: a released lock is not free")
    print("ok majority")


main()

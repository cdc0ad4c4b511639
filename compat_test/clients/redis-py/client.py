"""redis-py with its defaults: locks by SET NX PX, and lockd's own commands.

Run by ../run.sh with the port as its argument.
"""

import sys

import redis


def want(what, got, *, equals):
    if got != equals:
        sys.exit(f"redis-py: {what}: got {got!r}, want {equals!r}")


def main():
    r = redis.Redis(port=int(sys.argv[1]))
    key = "clients:redis-py"
    r.delete(key)
    want("SET NX", r.set(key, "alice", nx=True, px=30000), equals=True)
    want("SET NX of a held one", r.set(key, "bob", nx=True, px=30000), equals=None)
    want("GET", r.get(key), equals=b"alice")
    want("PTTL", 0 < r.pttl(key) <= 30000, equals=True)
    want("DEL", r.delete(key), equals=1)
    want("GET of a free one", r.get(key), equals=None)

    token = r.execute_command("LOCK", key, "alice", 30000)
    want("LOCK's token", isinstance(token, int) and token > 0, equals=True)
    want("LOCK of a held one", r.execute_command("LOCK", key, "bob", 30000), equals=None)
    want("UNLOCK by another", r.execute_command("UNLOCK", key, "bob"), equals=0)
    want("UNLOCK", r.execute_command("UNLOCK", key, "alice"), equals=1)
    later = r.execute_command("LOCK", key, "bob", 30000)
    want("a later token is larger", later > token, equals=True)
    with r.pipeline(transaction=False) as pipe:
        pipe.get(key).execute_command("ISLOCKED", key).delete(key)
        want("a pipeline", pipe.execute(), equals=[b"bob", 1, 1])
    print("ok redis-py", redis.__version__)


main()

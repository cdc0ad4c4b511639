"""What storm clients do, with redis-py's asyncio client: they lock, wait, renew, release, look and count.

The storm (../storm_clients.go) starts this program and talks to it by lines of JSON. It says
{"begin": {seed, owner, file, keys, counts, targets}}, {"targets": [...]} when members changed, and {"end": true};
the program answers {"ended": number of operations} when all its clients have left their locks. Each operation
is a line of the file, as ../../history/lines.go explains. Nothing is ever sent twice behind the scenes: the
library's retries are off.
"""

import asyncio
import json
import random
import sys
import time

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

SINGLE, PIPELINED = 5, 1  # clients that do one thing at a time, and that send many counts at once
REPLY_WITHIN = 15  # seconds; longer than lockd's own limit and the longest wait together
NOT_HELD = ("NOTLOCKED", "NOTOWNER", "EXPIRED")


def flat(reply, name):
    """A field of a map, which RESP2 sends as names and values in turn."""
    if isinstance(reply, dict):
        return reply.get(name)
    return dict(zip(reply[::2], reply[1::2])).get(name)


class Epoch:
    """A time with keys of its own."""

    def __init__(self, seed, owner, file, keys, counts, targets):
        self.seed, self.owner, self.keys, self.counts, self.targets = seed, owner, keys, counts, targets
        self.file = open(file, "w", encoding="utf-8")
        self.over = False
        self.written = 0
        clients = [Client(self, i) for i in range(SINGLE + PIPELINED)]
        self.tasks = [asyncio.create_task(c.run()) for c in clients]

    def write(self, op):
        self.file.write(json.dumps(op, separators=(",", ":")) + "\n")
        self.written += 1

    async def end(self):
        self.over = True
        await asyncio.gather(*self.tasks)
        self.file.close()
        return self.written


class Client:
    def __init__(self, epoch, number):
        self.epoch, self.number = epoch, number
        self.dice = random.Random(epoch.seed * 1000 + number)
        self.links = {}  # node -> (client, when it was made)
        self.left_alone = {}  # node -> until when, after it failed
        self.owners = 0

    async def run(self):
        try:
            while not self.epoch.over:
                await (self.step() if self.number < SINGLE else self.batch())
        finally:
            for node in list(self.links):
                await self.drop(node)

    def pick(self):
        targets = self.epoch.targets
        first = self.dice.randrange(len(targets)) if self.dice.random() < 0.1 else self.number % len(targets)
        for i in range(len(targets)):
            target = targets[(first + i) % len(targets)]
            if time.monotonic() > self.left_alone.get(target["id"], 0):
                return target
        return self.dice.choice(targets)

    async def link(self, target):
        """The connection to a node, and when it was made."""
        if target["id"] not in self.links:
            dialed = time.monotonic_ns()
            host, port = target["addr"].rsplit(":", 1)
            made = redis.asyncio.Redis(
                host=host, port=int(port), single_connection_client=True, decode_responses=True,
                socket_connect_timeout=1, socket_timeout=REPLY_WITHIN, retry=Retry(NoBackoff(), 0),
            )
            self.links[target["id"]] = (made, dialed)
            await made.initialize()
        return self.links[target["id"]]

    async def drop(self, node):
        self.left_alone[node] = time.monotonic() + 0.2
        made, _ = self.links.pop(node, (None, 0))
        if made is not None:
            try:
                await made.aclose()
            except (RedisError, OSError):
                pass
        await asyncio.sleep(0.005)

    async def send(self, ops):
        """Send the commands of some operations at once, and note what came of each."""
        target = self.pick()
        begun = time.monotonic_ns()
        made, replies = None, []
        try:
            made, dialed = await self.link(target)
            sent = time.monotonic_ns()
        except (RedisError, OSError):
            for op, _ in ops:
                self.note(op, target, begun, begun, {"out": "refused", "said": "closed"})
            await self.drop(target["id"])
            return "refused"
        try:
            if len(ops) == 1:
                replies = [await made.execute_command(*ops[0][1])]
            else:
                pipe = made.pipeline(transaction=False)
                for _, words in ops:
                    pipe.execute_command(*words)
                replies = await pipe.execute(raise_on_error=False)
        except (RedisError, OSError) as e:
            replies = [e] * len(ops)
        outcome = "yes"
        for (op, _), reply in zip(ops, replies):
            answer = understand(op, reply)
            self.note(op, target, dialed, sent, answer)
            outcome = answer["out"]
        if outcome in ("refused", "unknown"):
            await self.drop(target["id"])
        return outcome

    def note(self, op, target, dialed, sent, answer):
        op = {k: v for k, v in op.items() if v} | answer
        op |= {"node": target["id"], "dialed": dialed, "sent": sent, "done": time.monotonic_ns()}
        self.epoch.write(op)

    async def do(self, kind, key, *words, **more):
        op = {"kind": kind, "key": key, "cmd": words[0], **more}
        return await self.send([(op, words)])

    async def think(self, most):
        await asyncio.sleep(self.dice.random() * most)

    async def batch(self):
        ops = []
        for _ in range(40):
            key = self.dice.choice(self.epoch.counts)
            kind, word = self.dice.choice((("count", "INCR"), ("read", "GET")))
            ops.append(({"kind": kind, "key": key, "cmd": word}, (word, key)))
        await self.send(ops)
        await self.think(0.06)

    async def step(self):
        key = self.dice.choice(self.epoch.keys[:2] if self.dice.random() < 0.5 else self.epoch.keys)
        what = self.dice.randrange(10)
        if what < 2:
            await self.do("count", self.epoch.counts[0], "INCR", self.epoch.counts[0])
        elif what < 3:
            await self.do("queue", key, "LOCK.INFO", key)
        else:
            await self.hold(key)
        await self.think(0.01)

    async def hold(self, key):
        self.owners += 1
        owner = f"{self.epoch.owner}-{self.number}-{self.owners}"
        ttl = self.dice.choice((100, 1000, 4000)) + self.dice.randrange(1000)
        if not await self.take(key, owner, ttl):
            return
        for _ in range(self.dice.randrange(4)):
            await self.think(0.04)
            if await self.stay(key, owner, ttl) == "no" or self.epoch.over:
                break
        if ttl < 1000 and self.dice.random() < 0.3:
            return  # it runs out, as if this client had died
        await self.leave(key, owner)

    async def take(self, key, owner, ttl):
        more, words = {"owner": owner, "ttl": ttl * 1_000_000}, ["LOCK", key, owner, ttl]
        how = self.dice.randrange(4)
        if how == 0:
            words = ["SET", key, owner, "NX", "PX", ttl]
        elif how < 3:
            wait = 100 + self.dice.randrange(2000)
            more["wait"] = wait * 1_000_000
            words += ["WAIT", wait]
        got = await self.do("take", key, *words, **more)
        if got == "unknown":
            await self.leave(key, owner)
        return got == "yes"

    async def stay(self, key, owner, ttl):
        how = self.dice.randrange(6)
        if how == 0:
            return await self.do("renew", key, "RENEW", key, owner, ttl, owner=owner, ttl=ttl * 1_000_000)
        if how == 1:
            words = ("SET", key, owner, "IFEQ", owner, "PX", ttl)
            return await self.do("replace", key, *words, owner=owner, ttl=ttl * 1_000_000)
        words = (("GET", key), ("ISLOCKED", key, owner), ("LOCK.TOKEN", key, owner))
        return await self.do("holds", key, *self.dice.choice(words), owner=owner)

    async def leave(self, key, owner):
        word = self.dice.choice(("UNLOCK", "DELIFEQ"))
        end = time.monotonic() + 3
        while time.monotonic() < end:
            if await self.do("release", key, word, key, owner, owner=owner) in ("yes", "no"):
                return


def understand(op, reply):
    """What the client knows after a reply."""
    if isinstance(reply, Exception):
        return misunderstood(reply)
    kind, command = op["kind"], op["cmd"]
    if kind == "queue":
        return {"out": "yes", "queue": [flat(w, "owner") for w in flat(reply, "queue")]}
    if reply is None:
        return {"out": "no"}
    if kind == "read":
        return {"out": "yes", "number": int(reply)}
    if isinstance(reply, int) and not isinstance(reply, bool):  # the library makes True of SET's OK
        answer = {"out": "yes" if reply else "no"}
        if reply and kind != "release" and command != "ISLOCKED":
            answer["number"] = reply
        return answer
    if kind == "holds" and reply != op["owner"]:
        return {"out": "no"}
    return {"out": "yes"}


def misunderstood(error):
    said = str(error)
    if not isinstance(error, ResponseError):
        timeout = isinstance(error, (redis.exceptions.TimeoutError, asyncio.TimeoutError))
        return {"out": "unknown", "said": "no reply in time" if timeout else "closed"}
    if said.startswith(NOT_HELD):
        return {"out": "no", "said": said}
    if said.startswith("TRYAGAIN") or type(error).__name__ == "TryAgainError":
        return {"out": "refused", "said": said}
    return {"out": "unknown", "said": said}


async def main():
    loop = asyncio.get_running_loop()
    epoch = None
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        told = json.loads(line)
        if "begin" in told:
            epoch = Epoch(**told["begin"])
        elif "targets" in told and epoch is not None:
            epoch.targets = told["targets"]
        elif "end" in told:
            print(json.dumps({"ended": await epoch.end()}), flush=True)


asyncio.run(main())

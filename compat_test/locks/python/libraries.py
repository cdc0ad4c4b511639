"""The Python lock libraries, each as its users use it: acquire, contend, extend, expire, wait, and its own.

kit.py asks all of them the same; here is what each calls that, and what it has beyond.
"""

import asyncio

import aioredlock
import pottery
import portalocker
import redis
import redis.asyncio
import redis.exceptions
import redis_lock
import redlock
import sherlock

import kit
from kit import Library, feature, later, want


class RedisPy(Library):
    name, package = "redis-py Lock", "redis"

    def __init__(self, host, port):
        super().__init__(host, port)
        self.client = redis.Redis(host=host, port=self.port)

    class Owner:
        def __init__(self, lock):
            self.lock = lock
            self.try_ = lambda: lock.acquire(blocking=False)
            self.wait = lambda seconds: lock.acquire(blocking_timeout=seconds)
            self.extend = lambda ttl: lock.extend(ttl, replace_ttl=True)

        def release(self):
            try:
                self.lock.release()
            except redis.exceptions.LockError:
                return False
            return True

    def owner(self, key, ttl):
        return self.Owner(self.client.lock(key, timeout=ttl, thread_local=False))

    @feature("with")
    def with_statement(self):
        key = self.key("with")
        with self.client.lock(key, timeout=5) as lock:
            want(lock.locked() and lock.owned(), "the lock of a with statement is not owned")
        want(not self.client.exists(key), "it is held after the with statement")

    @feature("reacquire")
    def reacquire(self):
        key = self.key("reacquire")
        lock = self.client.lock(key, timeout=5)
        lock.acquire()
        self.client.pexpire(key, 1000)
        want(lock.reacquire() and self.client.pttl(key) > 4000, "the time is not as at first")
        lock.release()

    @feature("owned")
    def owned(self):
        key = self.key("owned")
        a, b = self.client.lock(key, timeout=5), self.client.lock(key, timeout=5)
        a.acquire()
        want(b.locked() and not b.owned() and a.owned(), "locked or owned is wrong")
        a.release()

    @feature("no expiry")
    def no_expiry(self):
        key = self.key("no-expiry")
        lock = self.client.lock(key)
        lock.acquire()
        want(self.client.ttl(key) == -1, "a lock without timeout has one")
        lock.release()


class RedisPyAsync(Library):
    name, package = "redis-py asyncio Lock", "redis"

    def __init__(self, host, port):
        super().__init__(host, port)
        self.run = kit.Loop()
        self.client = redis.asyncio.Redis(host=host, port=self.port)

    class Owner:
        def __init__(self, run, lock):
            self.run, self.lock = run, lock
            self.try_ = lambda: run(lock.acquire(blocking=False))
            self.wait = lambda seconds: run(lock.acquire(blocking_timeout=seconds))
            self.extend = lambda ttl: run(lock.extend(ttl, replace_ttl=True))

        def release(self):
            try:
                self.run(self.lock.release())
            except redis.exceptions.LockError:
                return False
            return True

    def owner(self, key, ttl):
        return self.Owner(self.run, self.client.lock(key, timeout=ttl, thread_local=False))

    @feature("with")
    def with_statement(self):
        async def work():
            async with self.client.lock(self.key("with"), timeout=5) as lock:
                want(await lock.locked() and await lock.owned(), "the lock of a with statement is not owned")
                want(await lock.reacquire(), "it could not be reacquired")

        self.run(work())


class PythonRedisLock(Library):
    name = package = "python-redis-lock"

    def __init__(self, host, port):
        super().__init__(host, port)
        self.client = redis.StrictRedis(host=host, port=self.port)

    class Owner:
        def __init__(self, lock):
            self.lock = lock
            self.try_ = lambda: lock.acquire(blocking=False)
            self.wait = lambda seconds: lock.acquire(timeout=seconds)

        def extend(self, ttl):
            self.lock.extend(int(ttl))
            return True

        def release(self):
            try:
                self.lock.release()
            except redis_lock.NotAcquired:
                return False
            return True

    def owner(self, key, ttl):
        return self.Owner(redis_lock.Lock(self.client, key, expire=int(ttl)))

    @feature("auto renewal")
    def renewal(self):
        key = self.key("renewal")
        with redis_lock.Lock(self.client, key, expire=1, auto_renewal=True):
            kit.time.sleep(2.2)
            want(not self.owner(key, 5).try_(), "it expired though it is renewed")
        want(self.owner(key, 5).try_(), "it is held after its end")

    @feature("reset")
    def reset(self):
        key = self.key("reset")
        a, b = redis_lock.Lock(self.client, key), redis_lock.Lock(self.client, key)
        a.acquire()
        waiting = later(b.acquire)
        kit.time.sleep(0.3)
        want(b.locked() and b.get_owner_id() == a.id.encode() or b.get_owner_id() == a.id, "the owner is not told")
        a.reset()
        want(waiting(), "who waited did not get a lock that was reset")
        b.release()

    @feature("reset all")
    def reset_all(self):
        client = redis.StrictRedis(host=self.host, port=self.port, db=3)
        lock = redis_lock.Lock(client, self.key("all"))
        lock.acquire()
        redis_lock.reset_all(client)
        want(not lock.locked(), "it is held after all were reset")


class RedlockPy(Library):
    name = package = "redlock-py"

    class Owner:
        def __init__(self, library, key, ttl):
            self.library, self.key, self.ttl, self.lock = library, key, int(ttl * 1000), None
            self.try_ = lambda: self.acquire(1)
            self.wait = lambda seconds: self.acquire(int(seconds / 0.1))

        def acquire(self, tries):
            manager = redlock.Redlock([{"host": self.library.host, "port": self.library.port}], tries, 0.1)
            self.lock = manager.lock(self.key, self.ttl)
            if self.lock:
                self.release = lambda: manager.unlock(self.lock)  # which says nothing
            return bool(self.lock)

        def release(self):
            return False

    def owner(self, key, ttl):
        return self.Owner(self, key, ttl)

    @feature("redlock over three databases")
    def databases(self):
        servers = [{"host": self.host, "port": self.port, "db": db} for db in (1, 2, 3)]
        a, b = redlock.Redlock(servers, 1), redlock.Redlock(servers, 1)
        key = self.key("databases")
        lock = a.lock(key, 5000)
        want(lock and not b.lock(key, 5000), "three databases give no majority to exactly one")
        a.unlock(lock)
        want(b.lock(key, 1000), "it is not free")


class Pottery(Library):
    name, package = "pottery Redlock", "pottery"

    def __init__(self, host, port):
        super().__init__(host, port)
        self.client = redis.Redis(host=host, port=self.port)

    class Owner:
        def __init__(self, lock):
            self.lock = lock
            self.try_ = lambda: lock.acquire(blocking=False)
            self.wait = lambda seconds: lock.acquire(timeout=seconds)

        def extend(self, _):
            self.lock.extend()
            return True

        def release(self):
            try:
                self.lock.release()
            except pottery.ReleaseUnlockedLock:
                return False
            return True

    def owner(self, key, ttl):
        return self.Owner(pottery.Redlock(key=key, masters={self.client}, auto_release_time=ttl))

    @feature("locked")
    def locked(self):
        lock = pottery.Redlock(key=self.key("locked"), masters={self.client}, auto_release_time=5)
        with lock:
            want(4 < lock.locked() <= 5, f"{lock.locked()} s are left of 5")
        want(lock.locked() == 0, "it is locked after its end")

    @feature("extensions are limited")
    def limited(self):
        lock = pottery.Redlock(key=self.key("limited"), masters={self.client}, num_extensions=1)
        with lock:
            lock.extend()
            try:
                lock.extend()
            except pottery.TooManyExtensions:
                return
            raise AssertionError("it was extended more often than allowed")

    @feature("NextID")
    def next_id(self):
        ids = pottery.NextID(key=self.key("next"), masters={self.client})
        want([next(ids) for _ in range(5)] == [1, 2, 3, 4, 5], "the numbers are not one after the other")


class PotteryAsync(Library):
    name, package = "pottery AIORedlock", "pottery"

    def __init__(self, host, port):
        super().__init__(host, port)
        self.run = kit.Loop()
        self.client = redis.asyncio.Redis(host=host, port=self.port)

    class Owner:
        def __init__(self, run, lock):
            self.run, self.lock = run, lock
            self.try_ = lambda: run(lock.acquire(blocking=False))
            self.wait = lambda seconds: run(lock.acquire(timeout=seconds))

        def extend(self, _):
            self.run(self.lock.extend())
            return True

        def release(self):
            try:
                self.run(self.lock.release())
            except pottery.ReleaseUnlockedLock:
                return False
            return True

    def owner(self, key, ttl):
        return self.Owner(self.run, pottery.AIORedlock(key=key, masters={self.client}, auto_release_time=ttl))

    @feature("AIONextID")
    def next_id(self):
        async def work():
            ids = pottery.AIONextID(key=self.key("next"), masters={self.client})
            return [await anext(ids) for _ in range(3)]

        want(self.run(work()) == [1, 2, 3], "the numbers are not one after the other")


class Sherlock(Library):
    name = package = "sherlock"

    def __init__(self, host, port):
        super().__init__(host, port)
        self.client = redis.StrictRedis(host=host, port=self.port)

    class Owner:
        def __init__(self, make):
            lock = make(4)
            self.lock, self.extend = lock, lambda _: lock.renew()
            self.try_ = lambda: lock.acquire(blocking=False)
            self.wait = lambda _: lock.acquire()

        def release(self):
            try:
                self.lock.release()
            except sherlock.LockException:
                return False
            return True

    def owner(self, key, ttl):
        return self.Owner(lambda timeout: sherlock.RedisLock(
            key, client=self.client, expire=int(ttl), timeout=timeout, retry_interval=0.05))

    @feature("namespace")
    def namespace(self):
        key = self.key("namespace")
        a = sherlock.RedisLock(key, client=self.client, namespace="a", expire=5)
        b = sherlock.RedisLock(key, client=self.client, namespace="b", expire=5)
        want(a.acquire(False) and b.acquire(False) and a.locked() and b.locked(), "two namespaces have one lock")
        a.release(), b.release()


class Portalocker(Library):
    name, package, ttl = "portalocker RedisLock", "portalocker", False

    class Owner:
        def __init__(self, lock):
            self.lock = lock
            self.try_ = lambda: self.acquire(timeout=0, fail_when_locked=True)
            self.wait = lambda seconds: self.acquire(timeout=seconds, check_interval=0.1)

        def acquire(self, **how):
            try:
                self.lock.acquire(**how)
            except portalocker.AlreadyLocked:
                return False
            return True

        def release(self):
            self.lock.release()

    def make(self, key, **options):
        return portalocker.RedisLock(
            key, redis_kwargs={"host": self.host, "port": self.port}, interrupt_on_lost=False, **options)

    def owner(self, key, ttl):
        return self.Owner(self.make(key))

    @feature("shared")
    def shared(self):
        key = self.key("shared")
        a, b = (self.Owner(self.make(key, flags=portalocker.LockFlags.SHARED)) for _ in "ab")
        want(a.try_() and b.try_(), "two readers cannot share it")
        want(not self.owner(key, 5).try_(), "a writer got it while it is read")
        a.release(), b.release()
        want(self.Owner(self.make(key)).wait(3), "a writer did not get it after the readers")

    @feature("fenced")
    def fenced(self):
        key, tokens = self.key("fenced"), []
        for _ in range(3):
            with self.make(key, fencing=True) as lock:
                lock.ensure_held()
                tokens.append(lock.fence_token)
        want(tokens[0] < tokens[1] < tokens[2], f"the tokens do not rise: {tokens}")

    @feature("freed by disconnect")
    def disconnect(self):
        key = self.key("disconnect")
        a = self.Owner(self.make(key))
        want(a.try_(), "a free lock was not given")
        client = redis.Redis(host=self.host, port=self.port, decode_responses=True)
        victims = [c["id"] for c in client.client_list(_type="pubsub") if key in c["name"]]
        want(victims, "CLIENT LIST TYPE pubsub does not show the holder")
        for victim in victims:
            client.client_kill_filter(_id=victim)
        want(self.Owner(self.make(key)).wait(4), "the lock of a holder without connection is not free")
        for _ in range(20):
            if a.lock.lost:
                return
            kit.time.sleep(0.1)
        raise AssertionError("the holder does not know")


class Aioredlock(Library):
    name = package = "aioredlock"

    def __init__(self, host, port):
        super().__init__(host, port)
        self.run = kit.Loop()
        self.once, self.patient = self.manager(1), self.manager(40)

    def manager(self, tries, **options):
        return aioredlock.Aioredlock([(self.host, self.port)], tries, 0.05, 0.1, **options)

    class Owner:
        def __init__(self, library, key, ttl):
            self.run, self.key, self.ttl, self.lock = library.run, key, ttl, None
            self.try_ = lambda: self.acquire(library.once)
            self.wait = lambda _: self.acquire(library.patient)

        def acquire(self, manager):
            try:
                self.lock = self.run(manager.lock(self.key, self.ttl))
            except aioredlock.LockError:
                return False
            return self.lock.valid

        def extend(self, _):
            self.run(self.lock.extend())
            return True

        def release(self):
            try:
                self.run(self.lock.release())
            except aioredlock.LockError:
                return False
            return True

    def owner(self, key, ttl):
        return self.Owner(self, key, ttl)

    @feature("auto renewal")
    def renewal(self):
        async def work():
            manager, key = self.manager(1, internal_lock_timeout=1), self.key("renewal")
            async with await manager.lock(key):
                await asyncio.sleep(2)
                want(await manager.is_locked(key), "it expired though it is renewed")
            want(not await manager.is_locked(key), "it is held after its end")
            await manager.destroy()

        self.run(work())

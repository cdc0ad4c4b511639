"""What all libraries are asked, whatever their own words for it are.

A library is a class with a name, the package whose version counts, and owner(key, ttl): somebody who wants
the lock that key names, for ttl seconds. An owner has try_() and, as far as the library can do it, wait(seconds),
extend(ttl) and release(); each tells whether it worked, and release() gives None where the library does not say.
What a library has beyond that are its methods marked with @feature. run() is the main program.
"""

import asyncio
import importlib.metadata
import io
import os
import sys
import threading
import time
import traceback
import uuid

TTL = 1.0  # seconds; some libraries count nothing smaller
FAILOVER_TTL = 2.0
WITHOUT = 10.0  # the longest time without a lock, in seconds, through a change of leader


def feature(name):
    def mark(function):
        function.feature = name
        return function

    return mark


def want(got, what):
    if not got:
        raise AssertionError(what)


def later(function, *args):
    """later runs a function beside the caller, and returns what waits for its result."""
    result = []

    def work():
        try:
            result.append((function(*args), None))
        except Exception as err:
            result.append((None, err))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()

    def wait(seconds=10):
        thread.join(seconds)
        want(result, f"{function.__qualname__} does not come back")
        value, err = result[0]
        if err:
            raise err
        return value

    wait.done = lambda: bool(result)
    return wait


class Loop:
    """Loop runs coroutines for callers that have no event loop."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def __call__(self, coroutine, timeout=20):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout)


class Library:
    name = package = ""
    ttl = True  # the library's locks expire

    def __init__(self, host, port):
        self.host, self.port = host, int(port)

    def owner(self, key, ttl):
        raise NotImplementedError

    def key(self, what):
        return f"{self.package}-{what}-{uuid.uuid4().hex[:8]}"


def common(library):
    """common yields the features that every library with owners is asked for."""
    sample = library.owner(library.key("sample"), TTL)
    yield "acquire", acquire
    yield "contend", contend
    if hasattr(sample, "extend"):
        yield "extend", extend
    if library.ttl:
        yield "expire", expire
    yield "release", release
    if library.ttl:
        yield "release by another", foreign
    if hasattr(sample, "wait"):
        yield "wait", wait


def acquire(library):
    a = library.owner(library.key("acquire"), 5)
    want(a.try_(), "a free lock was not given")
    a.release()


def contend(library):
    key = library.key("contend")
    a, b = library.owner(key, 5), library.owner(key, 5)
    want(a.try_(), "a free lock was not given")
    want(not b.try_(), "a second owner got a held lock")
    a.release()


def extend(library):
    key = library.key("extend")
    a, b = library.owner(key, TTL), library.owner(key, TTL)
    want(a.try_(), "a free lock was not given")
    time.sleep(0.6 * TTL)
    want(a.extend(TTL), "the owner could not extend")
    time.sleep(0.6 * TTL)
    want(not b.try_(), "an extended lock expired at its first time")
    time.sleep(1.2 * TTL)
    want(b.try_(), "an extended lock never expired")
    b.release()


def expire(library):
    key = library.key("expire")
    a, b = library.owner(key, TTL), library.owner(key, TTL)
    want(a.try_(), "a free lock was not given")
    time.sleep(TTL + 0.8)
    want(b.try_(), "the lock is held beyond its time")
    b.release()


def release(library):
    key = library.key("release")
    a, b = library.owner(key, 5), library.owner(key, 5)
    want(a.try_(), "a free lock was not given")
    want(a.release() is not False, "the owner could not release")
    want(b.try_(), "a released lock is not free")
    b.release()


def foreign(library):
    key = library.key("foreign")
    a, b, c = library.owner(key, TTL), library.owner(key, 5), library.owner(key, 5)
    want(a.try_(), "a free lock was not given")
    time.sleep(TTL + 0.8)
    want(b.try_(), "the lock is held beyond its time")
    want(a.release() is not True, "who no longer owns it released it")
    want(not c.try_(), "who no longer owns it made it free")
    b.release()


def wait(library):
    key = library.key("wait")
    a, b = library.owner(key, 5), library.owner(key, 5)
    want(a.try_(), "a free lock was not given")
    begin = time.monotonic()
    waiting = later(b.wait, 4)
    time.sleep(0.3)
    want(not waiting.done(), "the second did not wait")
    a.release()
    want(waiting(), "the lock was not given to who waited")
    want(time.monotonic() - begin < 4, "it came only when the waiting was over")
    b.release()


def once(library, out):
    """once tries each feature, and tells whether all worked."""
    extras = [(f.feature, f) for f in vars(type(library)).values() if hasattr(f, "feature")]
    features = [] if type(library).owner is Library.owner else list(common(library))
    good = True
    for name, function in features + extras:
        try:
            function(library)
        except Exception as err:
            good = False
            print(f"fail {name}: {type(err).__name__}: {one_line(err)}", file=out)
            traceback.print_exc()
        else:
            print(f"ok {name}", file=out)
    return good


def one_line(err):
    return " ".join(str(err).split())


class Watch:
    """Watch knows who believes to own the lock, and until when."""

    def __init__(self):
        self.mutex, self.holder, self.until, self.wrong = threading.Lock(), None, 0, ""
        self.done = self.errors = 0
        self.gap, self.last, self.why = 0.0, time.monotonic(), ""

    def enter(self, who, until):
        with self.mutex:
            now = time.monotonic()
            if self.holder is not None and now < self.until:
                self.wrong = f"{who} got it while {self.holder} had it for {self.until - now:.3f} s more"
            self.holder, self.until = who, until
            self.done, self.gap, self.last = self.done + 1, max(self.gap, now - self.last), now

    def leave(self, who):
        with self.mutex:
            if self.holder == who:
                self.holder = None

    def error(self, err):
        with self.mutex:
            self.errors, self.why = self.errors + 1, f"{type(err).__name__}: {one_line(err)}"


def compete(library, key, who, watch, end):
    """compete takes and frees the lock until the end; errors are what a user would try again after."""
    while time.monotonic() < end:
        begin = time.monotonic()
        try:
            owner = library.owner(key, FAILOVER_TTL)
            if owner.try_():
                watch.enter(who, begin + FAILOVER_TTL)
                time.sleep(0.01)
                watch.leave(who)
                owner.release()
        except Exception as err:
            watch.error(err)
        time.sleep(0.03)


def failover(library, out, seconds, started):
    """failover lets two compete for one lock, and tells whether they never had it both, nor long neither."""
    watch, key = Watch(), library.key("failover")
    end = time.monotonic() + seconds
    workers = [later(compete, library, key, who, watch, end) for who in "ab"]
    while watch.done == 0 and time.monotonic() < end:
        time.sleep(0.01)
    started()
    for worker in workers:
        worker(seconds + 30)
    gap = max(watch.gap, time.monotonic() - watch.last)
    saw = f"{watch.done} locks, {watch.errors} errors, longest gap {gap:.1f} s"
    if watch.why:
        saw += f", last error {watch.why}"
    good = not watch.wrong and gap < WITHOUT and watch.done > 0
    print(f"{'ok' if good else 'fail'} leader killed: {watch.wrong + '; ' if watch.wrong else ''}{saw}", file=out)
    return good


def run(libraries):
    """run is the program: MODE HOST:PORT SECONDS [library…]; all libraries at once, printed in their order."""
    mode, address, seconds, names = sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4:]
    host, port = address.rsplit(":", 1)
    chosen = [l for l in libraries if not names or l.name in names]
    if mode == "failover":
        chosen = [l for l in chosen if l.owner is not Library.owner]
    begun = threading.Barrier(len(chosen), action=lambda: print("begin", flush=True))

    def one(kind, out):
        print(f"library {kind.name} {importlib.metadata.version(kind.package)}", file=out)
        try:
            library = kind(host, port)
        except Exception as err:
            print(f"fail connect: {type(err).__name__}: {one_line(err)}", file=out)
            if mode == "failover":
                begun.wait()
            return False
        return once(library, out) if mode == "once" else failover(library, out, seconds, begun.wait)

    outs = [io.StringIO() for _ in chosen]
    results = [later(one, kind, out) for kind, out in zip(chosen, outs)]
    good = True
    for result, out in zip(results, outs):
        good = result(120) and good
        print(out.getvalue(), end="", flush=True)
    sys.stdout.flush()
    # Threads of the libraries must not keep the program.
    os._exit(0 if good else 1)

"""The libraries whose locks are part of something larger: Django's cache and Celery's scheduler."""

import types

import celery
import django
import redbeat
from celery.schedules import schedule
from django.conf import settings
from redbeat.schedulers import RedBeatScheduler, RedBeatSchedulerEntry, acquire_distributed_beat_lock

import kit
import libraries
from kit import Library, feature, later, want


class DjangoRedis(Library):
    name = package = "django-redis"

    def __init__(self, host, port):
        super().__init__(host, port)
        location = f"redis://{host}:{port}/1"
        settings.configure(CACHES={"default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": location}})
        django.setup()

    @property
    def cache(self):
        from django.core.cache import cache

        return cache

    def owner(self, key, ttl):
        return libraries.RedisPy.Owner(self.cache.lock(key, timeout=ttl, thread_local=False))

    @feature("cache.add")
    def add(self):
        cache, key = self.cache, self.key("add")
        want(cache.add(key, {"owner": "a"}, 5) and not cache.add(key, {"owner": "b"}, 5), "add is not by one only")
        want(cache.get(key) == {"owner": "a"} and cache.delete(key) and cache.get(key) is None, "get or delete")

    @feature("cache.get_or_set, set_many, incr")
    def values(self):
        cache, key = self.cache, self.key("values")
        want(cache.get_or_set(key, 7, 5) == 7 and cache.incr(key) == 8 and cache.decr(key, 2) == 6, "incr or decr")
        cache.set_many({key + "1": 1, key + "2": 2}, timeout=5)
        want(cache.get_many([key + "1", key + "2"]) == {key + "1": 1, key + "2": 2}, "set_many or get_many")

    @feature("ttl, persist, touch")
    def times(self):
        cache, key = self.cache, self.key("times")
        cache.set(key, 1, timeout=5)
        want(4 <= cache.ttl(key) <= 5 and cache.touch(key, 9) and cache.pttl(key) > 8000, "ttl or touch")
        want(cache.persist(key) and cache.ttl(key) is None and cache.expire(key, 3), "persist or expire")
        want(cache.set(key, 2, nx=True) is not True and cache.get(key) == 1, "set with nx")

    @feature("delete_pattern")
    def pattern(self):
        cache, key = self.cache, self.key("pattern")
        for i in range(30):
            cache.set(f"{key}:{i}", i, timeout=30)
        want(len(cache.keys(f"{key}:*")) == 30 == len(list(cache.iter_keys(f"{key}:*"))), "keys or iter_keys")
        want(cache.delete_pattern(f"{key}:*") == 30 and not cache.keys(f"{key}:*"), "delete_pattern")


class RedBeat(Library):
    name, package = "celery-redbeat", "celery-redbeat"

    def app(self, lock_timeout=5):
        app = celery.Celery("compat", broker="memory://", set_as_current=False)
        app.conf.redbeat_redis_url = f"redis://{self.host}:{self.port}/2"
        app.conf.redbeat_key_prefix = self.key("beat") + ":"
        app.conf.redbeat_lock_timeout = lock_timeout
        app.conf.beat_max_loop_interval = 0.1  # also how often the lock is tried
        return app

    def beat(self, app):
        return RedBeatScheduler(app, lazy=True, max_interval=0.1)

    def start(self, beat):
        acquire_distributed_beat_lock(types.SimpleNamespace(scheduler=beat))
        return beat.lock is not None

    def serve(self, beat):
        owns = self.start(beat) and beat.lock.owned()
        beat.close()
        return owns

    @feature("acquire, contend, release")
    def contend(self):
        app = self.app()
        a, b = self.beat(app), self.beat(app)
        want(self.start(a), "a free lock was not given")
        waiting = later(self.serve, b)
        kit.time.sleep(0.5)
        want(not waiting.done(), "a second scheduler started too")
        a.close()
        want(waiting(), "the second did not follow")

    @feature("extend, expire")
    def extend(self):
        app = self.app(lock_timeout=1)
        a, b = self.beat(app), self.beat(app)
        want(self.start(a), "a free lock was not given")
        waiting = later(self.serve, b)
        for _ in range(4):
            kit.time.sleep(0.4)
            a.tick()
        want(not waiting.done(), "it expired though it is extended")
        want(waiting(3), "the lock of a dead scheduler does not expire")

    @feature("entries")
    def entries(self):
        app = self.app()
        entry = RedBeatSchedulerEntry("every", "tasks.add", schedule(run_every=60), args=[1, 2], app=app)
        entry.save()
        again = RedBeatSchedulerEntry.from_key(entry.key, app=app)
        want(again.name == "every" and list(again.args) == [1, 2] and again.task == "tasks.add", "not as saved")
        after = next(again)
        want(RedBeatSchedulerEntry.from_key(entry.key, app=app).total_run_count == after.total_run_count == 1, "runs")
        again.reschedule()
        again.delete()
        try:
            RedBeatSchedulerEntry.from_key(entry.key, app=app)
        except KeyError:
            return
        raise AssertionError("a deleted entry is there")

    @feature("due entries")
    def due(self):
        app = self.app()
        for name, seconds in ("soon", 0), ("late", 3600):
            RedBeatSchedulerEntry(name, "tasks.add", schedule(run_every=seconds), app=app).save()
        beat = self.beat(app)
        want(self.start(beat), "a free lock was not given")
        want("soon" in beat.schedule and "never" not in beat.schedule, f"due: {list(beat.schedule)}")
        want(redbeat.schedulers.get_redis(app).zcard(app.redbeat_conf.schedule_key) == 2, "entries in the schedule")
        beat.close()

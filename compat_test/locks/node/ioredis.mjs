// The libraries that work on ioredis: redlock 5, its successor of Sesame Care, redlock-universal, redis-semaphore,
// and what programs write by themselves: SET NX and two scripts.

import { createRequire } from "node:module";
import { Redis } from "ioredis";
import { refused, sleep, unique, want } from "./kit.mjs";

const require = createRequire(import.meta.url);
const { Redis: Redis5 } = require("ioredis5");
const { default: Redlock5 } = require("redlock5");
const { Redlock: Sesame } = require("@sesamecare-oss/redlock");
const universal = require("redlock-universal");
const semaphore = require("redis-semaphore");

// quiet connects; without a listener ioredis prints each lost connection.
function quiet(Kind, host, port, options = {}) {
  const client = new Kind({ host, port, ...options });
  client.on("error", () => {});
  return client;
}

const RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end";
const EXTEND =
  "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) else return 0 end";

export const ioredis = {
  name: "ioredis, SET NX and scripts",
  package: "ioredis",
  connect(host, port) {
    const client = quiet(Redis, host, port);
    client.defineCommand("releaseLock", { numberOfKeys: 1, lua: RELEASE });
    client.defineCommand("extendLock", { numberOfKeys: 1, lua: EXTEND });
    const owner = (key, ttl) => {
      const token = unique("token");
      const attempt = async () => (await client.set(`ioredis:${key}`, token, "PX", ttl, "NX")) === "OK";
      return {
        try: attempt,
        async wait(ms) {
          for (const end = Date.now() + ms; Date.now() < end; await sleep(50)) if (await attempt()) return true;
          return false;
        },
        extend: async (ms) => (await client.extendLock(`ioredis:${key}`, token, ms)) === 1,
        release: async () => (await client.releaseLock(`ioredis:${key}`, token)) === 1,
      };
    };
    return {
      owner,
      features: {
        async multi() {
          const key = unique("multi");
          const replies = await client.multi().set(key, "a", "PX", 5000, "NX").pttl(key).del(key).exec();
          want(replies[0][1] === "OK" && replies[1][1] > 4000 && replies[2][1] === 1, JSON.stringify(replies));
        },
        async "notified of a release"() {
          const channel = unique("channel"), other = client.duplicate();
          other.on("error", () => {});
          await other.subscribe(channel);
          const told = new Promise((resolve) => other.on("message", (_, message) => resolve(message)));
          await client.eval("return redis.call('publish', KEYS[1], ARGV[1])", 1, channel, "free");
          want((await Promise.race([told, sleep(3000)])) === "free", "no message");
          other.disconnect();
        },
        async "queue by BLPOP"() {
          const key = unique("queue"), other = client.duplicate();
          const waiting = other.blpop(key, 4);
          await sleep(200);
          await client.eval("return redis.call('rpush', KEYS[1], ARGV[1])", 1, key, "turn");
          want((await waiting)?.[1] === "turn", "a push by a script did not wake the waiting");
          other.disconnect();
        },
      },
    };
  },
};

// The flushes of several libraries are kept apart: others that are told NOSCRIPT, here or in another program, send
// their script again, but only once.
let flushing = Promise.resolve();

// redlock is what redlock 5 and Sesame Care's have in common.
function redlock(make) {
  return (host, port) => {
    const client = make.client(host, port), once = make.redlock([client], { retryCount: 0 });
    const patient = make.redlock([client], { retryCount: 80, retryDelay: 50, retryJitter: 10 });
    const free = /quorum|ResourceLocked/;
    const owner = (key, ttl) => {
      let lock;
      const by = (manager) => refused(free, async () => { lock = await manager.acquire([`${make.prefix}:${key}`], ttl); });
      return {
        try: () => by(once),
        wait: () => by(patient),
        extend: (ms) => refused(free, async () => { lock = await lock.extend(ms); }),
        release: () => refused(free, () => lock.release()),
      };
    };
    const features = {
      async "several resources"() {
        const a = unique("a"), b = unique("b");
        const lock = await once.acquire([a, b], 5000);
        want(!(await refused(free, () => once.acquire([b], 1000))), "one of two held resources was given");
        await lock.release();
        await (await once.acquire([b], 1000)).release();
      },
      async "using, extends by itself"() {
        const key = unique("using");
        const begin = Date.now();
        await once.using([key], 1000, { automaticExtensionThreshold: 500 }, async (signal) => {
          await sleep(1800);
          want(!signal.aborted, `aborted: ${signal.error}`);
          want(!(await refused(free, () => once.acquire([key], 1000))), "it expired though it is extended");
        });
        want(Date.now() - begin < 4000 && (await client.exists(key)) === 0, "it is held after its end");
      },
      async "very long times"() {
        const key = unique("long"), lock = await once.acquire([key], 900719925474099);
        want((await client.pttl(key)) > 900719925400000, "the time is not kept");
        await lock.release();
      },
      async "after SCRIPT FLUSH"() {
        await (flushing = flushing.then(() => sleep(1000)));
        const lock = await once.acquire([unique("flush")], 5000);
        await client.script("FLUSH");
        await (await lock.extend(5000)).release();
      },
      ...make.features?.(client),
    };
    return { owner, features };
  };
}

export const redlock5 = {
  name: "redlock 5",
  package: "redlock5",
  connect: redlock({
    prefix: "redlock5",
    client: (host, port) => quiet(Redis5, host, port),
    redlock: (clients, settings) => new Redlock5(clients, settings),
  }),
};

export const sesame = {
  name: "@sesamecare-oss/redlock",
  package: "@sesamecare-oss/redlock",
  connect: redlock({
    prefix: "sesame",
    client: (host, port) => quiet(Redis5, host, port),
    redlock: (clients, settings) => new Sesame(clients, settings),
    features: (client) => ({
      async "another database"() {
        const key = unique("database"), three = new Sesame([client], { retryCount: 0, db: 3 });
        const lock = await three.acquire([key], 5000);
        want((await client.exists(key)) === 0, "SELECT in a script changed the caller's database");
        await lock.release();
      },
    }),
  }),
};

export const redlockUniversal = {
  name: "redlock-universal",
  package: "redlock-universal",
  connect(host, port) {
    const client = quiet(Redis, host, port), adapter = new universal.IoredisAdapter(client);
    const free = /LockAcquisitionError|LockExtensionError|LockReleaseError/;
    const owner = (key, ttl) => {
      const make = (retryAttempts) => universal.createLock({ adapter, key: `universal:${key}`, ttl, retryAttempts, retryDelay: 50 });
      let handle;
      const by = (lock) => refused(free, async () => { handle = await lock.acquire(); });
      return {
        try: () => by(make(0)),
        wait: () => by(make(80)),
        extend: (ms) => make(0).extend(handle, ms),
        release: async () => {
          let good = false;
          return (await refused(free, async () => { good = await make(0).release(handle); })) && good;
        },
      };
    };
    return {
      owner,
      features: {
        async "using, extends by itself"() {
          const key = unique("using"), lock = universal.createLock({ adapter, key, ttl: 1000, retryAttempts: 0 });
          await lock.using(async (signal) => {
            await sleep(1800);
            want(!signal.aborted, "aborted");
            want((await client.exists(key)) === 1, "it expired though it is extended");
          });
          want((await client.exists(key)) === 0, "it is held after its end");
        },
        async redlock() {
          const adapters = [1, 2, 3].map((db) => new universal.IoredisAdapter(quiet(Redis, host, port, { db })));
          const key = unique("redlock");
          const make = () => universal.createRedlock({ adapters, key, ttl: 5000, retryAttempts: 0 });
          const a = make(), handle = await a.acquire();
          want(!(await refused(free, () => make().acquire())), "a second majority");
          want(await a.extend(handle, 5000), "no extension");
          want(await a.release(handle), "no release");
        },
        async "batch"() {
          const manager = new universal.LockManager({ nodes: [adapter], defaultRetryAttempts: 0 });
          const keys = [unique("a"), unique("b"), unique("c")];
          const handles = await manager.acquireBatch(keys, { ttl: 5000 });
          want(handles.length === 3, "not all were given");
          const rest = [unique("d"), keys[1]];
          want(!(await refused(/Error/, () => manager.acquireBatch(rest, { ttl: 5000 }))), "a held one was given");
          want((await client.exists(rest[0])) === 0, "a part of what was refused is held");
          await manager.releaseBatch(handles);
          want((await client.exists(...keys)) === 0, "it is held after its release");
        },
        async inspect() {
          const key = unique("inspect"), lock = universal.createLock({ adapter, key, ttl: 5000 });
          const handle = await lock.acquire(), seen = await adapter.inspect(key);
          want(seen.ttl > 4000 && seen.value === handle.value, JSON.stringify(seen));
          await lock.release(handle);
        },
      },
    };
  },
};

export const redisSemaphore = {
  name: "redis-semaphore",
  package: "redis-semaphore",
  connect(host, port) {
    const client = quiet(Redis, host, port);
    const databases = [1, 2, 3].map((db) => quiet(Redis, host, port, { db }));
    const options = (more) => ({ lockTimeout: 5000, retryInterval: 50, refreshInterval: 0, ...more });
    const owner = (key, lockTimeout) => {
      const lock = new semaphore.Mutex(client, key, options({ lockTimeout, acquireTimeout: 4000 }));
      return {
        try: () => new Promise((resolve, reject) => {
          lock._acquireOptions.acquireAttemptsLimit = 1;
          lock.tryAcquire().then(resolve, reject);
        }),
        wait: async () => {
          lock._acquireOptions.acquireAttemptsLimit = Infinity;
          return lock.tryAcquire();
        },
        release: async () => { await lock.release(); },
      };
    };
    const limited = { acquireAttemptsLimit: 1 };
    // counted tries a semaphore of two.
    async function counted(make) {
      const [a, b, c] = [make(), make(), make()];
      want((await a.tryAcquire()) && (await b.tryAcquire()), "two of two permits were not given");
      want(!(await c.tryAcquire()), "a third of two permits was given");
      await a.release();
      want(await c.tryAcquire(), "a released permit was not given");
      await Promise.all([b.release(), c.release()]);
    }
    return {
      owner,
      features: {
        async "refreshed by itself"() {
          const key = unique("refresh");
          const a = new semaphore.Mutex(client, key, options({ lockTimeout: 800, refreshInterval: 300 }));
          await a.acquire();
          await sleep(1500);
          want(a.isAcquired && !(await owner(key, 1000).try()), "it expired though it is refreshed");
          await a.release();
        },
        async "lost lock"() {
          const key = unique("lost");
          const lost = new Promise((resolve) => {
            const a = new semaphore.Mutex(client, key, options({ refreshInterval: 100, onLockLost: resolve }));
            a.acquire().then(() => client.del(`mutex:${key}`)).then(() => client.set(`mutex:${key}`, "other", "PX", 3000));
          });
          want((await Promise.race([lost, sleep(2000)])) instanceof semaphore.LostLockError, "it was not told");
        },
        semaphore() {
          const key = unique("semaphore");
          return counted(() => new semaphore.Semaphore(client, key, 2, options(limited)));
        },
        async "semaphore permits expire"() {
          const key = unique("permit"), short = options({ lockTimeout: 600, ...limited });
          want(await new semaphore.Semaphore(client, key, 1, short).tryAcquire(), "no permit");
          await sleep(900);
          want(await new semaphore.Semaphore(client, key, 1, short).tryAcquire(), "a permit does not expire");
        },
        async "multi semaphore"() {
          const key = unique("multi");
          const make = (permits) => new semaphore.MultiSemaphore(client, key, 4, permits, options(limited));
          const a = make(3), b = make(2), c = make(1);
          want((await a.tryAcquire()) && !(await b.tryAcquire()) && (await c.tryAcquire()), "permits are counted wrong");
          await Promise.all([a.release(), c.release()]);
        },
        "redlock semaphore"() {
          const key = unique("redlocks");
          return counted(() => new semaphore.RedlockSemaphore(databases, key, 2, options(limited)));
        },
        "redlock multi semaphore"() {
          const key = unique("redlockm");
          return counted(() => new semaphore.RedlockMultiSemaphore(databases, key, 4, 2, options(limited)));
        },
        async "redlock mutex"() {
          const key = unique("redlock");
          const make = () => new semaphore.RedlockMutex(databases, key, options(limited));
          const a = make(), b = make();
          want((await a.tryAcquire()) && !(await b.tryAcquire()), "not exactly one got it");
          await a.release();
          want(await b.tryAcquire(), "a released mutex was not given");
          await b.release();
        },
      },
    };
  },
};

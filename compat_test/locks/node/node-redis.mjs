// The libraries that work on node-redis, each on the version that it was made for: redlock 4 and warlock on 3,
// redis-lock on 4, simple-redis-mutex and what programs write by themselves on 6.

import { createRequire } from "node:module";
import { promisify } from "node:util";
import { createClient } from "redis";
import { lock as mutexLock, tryLock } from "simple-redis-mutex";
import { refused, sleep, unique, want } from "./kit.mjs";

const require = createRequire(import.meta.url);
const redis3 = require("redis3");
const redis4 = require("redis4");
const Redlock4 = require("redlock4");
const warlockOf = require("node-redis-warlock");
const redisLock = require("redis-lock");

function old(host, port) {
  const client = redis3.createClient({ host, port });
  client.on("error", () => {});
  return client;
}

async function connected(create, host, port) {
  const client = create({ socket: { host, port } });
  client.on("error", () => {});
  await client.connect();
  return client;
}

const RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end";
const EXTEND =
  "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) else return 0 end";

export const nodeRedis = {
  name: "node-redis, SET NX and scripts",
  package: "redis",
  async connect(host, port) {
    const client = await connected(createClient, host, port);
    const owner = (name, ttl) => {
      const token = unique("token"), key = `node-redis:${name}`;
      const attempt = async () => (await client.set(key, token, { condition: "NX", expiration: { type: "PX", value: ttl } })) === "OK";
      return {
        try: attempt,
        async wait(ms) {
          for (const end = Date.now() + ms; Date.now() < end; await sleep(50)) if (await attempt()) return true;
          return false;
        },
        extend: async (ms) => (await client.eval(EXTEND, { keys: [key], arguments: [token, String(ms)] })) === 1,
        release: async () => (await client.eval(RELEASE, { keys: [key], arguments: [token] })) === 1,
      };
    };
    return {
      owner,
      features: {
        async "multi and watch"() {
          const key = unique("watch"), other = client.duplicate();
          other.on("error", () => {});
          await other.connect();
          await other.watch(key);
          await client.set(key, "changed", { expiration: { type: "PX", value: 5000 } });
          want(!(await refused(/watched keys/, () => other.multi().set(key, "mine").exec())), "a changed key was overwritten");
          const [set, got] = await client.multi().set(key, "b").getDel(key).exec();
          want(set === "OK" && got === "b", `${set} ${got}`);
          await other.close();
        },
        async "subscribe"() {
          const channel = unique("channel"), other = client.duplicate();
          other.on("error", () => {});
          await other.connect();
          const told = new Promise((resolve) => other.subscribe(channel, resolve));
          await sleep(100);
          want((await client.publish(channel, "free")) === 1, "PUBLISH does not count the subscriber");
          want((await Promise.race([told, sleep(3000)])) === "free", "no message");
          await other.close();
        },
        async "client side cache"() {
          const cached = createClient({ socket: { host, port }, RESP: 3, clientSideCache: { ttl: 0, maxEntries: 10 } });
          cached.on("error", () => {});
          await cached.connect();
          const key = unique("cached");
          await client.set(key, "1", { expiration: { type: "PX", value: 9000 } });
          want((await cached.get(key)) === "1" && (await cached.get(key)) === "1", "GET");
          await client.set(key, "2", { expiration: { type: "PX", value: 9000 } });
          let got;
          for (let i = 0; i < 40 && got !== "2"; i++) { await sleep(50); got = await cached.get(key); }
          want(got === "2", "a change did not reach the cache");
          await cached.close();
        },
      },
    };
  },
};

export const redlock4 = {
  name: "redlock 4",
  package: "redlock4",
  connect(host, port) {
    const client = old(host, port), once = new Redlock4([client], { retryCount: 0 });
    const patient = new Redlock4([client], { retryCount: 80, retryDelay: 50 });
    const free = /LockError/;
    const owner = (key, ttl) => {
      let lock;
      const by = (manager) => refused(free, async () => { lock = await manager.lock(`redlock4:${key}`, ttl); });
      return {
        try: () => by(once),
        wait: () => by(patient),
        extend: (ms) => refused(free, async () => { lock = await lock.extend(ms); }),
        release: () => refused(free, () => lock.unlock()),
      };
    };
    return {
      owner,
      features: {
        async "several resources"() {
          const a = unique("a"), b = unique("b"), lock = await once.lock([a, b], 5000);
          want(!(await refused(free, () => once.lock(b, 1000))), "one of two held resources was given");
          await lock.unlock();
          await (await once.lock(b, 1000)).unlock();
        },
        async "disposer"() {
          const key = unique("disposer"), Bluebird = require("bluebird");
          await Bluebird.using(once.disposer(key, 5000), async () => {
            want(!(await refused(free, () => once.lock(key, 1000))), "a held resource was given");
          });
          await (await patient.lock(key, 1000)).unlock();
        },
      },
    };
  },
};

export const warlock = {
  name: "node-redis-warlock",
  package: "node-redis-warlock",
  connect(host, port) {
    const locks = warlockOf(old(host, port));
    const call = (name, ...args) => new Promise((resolve, reject) => {
      locks[name](...args, (err, ...results) => (err ? reject(err) : resolve(results)));
    });
    const owner = (name, ttl) => {
      let id, unlock;
      const key = `warlock:${name}`;
      return {
        async try() {
          [unlock, id] = await call("lock", key, ttl);
          return unlock !== false;
        },
        wait: () => refused(/unable to obtain/, async () => { [unlock, id] = await call("optimistic", key, ttl, 80, 50); }),
        extend: async (ms) => (await call("touch", key, id, ms))[0] === "OK",
        release: async () => Number(await promisify(unlock)()) === 1,
      };
    };
    return { owner };
  },
};

export const oldLock = {
  name: "redis-lock",
  package: "redis-lock",
  async connect(host, port) {
    const client = await connected(redis4.createClient, host, port);
    const lock = redisLock(client, 20);
    return {
      features: {
        async "acquire, contend, wait, release"() {
          const key = unique("redis-lock"), first = await lock(key, 5000);
          let got = false;
          const second = lock(key, 5000).then((done) => { got = true; return done; });
          await sleep(300);
          want(!got, "a second owner got a held lock");
          await first();
          await (await second)();
        },
        async expire() {
          const key = unique("redis-lock");
          await lock(key, 600);
          const begin = Date.now(), done = await lock(key, 5000);
          want(Date.now() - begin > 400 && Date.now() - begin < 3000, `given after ${Date.now() - begin} ms, not 600`);
          await done();
        },
      },
    };
  },
  onceOnly: true, // it waits for ever, and says nothing of errors
};

export const simpleMutex = {
  name: "simple-redis-mutex",
  package: "simple-redis-mutex",
  async connect(host, port) {
    const client = await connected(createClient, host, port);
    const owner = (name, timeout) => {
      let free;
      const key = `simple:${name}`;
      return {
        async try() {
          const [got, release] = await tryLock(client, key, { timeout });
          free = release;
          return got;
        },
        wait: (ms) => refused(/could not be acquired/, async () => {
          free = await mutexLock(client, key, { timeout, failAfter: ms, pollingInterval: 60000 });
        }),
        extend: async () => { await free.refreshTimeout(); return true; },
        release: () => free(),
      };
    };
    return {
      owner,
      features: {
        async fenced() {
          const tokens = [];
          for (let i = 0; i < 3; i++) {
            const release = await mutexLock(client, unique("fenced"), { timeout: 5000 });
            tokens.push(release.fencingToken);
            await release();
          }
          want(tokens[0] < tokens[1] && tokens[1] < tokens[2], `the tokens do not rise: ${tokens}`);
        },
        async "woken by a message"() {
          const key = unique("woken"), release = await mutexLock(client, key, { timeout: 9000 });
          const waiting = mutexLock(client, key, { timeout: 5000, pollingInterval: 60000, failAfter: 6000 });
          await sleep(300);
          const begin = Date.now();
          await release();
          await (await waiting)();
          want(Date.now() - begin < 2000, "who waited was not woken");
        },
      },
    };
  },
};

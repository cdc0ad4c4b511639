// What all libraries are asked, whatever their own words for it are; the same as ../python/kit.py.
//
// A library is {name, package, connect(host, port)}; what connect makes has owner(key, ttl): somebody who wants
// the lock that key names, for ttl milliseconds. An owner has try() and, as far as the library can do it,
// wait(ms), extend(ttl) and release(); each tells whether it worked, and release() gives undefined where the
// library does not say. What a library has beyond that is in its features, by their names.

import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";

const require = createRequire(import.meta.url);

const TTL = 1000; // milliseconds
const FAILOVER_TTL = 2000;
const PATIENCE = 20000; // for one feature
const WITHOUT = 10000; // the longest time without a lock through a change of leader

export { sleep };

export function want(so, otherwise) {
  if (!so) throw new Error(otherwise);
}

export function unique(what) {
  return `${what}-${randomUUID().slice(0, 8)}`;
}

// refused gives false where a library refuses by an error that says so, and passes all others on.
export async function refused(pattern, work) {
  try {
    await work();
    return true;
  } catch (err) {
    if (pattern.test(`${err.name} ${err.message} ${err.code ?? ""}`)) return false;
    throw err;
  }
}

const common = {
  async acquire(owner) {
    const a = owner(unique("acquire"), 5000);
    want(await a.try(), "a free lock was not given");
    await a.release();
  },
  async contend(owner) {
    const key = unique("contend"), a = owner(key, 5000), b = owner(key, 5000);
    want(await a.try(), "a free lock was not given");
    want(!(await b.try()), "a second owner got a held lock");
    await a.release();
  },
  async extend(owner) {
    const key = unique("extend"), a = owner(key, TTL), b = owner(key, TTL);
    want(await a.try(), "a free lock was not given");
    await sleep(0.6 * TTL);
    want(await a.extend(TTL), "the owner could not extend");
    await sleep(0.6 * TTL);
    want(!(await b.try()), "an extended lock expired at its first time");
    await sleep(1.2 * TTL);
    want(await b.try(), "an extended lock never expired");
    await b.release();
  },
  async expire(owner) {
    const key = unique("expire"), a = owner(key, TTL), b = owner(key, TTL);
    want(await a.try(), "a free lock was not given");
    await sleep(TTL + 800);
    want(await b.try(), "the lock is held beyond its time");
    await b.release();
  },
  async release(owner) {
    const key = unique("release"), a = owner(key, 5000), b = owner(key, 5000);
    want(await a.try(), "a free lock was not given");
    want((await a.release()) !== false, "the owner could not release");
    want(await b.try(), "a released lock is not free");
    await b.release();
  },
  async "release by another"(owner) {
    const key = unique("foreign"), a = owner(key, TTL), b = owner(key, 5000), c = owner(key, 5000);
    want(await a.try(), "a free lock was not given");
    await sleep(TTL + 800);
    want(await b.try(), "the lock is held beyond its time");
    want((await a.release()) !== true, "who no longer owns it released it");
    want(!(await c.try()), "who no longer owns it made it free");
    await b.release();
  },
  async wait(owner) {
    const key = unique("wait"), a = owner(key, 5000), b = owner(key, 5000);
    want(await a.try(), "a free lock was not given");
    let done = false;
    const waiting = b.wait(4000).finally(() => { done = true; });
    await sleep(300);
    want(!done, "the second did not wait");
    const begin = Date.now();
    await a.release();
    want(await waiting, "the lock was not given to who waited");
    want(Date.now() - begin < 4000, "it came only when the waiting was over");
    await b.release();
  },
};

function oneLine(err) {
  return `${err?.name}: ${err?.message}`.replace(/\s+/g, " ");
}

// asked are the features that a library is asked for: the common ones that it can do, then its own.
function asked(library) {
  const all = [];
  if (library.owner) {
    const sample = library.owner("sample", TTL);
    for (const [name, work] of Object.entries(common)) {
      if ((name === "extend" && !sample.extend) || (name === "wait" && !sample.wait)) continue;
      all.push([name, () => work(library.owner)]);
    }
  }
  return all.concat(Object.entries(library.features ?? {}));
}

async function once(library, out) {
  let good = true;
  for (const [name, work] of asked(library)) {
    try {
      await Promise.race([work(), sleep(PATIENCE, null, { ref: false }).then(() => want(false, "a call hangs"))]);
      out.push(`ok ${name}`);
    } catch (err) {
      good = false;
      out.push(`fail ${name}: ${oneLine(err)}`);
      console.error(err);
    }
  }
  return good;
}

// Watch knows who believes to own the lock, and until when.
class Watch {
  holder = null;
  until = 0;
  wrong = "";
  why = "";
  done = 0;
  errors = 0;
  gap = 0;
  last = performance.now();

  enter(who, until) {
    const now = performance.now();
    if (this.holder && now < this.until) {
      this.wrong = `${who} got it while ${this.holder} had it for ${Math.round(this.until - now)} ms more; `;
    }
    [this.holder, this.until] = [who, until];
    [this.done, this.gap, this.last] = [this.done + 1, Math.max(this.gap, now - this.last), now];
  }

  leave(who) {
    if (this.holder === who) this.holder = null;
  }
}

// compete takes and frees the lock until the end; errors are what a user would try again after.
async function compete(library, key, who, watch, end) {
  while (performance.now() < end) {
    const begin = performance.now();
    try {
      const owner = library.owner(key, FAILOVER_TTL);
      if (await owner.try()) {
        watch.enter(who, begin + FAILOVER_TTL);
        await sleep(10);
        watch.leave(who);
        await owner.release();
      }
    } catch (err) {
      [watch.errors, watch.why] = [watch.errors + 1, `, last error ${oneLine(err)}`];
    }
    await sleep(30);
  }
}

// failover lets two compete for one lock, and tells whether they never had it both, nor long neither.
async function failover(library, out, seconds, started) {
  const watch = new Watch(), key = unique("failover"), end = performance.now() + seconds * 1000;
  const work = Promise.all(["a", "b"].map((who) => compete(library, key, who, watch, end)));
  while (watch.done === 0 && performance.now() < end) await sleep(10);
  started();
  // A call that never comes back is a gap too.
  const stuck = await Promise.race([work.then(() => ""), sleep(seconds * 1000 + 15000).then(() => "a call hangs; ")]);
  const gap = Math.max(watch.gap, performance.now() - watch.last);
  const good = !stuck && !watch.wrong && gap < WITHOUT && watch.done > 0;
  out.push(`${good ? "ok" : "fail"} leader killed: ${stuck}${watch.wrong}${watch.done} locks, ${watch.errors} errors, ` +
    `longest gap ${(gap / 1000).toFixed(1)} s${watch.why}`);
  return good;
}

// run is the program: MODE HOST:PORT SECONDS [library…]; all libraries at once, printed in their order.
export async function run(libraries) {
  // What one library does not catch must not end the others; the feature that it is of hangs or fails.
  for (const kind of ["uncaughtException", "unhandledRejection"]) process.on(kind, (err) => console.error(kind, err));
  const [mode, address, seconds, ...names] = process.argv.slice(2);
  const colon = address.lastIndexOf(":"), host = address.slice(0, colon), port = Number(address.slice(colon + 1));
  const chosen = libraries.filter((l) => (names.length === 0 || names.includes(l.name)) && (mode === "once" || !l.onceOnly));
  let waiting = chosen.length;
  const started = () => { if (--waiting === 0) console.log("begin"); };
  const outs = chosen.map((l) => [`library ${l.name} ${require(`./node_modules/${l.package}/package.json`).version.replace(/^v/, "")}`]);
  const results = await Promise.all(chosen.map(async (l, i) => {
    let library;
    try {
      library = await l.connect(host, port);
    } catch (err) {
      outs[i].push(`fail connect: ${oneLine(err)}`);
      started();
      return false;
    }
    return mode === "once" ? once(library, outs[i]) : failover(library, outs[i], Number(seconds), started);
  }));
  for (const out of outs) console.log(out.join("\n"));
  process.exit(results.every(Boolean) ? 0 : 1);
}

// What storm clients do, with ioredis: they lock, wait, renew, release, look and count.
//
// The storm (../storm_clients.go) starts this program and talks to it by lines of JSON. It says
// {"begin": {seed, owner, file, keys, counts, targets}}, {"targets": [...]} when members changed, and
// {"end": true}; the program answers {"ended": number of operations} when all its clients have left their locks.
// Each operation is a line of the file, as ../../history/lines.go explains. Nothing is ever sent twice behind
// the scenes: the library neither connects again nor resends.
"use strict";

const fs = require("node:fs");
const readline = require("node:readline");
const { Redis } = require("ioredis");

const single = 5, pipelined = 1; // clients that do one thing at a time, and that send many counts at once
const replyWithin = 15000; // longer than lockd's own limit and the longest wait together
const notHeld = /^(NOTLOCKED|NOTOWNER|EXPIRED)/;

const now = () => Number(process.hrtime.bigint()); // CLOCK_MONOTONIC
const sleep = (ms) => new Promise((wake) => setTimeout(wake, ms));

// field finds a name in a map, which RESP2 sends as names and values in turn.
const field = (reply, name) => reply[reply.findIndex((v, i) => i % 2 === 0 && v === name) + 1];

// dice is a small generator (mulberry32), since Math.random takes no seed.
function dice(seed) {
  let a = seed >>> 0;
  const roll = () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const below = (n) => Math.floor(roll() * n);
  return { roll, below, choose: (list) => list[below(list.length)] };
}

class Epoch {
  constructor({ seed, owner, file, keys, counts, targets }) {
    Object.assign(this, { seed, owner, keys, counts, targets, over: false, written: 0 });
    this.file = fs.createWriteStream(file);
    const clients = Array.from({ length: single + pipelined }, (_, i) => new Client(this, i));
    this.tasks = clients.map((c) => c.run());
  }

  write(op) {
    this.file.write(JSON.stringify(op) + "\n");
    this.written++;
  }

  async end() {
    this.over = true;
    await Promise.all(this.tasks);
    await new Promise((done) => this.file.end(done));
    return this.written;
  }
}

class Client {
  constructor(epoch, number) {
    Object.assign(this, { epoch, number, dice: dice(epoch.seed * 1000 + number), owners: 0 });
    this.links = new Map(); // node -> {redis, dialed}
    this.leftAlone = new Map(); // node -> until when, after it failed
  }

  async run() {
    while (!this.epoch.over) await (this.number < single ? this.step() : this.batch());
    for (const node of [...this.links.keys()]) await this.drop(node);
  }

  pick() {
    const targets = this.epoch.targets;
    const first = this.dice.roll() < 0.1 ? this.dice.below(targets.length) : this.number;
    for (let i = 0; i < targets.length; i++) {
      const target = targets[(first + i) % targets.length];
      if (performance.now() > (this.leftAlone.get(target.id) ?? 0)) return target;
    }
    return this.dice.choose(targets);
  }

  async link(target) {
    let made = this.links.get(target.id);
    if (!made) {
      const [host, port] = target.addr.split(":");
      const redis = new Redis({
        host, port: Number(port), lazyConnect: true, connectTimeout: 1000, commandTimeout: replyWithin,
        retryStrategy: null, maxRetriesPerRequest: 0, autoResendUnfulfilledCommands: false, enableOfflineQueue: false,
      });
      redis.on("error", () => {}); // each command has its own
      made = { redis, dialed: now() };
      this.links.set(target.id, made);
      await redis.connect();
    }
    return made;
  }

  async drop(node) {
    this.leftAlone.set(node, performance.now() + 200);
    this.links.get(node)?.redis.disconnect();
    this.links.delete(node);
    await sleep(5);
  }

  // send sends the commands of some operations at once, and notes what came of each.
  async send(ops) {
    const target = this.pick();
    const begun = now();
    let link;
    try {
      link = await this.link(target);
    } catch {
      for (const { op } of ops) this.note(op, target, begun, begun, { out: "refused", said: "closed" });
      await this.drop(target.id);
      return "refused";
    }
    const sent = now();
    let replies;
    if (ops.length === 1) {
      replies = [await link.redis.call(...ops[0].words).catch((e) => e)];
    } else {
      const pipe = link.redis.pipeline();
      for (const { words } of ops) pipe.call(...words);
      replies = await pipe.exec().then((all) => all.map(([e, v]) => e ?? v), (e) => ops.map(() => e));
    }
    let outcome;
    ops.forEach(({ op }, i) => {
      const answer = understand(op, replies[i]);
      this.note(op, target, link.dialed, sent, answer);
      outcome = answer.out;
    });
    if (outcome === "refused" || outcome === "unknown") await this.drop(target.id);
    return outcome;
  }

  note(op, target, dialed, sent, answer) {
    this.epoch.write({ ...op, ...answer, node: target.id, dialed, sent, done: now() });
  }

  do(kind, key, words, more = {}) {
    return this.send([{ op: { kind, key, cmd: words[0], ...more }, words }]);
  }

  think(ms) {
    return sleep(this.dice.roll() * ms);
  }

  async batch() {
    const ops = Array.from({ length: 40 }, () => {
      const key = this.dice.choose(this.epoch.counts);
      const [kind, cmd] = this.dice.choose([["count", "INCR"], ["read", "GET"]]);
      return { op: { kind, key, cmd }, words: [cmd, key] };
    });
    await this.send(ops);
    await this.think(60);
  }

  async step() {
    const { keys, counts } = this.epoch;
    const key = this.dice.choose(this.dice.roll() < 0.5 ? keys.slice(0, 2) : keys);
    const what = this.dice.below(10);
    if (what < 2) await this.do("count", counts[0], ["INCR", counts[0]]);
    else if (what < 3) await this.do("queue", key, ["LOCK.INFO", key]);
    else await this.hold(key);
    await this.think(10);
  }

  async hold(key) {
    const owner = `${this.epoch.owner}-${this.number}-${++this.owners}`;
    const ttl = this.dice.choose([100, 1000, 4000]) + this.dice.below(1000);
    if (!(await this.take(key, owner, ttl))) return;
    for (let left = this.dice.below(4); left > 0 && !this.epoch.over; left--) {
      await this.think(40);
      if ((await this.stay(key, owner, ttl)) === "no") break;
    }
    if (ttl < 1000 && this.dice.roll() < 0.3) return; // it runs out, as if this client had died
    await this.leave(key, owner);
  }

  async take(key, owner, ttl) {
    const more = { owner, ttl: ttl * 1e6 };
    let words = ["LOCK", key, owner, ttl];
    const how = this.dice.below(4);
    if (how === 0) {
      words = ["SET", key, owner, "NX", "PX", ttl];
    } else if (how < 3) {
      const wait = 100 + this.dice.below(2000);
      more.wait = wait * 1e6;
      words.push("WAIT", wait);
    }
    const got = await this.do("take", key, words, more);
    if (got === "unknown") await this.leave(key, owner);
    return got === "yes";
  }

  stay(key, owner, ttl) {
    const more = { owner, ttl: ttl * 1e6 };
    switch (this.dice.below(6)) {
      case 0:
        return this.do("renew", key, ["RENEW", key, owner, ttl], more);
      case 1:
        return this.do("replace", key, ["SET", key, owner, "IFEQ", owner, "PX", ttl], more);
    }
    const words = this.dice.choose([["GET", key], ["ISLOCKED", key, owner], ["LOCK.TOKEN", key, owner]]);
    return this.do("holds", key, words, { owner });
  }

  async leave(key, owner) {
    const word = this.dice.choose(["UNLOCK", "DELIFEQ"]);
    for (const end = performance.now() + 3000; performance.now() < end; ) {
      const got = await this.do("release", key, [word, key, owner], { owner });
      if (got === "yes" || got === "no") return;
    }
  }
}

// understand tells what the client knows after a reply.
function understand(op, reply) {
  if (reply instanceof Error) return misunderstood(reply);
  if (op.kind === "queue") return { out: "yes", queue: field(reply, "queue").map((w) => field(w, "owner")) };
  if (reply === null) return { out: "no" };
  if (op.kind === "read") return { out: "yes", number: Number(reply) };
  if (typeof reply === "number") {
    const bare = reply === 0 || op.kind === "release" || op.cmd === "ISLOCKED"; // their 1 is no number
    return { out: reply ? "yes" : "no", ...(bare ? {} : { number: reply }) };
  }
  return { out: op.kind === "holds" && reply !== op.owner ? "no" : "yes" };
}

function misunderstood(error) {
  const said = error.message;
  if (error.name !== "ReplyError") {
    return { out: "unknown", said: said === "Command timed out" ? "no reply in time" : "closed" };
  }
  if (notHeld.test(said)) return { out: "no", said };
  return { out: said.startsWith("TRYAGAIN") ? "refused" : "unknown", said };
}

async function main() {
  let epoch;
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const told = JSON.parse(line);
    if (told.begin) epoch = new Epoch(told.begin);
    else if (told.targets) epoch.targets = told.targets;
    else if (told.end) console.log(JSON.stringify({ ended: await epoch.end() }));
  }
  process.exit(0);
}

main();

// ioredis taking locks while the leader changes, through its Sentinel or its cluster mode.
// Run by ../run.sh failover with the mode as its argument; the addresses are in the environment. It prints how
// often it succeeded, how often not, and the longest time between two successes.

import { setTimeout as sleep } from 'node:timers/promises';
import { Cluster, Redis } from 'ioredis';

const mode = process.argv[2];
const addresses = (name) => process.env[name].split(',').map((a) => {
  const colon = a.lastIndexOf(':');
  return { host: a.slice(0, colon), port: Number(a.slice(colon + 1)) };
});

// A machine that is cut off or stopped says nothing at all: without a timeout a client waits for ever.
const options = { password: process.env.LOCKD_PASSWORD, commandTimeout: 2000, connectTimeout: 1000 };
const client = mode === 'sentinel'
  ? new Redis({ ...options, sentinels: addresses('LOCKD_SENTINELS'), name: process.env.LOCKD_MASTER ?? 'mymaster' })
  : new Cluster(addresses('LOCKD_CLUSTER'), { redisOptions: options });
let done = 0;
let errors = 0;
let gap = 0;
let why = '';
client.on('error', (err) => { why = String(err); }); // it goes on by itself

const end = performance.now() + 1000 * Number(process.env.LOCKD_SECONDS ?? 20);
let last = performance.now();
while (performance.now() < end) {
  // After an error nobody knows whether the lock is held: it is another one then, and this expires.
  const key = `failover:ioredis:${mode}:${errors}`;
  try {
    if (await client.set(key, 'me', 'PX', 10000, 'NX') !== 'OK') throw new Error('the lock is held');
    if (await client.del(key) !== 1) throw new Error('the lock was lost');
  } catch (err) {
    errors++;
    why = String(err);
    await sleep(5);
    continue;
  }
  done++;
  gap = Math.max(gap, performance.now() - last);
  last = performance.now();
}
gap = Math.max(gap, performance.now() - last);
client.disconnect();
console.log(`ioredis ${mode}: ${done} succeeded, ${errors} errors, longest gap ${gap.toFixed(0)} ms`
  + (why ? `; last error: ${why}` : ''));

// node-redis taking locks while the leader changes, through its Sentinel or its cluster mode.
// Run by ../run.sh failover with the mode as its argument; the addresses are in the environment. It prints how
// often it succeeded, how often not, and the longest time between two successes.

import { setTimeout as sleep } from 'node:timers/promises';
import { createCluster, createSentinel } from 'redis';

const mode = process.argv[2];
const addresses = (name) => process.env[name].split(',').map((a) => {
  const colon = a.lastIndexOf(':');
  return { host: a.slice(0, colon), port: Number(a.slice(colon + 1)) };
});

// A machine that is cut off or stopped says nothing at all: without a timeout a client waits for ever.
const options = { password: process.env.LOCKD_PASSWORD, socket: { connectTimeout: 1000, socketTimeout: 2000 } };
const client = mode === 'sentinel'
  ? createSentinel({
    name: process.env.LOCKD_MASTER ?? 'mymaster', sentinelRootNodes: addresses('LOCKD_SENTINELS'), nodeClientOptions: options,
  })
  : createCluster({
    rootNodes: addresses('LOCKD_CLUSTER').map((a) => ({ url: `redis://${a.host}:${a.port}` })), defaults: options,
    // How long it tries to reach a dead master before it looks for another one; by default 5 s.
    topologyRefreshOnReconnectionAttemptStrategy: 250,
  });
let done = 0;
let errors = 0;
let gap = 0;
let why = '';
client.on('error', (err) => { why = String(err); }); // it goes on by itself
await client.connect();

const end = performance.now() + 1000 * Number(process.env.LOCKD_SECONDS ?? 20);
let last = performance.now();
while (performance.now() < end) {
  // After an error nobody knows whether the lock is held: it is another one then, and this expires.
  const key = `failover:node-redis:${mode}:${errors}`;
  try {
    if (await client.set(key, 'me', { PX: 10000, NX: true }) !== 'OK') throw new Error('the lock is held');
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
client.destroy();
console.log(`node-redis ${mode}: ${done} succeeded, ${errors} errors, longest gap ${gap.toFixed(0)} ms`
  + (why ? `; last error: ${why}` : ''));
process.exit(0); // a client in the middle of reconnecting would keep the process

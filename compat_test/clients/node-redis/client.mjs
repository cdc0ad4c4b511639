// node-redis with its defaults: locks by SET NX PX, and lockd's own commands.
// Run by ../run.sh with the port as its argument.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { createClient } from 'redis';

const client = createClient({ url: `redis://127.0.0.1:${process.argv[2]}` });
client.on('error', (err) => {
  console.error('node-redis:', err);
  process.exit(1);
});
await client.connect();

const key = 'clients:node-redis';
await client.del(key);
assert.equal(await client.set(key, 'alice', { NX: true, PX: 30000 }), 'OK', 'SET NX');
assert.equal(await client.set(key, 'bob', { NX: true, PX: 30000 }), null, 'SET NX of a held one');
assert.equal(await client.get(key), 'alice', 'GET');
const left = await client.pTTL(key);
assert.ok(left > 0 && left <= 30000, `PTTL ${left}`);
assert.equal(await client.del(key), 1, 'DEL');
assert.equal(await client.get(key), null, 'GET of a free one');

const token = await client.sendCommand(['LOCK', key, 'alice', '30000']);
assert.ok(Number.isInteger(token) && token > 0, `LOCK's token ${token}`);
assert.equal(await client.sendCommand(['LOCK', key, 'bob', '30000']), null, 'LOCK of a held one');
assert.equal(await client.sendCommand(['UNLOCK', key, 'bob']), 0, 'UNLOCK by another');
assert.equal(await client.sendCommand(['UNLOCK', key, 'alice']), 1, 'UNLOCK');
const later = await client.sendCommand(['LOCK', key, 'bob', '30000']);
assert.ok(later > token, 'a later token is larger');
assert.deepEqual(await Promise.all([client.get(key), client.exists(key), client.del(key)]), ['bob', 1, 1], 'a pipeline');
await client.close();

console.log('ok node-redis', createRequire(import.meta.url)('redis/package.json').version);

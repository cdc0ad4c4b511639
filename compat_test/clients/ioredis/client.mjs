// ioredis with its defaults: locks by SET NX PX, and lockd's own commands.
// Run by ../run.sh with the port as its argument.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { Redis } from 'ioredis';

const client = new Redis(Number(process.argv[2]), '127.0.0.1');
client.on('error', (err) => {
  console.error('ioredis:', err);
  process.exit(1);
});

const key = 'clients:ioredis';
await client.del(key);
assert.equal(await client.set(key, 'alice', 'PX', 30000, 'NX'), 'OK', 'SET NX');
assert.equal(await client.set(key, 'bob', 'PX', 30000, 'NX'), null, 'SET NX of a held one');
assert.equal(await client.get(key), 'alice', 'GET');
const left = await client.pttl(key);
assert.ok(left > 0 && left <= 30000, `PTTL ${left}`);
assert.equal(await client.del(key), 1, 'DEL');
assert.equal(await client.get(key), null, 'GET of a free one');

const token = await client.call('LOCK', key, 'alice', 30000);
assert.ok(Number.isInteger(token) && token > 0, `LOCK's token ${token}`);
assert.equal(await client.call('LOCK', key, 'bob', 30000), null, 'LOCK of a held one');
assert.equal(await client.call('UNLOCK', key, 'bob'), 0, 'UNLOCK by another');
assert.equal(await client.call('UNLOCK', key, 'alice'), 1, 'UNLOCK');
const later = await client.call('LOCK', key, 'bob', 30000);
assert.ok(later > token, 'a later token is larger');
const replies = await client.pipeline().get(key).call('ISLOCKED', key).del(key).exec();
assert.deepEqual(replies, [[null, 'bob'], [null, 1], [null, 1]], 'a pipeline');
await client.quit();

console.log('ok ioredis', createRequire(import.meta.url)('ioredis/package.json').version);

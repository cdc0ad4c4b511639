// The Node.js lock libraries, one after the other in what it prints.
//
//     node main.mjs once|failover HOST:PORT SECONDS [library…]

import { ioredis, redisSemaphore, redlock5, redlockUniversal, sesame } from "./ioredis.mjs";
import { run } from "./kit.mjs";
import { nodeRedis, oldLock, redlock4, simpleMutex, warlock } from "./node-redis.mjs";

await run([redlock4, redlock5, redisSemaphore, ioredis, nodeRedis, warlock, redlockUniversal, sesame, oldLock, simpleMutex]);

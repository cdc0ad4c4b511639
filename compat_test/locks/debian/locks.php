<?php
// The PHP lock libraries, each as its users use it: symfony/lock and symfony/semaphore on Predis and on phpredis,
// and what programs write by themselves with both.
//
//     php locks.php once|failover HOST:PORT SECONDS library

require __DIR__ . '/kit.php';
require 'Predis/autoload.php';
require 'Symfony/Component/Lock/autoload.php';
require 'Symfony/Component/Semaphore/autoload.php';

use Symfony\Component\Lock\Key;
use Symfony\Component\Lock\Lock;
use Symfony\Component\Lock\LockFactory;
use Symfony\Component\Lock\Store\RedisStore;
use Symfony\Component\Semaphore\SemaphoreFactory;
use Symfony\Component\Semaphore\Store\RedisStore as SemaphoreStore;

const RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end";
const EXTEND = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) else return 0 end";

function package(string $name): string
{
    return trim((string) shell_exec("dpkg-query -W -f='\${Version}' $name"));
}

// phpredis connects again by itself, Predis where its connection is not open any more.
function phpredis(string $host, int $port): Redis
{
    $redis = new Redis();
    $redis->connect($host, $port);
    return $redis;
}

function predis(string $host, int $port): Predis\Client
{
    return new Predis\Client(['host' => $host, 'port' => $port]);
}

// byToken is the lock that many write by themselves, from a SET NX PX and a call of a script.
function byToken(Closure $set, Closure $script): Closure
{
    return function (string $key, int $ttl) use ($set, $script): Owner {
        $token = unique('token');
        $try = fn () => $set("php:$key", $token, $ttl);
        return new Owner($try,
            function (int $most) use ($try): bool {
                for ($end = microtime(true) + $most / 1000; microtime(true) < $end; millis(50)) {
                    if ($try()) {
                        return true;
                    }
                }
                return false;
            },
            fn (int $ttl) => $script(EXTEND, "php:$key", $token, $ttl) === 1,
            fn () => $script(RELEASE, "php:$key", $token) === 1);
    };
}

function ownPredis(string $host, int $port): array
{
    $redis = predis($host, $port);
    return ['version' => Predis\Client::VERSION, 'owner' => byToken(
        fn ($key, $token, $ttl) => (string) $redis->set($key, $token, 'PX', $ttl, 'NX') === 'OK',
        fn ($script, $key, ...$args) => $redis->eval($script, 1, $key, ...$args)),
        'features' => [
            'transaction' => function () use ($redis) {
                $key = unique('multi');
                $replies = $redis->transaction()->set($key, 'a', 'PX', 5000)->get($key)->del($key)->execute();
                want((string) $replies[0] === 'OK' && $replies[1] === 'a' && $replies[2] === 1, json_encode($replies));
            },
        ]];
}

function ownPhpredis(string $host, int $port): array
{
    $redis = phpredis($host, $port);
    return ['version' => phpversion('redis'), 'owner' => byToken(
        fn ($key, $token, $ttl) => $redis->set($key, $token, ['nx', 'px' => $ttl]) === true,
        function ($script, $key, ...$args) use ($redis) {
            $reply = $redis->eval($script, [$key, ...$args], 1);
            if ($reply === false) {
                throw new RedisException((string) $redis->getLastError());
            }
            return $reply;
        }),
        'features' => [
            'multi' => function () use ($redis) {
                $key = unique('multi');
                $replies = $redis->multi()->set($key, 'a', ['px' => 5000])->get($key)->del($key)->exec();
                want($replies === [true, 'a', 1], json_encode($replies));
            },
            'evalSha' => function () use ($redis) {
                $sha = $redis->script('load', 'return ARGV[1]');
                want($redis->evalSha($sha, ['k', 'v'], 1) === 'v', 'the reply of EVALSHA');
            },
        ]];
}

function lockOwner(Lock $lock): Owner
{
    return new Owner(fn () => $lock->acquire(), fn (int $most) => $lock->acquire(true),
        function (int $ttl) use ($lock): bool {
            $lock->refresh($ttl / 1000);
            return true;
        },
        function () use ($lock): void { // it does not say whose lock it was
            $lock->release();
        });
}

function symfony($redis): array
{
    $factory = new LockFactory(new RedisStore($redis));
    $make = fn (string $key, int $ttl) => $factory->createLock("symfony:$key", $ttl / 1000, false);
    return ['version' => package('php-symfony-lock'), 'owner' => fn (string $key, int $ttl) => lockOwner($make($key, $ttl)),
        'features' => [
        'read, write' => function () use ($make) {
            $key = unique('read');
            [$a, $b, $c] = [$make($key, 5000), $make($key, 5000), $make($key, 5000)];
            want($a->acquireRead() && $b->acquireRead(), 'two cannot read');
            want(!$c->acquire(), 'it is written while it is read');
            $a->release();
            $b->release();
            want($c->acquire() && !$a->acquireRead(), 'it is read while it is written');
            $c->release();
        },
        'promote, demote' => function () use ($make) {
            $key = unique('promote');
            [$a, $b] = [$make($key, 5000), $make($key, 5000)];
            want($a->acquireRead() && $a->acquire(), 'the only reader cannot write');
            want(!$b->acquireRead(), 'it is read while it is written');
            want($a->acquireRead() && $b->acquireRead(), 'who wrote cannot share it');
            $a->release();
            $b->release();
        },
        'is acquired, is expired' => function () use ($make) {
            $lock = $make(unique('acquired'), 1000);
            want(!$lock->isAcquired() && $lock->acquire() && $lock->isAcquired(), 'isAcquired');
            want($lock->getRemainingLifetime() > 0.5, 'the lifetime');
            millis(1300);
            want($lock->isExpired() && !$lock->isAcquired(), 'isExpired');
        },
        'handed over' => function () use ($factory) {
            $key = new Key(unique('handed'));
            want($factory->createLockFromKey($key, 5, false)->acquire(), 'a free lock was not given');
            $other = $factory->createLockFromKey(unserialize(serialize($key)), 5, false);
            want($other->isAcquired(), 'the key that was handed over does not own it');
            $other->release();
        },
    ]];
}

function semaphore($redis): array
{
    $factory = new SemaphoreFactory(new SemaphoreStore($redis));
    return ['version' => package('php-symfony-semaphore'), 'owner' => null, 'features' => [
        'acquire, limit, release' => function () use ($factory) {
            $key = unique('semaphore');
            [$a, $b, $c] = array_map(fn () => $factory->createSemaphore($key, 2, 1, 5.0, false), [1, 2, 3]);
            want($a->acquire() && $b->acquire() && !$c->acquire(), 'two permits are not two');
            $a->release();
            want($c->acquire(), 'a released permit was not given');
            $b->release();
            $c->release();
        },
        'weight' => function () use ($factory) {
            $key = unique('semaphore');
            [$a, $b, $c] = array_map(fn ($w) => $factory->createSemaphore($key, 4, $w, 5.0, false), [3, 2, 1]);
            want($a->acquire() && !$b->acquire() && $c->acquire(), 'weights are counted wrong');
        },
        'refresh, expire' => function () use ($factory) { // it counts whole seconds of its own clock
            $key = unique('semaphore');
            [$a, $b] = array_map(fn () => $factory->createSemaphore($key, 1, 1, 3.0, false), [1, 2]);
            want($a->acquire(), 'a free permit was not given');
            millis(1500);
            $a->refresh(3.0);
            millis(1800);
            want(!$b->acquire() && $a->isAcquired(), 'a refreshed permit expired');
            millis(1500);
            want($b->acquire(), 'a permit does not expire');
        },
    ]];
}

run($argv, [
    'symfony/lock on Predis' => fn ($host, $port) => symfony(predis($host, $port)),
    'symfony/lock on phpredis' => fn ($host, $port) => symfony(phpredis($host, $port)),
    'symfony/semaphore on phpredis' => fn ($host, $port) => semaphore(phpredis($host, $port)),
    'Predis, SET NX and scripts' => 'ownPredis',
    'phpredis, SET NX and scripts' => 'ownPhpredis',
]);

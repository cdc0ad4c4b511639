<?php
// What all libraries are asked, whatever their own words for it are; the same as ../python/kit.py, but in one
// thread: who waits waits for an expiry, and in a failover each of two tries while the other holds the lock.
//
// A library is ['name', 'version', 'owner' => fn(key, ttl in ms), 'features' => [name => function]]. An owner has
// try() and, as far as the library can do it, wait(ms), extend(ms) and release(): an object made of closures.

const TTL = 1000; // milliseconds
const FAILOVER_TTL = 2000;
const WITHOUT = 10.0; // the longest time without a lock through a change of leader, in seconds

final class Owner
{
    public function __construct(
        public Closure $try, public ?Closure $wait, public ?Closure $extend, public Closure $release)
    {
    }

    public function __call(string $name, array $args)
    {
        return ($this->$name)(...$args);
    }
}

function want(bool $so, string $otherwise): void
{
    if (!$so) {
        throw new RuntimeException($otherwise);
    }
}

function unique(string $what): string
{
    return $what . '-' . bin2hex(random_bytes(4));
}

function millis(int $ms): void
{
    usleep($ms * 1000);
}

function common(array $library): array
{
    $owner = $library['owner'];
    $sample = $owner(unique('sample'), TTL);
    $all = [
        'acquire' => function () use ($owner) {
            $a = $owner(unique('acquire'), 5000);
            want($a->try(), 'a free lock was not given');
            $a->release();
        },
        'contend' => function () use ($owner) {
            $key = unique('contend');
            [$a, $b] = [$owner($key, 5000), $owner($key, 5000)];
            want($a->try(), 'a free lock was not given');
            want(!$b->try(), 'a second owner got a held lock');
            $a->release();
        },
        'extend' => function () use ($owner) {
            $key = unique('extend');
            [$a, $b] = [$owner($key, TTL), $owner($key, TTL)];
            want($a->try(), 'a free lock was not given');
            millis(600);
            want($a->extend(TTL), 'the owner could not extend');
            millis(600);
            want(!$b->try(), 'an extended lock expired at its first time');
            millis(1200);
            want($b->try(), 'an extended lock never expired');
            $b->release();
        },
        'expire' => function () use ($owner) {
            $key = unique('expire');
            [$a, $b] = [$owner($key, TTL), $owner($key, TTL)];
            want($a->try(), 'a free lock was not given');
            millis(TTL + 800);
            want($b->try(), 'the lock is held beyond its time');
            $b->release();
        },
        'release' => function () use ($owner) {
            $key = unique('release');
            [$a, $b] = [$owner($key, 5000), $owner($key, 5000)];
            want($a->try(), 'a free lock was not given');
            want($a->release() !== false, 'the owner could not release');
            want($b->try(), 'a released lock is not free');
            $b->release();
        },
        'release by another' => function () use ($owner) {
            $key = unique('foreign');
            [$a, $b, $c] = [$owner($key, TTL), $owner($key, 5000), $owner($key, 5000)];
            want($a->try(), 'a free lock was not given');
            millis(TTL + 800);
            want($b->try(), 'the lock is held beyond its time');
            want($a->release() !== true, 'who no longer owns it released it');
            want(!$c->try(), 'who no longer owns it made it free');
            $b->release();
        },
        'wait' => function () use ($owner) {
            $key = unique('wait');
            [$a, $b] = [$owner($key, TTL), $owner($key, 5000)];
            want($a->try(), 'a free lock was not given');
            $begin = microtime(true);
            want($b->wait(4000), 'the lock was not given to who waited');
            $took = microtime(true) - $begin;
            want($took > 0.5 && $took < 3, "it was given after $took s, and not after " . TTL . ' ms');
            $b->release();
        },
    ];
    return array_filter($all, fn ($name) => !in_array($name, ['extend', 'wait']) || $sample->$name, ARRAY_FILTER_USE_KEY);
}

function oneLine(Throwable $e): string
{
    return get_class($e) . ': ' . preg_replace('/\s+/', ' ', $e->getMessage());
}

function once(array $library): bool
{
    $good = true;
    foreach (($library["owner"] ? common($library) : []) + $library['features'] as $name => $work) {
        try {
            $work();
            echo "ok $name\n";
        } catch (Throwable $e) {
            $good = false;
            echo "fail $name: ", oneLine($e), "\n";
        }
    }
    return $good;
}

// failover lets two take one lock in turn, each while the other tries too, and tells whether they never had it
// both, nor long neither. Errors are what a user would try again after.
function failover(array $library, float $seconds): bool
{
    $key = unique('failover');
    [$done, $errors, $gap, $wrong, $why, $last] = [0, 0, 0.0, '', '', microtime(true)];
    $end = $last + $seconds;
    for ($i = 0; microtime(true) < $end; $i++) {
        $begin = microtime(true);
        try {
            [$a, $b] = [$library['owner']($key, FAILOVER_TTL), $library['owner']($key, FAILOVER_TTL)];
            if ($a->try()) {
                [$gap, $last, $done] = [max($gap, microtime(true) - $last), microtime(true), $done + 1];
                if ($done === 1) {
                    echo "begin\n";
                }
                if ($b->try() && microtime(true) < $begin + FAILOVER_TTL / 1000) {
                    $wrong = 'two had it at once; ';
                }
                $a->release();
            }
        } catch (Throwable $e) {
            $errors++;
            $why = ', last error ' . oneLine($e);
        }
        millis(30);
    }
    $gap = max($gap, microtime(true) - $last);
    $good = $wrong === '' && $gap < WITHOUT && $done > 0;
    printf("%s leader killed: %s%d locks, %d errors, longest gap %.1f s%s\n",
        $good ? 'ok' : 'fail', $wrong, $done, $errors, $gap, $why);
    return $good;
}

// run is the program: MODE HOST:PORT SECONDS library. One library, for PHP has no threads.
function run(array $argv, array $libraries): void
{
    [, $mode, $address, $seconds, $name] = $argv;
    [$host, $port] = explode(':', $address);
    if (!isset($libraries[$name])) {
        fwrite(STDERR, "no library $name; there are: " . implode(', ', array_keys($libraries)) . "\n");
        exit(2);
    }
    $library = $libraries[$name]($host, (int) $port);
    echo "library $name {$library['version']}\n";
    exit(($mode === 'once' ? once($library) : failover($library, (float) $seconds)) ? 0 : 1);
}

/* The lock that C programs write by themselves with hiredis: SET NX PX with a token, and two scripts.
 *
 *     cc -o locks locks.c -lhiredis; locks once|failover HOST:PORT SECONDS
 *
 * It asks what ../python/kit.py asks, in one thread: who waits waits for an expiry, and in a failover each of two
 * tries while the other holds the lock. */

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TTL = 1000, FAILOVER_TTL = 2000, WITHOUT = 10000 }; /* milliseconds */

static const char *RELEASE =
    "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end";
static const char *EXTEND =
    "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) else return 0 end";

static char host[256];
static int port;
static redisContext *redis;
static char why[512]; /* what went wrong last */

struct owner {
    const char *key;
    char token[64];
    long ttl;
};

static long millis(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void pause_ms(long ms) { usleep(ms * 1000); }

static struct owner owner(const char *key, long ttl) {
    static int next;
    struct owner o = {key, "", ttl};
    snprintf(o.token, sizeof o.token, "token-%d-%d", (int)getpid(), next++);
    return o;
}

/* connected connects where there is no connection, as hiredis leaves it to its user. */
static int connected(void) {
    if (redis && !redis->err) return 1;
    if (redis) redisFree(redis);
    redis = redisConnect(host, port);
    if (redis && !redis->err) return 1;
    snprintf(why, sizeof why, "connect: %s", redis ? redis->errstr : "no memory");
    return 0;
}

/* answer is -1 for an error, 0 for nil, 0 or what is not OK, 1 for OK and 1; it frees the reply. */
static int answer(redisReply *reply) {
    int got = 0;
    if (!reply) {
        snprintf(why, sizeof why, "%s", redis->errstr);
        return -1;
    }
    if (reply->type == REDIS_REPLY_ERROR) {
        snprintf(why, sizeof why, "%s", reply->str);
        got = -1;
    } else if (reply->type == REDIS_REPLY_STATUS) {
        got = strcmp(reply->str, "OK") == 0;
    } else if (reply->type == REDIS_REPLY_INTEGER) {
        got = reply->integer == 1;
    }
    freeReplyObject(reply);
    return got;
}

static int try_lock(struct owner *o) {
    if (!connected()) return -1;
    return answer(redisCommand(redis, "SET %s %s NX PX %ld", o->key, o->token, o->ttl));
}

static int extend(struct owner *o) {
    if (!connected()) return -1;
    return answer(redisCommand(redis, "EVAL %s 1 %s %s %ld", EXTEND, o->key, o->token, o->ttl));
}

static int release(struct owner *o) {
    if (!connected()) return -1;
    return answer(redisCommand(redis, "EVAL %s 1 %s %s", RELEASE, o->key, o->token));
}

static int wait_lock(struct owner *o, long ms) {
    for (long end = millis() + ms; millis() < end; pause_ms(50)) {
        int got = try_lock(o);
        if (got != 0) return got;
    }
    return 0;
}

/* want ends a feature where something is not as it must be. */
#define want(so, otherwise)                                                     \
    if (!(so)) {                                                                \
        printf("fail %s: %s %s\n", name, otherwise, why);                       \
        return 0;                                                               \
    }

static int basics(const char *name, const char *key) {
    struct owner a = owner(key, 5000), b = owner(key, 5000);
    want(try_lock(&a) == 1, "a free lock was not given");
    if (strcmp(name, "contend") == 0) want(try_lock(&b) == 0, "a second owner got a held lock");
    want(release(&a) == 1, "the owner could not release");
    want(try_lock(&b) == 1, "a released lock is not free");
    return release(&b) == 1;
}

static int extending(const char *name, const char *key) {
    struct owner a = owner(key, TTL), b = owner(key, TTL);
    want(try_lock(&a) == 1, "a free lock was not given");
    pause_ms(600);
    want(extend(&a) == 1, "the owner could not extend");
    pause_ms(600);
    want(try_lock(&b) == 0, "an extended lock expired at its first time");
    pause_ms(1200);
    want(try_lock(&b) == 1, "an extended lock never expired");
    return 1;
}

static int expiring(const char *name, const char *key) {
    struct owner a = owner(key, TTL), b = owner(key, 5000), c = owner(key, 5000);
    want(try_lock(&a) == 1, "a free lock was not given");
    pause_ms(TTL + 800);
    want(try_lock(&b) == 1, "the lock is held beyond its time");
    want(release(&a) == 0, "who no longer owns it released it");
    want(try_lock(&c) == 0, "who no longer owns it made it free");
    return 1;
}

static int waiting(const char *name, const char *key) {
    struct owner a = owner(key, TTL), b = owner(key, 5000);
    long begin;
    want(try_lock(&a) == 1, "a free lock was not given");
    begin = millis();
    want(wait_lock(&b, 4000) == 1, "the lock was not given to who waited");
    want(millis() - begin > 500 && millis() - begin < 3000, "not when it expired");
    return 1;
}

static int pipelined(const char *name, const char *key) {
    int good = 1;
    want(connected(), "no connection");
    redisAppendCommand(redis, "MULTI");
    redisAppendCommand(redis, "SET %s a", key);
    redisAppendCommand(redis, "DEL %s", key);
    redisAppendCommand(redis, "EXEC");
    for (int i = 0; i < 4; i++) {
        redisReply *reply = NULL;
        want(redisGetReply(redis, (void **)&reply) == REDIS_OK && reply, "no reply");
        good &= i < 3 ? reply->type == REDIS_REPLY_STATUS : reply->type == REDIS_REPLY_ARRAY && reply->elements == 2;
        freeReplyObject(reply);
    }
    want(good, "the replies of MULTI");
    return 1;
}

static int once(void) {
    static const struct {
        const char *name;
        int (*work)(const char *, const char *);
    } features[] = {{"acquire", basics}, {"contend", basics}, {"extend", extending}, {"expire", expiring},
                    {"release", basics}, {"release by another", expiring}, {"wait", waiting},
                    {"pipelined multi", pipelined}};
    int good = 1;
    for (size_t i = 0; i < sizeof features / sizeof *features; i++) {
        char key[64];
        snprintf(key, sizeof key, "c:%d:%zu:%ld", (int)getpid(), i, millis());
        if (features[i].work(features[i].name, key))
            printf("ok %s\n", features[i].name);
        else
            good = 0;
    }
    return good;
}

/* failover takes a lock again and again, and tries with another owner while it is held. */
static int failover(double seconds) {
    char key[64];
    long begun = millis(), last = begun, gap = 0, done = 0, errors = 0, end = begun + (long)(seconds * 1000);
    int wrong = 0, good;
    snprintf(key, sizeof key, "c:failover:%d:%ld", (int)getpid(), begun);
    for (; millis() < end; pause_ms(30)) {
        struct owner a = owner(key, FAILOVER_TTL), b = owner(key, FAILOVER_TTL);
        long begin = millis();
        int got = try_lock(&a);
        if (got == 1) {
            if (++done == 1) printf("begin\n");
            if (millis() - last > gap) gap = millis() - last;
            last = millis();
            wrong |= try_lock(&b) == 1 && millis() < begin + FAILOVER_TTL;
            got = release(&a);
        }
        errors += got < 0;
    }
    if (millis() - last > gap) gap = millis() - last;
    good = !wrong && gap < WITHOUT && done > 0;
    printf("%s leader killed: %s%ld locks, %ld errors, longest gap %.1f s%s%s\n", good ? "ok" : "fail",
           wrong ? "two had it at once; " : "", done, errors, gap / 1000.0, errors ? ", last error " : "", why);
    return good;
}

int main(int argc, char **argv) {
    char *colon = argc == 4 ? strrchr(argv[2], ':') : NULL;
    if (!colon) {
        fprintf(stderr, "usage: locks once|failover HOST:PORT SECONDS\n");
        return 2;
    }
    snprintf(host, sizeof host, "%.*s", (int)(colon - argv[2]), argv[2]);
    port = atoi(colon + 1);
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("library hiredis, SET NX and scripts %d.%d.%d\n", HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH);
    return (strcmp(argv[1], "once") == 0 ? once() : failover(atof(argv[3]))) ? 0 : 1;
}

// ShedLock and Spring Integration on Spring Data Redis, and what programs write by themselves on Jedis and Lettuce.

import io.lettuce.core.RedisClient;
import io.lettuce.core.ScriptOutputType;
import io.lettuce.core.SetArgs;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.api.sync.RedisCommands;
import io.lettuce.core.pubsub.RedisPubSubAdapter;
import io.lettuce.core.pubsub.StatefulRedisPubSubConnection;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import net.javacrumbs.shedlock.core.LockConfiguration;
import net.javacrumbs.shedlock.core.SimpleLock;
import net.javacrumbs.shedlock.provider.redis.spring.RedisLockProvider;
import org.springframework.data.redis.connection.RedisStandaloneConfiguration;
import org.springframework.data.redis.connection.lettuce.LettuceConnectionFactory;
import org.springframework.integration.redis.util.RedisLockRegistry;
import org.springframework.integration.redis.util.RedisLockRegistry.RedisLockType;
import org.springframework.integration.support.locks.DistributedLock;
import redis.clients.jedis.params.SetParams;

class SpringLocks {
  static final String RELEASE =
      "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end";
  static final String EXTEND =
      "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) else return 0 end";

  // TokenOwner is the lock that many write by themselves: SET NX PX with a token, and two scripts.
  abstract static class TokenOwner implements Kit.Owner {
    final String key, token = Kit.unique("token");
    final long ttl;

    TokenOwner(String key, long ttl) {
      this.key = key;
      this.ttl = ttl;
    }

    abstract long script(String script, String... args);

    @Override
    public Kit.Waiting waiting() {
      return most -> {
        for (long end = System.nanoTime() + most * 1_000_000; System.nanoTime() < end; Thread.sleep(50)) {
          if (tryLock()) {
            return true;
          }
        }
        return false;
      };
    }

    @Override
    public Kit.Step extending() {
      return () -> script(EXTEND, token, String.valueOf(ttl)) == 1;
    }

    @Override
    public boolean release() {
      return script(RELEASE, token) == 1;
    }
  }

  static Kit.Library jedis(String host, int port, String version) {
    var client = redis.clients.jedis.RedisClient.create(host, port);
    Kit.Owners owners = (number, key, ttl) -> new TokenOwner("jedis:" + key, ttl) {
      @Override
      public boolean tryLock() {
        return "OK".equals(client.set(key, token, SetParams.setParams().nx().px(ttl)));
      }

      @Override
      long script(String script, String... args) {
        return (Long) client.eval(script, List.of(key), List.of(args));
      }
    };
    Kit.Work transaction = () -> {
      String key = Kit.unique("jedis");
      try (var multi = client.multi()) {
        multi.set(key, "a");
        multi.pexpire(key, 5000);
        multi.getDel(key);
        Kit.want(multi.exec().equals(List.of("OK", 1L, "a")), "the replies of MULTI");
      }
    };
    Kit.Work loaded = () -> {
      String sha = client.scriptLoad("return {KEYS[1], ARGV[1]}", "any");
      Object got = client.evalsha(sha, List.of("k"), List.of("v"));
      Kit.want(got.equals(List.of("k", "v")), "EVALSHA replied " + got);
    };
    return new Kit.Library("Jedis, SET NX and scripts", version, owners,
        List.of(new Kit.Feature("multi", transaction), new Kit.Feature("EVALSHA", loaded)));
  }

  static Kit.Library lettuce(String host, int port, String version) {
    RedisClient client = RedisClient.create("redis://" + host + ":" + port);
    StatefulRedisConnection<String, String> connection = client.connect();
    RedisCommands<String, String> redis = connection.sync();
    Kit.Owners owners = (number, key, ttl) -> new TokenOwner("lettuce:" + key, ttl) {
      @Override
      public boolean tryLock() {
        return "OK".equals(redis.set(key, token, SetArgs.Builder.nx().px(ttl)));
      }

      @Override
      long script(String script, String... args) {
        return redis.<Long>eval(script, ScriptOutputType.INTEGER, new String[] {key}, args);
      }
    };
    Kit.Work subscribe = () -> {
      CompletableFuture<String> told = new CompletableFuture<>();
      try (StatefulRedisPubSubConnection<String, String> listener = client.connectPubSub()) {
        listener.addListener(new RedisPubSubAdapter<>() {
          @Override
          public void message(String channel, String message) {
            told.complete(message);
          }
        });
        String channel = Kit.unique("channel");
        listener.sync().subscribe(channel);
        Kit.want(redis.publish(channel, "free") == 1, "PUBLISH does not count the subscriber");
        Kit.want("free".equals(told.get(3, TimeUnit.SECONDS)), "the message");
      }
    };
    return new Kit.Library("Lettuce, SET NX and scripts", version, owners,
        List.of(new Kit.Feature("subscribe", subscribe)));
  }

  static LettuceConnectionFactory factory(String host, int port) {
    LettuceConnectionFactory factory = new LettuceConnectionFactory(new RedisStandaloneConfiguration(host, port));
    factory.afterPropertiesSet();
    factory.start();
    return factory;
  }

  static class ShedOwner implements Kit.Owner {
    private final RedisLockProvider provider;
    private final String key;
    private final Duration most;
    private Optional<SimpleLock> lock = Optional.empty();

    ShedOwner(RedisLockProvider provider, String key, long ttl) {
      this.provider = provider;
      this.key = key;
      this.most = Duration.ofMillis(ttl);
    }

    @Override
    public boolean tryLock() {
      lock = provider.lock(new LockConfiguration(Instant.now(), key, most, Duration.ZERO));
      return lock.isPresent();
    }

    @Override
    public Kit.Step extending() {
      return () -> {
        lock = lock.get().extend(most, Duration.ZERO);
        return lock.isPresent();
      };
    }

    @Override
    public boolean release() {
      lock.get().unlock();
      return true;
    }
  }

  static Kit.Library shedLock(String host, int port, String version) {
    RedisLockProvider provider = new RedisLockProvider.Builder(factory(host, port)).safeUpdate(true).build();
    Kit.Work atLeast = () -> {
      String key = Kit.unique("least");
      Duration long_ = Duration.ofSeconds(5), least = Duration.ofMillis(800);
      SimpleLock lock = provider.lock(new LockConfiguration(Instant.now(), key, long_, least)).get();
      lock.unlock();
      Kit.want(!new ShedOwner(provider, key, 1000).tryLock(), "it is free before its shortest time");
      Thread.sleep(1100);
      Kit.want(new ShedOwner(provider, key, 1000).tryLock(), "it is held after its shortest time");
    };
    return new Kit.Library("ShedLock", version, (number, key, ttl) -> new ShedOwner(provider, key, ttl),
        List.of(new Kit.Feature("at least for", atLeast)));
  }

  static class RegistryOwner implements Kit.Owner {
    private final RedisLockRegistry registry;
    private final String key;
    private final Duration ttl;
    private final DistributedLock lock;

    RegistryOwner(RedisLockRegistry registry, String key, long ttl) {
      this.registry = registry;
      this.key = key;
      this.ttl = Duration.ofMillis(ttl);
      this.lock = registry.obtain(key);
    }

    @Override
    public boolean tryLock() throws Exception {
      return lock.tryLock(Duration.ZERO, ttl);
    }

    @Override
    public Kit.Waiting waiting() {
      return most -> lock.tryLock(Duration.ofMillis(most), ttl);
    }

    @Override
    public Kit.Step extending() {
      return () -> {
        registry.renewLock(key, ttl);
        return true;
      };
    }

    @Override
    public boolean release() {
      try {
        lock.unlock();
        return true;
      } catch (IllegalStateException | java.util.ConcurrentModificationException e) {
        return false;
      }
    }
  }

  static Kit.Library registry(String host, int port, RedisLockType type, String name, String version) {
    List<RedisLockRegistry> registries = new ArrayList<>(); // of three processes
    for (int i = 0; i < 3; i++) {
      RedisLockRegistry registry = new RedisLockRegistry(factory(host, port), "compat-" + name, 5000);
      registry.setRedisLockType(type);
      registries.add(registry);
    }
    Kit.Work plain = () -> {
      var lock = registries.get(0).obtain("plain");
      lock.lock();
      Kit.want(!registries.get(1).obtain("plain").tryLock(), "a second owner got a held lock");
      lock.unlock();
      registries.get(0).expireUnusedOlderThan(0);
    };
    return new Kit.Library("Spring Integration RedisLockRegistry, " + name, version,
        (number, key, ttl) -> new RegistryOwner(registries.get(number), key, ttl),
        List.of(new Kit.Feature("as a java.util.concurrent.Lock", plain)));
  }
}

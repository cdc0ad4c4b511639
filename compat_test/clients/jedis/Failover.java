// Jedis taking locks while the leader changes, through its Sentinel pool or its cluster mode.
// Run by ../run.sh failover with the mode as its argument; the addresses are in the environment. It prints how
// often it succeeded, how often not, and the longest time between two successes.

import java.util.Arrays;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.commons.pool2.impl.GenericObjectPoolConfig;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisSentinelPool;
import redis.clients.jedis.RedisClusterClient;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.params.SetParams;

public class Failover {
  // Locks takes a lock and frees it.
  interface Locks {
    void once(String key);
  }

  static final SetParams NX = SetParams.setParams().nx().px(10000);

  static void want(boolean so, String otherwise) {
    if (!so) {
      throw new JedisException(otherwise);
    }
  }

  static Set<HostAndPort> addresses(String name) {
    return Arrays.stream(System.getenv(name).split(",")).map(HostAndPort::from).collect(Collectors.toSet());
  }

  static Locks connect(String mode) {
    // A machine that is cut off or stopped says nothing at all: timeouts are of 2 s by default.
    DefaultJedisClientConfig config =
        DefaultJedisClientConfig.builder().password(System.getenv("LOCKD_PASSWORD")).build();
    if (mode.equals("sentinel")) {
      JedisSentinelPool pool = new JedisSentinelPool(System.getenv().getOrDefault("LOCKD_MASTER", "mymaster"),
          addresses("LOCKD_SENTINELS"), new GenericObjectPoolConfig<>(), config,
          DefaultJedisClientConfig.builder().build());
      return key -> {
        try (Jedis jedis = pool.getResource()) {
          want("OK".equals(jedis.set(key, "me", NX)), "the lock is held");
          want(jedis.del(key) == 1, "the lock was lost");
        }
      };
    }
    RedisClusterClient cluster =
        RedisClusterClient.builder().nodes(addresses("LOCKD_CLUSTER")).clientConfig(config).build();
    return key -> {
      want("OK".equals(cluster.set(key, "me", NX)), "the lock is held");
      want(cluster.del(key) == 1, "the lock was lost");
    };
  }

  public static void main(String[] args) throws InterruptedException {
    String mode = args[0], why = "";
    long done = 0, errors = 0, gap = 0, last = System.nanoTime();
    long end = last + (long) (Double.parseDouble(System.getenv().getOrDefault("LOCKD_SECONDS", "20")) * 1e9);
    Locks locks = null;
    while (locks == null) {
      try {
        locks = connect(mode);
      } catch (JedisException e) { // on a slow machine it begins while there is no leader, and starts again
        errors++;
        if (System.nanoTime() - end > 0) throw e;
        Thread.sleep(100);
      }
    }
    while (System.nanoTime() - end < 0) {
      try {
        // After an error nobody knows whether the lock is held: it is another one then, and this expires.
        locks.once("failover:jedis:" + mode + ":" + errors);
      } catch (JedisException e) {
        errors++;
        why = "; last error: " + e;
        Thread.sleep(5);
        continue;
      }
      done++;
      gap = Math.max(gap, System.nanoTime() - last);
      last = System.nanoTime();
    }
    gap = Math.max(gap, System.nanoTime() - last);
    System.out.printf("jedis %s: %d succeeded, %d errors, longest gap %d ms%s%n", mode, done, errors, gap / 1000000, why);
    System.exit(0); // the pool's listeners would keep the process
  }
}

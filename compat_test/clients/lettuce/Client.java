// Lettuce with its defaults: locks by SET NX PX, and lockd's own commands.
// Run by ../run.sh with the port and the version as its arguments.

import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisFuture;
import io.lettuce.core.SetArgs;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.api.sync.RedisCommands;
import io.lettuce.core.codec.StringCodec;
import io.lettuce.core.output.IntegerOutput;
import io.lettuce.core.protocol.CommandArgs;
import io.lettuce.core.protocol.ProtocolKeyword;
import java.nio.charset.StandardCharsets;
import java.util.Objects;

public class Client {
  // Command is one of lockd's own.
  record Command(String name) implements ProtocolKeyword {
    @Override
    public byte[] getBytes() {
      return name.getBytes(StandardCharsets.UTF_8);
    }
  }

  static void want(String what, Object got, Object want) {
    if (!Objects.equals(got, want)) {
      System.err.println("lettuce: " + what + ": got " + got + ", want " + want);
      System.exit(1);
    }
  }

  static Long call(RedisCommands<String, String> redis, String name, String key, String... words) {
    CommandArgs<String, String> args = new CommandArgs<>(StringCodec.UTF8).addKey(key);
    for (String word : words) {
      args.add(word);
    }
    return redis.dispatch(new Command(name), new IntegerOutput<>(StringCodec.UTF8), args);
  }

  public static void main(String[] args) throws Exception {
    String key = "clients:lettuce";
    RedisClient client = RedisClient.create("redis://127.0.0.1:" + args[0]);
    try (StatefulRedisConnection<String, String> connection = client.connect()) {
      RedisCommands<String, String> redis = connection.sync();
      SetArgs params = SetArgs.Builder.nx().px(30000);
      redis.del(key);
      want("SET NX", redis.set(key, "alice", params), "OK");
      want("SET NX of a held one", redis.set(key, "bob", params), null);
      want("GET", redis.get(key), "alice");
      long left = redis.pttl(key);
      want("PTTL " + left, left > 0 && left <= 30000, true);
      want("DEL", redis.del(key), 1L);
      want("GET of a free one", redis.get(key), null);

      Long token = call(redis, "LOCK", key, "alice", "30000");
      want("LOCK's token", token != null && token > 0, true);
      want("LOCK of a held one", call(redis, "LOCK", key, "bob", "30000"), null);
      want("UNLOCK by another", call(redis, "UNLOCK", key, "bob"), 0L);
      want("UNLOCK", call(redis, "UNLOCK", key, "alice"), 1L);
      want("a later token is larger", call(redis, "LOCK", key, "bob", "30000") > token, true);
      RedisFuture<String> owner = connection.async().get(key);
      RedisFuture<Long> deleted = connection.async().del(key);
      want("a pipeline", owner.get() + deleted.get(), "bob1");
    } finally {
      client.shutdown();
    }
    System.out.println("ok lettuce " + args[1]);
  }
}

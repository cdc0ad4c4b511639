// Jedis with its defaults: locks by SET NX PX, and lockd's own commands.
// Run by ../run.sh with the port and the version as its arguments.

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;
import redis.clients.jedis.RedisClient;
import redis.clients.jedis.commands.ProtocolCommand;
import redis.clients.jedis.params.SetParams;

public class Client {
  // Command is one of lockd's own.
  record Command(String name) implements ProtocolCommand {
    @Override
    public byte[] getRaw() {
      return name.getBytes(StandardCharsets.UTF_8);
    }
  }

  static void want(String what, Object got, Object want) {
    if (!Objects.equals(got, want)) {
      System.err.println("jedis: " + what + ": got " + got + ", want " + want);
      System.exit(1);
    }
  }

  public static void main(String[] args) {
    Command lock = new Command("LOCK"), unlock = new Command("UNLOCK");
    String key = "clients:jedis";
    try (RedisClient client = RedisClient.create("127.0.0.1", Integer.parseInt(args[0]))) {
      SetParams params = SetParams.setParams().nx().px(30000);
      client.del(key);
      want("SET NX", client.set(key, "alice", params), "OK");
      want("SET NX of a held one", client.set(key, "bob", params), null);
      want("GET", client.get(key), "alice");
      long left = client.pttl(key);
      want("PTTL " + left, left > 0 && left <= 30000, true);
      want("DEL", client.del(key), 1L);
      want("GET of a free one", client.get(key), null);

      long token = (Long) client.sendCommand(lock, key, "alice", "30000");
      want("LOCK's token", token > 0, true);
      want("LOCK of a held one", client.sendCommand(lock, key, "bob", "30000"), null);
      want("UNLOCK by another", client.sendCommand(unlock, key, "bob"), 0L);
      want("UNLOCK", client.sendCommand(unlock, key, "alice"), 1L);
      want("a later token is larger", (Long) client.sendCommand(lock, key, "bob", "30000") > token, true);
      try (var pipeline = client.pipelined()) {
        pipeline.get(key);
        pipeline.exists(key);
        pipeline.del(key);
        want("a pipeline", pipeline.syncAndReturnAll(), List.of("bob", true, 1L));
      }
    }
    System.out.println("ok jedis " + args[1]);
  }
}

// The Java lock libraries, one after the other in what it prints.
//
//     java -cp … Main once|failover HOST:PORT SECONDS VERSIONS [library…]
//
// VERSIONS is artifact=version,… of the libraries.

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.springframework.integration.redis.util.RedisLockRegistry.RedisLockType;

public class Main {
  public static void main(String[] args) throws Exception {
    String mode = args[0], address = args[1];
    int colon = address.lastIndexOf(':'), port = Integer.parseInt(address.substring(colon + 1));
    String host = address.substring(0, colon);
    Map<String, String> versions = new HashMap<>();
    for (String pair : args[3].split(",")) {
      versions.put(pair.split("=")[0], pair.split("=")[1]);
    }
    String integration = versions.get("spring-integration-redis");
    List<Kit.Library> all = new ArrayList<>(new RedissonLocks(address, versions.get("redisson")).libraries());
    all.add(SpringLocks.shedLock(host, port, versions.get("shedlock-provider-redis-spring")));
    all.add(SpringLocks.registry(host, port, RedisLockType.SPIN_LOCK, "spin", integration));
    all.add(SpringLocks.registry(host, port, RedisLockType.PUB_SUB_LOCK, "pub/sub", integration));
    all.add(SpringLocks.jedis(host, port, versions.get("jedis")));
    all.add(SpringLocks.lettuce(host, port, versions.get("lettuce-core")));
    List<String> names = List.of(args).subList(4, args.length);
    all.removeIf(l -> (!names.isEmpty() && !names.contains(l.name())) || (mode.equals("failover") && l.owners() == null));
    Kit.run(mode, Double.parseDouble(args[2]), all);
  }
}

// Redisson's locks, semaphores and latch. Three clients are three processes: a lock's owner is client and thread.

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.redisson.Redisson;
import org.redisson.api.RCountDownLatch;
import org.redisson.api.RFencedLock;
import org.redisson.api.RLock;
import org.redisson.api.RPermitExpirableSemaphore;
import org.redisson.api.RReadWriteLock;
import org.redisson.api.RSemaphore;
import org.redisson.api.RedissonClient;
import org.redisson.config.Config;

class RedissonLocks {
  // Kind makes one of the kinds of locks.
  interface Kind {
    RLock lock(RedissonClient client, String key);
  }

  private final List<RedissonClient> clients = new ArrayList<>();
  private final String version;

  RedissonLocks(String address, String version) {
    this.version = version;
    for (int i = 0; i < 3; i++) {
      Config config = new Config();
      config.setLockWatchdogTimeout(1500);
      config.useSingleServer().setAddress("redis://" + address).setConnectionMinimumIdleSize(2);
      clients.add(Redisson.create(config));
    }
  }

  static class LockOwner implements Kit.Owner {
    private final RLock lock;
    private final long ttl;

    LockOwner(RLock lock, long ttl) {
      this.lock = lock;
      this.ttl = ttl;
    }

    @Override
    public boolean tryLock() throws Exception {
      return lock.tryLock(0, ttl, TimeUnit.MILLISECONDS);
    }

    @Override
    public Kit.Waiting waiting() {
      return most -> lock.tryLock(most, ttl, TimeUnit.MILLISECONDS);
    }

    @Override
    public boolean release() {
      try {
        lock.unlock();
        return true;
      } catch (IllegalMonitorStateException e) {
        return false;
      }
    }
  }

  List<Kit.Library> libraries() {
    return List.of(
        library("RLock", RedissonClient::getLock, List.of(
            new Kit.Feature("reentrant", this::reentrant), new Kit.Feature("renewed by itself", this::renewed),
            new Kit.Feature("forced unlock", this::forced), new Kit.Feature("remaining time", this::remaining))),
        library("fair lock", RedissonClient::getFairLock, List.of(new Kit.Feature("in order", this::inOrder))),
        library("spin lock", RedissonClient::getSpinLock, List.of()),
        library("fenced lock", RedissonClient::getFencedLock, List.of(new Kit.Feature("tokens rise", this::fenced))),
        library("non-reentrant lock", RedissonClient::getNonReentrantLock, List.of()),
        library("read/write lock", (client, key) -> client.getReadWriteLock(key).writeLock(),
            List.of(new Kit.Feature("readers share", this::readers))),
        library("multi lock", (client, key) -> client.getMultiLock(client.getLock(key + ":1"), client.getLock(key + ":2")),
            List.of(new Kit.Feature("all or none", this::allOrNone))),
        new Kit.Library("Redisson semaphores, latch", version, null, List.of(
            new Kit.Feature("semaphore", this::semaphore), new Kit.Feature("semaphore, wait", this::semaphoreWait),
            new Kit.Feature("permits that expire", this::permits), new Kit.Feature("latch", this::latch))));
  }

  private Kit.Library library(String name, Kind kind, List<Kit.Feature> features) {
    String prefix = name.replaceAll("\\W", "") + ":";
    return new Kit.Library("Redisson " + name, version,
        (number, key, ttl) -> new LockOwner(kind.lock(clients.get(number), prefix + key), ttl), features);
  }

  void reentrant() throws Exception {
    String key = Kit.unique("reentrant");
    RLock a = clients.get(0).getLock(key), b = clients.get(1).getLock(key);
    a.lock(5, TimeUnit.SECONDS);
    a.lock(5, TimeUnit.SECONDS);
    Kit.want(a.getHoldCount() == 2 && a.isHeldByCurrentThread(), "it is not held twice");
    a.unlock();
    Kit.want(!b.tryLock() && a.isLocked(), "it is free after one of two unlocks");
    a.unlock();
    Kit.want(b.tryLock(), "it is held after two unlocks");
    b.unlock();
  }

  void renewed() throws Exception {
    String key = Kit.unique("renewed");
    RLock a = clients.get(0).getLock(key), b = clients.get(1).getLock(key);
    a.lock(); // by the watchdog, whose locks last 1.5 s
    Thread.sleep(2500);
    Kit.want(!b.tryLock(), "it expired though it is renewed");
    a.unlock();
    Kit.want(b.tryLock(), "it is held after its end");
    b.unlock();
  }

  void forced() {
    String key = Kit.unique("forced");
    RLock a = clients.get(0).getLock(key), b = clients.get(1).getLock(key);
    a.lock(5, TimeUnit.SECONDS);
    Kit.want(b.forceUnlock() && b.tryLock(), "it is held after a forced unlock");
    b.unlock();
  }

  void remaining() {
    RLock a = clients.get(0).getLock(Kit.unique("remaining"));
    Kit.want(a.remainTimeToLive() == -2, "a free lock has time to live");
    a.lock(5, TimeUnit.SECONDS);
    Kit.want(a.remainTimeToLive() > 4000 && a.isHeldByCurrentThread(), "the time to live of a held one");
    a.unlock();
  }

  void inOrder() throws Exception {
    String key = Kit.unique("order");
    RLock a = clients.get(0).getFairLock(key);
    a.lock(10, TimeUnit.SECONDS);
    StringBuffer order = new StringBuffer();
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      String number = String.valueOf(i);
      RLock lock = clients.get(1 + i % 2).getFairLock(key);
      Thread thread = new Thread(() -> {
        lock.lock(5, TimeUnit.SECONDS);
        order.append(number);
        lock.unlock();
      });
      thread.start();
      threads.add(thread);
      Thread.sleep(150);
    }
    a.unlock();
    for (Thread thread : threads) {
      thread.join(10_000);
    }
    Kit.want(order.toString().equals("012345"), "the order is " + order);
  }

  void fenced() {
    String key = Kit.unique("fenced");
    long last = 0;
    for (int i = 0; i < 4; i++) {
      RFencedLock lock = clients.get(i % 2).getFencedLock(key);
      Long token = lock.lockAndGetToken(5, TimeUnit.SECONDS);
      Kit.want(token > last && lock.getToken().equals(token), "token " + token + " after " + last);
      last = token;
      lock.unlock();
    }
  }

  void readers() throws Exception {
    String key = Kit.unique("readers");
    List<RReadWriteLock> all = new ArrayList<>();
    for (RedissonClient client : clients) {
      all.add(client.getReadWriteLock(key));
    }
    RLock first = all.get(0).readLock(), second = all.get(1).readLock(), writer = all.get(2).writeLock();
    Kit.want(first.tryLock(0, 5, TimeUnit.SECONDS) && second.tryLock(0, 5, TimeUnit.SECONDS), "two cannot read");
    Kit.want(!writer.tryLock(0, 5, TimeUnit.SECONDS), "it is written while it is read");
    first.unlock();
    Kit.want(!writer.tryLock(0, 5, TimeUnit.SECONDS), "it is written while one still reads");
    second.unlock();
    Kit.want(writer.tryLock(0, 5, TimeUnit.SECONDS), "it cannot be written though nobody reads");
    Kit.want(!first.tryLock(0, 5, TimeUnit.SECONDS), "it is read while it is written");
    Kit.want(all.get(2).readLock().tryLock(0, 5, TimeUnit.SECONDS), "the writer cannot read");
    writer.unlock();
    Kit.want(first.tryLock(0, 5, TimeUnit.SECONDS), "a writer that only reads keeps readers out");
    first.unlock();
    all.get(2).readLock().unlock();
  }

  void allOrNone() throws Exception {
    String one = Kit.unique("one"), two = Kit.unique("two");
    RLock held = clients.get(1).getLock(two);
    held.lock(5, TimeUnit.SECONDS);
    RLock both = clients.get(0).getMultiLock(clients.get(0).getLock(one), clients.get(0).getLock(two));
    Kit.want(!both.tryLock(200, 5000, TimeUnit.MILLISECONDS), "a held one was given");
    Kit.want(!clients.get(2).getLock(one).isLocked(), "a part of what was refused is held");
    held.unlock();
    Kit.want(both.tryLock(200, 5000, TimeUnit.MILLISECONDS), "free ones were not given");
    both.unlock();
  }

  void semaphore() {
    String key = Kit.unique("semaphore");
    RSemaphore a = clients.get(0).getSemaphore(key), b = clients.get(1).getSemaphore(key);
    Kit.want(a.trySetPermits(3) && !b.trySetPermits(5), "the permits are not set once");
    Kit.want(a.tryAcquire(2) && b.tryAcquire() && !b.tryAcquire(), "three permits are not three");
    a.release(2);
    Kit.want(b.availablePermits() == 2 && b.drainPermits() == 2, "two are not free again");
    b.addPermits(4);
    Kit.want(a.availablePermits() == 4, "four are not added");
    a.delete();
  }

  void semaphoreWait() throws Exception {
    String key = Kit.unique("semaphore");
    RSemaphore a = clients.get(0).getSemaphore(key), b = clients.get(1).getSemaphore(key);
    a.trySetPermits(1);
    a.acquire();
    CompletableFuture<Boolean> waiting = CompletableFuture.supplyAsync(() -> {
      try {
        return b.tryAcquire(4, TimeUnit.SECONDS);
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    });
    Thread.sleep(300);
    Kit.want(!waiting.isDone(), "the second did not wait");
    a.release();
    Kit.want(waiting.get(6, TimeUnit.SECONDS), "a released permit was not given to who waited");
  }

  void permits() throws Exception {
    String key = Kit.unique("permits");
    RPermitExpirableSemaphore a = clients.get(0).getPermitExpirableSemaphore(key);
    RPermitExpirableSemaphore b = clients.get(1).getPermitExpirableSemaphore(key);
    Kit.want(a.trySetPermits(2), "the permits are not set");
    String one = a.tryAcquire(0, 600, TimeUnit.MILLISECONDS), two = b.tryAcquire(0, 5000, TimeUnit.MILLISECONDS);
    Kit.want(one != null && two != null && b.tryAcquire() == null, "two permits are not two");
    Kit.want(b.tryAcquire(3, 5, TimeUnit.SECONDS) != null, "a permit does not expire");
    Kit.want(!a.tryRelease(one) && b.tryRelease(two), "an expired permit was released, or one that holds not");
    String three = a.tryAcquire(0, 5, TimeUnit.SECONDS);
    Kit.want(three != null && a.updateLeaseTime(three, 60, TimeUnit.SECONDS), "a permit is not extended");
    Kit.want(a.acquiredPermits() == 2 && a.getPermits() == 2, "the permits are counted wrong");
  }

  void latch() throws Exception {
    String key = Kit.unique("latch");
    RCountDownLatch a = clients.get(0).getCountDownLatch(key), b = clients.get(1).getCountDownLatch(key);
    Kit.want(a.trySetCount(2) && !b.trySetCount(3), "the count is not set once");
    CompletableFuture<Boolean> waiting = CompletableFuture.supplyAsync(() -> {
      try {
        return b.await(5, TimeUnit.SECONDS);
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    });
    a.countDown();
    Thread.sleep(200);
    Kit.want(!waiting.isDone() && b.getCount() == 1, "it opened at one");
    a.countDown();
    Kit.want(waiting.get(6, TimeUnit.SECONDS), "who waited was not woken");
  }
}

// What all libraries are asked, whatever their own words for it are; the same as ../python/kit.py.

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

class Kit {
  static final long TTL = 1000, FAILOVER_TTL = 2000; // milliseconds
  static final long WITHOUT = 10_000; // the longest time without a lock through a change of leader

  // Owner is somebody who wants a lock; each call tells whether it worked. One thread makes all calls of one.
  interface Owner {
    boolean tryLock() throws Exception;

    // waitFor is null where the library cannot wait, extend where it cannot extend.
    default Waiting waiting() {
      return null;
    }

    default Step extending() {
      return null;
    }

    boolean release() throws Exception;
  }

  interface Waiting {
    boolean lock(long most) throws Exception;
  }

  interface Step {
    boolean run() throws Exception;
  }

  interface Work {
    void run() throws Exception;
  }

  // Owners makes the owner of a number: two numbers are two processes, as far as the library can tell.
  interface Owners {
    Owner make(int number, String key, long ttl) throws Exception;
  }

  record Feature(String name, Work work) {}

  // Library is one of them; connect gives it what it needs.
  record Library(String name, String version, Owners owners, List<Feature> features) {}

  static void want(boolean so, String otherwise) {
    if (!so) {
      throw new AssertionError(otherwise);
    }
  }

  static String unique(String what) {
    return what + "-" + UUID.randomUUID().toString().substring(0, 8);
  }

  private final Owners owners;

  Kit(Owners owners) {
    this.owners = owners;
  }

  static List<Feature> common(Library library) throws Exception {
    List<Feature> all = new ArrayList<>();
    if (library.owners() != null) {
      Kit kit = new Kit(library.owners());
      Owner sample = library.owners().make(0, unique("sample"), TTL);
      all.add(new Feature("acquire", kit::acquire));
      all.add(new Feature("contend", kit::contend));
      if (sample.extending() != null) {
        all.add(new Feature("extend", kit::extend));
      }
      all.add(new Feature("expire", kit::expire));
      all.add(new Feature("release", kit::release));
      all.add(new Feature("release by another", kit::foreign));
      if (sample.waiting() != null) {
        all.add(new Feature("wait", kit::await));
      }
    }
    all.addAll(library.features());
    return all;
  }

  void acquire() throws Exception {
    Owner a = owners.make(0, unique("acquire"), 5000);
    want(a.tryLock(), "a free lock was not given");
    want(a.release(), "the owner could not release");
  }

  void contend() throws Exception {
    String key = unique("contend");
    Owner a = owners.make(0, key, 5000), b = owners.make(1, key, 5000);
    want(a.tryLock(), "a free lock was not given");
    want(!b.tryLock(), "a second owner got a held lock");
    want(a.release(), "the owner could not release");
  }

  void extend() throws Exception {
    String key = unique("extend");
    Owner a = owners.make(0, key, TTL), b = owners.make(1, key, TTL);
    want(a.tryLock(), "a free lock was not given");
    Thread.sleep(TTL * 6 / 10);
    want(a.extending().run(), "the owner could not extend");
    Thread.sleep(TTL * 6 / 10);
    want(!b.tryLock(), "an extended lock expired at its first time");
    Thread.sleep(TTL * 12 / 10);
    want(b.tryLock(), "an extended lock never expired");
    b.release();
  }

  void expire() throws Exception {
    String key = unique("expire");
    Owner a = owners.make(0, key, TTL), b = owners.make(1, key, TTL);
    want(a.tryLock(), "a free lock was not given");
    Thread.sleep(TTL + 800);
    want(b.tryLock(), "the lock is held beyond its time");
    b.release();
  }

  void release() throws Exception {
    String key = unique("release");
    Owner a = owners.make(0, key, 5000), b = owners.make(1, key, 5000);
    want(a.tryLock(), "a free lock was not given");
    want(a.release(), "the owner could not release");
    want(b.tryLock(), "a released lock is not free");
    want(b.release(), "the next owner could not release");
  }

  void foreign() throws Exception {
    String key = unique("foreign");
    Owner a = owners.make(0, key, TTL), b = owners.make(1, key, 5000), c = owners.make(2, key, 5000);
    want(a.tryLock(), "a free lock was not given");
    Thread.sleep(TTL + 800);
    want(b.tryLock(), "the lock is held beyond its time");
    a.release(); // some libraries do not say that it is refused
    want(!c.tryLock(), "who no longer owns it made it free");
    want(b.release(), "the owner could not release");
  }

  void await() throws Exception {
    String key = unique("wait");
    Owner a = owners.make(0, key, 5000);
    want(a.tryLock(), "a free lock was not given");
    CompletableFuture<Boolean> waiting = new CompletableFuture<>();
    new Thread(() -> {
      try {
        Owner b = owners.make(1, key, 5000);
        waiting.complete(b.waiting().lock(4000) && b.release());
      } catch (Throwable e) {
        waiting.completeExceptionally(e);
      }
    }).start();
    Thread.sleep(300);
    want(!waiting.isDone(), "the second did not wait");
    want(a.release(), "the owner could not release");
    long begin = System.nanoTime();
    want(waiting.get(6, TimeUnit.SECONDS), "the lock was not given to who waited");
    want(System.nanoTime() - begin < 3_500_000_000L, "it came only when the waiting was over");
  }

  // Watch knows who believes to own the lock, and until when.
  static class Watch {
    String holder, wrong = "", why = "";
    long until, done, errors, gap, last = System.nanoTime();

    synchronized void enter(String who, long end) {
      long now = System.nanoTime();
      if (holder != null && now < until) {
        wrong = who + " got it while " + holder + " had it for " + (until - now) / 1_000_000 + " ms more; ";
      }
      holder = who;
      until = end;
      done++;
      gap = Math.max(gap, now - last);
      last = now;
    }

    synchronized void leave(String who) {
      if (who.equals(holder)) {
        holder = null;
      }
    }

    synchronized void error(Throwable e) {
      errors++;
      why = ", last error " + oneLine(e);
    }

    synchronized long done() {
      return done;
    }
  }

  static String oneLine(Throwable e) {
    return e.toString().replaceAll("\\s+", " ");
  }

  // compete takes and frees the lock until the end; errors are what a user would try again after.
  void compete(int number, String key, Watch watch, long end) {
    String who = "ab".substring(number, number + 1);
    while (System.nanoTime() < end) {
      long begin = System.nanoTime();
      try {
        Owner owner = owners.make(number, key, FAILOVER_TTL);
        if (owner.tryLock()) {
          watch.enter(who, begin + FAILOVER_TTL * 1_000_000);
          Thread.sleep(10);
          watch.leave(who);
          owner.release();
        }
        Thread.sleep(30);
      } catch (Throwable e) {
        watch.error(e);
        sleep(30);
      }
    }
  }

  static void sleep(long ms) {
    try {
      Thread.sleep(ms);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  // failover lets two compete for one lock, and tells whether they never had it both, nor long neither.
  boolean failover(List<String> out, double seconds, CountDownLatch begun) throws Exception {
    Watch watch = new Watch();
    String key = unique("failover");
    long end = System.nanoTime() + (long) (seconds * 1e9);
    Thread[] both = new Thread[2];
    for (int i = 0; i < 2; i++) {
      int number = i;
      both[i] = new Thread(() -> compete(number, key, watch, end));
      both[i].start();
    }
    while (watch.done() == 0 && System.nanoTime() < end) {
      Thread.sleep(10);
    }
    begun.countDown();
    String stuck = "";
    for (Thread one : both) {
      one.join((long) (seconds * 1000) + 15_000);
      if (one.isAlive()) {
        stuck = "a call hangs; ";
      }
    }
    long gap = Math.max(watch.gap, System.nanoTime() - watch.last) / 1_000_000;
    boolean good = stuck.isEmpty() && watch.wrong.isEmpty() && gap < WITHOUT && watch.done > 0;
    out.add(String.format("%s leader killed: %s%s%d locks, %d errors, longest gap %.1f s%s", good ? "ok" : "fail",
        stuck, watch.wrong, watch.done, watch.errors, gap / 1000.0, watch.why));
    return good;
  }

  static boolean once(Library library, List<String> out) throws Exception {
    boolean good = true;
    for (Feature feature : common(library)) {
      try {
        feature.work().run();
        out.add("ok " + feature.name());
      } catch (Throwable e) {
        good = false;
        out.add("fail " + feature.name() + ": " + oneLine(e));
        e.printStackTrace();
      }
    }
    return good;
  }

  // run tries all libraries at once, and prints what they did in their order.
  static void run(String mode, double seconds, List<Library> libraries) throws Exception {
    PrintStream print = System.out;
    CountDownLatch begun = new CountDownLatch(libraries.size());
    new Thread(() -> {
      try {
        begun.await();
        print.println("begin");
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    }).start();
    ExecutorService pool = Executors.newCachedThreadPool();
    List<CompletableFuture<Boolean>> results = new ArrayList<>();
    List<List<String>> outs = new ArrayList<>();
    for (Library library : libraries) {
      List<String> out = new ArrayList<>(Arrays.asList("library " + library.name() + " " + library.version()));
      outs.add(out);
      results.add(CompletableFuture.supplyAsync(() -> {
        try {
          return mode.equals("once") ? once(library, out) : new Kit(library.owners()).failover(out, seconds, begun);
        } catch (Exception e) {
          out.add("fail connect: " + oneLine(e));
          begun.countDown();
          return false;
        }
      }, pool));
    }
    boolean good = true;
    for (int i = 0; i < outs.size(); i++) {
      try {
        good = results.get(i).get(120, TimeUnit.SECONDS) && good;
      } catch (TimeoutException e) {
        good = false;
        outs.get(i).add("fail the end: a call hangs");
      }
      List.copyOf(outs.get(i)).forEach(print::println);
    }
    print.flush();
    Runtime.getRuntime().halt(good ? 0 : 1); // threads of the libraries would keep the process
  }
}

# The lock that Ruby programs write by themselves with ruby-redis: SET NX PX with a token, and two scripts.
#
#     ruby locks.rb once|failover HOST:PORT SECONDS
#
# It asks what ../python/kit.py asks, with two threads.

require "redis"
require "securerandom"

TTL = 1000 # milliseconds
FAILOVER_TTL = 2000
WITHOUT = 10.0 # the longest time without a lock through a change of leader, in seconds
RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end"
EXTEND = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) else return 0 end"

def want(so, otherwise)
  raise otherwise unless so
end

def unique(what) = "ruby:#{what}-#{SecureRandom.hex(4)}"

def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

# Owner is somebody who wants a lock; each call tells whether it worked.
class Owner
  def initialize(redis, key, ttl)
    @redis, @key, @ttl, @token = redis, key, ttl, SecureRandom.hex(8)
  end

  def try = @redis.set(@key, @token, nx: true, px: @ttl)

  def wait(ms)
    until_ = now + ms / 1000.0
    sleep 0.05 until (got = try) || now > until_
    got
  end

  def extend(ms) = script(EXTEND, @token, ms)

  def release = script(RELEASE, @token)

  # script calls by the digest, as libraries do, and loads the script where the server does not know it.
  def script(body, *args)
    @redis.evalsha(Digest::SHA1.hexdigest(body), [@key], args) == 1
  rescue Redis::CommandError => e
    raise unless e.message.start_with?("NOSCRIPT")
    @redis.script(:load, body)
    retry
  end
end

class Features
  def initialize(connect) = @connect = connect

  def owners(what, *ttls)
    key, redis = unique(what), @connect.call
    ttls.map { |ttl| Owner.new(redis, key, ttl) }
  end

  def acquire
    a, = owners("acquire", 5000)
    want(a.try && a.release, "a free lock was not given and released")
  end

  def contend
    a, b = owners("contend", 5000, 5000)
    want(a.try, "a free lock was not given")
    want(!b.try, "a second owner got a held lock")
  end

  def extend_
    a, b = owners("extend", TTL, TTL)
    want(a.try, "a free lock was not given")
    sleep 0.6
    want(a.extend(TTL), "the owner could not extend")
    sleep 0.6
    want(!b.try, "an extended lock expired at its first time")
    sleep 1.2
    want(b.try, "an extended lock never expired")
  end

  def expire
    a, b = owners("expire", TTL, TTL)
    want(a.try, "a free lock was not given")
    sleep 1.8
    want(b.try, "the lock is held beyond its time")
  end

  def release
    a, b = owners("release", 5000, 5000)
    want(a.try && a.release, "the owner could not release")
    want(b.try, "a released lock is not free")
  end

  def release_by_another
    a, b, c = owners("foreign", TTL, 5000, 5000)
    want(a.try, "a free lock was not given")
    sleep 1.8
    want(b.try, "the lock is held beyond its time")
    want(!a.release, "who no longer owns it released it")
    want(!c.try, "who no longer owns it made it free")
  end

  def wait
    a, b = owners("wait", 5000, 5000)
    want(a.try, "a free lock was not given")
    waiting = Thread.new { b.wait(4000) }
    sleep 0.3
    want(waiting.alive?, "the second did not wait")
    want(a.release && waiting.value, "the lock was not given to who waited")
  end

  def multi
    redis, key = @connect.call, unique("multi")
    replies = redis.multi { |m| m.set(key, "a", px: 5000); m.get(key); m.del(key) }
    want(replies == ["OK", "a", 1], "the replies of MULTI: #{replies}")
  end

  def subscribe
    redis, channel, got = @connect.call, unique("channel"), nil
    listener = Thread.new do
      @connect.call.subscribe_with_timeout(4, channel) do |on|
        on.subscribe { redis.publish(channel, "free") }
        on.message { |_, message| got = message; Thread.exit }
      end
    end
    listener.join(5)
    want(got == "free", "the message")
  end
end

NAMES = { acquire: "acquire", contend: "contend", extend_: "extend", expire: "expire", release: "release",
          release_by_another: "release by another", wait: "wait", multi: "multi", subscribe: "subscribe" }.freeze

def line(error) = "#{error.class}: #{error.message.gsub(/\s+/, ' ')}"

def once(features)
  NAMES.map do |method, name|
    features.send(method)
    puts "ok #{name}"
    true
  rescue StandardError => e
    puts "fail #{name}: #{line(e)}"
    false
  end.all?
end

# failover lets two threads compete for one lock, and tells whether they never had it both, nor long neither.
def failover(connect, seconds)
  key, mutex, last = unique("failover"), Mutex.new, now
  holder, until_, done, errors, gap, wrong, why = nil, 0, 0, 0, 0, "", ""
  end_ = last + seconds
  threads = %w[a b].map do |who|
    redis = connect.call
    Thread.new do
      while now < end_
        begin
          started, owner = now, Owner.new(redis, key, FAILOVER_TTL)
          if owner.try
            mutex.synchronize do
              wrong = "#{who} got it while #{holder} had it; " if holder && now < until_
              holder, until_, done, gap, last = who, started + FAILOVER_TTL / 1000.0, done + 1, [gap, now - last].max, now
              puts "begin" if done == 1
            end
            sleep 0.01
            mutex.synchronize { holder = nil if holder == who }
            owner.release
          end
        rescue Redis::BaseError => e
          mutex.synchronize { errors, why = errors + 1, ", last error #{line(e)}" }
        end
        sleep 0.03
      end
    end
  end
  threads.each(&:join)
  gap = [gap, now - last].max
  good = wrong.empty? && gap < WITHOUT && done > 0
  puts format("%s leader killed: %s%d locks, %d errors, longest gap %.1f s%s", good ? "ok" : "fail", wrong, done, errors, gap, why)
  good
end

$stdout.sync = true
mode, address, seconds = ARGV
host, port = address.split(":")
connect = -> { Redis.new(host: host, port: port.to_i) }
puts "library ruby-redis, SET NX and scripts #{Redis::VERSION}"
exit(mode == "once" ? once(Features.new(connect)) : failover(connect, seconds.to_f))

#!/usr/bin/perl
# The lock that Perl programs write by themselves with Redis.pm: SET NX PX with a token, and two scripts.
#
#     perl locks.pl once|failover HOST:PORT SECONDS
#
# It asks what ../python/kit.py asks, in one thread: who waits waits for an expiry, and in a failover each of two
# tries while the other holds the lock.

use strict;
use warnings;
use Digest::SHA qw(sha1_hex);
use Redis;
use Time::HiRes qw(sleep time);

my $TTL = 1000;            # milliseconds
my $FAILOVER_TTL = 2000;
my $WITHOUT = 10;          # the longest time without a lock through a change of leader, in seconds
my $RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end";
my $EXTEND = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) else return 0 end";

my ($mode, $address, $seconds) = @ARGV;
my $next = 0;
$| = 1;

sub want { my ($so, $otherwise) = @_; die "$otherwise\n" unless $so }
sub unique { return "perl:$_[0]-$$-" . int(time * 1000) . "-" . $next++ }
sub connection { return Redis->new(server => $address, reconnect => 5, every => 100_000) }

my $redis = connection();

# try_ and the others take an owner: a key, a time to live and a token.
sub owner { my ($key, $ttl) = @_; return { key => $key, ttl => $ttl, token => unique("token") } }
sub try_ { my $o = shift; return ($redis->set($o->{key}, $o->{token}, 'NX', 'PX', $o->{ttl}) // '') eq 'OK' }

sub script {
    my ($body, $o, @args) = @_;
    my $got = eval { $redis->evalsha(sha1_hex($body), 1, $o->{key}, $o->{token}, @args) };
    return $got == 1 if defined $got;
    die $@ unless $@ =~ /NOSCRIPT/;
    return $redis->eval($body, 1, $o->{key}, $o->{token}, @args) == 1;
}
sub extend { my $o = shift; return script($EXTEND, $o, $o->{ttl}) }
sub release { return script($RELEASE, shift) }

sub wait_ {
    my ($o, $ms) = @_;
    for (my $end = time + $ms / 1000; time < $end; sleep 0.05) { return 1 if try_($o) }
    return 0;
}

my @features = (
    acquire => sub {
        my $a = owner(unique("acquire"), 5000);
        want(try_($a) && release($a), "a free lock was not given and released");
    },
    contend => sub {
        my $key = unique("contend");
        want(try_(owner($key, 5000)), "a free lock was not given");
        want(!try_(owner($key, 5000)), "a second owner got a held lock");
    },
    extend => sub {
        my $key = unique("extend");
        my ($a, $b) = (owner($key, $TTL), owner($key, $TTL));
        want(try_($a), "a free lock was not given");
        sleep 0.6;
        want(extend($a), "the owner could not extend");
        sleep 0.6;
        want(!try_($b), "an extended lock expired at its first time");
        sleep 1.2;
        want(try_($b), "an extended lock never expired");
    },
    expire => sub {
        my $key = unique("expire");
        want(try_(owner($key, $TTL)), "a free lock was not given");
        sleep 1.8;
        want(try_(owner($key, $TTL)), "the lock is held beyond its time");
    },
    release => sub {
        my $key = unique("release");
        my $a = owner($key, 5000);
        want(try_($a) && release($a), "the owner could not release");
        want(try_(owner($key, 5000)), "a released lock is not free");
    },
    'release by another' => sub {
        my $key = unique("foreign");
        my ($a, $b) = (owner($key, $TTL), owner($key, 5000));
        want(try_($a), "a free lock was not given");
        sleep 1.8;
        want(try_($b), "the lock is held beyond its time");
        want(!release($a), "who no longer owns it released it");
        want(!try_(owner($key, 5000)), "who no longer owns it made it free");
    },
    wait => sub {
        my $key = unique("wait");
        want(try_(owner($key, $TTL)), "a free lock was not given");
        my $begin = time;
        want(wait_(owner($key, 5000), 4000), "the lock was not given to who waited");
        want(time - $begin > 0.5 && time - $begin < 3, "not when it expired");
    },
    multi => sub {
        my $key = unique("multi");
        $redis->multi;
        $redis->set($key, "a");
        $redis->del($key);
        my @replies = $redis->exec;
        want("@replies" eq "OK 1", "the replies of MULTI: @replies");
    },
    subscribe => sub {
        my ($channel, $listener, $got) = (unique("channel"), connection(), "");
        $listener->subscribe($channel, sub { $got = $_[0] });
        want($redis->publish($channel, "free") == 1, "PUBLISH does not count the subscriber");
        $listener->wait_for_messages(2);
        want($got eq "free", "the message");
    },
);

sub once {
    my $good = 1;
    while (my ($name, $work) = splice @features, 0, 2) {
        if (eval { $work->(); 1 }) { print "ok $name\n"; next }
        $good = 0;
        (my $why = $@) =~ s/\s+/ /g;
        print "fail $name: $why\n";
    }
    return $good;
}

sub failover {
    my ($key, $last, $done, $errors, $gap, $wrong, $why) = (unique("failover"), time, 0, 0, 0, "", "");
    my $end = $last + $seconds;
    for (; time < $end; sleep 0.03) {
        my ($begin, $a) = (time, owner($key, $FAILOVER_TTL));
        my $worked = eval {
            # After an error the connection's state is not known.
            $redis = connection() unless $redis;
            if (try_($a)) {
                print "begin\n" if ++$done == 1;
                my $now = time;
                $gap = $now - $last if $now - $last > $gap;
                $last = $now;
                $wrong = "two had it at once; " if try_(owner($key, 1000)) && time < $begin + $FAILOVER_TTL / 1000;
                release($a);
            }
            1;
        };
        next if $worked;
        ($errors, $why, $redis) = ($errors + 1, ", last error $@", undef);
        $why =~ s/\s+/ /g;
    }
    $gap = time - $last if time - $last > $gap;
    my $good = $wrong eq "" && $gap < $WITHOUT && $done > 0;
    printf "%s leader killed: %s%d locks, %d errors, longest gap %.1f s%s\n",
        $good ? "ok" : "fail", $wrong, $done, $errors, $gap, $why;
    return $good;
}

print "library Redis.pm, SET NX and scripts $Redis::VERSION\n";
exit(($mode eq "once" ? once() : failover()) ? 0 : 1);

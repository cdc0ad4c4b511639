# Changes to Redis' own test suite (tests/test_helper.tcl sources this at its end), so that it can speak with a
# server that is not its own:
#
# - Words of redis.conf and DEBUG that say how Redis stores values, whether it looks for expired keys by itself,
#   and whether scripts may call DEBUG, are answered OK without asking the server, which has no such switches. A
#   test that needs what they do fails then, and is in redis-suite.skip; the others around it can run.
# - There are no functions to flush before a unit.
# - Redis has one thread and takes what two connections send in the order in which they sent it, also if
#   nobody has waited for a reply. The suite counts on that; no server with more threads can promise it. So a
#   command waits a moment if another connection has sent one whose reply was not read.
#
# No test and no assertion is changed.

set ::not_here {
    {config set *-max-ziplist-*} {config set *-max-listpack-*} {config set list-compress-depth *}
    {config set set-max-intset-entries *} {config set save *} {config set rdb-key-save-delay *}
    {debug quicklist-packed-threshold *} {debug set-active-expire *}
    {debug set-disable-deny-scripts *} {function flush}
}

rename r ::asked_r
proc r {args} {
    set words $args
    if {[string is integer -strict [lindex $words 0]]} {
        set words [lrange $words 1 end]
    }
    set words [string tolower [lrange $words 0 3]]
    foreach pattern $::not_here {
        if {[string match $pattern $words]} {
            return OK
        }
    }
    uplevel 1 [list ::asked_r {*}$args]
}

set ::unread_of 0
rename ::redis::redis_write ::redis::write_at_once
proc ::redis::redis_write {fd buf} {
    if {$::unread_of ne 0 && $::unread_of ne $fd} {
        after 10
    }
    set ::unread_of $fd
    ::redis::write_at_once $fd $buf
}

rename ::redis::redis_read_reply ::redis::read_at_once
proc ::redis::redis_read_reply {id fd} {
    if {$::unread_of eq $fd} {
        set ::unread_of 0
    }
    ::redis::read_at_once $id $fd
}

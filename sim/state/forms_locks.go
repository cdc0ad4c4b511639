// The locks that Redis does not have, among the commands that are sent: modes, several keys, sessions,
// requests that come again, locks that are taken back, and what clients coordinate with beside locks.

package state

// lockForms are lines about locks on keys that are not judged. Sessions are those of connections, whose ids
// are known beforehand, and those that were opened last.
func lockForms() []*form {
	return append(forms(other,
		"*** LOCK %x %o %t SHARED", "*** LOCK %x %o %t SHARED WAIT %w", "** LOCK %x %o %t UPDATE WAIT %w",
		"** LOCK %x %o %t LIMIT 3 PERMITS 2", "** LOCK %x %o %t LIMIT 2 WAIT %w", "** LOCK %x %o %t REENTRANT",
		"** LOCK %x %o %t PRIO 9 WAIT %w", "** LOCK %x %o %t PRIO 0 WAIT %w EXPLAIN", "* LOCK %x %o %t MAXHOLD 50",
		"** LOCK %x %o CONN", "** LOCK %x %o CONN SHARED WAIT %w", "* LOCK %x %o %t SESSION c7 WAIT %w",
		"* LOCK %x %o SESSION c9 EXPLAIN", "** LOCK %x %o SESSION %i", "** LOCK %x %o SESSION %i SHARED WAIT %w",
		"* LOCK %x %o %t SESSION %i LIMIT 4 PERMITS 3 WAIT %w", "** LOCK.UPGRADE %x %o",
		"** LOCK.UPGRADE %x %o WAIT %w", "** LOCK.DOWNGRADE %x %o", "* LOCK.DOWNGRADE %x %o UPDATE",
		"*** MLOCK 2 %x %y %o %t", "*** MLOCK 3 %x %y %x %o %t WAIT %w", "** MLOCK 2 %x %y %o %t WAIT %w SHARED",
		"*** MUNLOCK 2 %x %y %o", "* MLOCK 2 %x %y %o CONN WAIT %w", "* MLOCK 2 %x %y %o SESSION %i WAIT %w",
		"* MLOCK 2 %x %y %o %t LIMIT 5 PERMITS 2 PRIO 7 MAXHOLD 300 WAIT %w", "** UNLOCK %x %o EXPLAIN",
		"* RENEW %x %o %t TOKEN %n", "* SESSION.PING c7", "*** SESSION.PING %i", "* SESSION.ATTACH %i",
		"* SESSION.CLOSE c9", "* SESSION.CLOSE %i", "* SESSION.INFO c7", "* SESSION.INFO %i", "* SESSION.LIST",
		"* LOCK.WAITGRAPH", "* LOCK.WAITGRAPH DOT", "* DEL %x", "* SET %x %o",
		"* UNDONE MLOCK 2 %x %y %o %t | LOCK %x %o %t SHARED | LOCK %y %o CONN | SESSION.OPEN TTL 90 | "+
			"MUNLOCK 2 %x %y %o",
	), append(forms(open, "** SESSION.OPEN TTL 50 LOCKDELAY 20", "* SESSION.OPEN TTL 5000 LOCKDELAY 200",
		"** SESSION.OPEN TTL 500 BIND CONN GRACE 20 META host web", "* SESSION.OPEN TTL 90 BIND CONN",
		"** SESSION.OPEN TTL 1000 REQID 7/%q"), busyForms()...)...)
}

// busyForms are lines about the same locks where few keys are wanted by many, as are all but the last of
// them: much of it meets what another left.
func busyForms() []*form {
	return forms(other,
		"*** LOCK %h %o %t SHARED WAIT %w", "*** LOCK %h %o %t WAIT %w", "** LOCK %h %o %t UPDATE WAIT %w",
		"** LOCK %h %o %t LIMIT 3 PERMITS 2 WAIT %w", "*** LOCK %h %o %t LIMIT 3 WAIT %w",
		"** LOCK %h %o %t REENTRANT",
		"** LOCK %h %o %t PRIO 9 WAIT %w", "** LOCK %h %o %t SHARED PRIO 1 WAIT %w", "** LOCK %h %o CONN WAIT %w",
		"** LOCK %h %o SESSION %i SHARED WAIT %w", "** LOCK %h %o %t SESSION %i WAIT %w",
		"* LOCK %h %o %t MAXHOLD 90",
		"** LOCK.UPGRADE %h %o WAIT %w", "** LOCK.DOWNGRADE %h %o", "*** MLOCK 2 %h %x %o %t WAIT %w",
		"** MLOCK 2 %h %h %o %t SHARED WAIT %w", "** MUNLOCK 2 %h %h %o", "****** UNLOCK %h %o", "* DELIFEQ %h %o",
		"** RENEW %h %o %t", "* DEL %h", "* SET %h %o", "* PEXPIRE %h %t", "* LOCK.INFO %h",
		"*** LOCK ha o1 500 WAIT %w REQID 1/%q", "*** LOCK hb o2 500 REENTRANT REQID 2/%q",
		"** UNLOCK hb o2 REQID 3/%q",
		"** MLOCK 2 ha hc o3 100 WAIT %w REQID 4/%q", "** LOCK hc o4 CONN WAIT %w REQID 5/%q EXPLAIN",
		"* LOCK hd o5 100 SHARED REQID 1/%q", "** LOCK hd o1 %t SHARED WAIT %w REQID 6/%q",
		"** LOCK.REVOKE %h GRACE 50 REASON soon", "** LOCK.REVOKE %h OWNER %o GRACE 500 REASON soon",
		"* LOCK.REVOKE %h REASON now", "* LOCK.REVOKE %h TOKEN %n REASON now DRYRUN",
		"* LOCK.REVOKE %h OWNER %o REASON now", "** LOCK.WAITLOST %h %n BLOCK 500", "* LOCK.WAITLOST %h %n",
		"* LOCK.FREEZE %h* FOR 30 REASON maintenance", "* LOCK.FREEZE h1", "** LOCK.THAW h1", "* LOCK.FROZEN",
		"* UNDONE LOCK.REVOKE %h REASON now | LOCK %h %o %t SHARED | LOCK.FREEZE h2 | LOCK.UPGRADE %h %o | "+
			"FENCE.PASS %h %n | UNLOCK hb o2 REQID 3/%q",
	)
}

// coordinationForms are lines about latches, barriers, rate limits and elections, and about fences that are
// not judged.
func coordinationForms() []*form {
	return forms(other,
		"* LATCH.SET %l 3", "* LATCH.SET %l 40", "** LATCH.DOWN %l", "* LATCH.DOWN %l 2", "* LATCH.GET %l",
		"*** LATCH.DOWN la REQID 8/%q", "** LATCH.WAIT %l BLOCK 500", "* LATCH.WAIT %l BLOCK 0", "* DEL %l",
		"** BARRIER.ARRIVE %l %o PARTIES 3 BLOCK 500", "** BARRIER.ARRIVE %l %o PARTIES 3 BLOCK 0",
		"* BARRIER.INFO %l", "* CL.THROTTLE %l 5 30 60", "* CL.THROTTLE %l 2 10 1 2", "* CL.THROTTLE %l 5 30 60 0",
		"*** CL.THROTTLE lb 5 30 60 1 REQID 9/%q", "** ELECT.CAMPAIGN %e %o SESSION %i",
		"** ELECT.CAMPAIGN %e %o SESSION %i VALUE here WAIT %w",
		"* ELECT.CAMPAIGN %e %o SESSION c3 WAIT 500 REQID 10/%q",
		"** ELECT.RESIGN %e %o", "* ELECT.LEADER %e", "* ELECT.OBSERVE %e AFTER %n BLOCK 500", "* ELECT.OBSERVE %e",
		"* FENCE.LIST", "* FENCE.PASS %x %n", "* FENCE.DEL %x", "* FENCE.GET %x", "* LOCK.EVENTS FROM $ BLOCK 50",
		"* LOCK.HISTORY %h COUNT 3", "* LOCK.TOP BY wait COUNT 3", "* LOCK.LIST STATE waiting COUNT 5",
		"* UNDONE LATCH.DOWN la REQID 8/%q | CL.THROTTLE %l 5 30 60 | LATCH.SET %l 1 | "+
			"BARRIER.ARRIVE %l %o PARTIES 1 BLOCK 9",
	)
}

package discovery

// What Sentinels tell their subscribers. Clients act on +switch-master; some look at the others to know
// sooner that something is going on. Channels and texts are those of Redis.

import (
	"fmt"
	"strconv"

	"github.com/divtxt/lockd/session"
)

// event is a message of a Sentinel: its channel and its text.
type event struct{ channel, text string }

// events are what happened between two snapshots, to those who know the group by name.
func events(name string, before, after *snapshot) []event {
	m := monitor{name: name, master: after.last}
	switch {
	case after.last.ID == "":
		return nil // there never was a leader: no event has a subject yet
	case after.leader.ID != "" && before.last.ID != "" && !sameAddress(&before.last, &after.leader):
		return m.switched(&before.last, after)
	case before.leader.ID == "" && after.leader.ID != "":
		return append([]event{{"-sdown", m.text()}}, m.changes(before, after)...)
	case before.leader.ID != "" && after.leader.ID == "":
		return append([]event{{"+sdown", m.text()}}, m.changes(before, after)...)
	}
	return m.changes(before, after)
}

func sameAddress(a, b *session.Peer) bool { return a.Host == b.Host && a.Port == b.Port }

// monitor writes what is said about a group under its name.
type monitor struct {
	name   string
	master session.Peer
}

// text describes the master.
func (m *monitor) text() string {
	return fmt.Sprintf("master %s %s %d", m.name, m.master.Host, m.master.Port)
}

// slave describes another member as the replica that it is.
func (m *monitor) slave(p *session.Peer) string {
	return fmt.Sprintf("slave %s %s %d @ %s %s %d",
		hostPort(p.Host, p.Port), p.Host, p.Port, m.name, m.master.Host, m.master.Port)
}

// sentinel describes a member as the Sentinel that it is too.
func (m *monitor) sentinel(p *session.Peer) string {
	return fmt.Sprintf("sentinel %s %s %d @ %s %s %d",
		sentinelID(p.ID), p.Host, p.SentinelPort, m.name, m.master.Host, m.master.Port)
}

// switched is the change of the master. As a Sentinel does, it then begins anew with the replicas, the old
// master among them.
func (m *monitor) switched(old *session.Peer, after *snapshot) []event {
	list := []event{{"+switch-master", fmt.Sprintf("%s %s %d %s %d",
		m.name, old.Host, old.Port, m.master.Host, m.master.Port)}}
	for _, p := range after.without(m.master.ID) {
		list = append(list, event{"+slave", m.slave(&p)})
		if !p.Up {
			list = append(list, event{"+sdown", m.slave(&p)})
		}
	}
	return list
}

// changes are members that came, and those that went down or up again. One that was removed has no event.
func (m *monitor) changes(before, after *snapshot) []event {
	var list []event
	for _, p := range after.peers {
		was, known := before.find(p.ID)
		switch {
		case !known:
			list = append(list, m.about(&p, "+slave", "+sentinel")...)
		case was.Up && !p.Up:
			list = append(list, m.about(&p, "+sdown", "+sdown")...)
		case !was.Up && p.Up:
			list = append(list, m.about(&p, "-sdown", "-sdown")...)
		}
	}
	return list
}

// about tells something of a member in its two roles. The master has events of its own, and this node does
// not report on itself.
func (m *monitor) about(p *session.Peer, slave, sentinel string) []event {
	var list []event
	if p.ID != m.master.ID {
		list = append(list, event{slave, m.slave(p)})
	}
	if p.SentinelPort != 0 && !p.Self {
		list = append(list, event{sentinel, m.sentinel(p)})
	}
	return list
}

// hostPort writes an address as Redis does: without brackets around an IPv6 address. Clients take it apart at
// the last colon.
func hostPort(host string, port int) string { return host + ":" + strconv.Itoa(port) }

// sentinelID is what a node is called as a Sentinel.
func sentinelID(node string) string { return identifier("sentinel", node) }

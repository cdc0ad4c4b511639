// This file reads the setting cluster, which says who forms a cluster, in one of three ways: a list in the
// setting itself, a JSON file of the same list, or a name of the DNS under which all nodes are found. All of
// it is judged when the settings are loaded: what is wrong in a list must not first show when a node is lost.

package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Members is what the setting cluster says. At most one of List and Name is there.
type Members struct {
	Text string   // as it was given
	List []Member // by id; the same on all nodes
	Name string   // host:port that resolves to all nodes, for expect
}

// Member is one node of the list.
type Member struct{ ID, Address string }

// find returns the address of a node of the list.
func (m Members) find(id string) (address string, listed bool) {
	for _, member := range m.List {
		if member.ID == id {
			return member.Address, true
		}
	}
	return "", false
}

// ids are the names of the list, for messages.
func (m Members) ids() string {
	var ids []string
	for _, member := range m.List {
		ids = append(ids, member.ID)
	}
	return strings.Join(ids, ", ")
}

// Bounds on the list. Raft gets slower with each voter; more than a dozen is a slip of the hand.
const (
	maxMembers     = 32
	maxClusterFile = 64 << 10
)

// membersValue is the setting. Its kind is a list, so that one flag a node may be given too.
type membersValue struct{ at *Members }

func (v membersValue) parse(text string) (err error) {
	m := Members{Text: strings.TrimSpace(text)}
	switch {
	case m.Text == "":
	case strings.HasSuffix(m.Text, ".json"):
		m.List, err = readClusterFile(m.Text)
	case strings.Contains(m.Text, "="):
		m.List, err = parseMembers(m.Text)
	case checkAddress(m.Text) == nil:
		m.Name = m.Text
	default:
		if m.List, err = readClusterFile(m.Text); errors.Is(err, os.ErrNotExist) {
			err = errors.New("argument must be n1=host1:port,n2=host2:port,… with all nodes, or the path of a " +
				`JSON file {"n1": "host1:port", …}, or with expect a host:port that resolves to all nodes`)
		}
	}
	if err == nil {
		err = checkMembers(m.List)
	}
	if err == nil {
		*v.at = m
	}
	return err
}
func (v membersValue) String() string { return v.at.Text }
func (v membersValue) kind() string   { return kindList }

// parseMembers reads n1=host:port,n2=host:port.
func parseMembers(text string) ([]Member, error) {
	var list []Member
	var words []string
	_ = listValue{&words}.parse(text) // takes everything
	for _, word := range words {
		id, address, ok := strings.Cut(word, "=")
		if !ok {
			return nil, fmt.Errorf("%q in the list is no id=host:port", word)
		}
		list = append(list, Member{id, address})
	}
	return list, nil
}

// readClusterFile reads {"101": "host:port", …}. The decoder is driven by hand, for an object that names a
// node twice would otherwise lose one of the two without a word.
func readClusterFile(path string) ([]Member, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cluster file: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxClusterFile+1))
	if err != nil {
		return nil, fmt.Errorf("cluster file %s: %w", path, err)
	}
	if len(text) > maxClusterFile {
		return nil, fmt.Errorf("cluster file %s is longer than %d bytes", path, maxClusterFile)
	}
	list, err := parseClusterFile(string(text))
	if err != nil {
		return nil, fmt.Errorf(`cluster file %s is not {"id": "host:port", …}: %w`, path, err)
	}
	return list, nil
}

func parseClusterFile(text string) ([]Member, error) {
	in := json.NewDecoder(strings.NewReader(text))
	if open, err := in.Token(); err != nil || open != json.Delim('{') {
		return nil, errors.Join(errors.New("it does not begin with {"), err)
	}
	var list []Member
	for in.More() {
		id, err := in.Token()
		if err != nil {
			return nil, err
		}
		var address string
		if err := in.Decode(&address); err != nil {
			return nil, fmt.Errorf("node %v: %w", id, err)
		}
		list = append(list, Member{fmt.Sprint(id), address})
	}
	if _, err := in.Token(); err != nil {
		return nil, err
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the last }")
	}
	if len(list) == 0 {
		return nil, errors.New("it names no node")
	}
	return list, nil
}

// checkMembers judges a list and puts it in order, so that all nodes have it alike.
func checkMembers(list []Member) error {
	if len(list) > maxMembers {
		return fmt.Errorf("the list names %d nodes, and %d are the most", len(list), maxMembers)
	}
	at := map[string]string{}
	for i, m := range list {
		if !validNodeID(m.ID) {
			return fmt.Errorf("%q in the list is no node's name: it is 1 to 64 of the letters, digits, '.', '_' "+
				"and '-', and does not begin with '-' or '.'", m.ID)
		}
		if err := checkAddress(m.Address); err != nil {
			return fmt.Errorf("node %s in the list: %w", m.ID, err)
		}
		for _, other := range list[:i] {
			if other.ID == m.ID {
				return fmt.Errorf("the list names node %s twice", m.ID)
			}
		}
		if other, taken := at[m.Address]; taken {
			return fmt.Errorf("the list gives nodes %s and %s the same address %s", other, m.ID, m.Address)
		}
		at[m.Address] = m.ID
	}
	slices.SortFunc(list, func(a, b Member) int { return strings.Compare(a.ID, b.ID) })
	return nil
}

// checkAddress tells what is wrong with an address that other nodes are to dial.
func checkAddress(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" || strings.ContainsAny(host, " /=,@") {
		return fmt.Errorf("%q is no host:port", address)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fmt.Errorf("%q has no port between 1 and %d", address, maxPort)
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.Unmap().IsUnspecified() {
		return fmt.Errorf("%s means \"this machine\" on each machine: give an address or a name at which the "+
			"other nodes reach this one", address)
	}
	return nil
}

// addressValue is one host:port, or "".
type addressValue struct{ at *string }

func (v addressValue) parse(s string) error {
	if s != "" {
		if err := checkAddress(s); err != nil {
			return err
		}
	}
	*v.at = s
	return nil
}
func (v addressValue) String() string { return *v.at }
func (v addressValue) kind() string   { return "host:port" }

// joinWait is the word that stands in place of join's addresses.
const joinWait = "wait"

// joinValue is addresses of members, or the word wait.
type joinValue struct{ listValue }

func (v joinValue) parse(s string) error {
	var words []string
	_ = listValue{&words}.parse(s) // takes everything
	if len(words) == 1 && strings.EqualFold(words[0], joinWait) {
		*v.at = []string{joinWait}
		return nil
	}
	for _, word := range words {
		if err := checkAddress(word); err != nil {
			return fmt.Errorf("argument must be host:port of one or more members, or the word %s: %w", joinWait, err)
		}
	}
	if len(words) > maxMembers {
		return fmt.Errorf("%d addresses are given, and %d are the most", len(words), maxMembers)
	}
	*v.at = words
	return nil
}

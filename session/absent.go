// Commands of Redis that lockd answers without having what they are about. Clients probe for some of them
// and must get the answer of a Redis that has it switched off: CLUSTER must be refused, or they take this
// for a cluster. (A port that shows one answers it in place of these entries, see View.) For others a
// sentence that says why is better than an unknown command.

package session

import (
	"strings"

	"github.com/divtxt/lockd/commands"
	"github.com/divtxt/lockd/resp"
)

func absentCommands() []commands.Command {
	return []commands.Command{
		clusterCommand(), aclCommand(), moduleCommand(),
		{
			Name: "asking", Arity: 1, Flags: commands.Fast, Group: "cluster", Since: "3.0.0", Complexity: "O(1)",
			Categories: []string{"connection"}, Local: noCluster,
			Summary: "Do nothing on cluster-view-port; elsewhere an error.",
		},
		{
			Name: "monitor", Arity: 1, Flags: local | commands.Admin, Group: "server", Since: "1.0.0",
			Complexity: "O(1)", Summary: "An error: commands cannot be watched yet.",
			Local: func(*commands.Conn, commands.Args) resp.Value {
				return resp.Error("ERR MONITOR is not available here yet. SLOWLOG, and CONFIG SET " +
					"slowlog-log-slower-than 0, show what clients send")
			},
		},
	}
}

func noCluster(*commands.Conn, commands.Args) resp.Value {
	return resp.Error("ERR This instance has cluster support disabled")
}

// clusterCommand has Redis 7.0's subcommands, so that a wrong one gets the same error as there.
func clusterCommand() commands.Command {
	const (
		forAll = `countkeysinslot:3 getkeysinslot:4 help:2 info:2 keyslot:3 links:2 myid:2 myshardid:2 nodes:2
			shards:2 slots:2`
		forAdmins = `addslots:-3 addslotsrange:-4 bumpepoch:2 count-failure-reports:3 delslots:-3
			delslotsrange:-4 failover:-2 flushslots:2 forget:3 meet:-4 replicas:3 replicate:3 reset:-2
			saveconfig:2 set-config-epoch:3 setslot:-4 slaves:3`
	)
	model := commands.Command{
		Flags: commands.Stale, Group: "cluster", Since: "3.0.0", Local: noCluster,
		Summary: "Describe the group as a Redis Cluster on cluster-view-port; elsewhere an error.",
	}
	subs := absentSubcommands(forAll, model)
	model.Flags |= commands.Admin
	return commands.Command{
		Name: "cluster", Arity: -2, Group: "cluster", Since: "3.0.0", Complexity: "Depends on the subcommand.",
		Summary: "Describe the group as a Redis Cluster on cluster-view-port; elsewhere an error.",
		Sub:     append(subs, absentSubcommands(forAdmins, model)...),
	}
}

// aclCommand knows the one user there is.
func aclCommand() commands.Command {
	model := commands.Command{
		Flags: local, Group: "server", Since: "6.0.0",
		Summary: "An error: there are no access control lists yet.",
		Local: func(_ *commands.Conn, a commands.Args) resp.Value {
			return resp.Errorf("ERR ACL %s is not available here yet: there is one user, default, and its password "+
				"is the setting requirepass", strings.ToUpper(clipped(a[1])))
		},
	}
	subs := absentSubcommands(`cat:-2 genpass:-2`, model)
	model.Flags |= commands.Admin
	subs = append(subs, absentSubcommands(
		`deluser:-3 dryrun:-4 getuser:3 list:2 load:2 log:-2 save:2 setuser:-3`, model)...)
	return commands.Command{
		Name: "acl", Arity: -2, Group: "server", Since: "6.0.0", Complexity: "Depends on the subcommand.",
		Summary: "Tell who may do what.",
		Sub: append(subs,
			commands.Command{
				Name: "whoami", Arity: 2, Flags: local, Group: "server", Since: "6.0.0", Complexity: "O(1)",
				Summary: "Reply the connection's user: default.",
				Local:   func(c *commands.Conn, _ commands.Args) resp.Value { return resp.Bulk(c.User) },
			},
			commands.Command{
				Name: "users", Arity: 2, Flags: local | commands.Admin, Group: "server", Since: "6.0.0",
				Complexity: "O(1)", Summary: "Reply the users: default.",
				Local: func(*commands.Conn, commands.Args) resp.Value { return resp.Array(resp.Bulk(defaultUser)) },
			},
			commands.Command{
				Name: "help", Arity: 2, Flags: commands.Loading | commands.Stale, Group: "server", Since: "6.0.0",
				Complexity: "O(1)", Summary: "Show the subcommands.",
				Local: func(*commands.Conn, commands.Args) resp.Value {
					return help("ACL", "USERS", "    List all the registered usernames.",
						"WHOAMI", "    Return the current connection username.")
				},
			}),
	}
}

func moduleCommand() commands.Command {
	subs := absentSubcommands(`load:-3 loadex:-3 unload:3`, commands.Command{
		Flags: commands.Admin | commands.NoScript, Group: "server", Since: "4.0.0",
		Summary: "An error: lockd has no modules.",
		Local: func(*commands.Conn, commands.Args) resp.Value {
			return resp.Error("ERR MODULE command not allowed. If the enable-module-command option is set to " +
				"\"local\", you can run it from a local connection, otherwise you need to set this option in the " +
				"configuration file, and then restart the server.")
		},
	})
	return commands.Command{
		Name: "module", Arity: -2, Group: "server", Since: "4.0.0", Complexity: "Depends on the subcommand.",
		Summary: "Tell about modules: there are none.",
		Sub: append(subs,
			commands.Command{
				Name: "list", Arity: 2, Flags: commands.Admin | commands.NoScript, Group: "server", Since: "4.0.0",
				Complexity: "O(1)", Tips: []string{"nondeterministic_output_order"},
				Summary: "Reply the modules: none.",
				Local:   func(*commands.Conn, commands.Args) resp.Value { return resp.Array() },
			},
			commands.Command{
				Name: "help", Arity: 2, Flags: commands.Loading | commands.Stale, Group: "server", Since: "5.0.0",
				Complexity: "O(1)", Summary: "Show the subcommands.",
				Local: func(*commands.Conn, commands.Args) resp.Value {
					return help("MODULE", "LIST", "    Return a list of loaded modules.")
				},
			}),
	}
}

// absentSubcommands makes an entry like model of each name:arity in list.
func absentSubcommands(list string, model commands.Command) []commands.Command {
	var subs []commands.Command
	for _, item := range strings.Fields(list) {
		sub := model
		name, arity, _ := strings.Cut(item, ":")
		sub.Name, sub.Complexity = name, "O(1)"
		n := int(arity[len(arity)-1] - '0')
		if sub.Arity = n; arity[0] == '-' {
			sub.Arity = -n
		}
		subs = append(subs, sub)
	}
	return subs
}

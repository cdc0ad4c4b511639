// CONFIG: the node's settings, read and changed while it runs. What a setting is and whether it may change
// is the server's to know (Settings).

package session

import (
	"strings"

	"github.com/divtxt/lockd/commands"
	"github.com/divtxt/lockd/resp"
)

func (h *Hub) configCommands() []commands.Command {
	const admin = local | commands.Admin
	return []commands.Command{{
		Name: "config", Arity: -2, Group: "server", Since: "2.0.0", Complexity: "Depends on the subcommand.",
		Summary: "Look at the node's settings and change them.",
		Sub: []commands.Command{
			{
				Name: "get", Arity: -3, Flags: admin, Group: "server", Since: "2.0.0",
				Syntax: "parameter [parameter ...]", Complexity: "O(N), N the number of settings",
				Local: h.configGet, Summary: "Reply the settings whose names match patterns.",
			},
			{
				Name: "set", Arity: -4, Flags: admin, Group: "server", Since: "2.0.0",
				Syntax: "parameter value [parameter value ...]", Complexity: "O(N), N the number of settings",
				Tips:  []string{"request_policy:all_nodes", "response_policy:all_succeeded"},
				Local: h.configSet, Summary: "Change settings of this node until it stops: all of them or none.",
			},
			{
				Name: "resetstat", Arity: 2, Flags: admin, Group: "server", Since: "2.0.0", Complexity: "O(1)",
				Local: h.configResetStat, Summary: "Begin INFO's counters anew.",
			},
			{
				Name: "rewrite", Arity: 2, Flags: admin, Group: "server", Since: "2.8.0", Complexity: "O(1)",
				Local: configRewrite, Summary: "An error: lockd does not write its configuration file.",
			},
			{
				Name: "help", Arity: 2, Flags: commands.Loading | commands.Stale, Group: "server", Since: "5.0.0",
				Complexity: "O(1)", Local: configHelp, Summary: "Show the subcommands.",
			},
		},
	}}
}

// configGet replies each setting once. Like Redis it shows a name that is no pattern the way it was asked
// for, and passwords in the clear: who may send CONFIG may change them too.
func (h *Hub) configGet(_ *commands.Conn, a commands.Args) resp.Value {
	var pairs []resp.Value
	seen := map[string]bool{}
	show := func(name string) {
		value, known := h.Settings.Get(name)
		if known && !seen[strings.ToLower(name)] {
			seen[strings.ToLower(name)] = true
			pairs = append(pairs, resp.Bulk(name), resp.Bulk(value))
		}
	}
	for i := 2; i < len(a); i++ {
		pattern := string(a[i])
		if !strings.ContainsAny(pattern, "*?[") {
			show(pattern)
			continue
		}
		for _, name := range h.Settings.Names() {
			if commands.MatchFold(pattern, name) {
				show(name)
			}
		}
	}
	return resp.Map(pairs...)
}

// configSet logs which settings were changed and by whom, and no values: some are passwords.
func (h *Hub) configSet(c *commands.Conn, a commands.Args) resp.Value {
	if len(a)%2 != 0 {
		return errSyntax()
	}
	var pairs, names []string
	for i := 2; i < len(a); i += 2 {
		pairs = append(pairs, string(a[i]), string(a[i+1]))
		names = append(names, string(a[i]))
	}
	if err := h.Settings.SetPairs(pairs); err != nil {
		return resp.Error("ERR " + err.Error())
	}
	h.log.Info("settings changed", "names", names, "client", c.Addr, "client-id", c.ID)
	return resp.OK()
}

// configResetStat sets what is counted here to zero. The wire goes on counting, for metrics must never fall;
// its counters are shown from now on without what they were.
func (h *Hub) configResetStat(*commands.Conn, commands.Args) resp.Value {
	h.stats.reset(h.Server.Stats())
	return resp.OK()
}

func configRewrite(*commands.Conn, commands.Args) resp.Value {
	return resp.Error("ERR CONFIG REWRITE is not available here: lockd never writes the file it was started " +
		"with. Change it by hand, so that it says what the node should start with next time")
}

func configHelp(*commands.Conn, commands.Args) resp.Value {
	return help("CONFIG",
		"GET <pattern>", "    Return parameters matching the glob-like <pattern> and their values.",
		"SET <directive> <value>", "    Set the configuration <directive> to <value>.",
		"RESETSTAT", "    Reset statistics reported by the INFO command.",
		"REWRITE", "    Rewrite the configuration file.")
}

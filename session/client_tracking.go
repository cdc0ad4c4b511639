// CLIENT TRACKING and what belongs to it: how a connection asks for client-side caching (tracking.go).

package session

import (
	"slices"
	"strings"

	"github.com/divtxt/lockd/commands"
	"github.com/divtxt/lockd/resp"
)

func (h *Hub) clientTracking() []commands.Command {
	connection := []string{"connection"}
	return []commands.Command{
		{
			Name: "tracking", Arity: -3, Flags: local, Group: "connection", Since: "6.0.0", Complexity: "O(1)",
			Syntax: "ON | OFF [REDIRECT client-id] [PREFIX prefix [PREFIX prefix ...]] [BCAST] [OPTIN] [OPTOUT] " +
				"[NOLOOP]",
			Categories: connection, Local: h.setTracking,
			Summary: "Be told when keys change that this connection has read, for client-side caching.",
		},
		{
			Name: "trackinginfo", Arity: 2, Flags: local, Group: "connection", Since: "6.2.0", Complexity: "O(1)",
			Categories: connection, Local: h.trackingInfo, Summary: "Tell how this connection is tracked.",
		},
		{
			Name: "getredir", Arity: 2, Flags: local, Group: "connection", Since: "6.0.0", Complexity: "O(1)",
			Categories: connection, Local: h.getRedir,
			Summary: "Reply which connection is told in the place of this one: 0 if none, -1 without tracking.",
		},
		{
			Name: "caching", Arity: 3, Flags: local, Group: "connection", Since: "6.0.0", Complexity: "O(1)",
			Syntax: "YES | NO", Categories: connection, Local: h.caching,
			Summary: "Say whether the keys of the next command are tracked.",
		},
	}
}

func (h *Hub) setTracking(c *commands.Conn, a commands.Args) resp.Value {
	t := &tracking{}
	if problem := h.readTracking(t, a); problem.IsError() {
		return problem
	}
	mine := h.find(c.ID)
	switch {
	case a.Is(2, "OFF"):
		t = nil
	case !a.Is(2, "ON"):
		return errSyntax()
	default:
		if problem := t.fits(mine.tracking.Load()); problem.IsError() {
			return problem
		}
	}
	h.track(mine, t)
	return resp.OK()
}

// readTracking reads the options.
func (h *Hub) readTracking(t *tracking, a commands.Args) resp.Value {
	for i := 3; i < len(a); i++ {
		more := i+1 < len(a)
		switch {
		case a.Is(i, "REDIRECT") && more:
			if problem := h.redirect(t, a, i+1); problem.IsError() {
				return problem
			}
			i++
		case a.Is(i, "PREFIX") && more:
			t.prefixes = append(t.prefixes, string(a[i+1]))
			i++
		case a.Is(i, "BCAST"):
			t.bcast = true
		case a.Is(i, "OPTIN"):
			t.optIn = true
		case a.Is(i, "OPTOUT"):
			t.optOut = true
		case a.Is(i, "NOLOOP"):
			t.noLoop = true
		default:
			return errSyntax()
		}
	}
	return resp.Value{}
}

// redirect reads the connection that is to be told in this one's place. It must be one of this node.
func (h *Hub) redirect(t *tracking, a commands.Args, i int) resp.Value {
	if t.redirect != 0 {
		return resp.Error("ERR A client can only redirect to a single other client")
	}
	id, ok := a.Int(i)
	switch {
	case !ok:
		return errNotInt()
	case id < 1 || h.find(uint64(id)) == nil:
		return resp.Error("ERR The client ID you want redirect to does not exist")
	}
	t.redirect = uint64(id)
	return resp.Value{}
}

// fits tells whether the options fit each other and those that are on now, to whose prefixes it adds its own.
func (t *tracking) fits(now *tracking) resp.Value {
	switch {
	case !t.bcast && len(t.prefixes) > 0:
		return resp.Error("ERR PREFIX option requires BCAST mode to be enabled")
	case now != nil && now.bcast != t.bcast:
		return resp.Error("ERR You can't switch BCAST mode on/off before disabling tracking for this client, and " +
			"then re-enabling it with a different mode.")
	case t.bcast && (t.optIn || t.optOut):
		return resp.Error("ERR OPTIN and OPTOUT are not compatible with BCAST")
	case t.optIn && t.optOut:
		return resp.Error("ERR You can't specify both OPTIN mode and OPTOUT mode")
	case now != nil && t.turns(now):
		return resp.Error("ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and " +
			"then re-enabling it with a different mode.")
	case t.bcast:
		return t.addPrefixes(now)
	}
	return resp.Value{}
}

// turns tells whether it asks for the other way of choosing keys.
func (t *tracking) turns(now *tracking) bool { return t.optIn && now.optOut || t.optOut && now.optIn }

// addPrefixes refuses prefixes that overlap: a key would be told twice. Without any, all keys are meant.
func (t *tracking) addPrefixes(now *tracking) resp.Value {
	overlap := func(a, b string) bool { return strings.HasPrefix(a, b) || strings.HasPrefix(b, a) }
	const apart = "Prefixes for a single client must not overlap."
	var old []string
	if now != nil {
		old = now.prefixes
	}
	for i, p := range t.prefixes {
		for _, q := range old {
			if p != q && overlap(p, q) {
				return resp.Errorf("ERR Prefix '%s' overlaps with an existing prefix '%s'. %s", p, q, apart)
			}
		}
		for _, q := range t.prefixes[i+1:] {
			if overlap(p, q) {
				return resp.Errorf("ERR Prefix '%s' overlaps with another provided prefix '%s'. %s", p, q, apart)
			}
		}
	}
	if len(t.prefixes) == 0 {
		t.prefixes = []string{""}
	}
	for _, p := range old {
		if !slices.Contains(t.prefixes, p) {
			t.prefixes = append(t.prefixes, p)
		}
	}
	slices.Sort(t.prefixes)
	return resp.Value{}
}

func (h *Hub) trackingInfo(c *commands.Conn, _ commands.Args) resp.Value {
	mine := h.find(c.ID)
	t := mine.tracking.Load()
	flags, redirect, prefixes := []resp.Value{resp.Bulk("off")}, int64(-1), []resp.Value{}
	if t != nil {
		flags, redirect = []resp.Value{resp.Bulk("on")}, int64(t.redirect)
		for _, f := range [...]struct {
			set  bool
			word string
		}{
			{t.bcast, "bcast"}, {t.optIn, "optin"}, {t.optIn && mine.caching, "caching-yes"},
			{t.optOut, "optout"}, {t.optOut && mine.caching, "caching-no"}, {t.noLoop, "noloop"},
			{mine.brokenRedirect.Load(), "broken_redirect"},
		} {
			if f.set {
				flags = append(flags, resp.Bulk(f.word))
			}
		}
		for _, p := range t.prefixes {
			prefixes = append(prefixes, resp.Bulk(p))
		}
	}
	return resp.Map(
		resp.Bulk("flags"), resp.Set(flags...),
		resp.Bulk("redirect"), resp.Int(redirect),
		resp.Bulk("prefixes"), resp.Array(prefixes...),
	)
}

// redirectOf is what CLIENT GETREDIR and CLIENT LIST show.
func redirectOf(t *tracking) int64 {
	if t == nil {
		return -1
	}
	return int64(t.redirect)
}

func (h *Hub) getRedir(c *commands.Conn, _ commands.Args) resp.Value {
	return resp.Int(redirectOf(h.find(c.ID).tracking.Load()))
}

func (h *Hub) caching(c *commands.Conn, a commands.Args) resp.Value {
	mine := h.find(c.ID)
	t := mine.tracking.Load()
	switch {
	case t == nil:
		return resp.Error("ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN " +
			"or OPTOUT mode enabled")
	case a.Is(2, "YES") && !t.optIn:
		return resp.Error("ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.")
	case a.Is(2, "NO") && !t.optOut:
		return resp.Error("ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.")
	case !a.Is(2, "YES") && !a.Is(2, "NO"):
		return errSyntax()
	}
	mine.caching = true
	return resp.OK()
}

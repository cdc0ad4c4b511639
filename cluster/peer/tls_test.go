// Certificates: who is accepted, who is refused and with what words, and how new ones are taken up.

package peer_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/divtxt/lockd/cluster"
	"github.com/divtxt/lockd/cluster/peer"
)

// named starts a node that calls itself name, whatever its certificate says.
func named(t *testing.T, name string, files *peer.TLS) (*node, *transcript) {
	t.Helper()
	log, logger := newTranscript()
	n := listen(t, "", peer.Options{TLS: files, Log: logger})
	x := &node{Network: n, address: n.at, h: &handler{me: cluster.Identity{Node: name, Address: n.at}}}
	x.h.forward = func(_ cluster.Identity, s cluster.Stream) error { return echo(s) }
	x.Serve(x.h)
	return x, log
}

// wantBoth opens streams from x to y and back; both must fail, with these words in the error and in the
// log of the side that accepts.
func wantBoth(t *testing.T, x, y *node, xlog, ylog *transcript, here, there string) {
	t.Helper()
	for _, c := range []struct {
		from, to *node
		log      *transcript
	}{{x, y, ylog}, {y, x, xlog}} {
		_, _, err := c.from.Open(context10(t), c.to.address)
		if err == nil || !strings.Contains(err.Error(), here) {
			t.Errorf("%s was told %v, want %q", c.from.h.me.Node, err, here)
		}
		c.log.wait(t, there)
		if met := c.to.h.met.Load(); met != nil {
			t.Errorf("the handler was asked about %+v", met)
		}
	}
}

func TestOneSideHasTLS(t *testing.T) {
	t.Parallel()
	x, xlog := named(t, "x", newAuthority(t).issue(t, "x"))
	y, ylog := named(t, "y", nil)
	wantBoth(t, x, y, xlog, ylog, "--peer-tls-", "--peer-tls-")
}

func TestOtherAuthority(t *testing.T) {
	t.Parallel()
	x, xlog := named(t, "x", newAuthority(t).issue(t, "x"))
	y, ylog := named(t, "y", newAuthority(t).issue(t, "y"))
	wantBoth(t, x, y, xlog, ylog, "unknown authority", "unknown authority")
}

func TestOtherName(t *testing.T) {
	t.Parallel()
	authority := newAuthority(t)
	x, xlog := named(t, "x", authority.issue(t, "x"))
	y, ylog := named(t, "impostor", authority.issue(t, "y"))
	want := `says that it is "impostor", and its certificate names y`
	ylog.wait(t, "will refuse this node's certificate")
	_, _, err := y.Open(context10(t), x.address)
	wantRefusal(t, err, x.h.me, want)
	xlog.wait(t, "impostor")
	_, _, err = x.Open(context10(t), y.address)
	wantRefusal(t, err, x.h.me, want)
	if met := x.h.met.Load(); met != nil {
		t.Errorf("the handler was asked about %+v", met)
	}
}

func TestNamesOfACertificate(t *testing.T) {
	t.Parallel()
	authority := newAuthority(t)
	cert := template("")
	cert.DNSNames = []string{"lockd.example", "n7"}
	x, _ := named(t, "x", authority.issue(t, "x"))
	y, _ := named(t, "n7", authority.issueInto(t, t.TempDir(), cert))
	mustEcho(t, mustOpen(t, x, y), "by DNS name")
	mustEcho(t, mustOpen(t, y, x), "by common name")
}

func TestBrokenAtStart(t *testing.T) {
	t.Parallel()
	authority := newAuthority(t)
	old := template("x")
	old.NotAfter = time.Now().Add(-time.Minute)
	good, expired := authority.issue(t, "x"), authority.issueInto(t, t.TempDir(), old)
	other := authority.issue(t, "y")
	for want, files := range map[string]peer.TLS{
		"expired":                    *expired,
		"no such file":               {CertFile: good.CertFile, KeyFile: good.KeyFile + "x", CAFile: good.CAFile},
		"private key does":           {CertFile: good.CertFile, KeyFile: other.KeyFile, CAFile: good.CAFile},
		"no certificate in":          {CertFile: good.CertFile, KeyFile: good.KeyFile, CAFile: good.KeyFile},
		"unknown authority":          {CertFile: good.CertFile, KeyFile: good.KeyFile, CAFile: newAuthority(t).issue(t, "z").CAFile},
		"failed to find certificate": {CertFile: good.KeyFile, KeyFile: good.KeyFile, CAFile: good.CAFile},
	} {
		n, err := peer.Listen(peer.Options{TLS: &files})
		if err == nil {
			n.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Listen: %v, want %q", err, want)
		}
	}
}

// TestReload renews the certificates of two nodes, which come from another authority in the end.
func TestReload(t *testing.T) {
	t.Parallel()
	first, second := newAuthority(t), newAuthority(t)
	xdir, ydir := t.TempDir(), t.TempDir()
	xfiles, yfiles := first.issueInto(t, xdir, template("x")), first.issueInto(t, ydir, template("y"))
	x, xlog := named(t, "x", xfiles)
	y, _ := named(t, "y", yfiles)
	open := mustOpen(t, x, y)
	mustEcho(t, open, "first")

	// Nonsense is not taken up.
	key, err := os.ReadFile(xfiles.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(xfiles.KeyFile, []byte("half a k"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		mustEcho(t, mustOpen(t, x, y), "still the first")
	}
	xlog.wait(t, "are not used")
	if n := strings.Count(xlog.String(), "are not used"); n != 1 {
		t.Errorf("a broken file was complained of %d times", n)
	}
	if err := os.WriteFile(xfiles.KeyFile, key, 0o600); err != nil {
		t.Fatal(err)
	}
	mustEcho(t, mustOpen(t, y, x), "again the first")

	// One has changed to the second authority, the other has not: they do not know each other.
	second.issueInto(t, xdir, template("x"))
	if s, _, err := y.Open(context10(t), x.address); err == nil {
		s.Close()
		t.Error("a certificate of another authority was accepted")
	}
	second.issueInto(t, ydir, template("y"))
	mustEcho(t, mustOpen(t, x, y), "second")
	mustEcho(t, open, "what was open stays open")
}

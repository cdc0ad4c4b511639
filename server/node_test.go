package server

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestNodeID(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	first, err := nodeID(dir, "")
	if err != nil || !validNodeID(first) {
		t.Fatal(first, err)
	}
	if again, err := nodeID(dir, ""); again != first || err != nil {
		t.Errorf("%s, then %s %v", first, again, err)
	}
	if again, err := nodeID(dir, first); again != first || err != nil {
		t.Errorf("%s, then %s %v", first, again, err)
	}
	_, err = nodeID(dir, "n2")
	if err == nil || !strings.Contains(err.Error(), `belongs to node "`+first+`", not to "n2"`) || ExitCode(err) != ExitDataDir {
		t.Error(err)
	}
}

func TestNodeIDOfAnotherFolder(t *testing.T) {
	first := newNodeID()
	if other, err := nodeID(t.TempDir(), ""); other == first || err != nil {
		t.Errorf("two nodes are %s, %v", other, err)
	}
	given := t.TempDir()
	if id, err := nodeID(given, "db-1.example"); id != "db-1.example" || err != nil {
		t.Error(id, err)
	}
	if id, err := nodeID(given, ""); id != "db-1.example" || err != nil {
		t.Errorf("a name that was given once is not kept: %s %v", id, err)
	}
	if err := os.WriteFile(filepath.Join(given, nodeIDFile), []byte("\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := nodeID(given, ""); err == nil || ExitCode(err) != ExitDataDir {
		t.Error("a damaged name is taken")
	}
	if _, err := nodeID("/dev/null/x", ""); err == nil || ExitCode(err) != ExitDataDir {
		t.Errorf("a folder that cannot be: %v", err)
	}
}

func TestListen(t *testing.T) {
	cfg := Defaults()
	cfg.Network.Bind = []string{"127.0.0.1", "127.0.0.2", "-192.0.2.1"}
	cfg.Network.Port = 0
	cfg.Network.UnixSocket = filepath.Join(t.TempDir(), "s")
	cfg.Network.UnixSocketPerm = 0o600
	l, err := openListeners(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if len(l.Plain) != 3 || l.Port == 0 || l.Plain[1].Addr().String() != fmt.Sprintf("127.0.0.2:%d", l.Port) {
		t.Fatalf("port %d, %v", l.Port, l.Plain)
	}
	if info, err := os.Stat(cfg.Network.UnixSocket); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info, err)
	}
	for _, c := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"in use", func(c *Config) { c.Network.Port = l.Port }, "is in use by another program; give another --port"},
		{"socket in use", func(*Config) {}, "is in use by another program"},
		{"no socket", func(c *Config) { c.Network.UnixSocket = "/dev/null" }, "is no socket"},
		{"not here", func(c *Config) { c.Network.Bind = []string{"192.0.2.1"} }, "this machine has no address 192.0.2.1"},
		{"none here", func(c *Config) { c.Network.Bind = []string{"-192.0.2.1"} }, "has none of the addresses"},
		{"no address", func(c *Config) { c.Network.Bind = []string{"no such name.invalid"} }, "cannot listen on"},
	} {
		t.Run(c.name, func(t *testing.T) {
			other := cfg.clone()
			c.change(other)
			if _, err := openListeners(other); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

// TestStaleSocket: a socket that a killed process left behind is replaced.
func TestStaleSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	ln.SetUnlinkOnClose(false)
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := listenUnix(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}

func TestStartLine(t *testing.T) {
	cfg := Defaults()
	cfg.Network.Port = 0
	l, err := openListeners(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	want := fmt.Sprintf("lockd %s listens on 127.0.0.1:%d, data in ./lockd-data, node n1, log store wal. "+
		"Try: redis-cli -p %d LOCK foo owner1 30000", Version, l.Port, l.Port)
	if got := startLine(cfg, l, "n1"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	cfg.Security.RequirePass = "sesame"
	tls := &Listeners{TLS: l.Plain}
	got := startLine(cfg, tls, "n1")
	if !strings.Contains(got, "(TLS)") || !strings.Contains(got, "--tls --insecure -p") || !strings.Contains(got, "--askpass LOCK") {
		t.Error(got)
	}
}

// TestRun starts a node and asks it to stop.
func TestRun(t *testing.T) {
	cfg := Defaults()
	cfg.Network.Port, cfg.Storage.Dir = 0, t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	line, w := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- Run(ctx, cfg, NewSettings(cfg), slog.New(slog.DiscardHandler), w) }()
	buffer := make([]byte, 1000)
	n, err := line.Read(buffer)
	if err != nil || !bytes.HasPrefix(buffer[:n], []byte("lockd "+Version+" listens on 127.0.0.1:")) {
		t.Fatalf("%q %v", buffer[:n], err)
	}
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("does not stop")
	}
}

// authority makes certificates for tests.
type authority struct {
	t    *testing.T
	dir  string
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, dir: t.TempDir()}
	a.key, a.cert = a.issue("ca", nil)
	return a
}

// path is the name of a file made for who: ca.crt, node.crt, node.key.
func (a *authority) path(name string) string { return filepath.Join(a.dir, name) }

// issue makes a key and a certificate, signed by the authority or, without a parent, by itself.
func (a *authority) issue(who string, parent *x509.Certificate) (*ecdsa.PrivateKey, *x509.Certificate) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: who},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: parent == nil, BasicConstraintsValid: true,
	}
	signer := a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		who + ".crt": {Type: "CERTIFICATE", Bytes: der}, who + ".key": {Type: "PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(a.path(name), pem.EncodeToMemory(block), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return key, cert
}

// TestTLSWithPing lets lockd ping through a listener with our own TLS settings.
func TestTLSWithPing(t *testing.T) {
	a := newAuthority(t)
	a.issue("node", a.cert)
	a.issue("client", a.cert)
	for _, c := range []struct {
		name string
		tls  func(*TLS)
		args []string
		says string
	}{
		{"no client certificate asked", func(c *TLS) { c.AuthClients = "no" }, nil, "PONG"},
		{"asked and given", func(c *TLS) { c.CACertFile = a.path("ca.crt") },
			[]string{"--tls-cert-file", a.path("client.crt"), "--tls-key-file", a.path("client.key")}, "PONG"},
		{"asked and not given", func(c *TLS) { c.CACertFile = a.path("ca.crt") }, nil, "certificate required"},
		{"optional and not given", func(c *TLS) { c.CACertFile, c.AuthClients = a.path("ca.crt"), "optional" }, nil, "PONG"},
		{"one version", func(c *TLS) { c.AuthClients, c.Protocols = "no", []string{"TLSv1.2"} }, nil, "PONG"},
		{"one suite", func(c *TLS) {
			c.AuthClients, c.Protocols = "no", []string{"TLSv1.2"}
			c.Ciphers = []string{"ECDHE-ECDSA-AES128-GCM-SHA256"}
		}, nil, "PONG"},
	} {
		t.Run(c.name, func(t *testing.T) {
			settings := Defaults().TLS
			settings.CertFile, settings.KeyFile = a.path("node.crt"), a.path("node.key")
			c.tls(&settings)
			config, err := settings.ServerConfig()
			if err != nil {
				t.Fatal(err)
			}
			ln, err := tls.Listen("tcp", "127.0.0.1:0", config)
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			go func() {
				conn, err := ln.Accept()
				if err != nil {
					return
				}
				defer conn.Close()
				if _, err := conn.Read(make([]byte, 100)); err == nil {
					fmt.Fprint(conn, "+PONG\r\n")
				}
			}()
			args := append([]string{"ping", "--addr", ln.Addr().String(), "--tls", "--tls-ca-cert-file", a.path("ca.crt")}, c.args...)
			if _, stdout, stderr := call(t, nil, nil, args...); !strings.Contains(stdout+stderr, c.says) {
				t.Errorf("got %s%s, want %s", stdout, stderr, c.says)
			}
		})
	}
}

func TestTLSRefusals(t *testing.T) {
	a := newAuthority(t)
	a.issue("node", a.cert)
	a.issue("other", a.cert)
	for _, c := range []struct {
		name string
		tls  TLS
		want string
	}{
		{"no key", TLS{CertFile: a.path("node.crt")}, "needs tls-cert-file and tls-key-file"},
		{"key missing", TLS{CertFile: a.path("node.crt"), KeyFile: "/none"}, "tls-key-file: open /none"},
		{"another's key", TLS{CertFile: a.path("node.crt"), KeyFile: a.path("other.key")}, "private key does not match"},
		{"no certificate", TLS{CertFile: a.path("node.key"), KeyFile: a.path("node.key")}, "tls-cert-file"},
		{"no authority", TLS{CertFile: a.path("node.crt"), KeyFile: a.path("node.key"), AuthClients: "yes"}, "needs tls-ca-cert-file"},
		{"authority missing", TLS{CertFile: a.path("node.crt"), KeyFile: a.path("node.key"), AuthClients: "yes",
			CACertFile: "/none"}, "open /none"},
		{"authority is none", TLS{CertFile: a.path("node.crt"), KeyFile: a.path("node.key"), AuthClients: "yes",
			CACertFile: a.path("node.key")}, "no certificate in"},
		{"folder missing", TLS{CertFile: a.path("node.crt"), KeyFile: a.path("node.key"), AuthClients: "yes",
			CACertDir: "/none"}, "tls-ca-cert-dir: open /none"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := c.tls.ServerConfig(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
	folder := TLS{CertFile: a.path("node.crt"), KeyFile: a.path("node.key"), AuthClients: "yes", CACertDir: a.dir}
	if _, err := folder.ServerConfig(); err != nil {
		t.Errorf("a folder with an authority among other files: %v", err)
	}
}

// TestEncryptedKeys has openssl encrypt keys, where there is one.
func TestEncryptedKeys(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("no openssl here; what it writes is what this is about")
	}
	a := newAuthority(t)
	a.issue("node", a.cert)
	for i, c := range []struct {
		args []string
		pass Secret
		want string
	}{
		{[]string{"-v2", "aes-256-cbc"}, "sesame", ""},
		{[]string{"-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA1"}, "sesame", ""},
		{[]string{"-v2", "aes-256-cbc"}, "simsim", errPassphrase.Error()},
		{[]string{"-v2", "aes-256-cbc"}, "", errNoPassphrase.Error()},
		{[]string{"-v2", "des3"}, "sesame", "cipher is none that lockd knows"},
		{[]string{"-scrypt"}, "sesame", "none that lockd knows"},
	} {
		t.Run(strings.Join(c.args, " ")+" "+c.pass.Reveal(), func(t *testing.T) {
			out := a.path("enc" + strconv.Itoa(i) + ".key")
			args := append([]string{"pkcs8", "-topk8", "-in", a.path("node.key"), "-out", out, "-passout", "pass:sesame"}, c.args...)
			if text, err := exec.Command(openssl, args...).CombinedOutput(); err != nil {
				t.Fatalf("openssl: %s", text)
			}
			settings := TLS{CertFile: a.path("node.crt"), KeyFile: out, KeyFilePass: c.pass, AuthClients: "no"}
			_, err := settings.ServerConfig()
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want %s", err, c.want)
			case err != nil && strings.Contains(err.Error(), "simsim"):
				t.Errorf("the passphrase is in: %v", err)
			}
		})
	}
}

func FuzzSplitWords(f *testing.F) {
	for _, seed := range []string{`a "b\x41" 'c\'d'`, `"`, `\`, `"\`, `a"b"`, "\x00", `"\xg"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		words, err := splitWords(line)
		if err == nil && len(strings.Join(words, "")) > len(line) {
			t.Errorf("%q grows to %q", line, words)
		}
	})
}

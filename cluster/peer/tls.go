// Certificates of the cluster port. Both sides of a connection show one; it must come from the authorities
// in CAFile, and name the node that its owner says it is, as a DNS name or as the common name. Host names
// are not compared: addresses change, nodes do not.
//
// The files are looked at before each handshake, and read again when they have changed, so that
// certificates are renewed without a restart. Connections that are open stay so.

package peer

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// TLS names the files, all in PEM.
type TLS struct {
	CertFile string // this node's certificate, and those between it and the authority
	KeyFile  string // its private key
	CAFile   string // the authorities from which the certificates of all nodes come
}

// stamp tells whether the files have changed.
type stamp [3]struct {
	modified time.Time
	size     int64
}

// certificates are this node's, and how they are kept up to date.
type certificates struct {
	files TLS
	log   *slog.Logger

	mu   sync.Mutex
	seen stamp // what was read last, or was found broken
	last *material
}

// material is what one reading of the files gave; for another node, what its handshake did.
type material struct {
	pair        tls.Certificate
	leaf        *x509.Certificate
	authorities *x509.CertPool
}

// loadCertificates reads the files for the first time.
func loadCertificates(files TLS, log *slog.Logger) (*certificates, error) {
	c := &certificates{files: files, log: log}
	var err error
	if c.seen, err = files.stamp(); err != nil {
		return nil, err
	}
	if c.last, err = files.read(); err != nil {
		return nil, err
	}
	return c, nil
}

// current returns what the files say now, or what they said when they were last in order.
func (c *certificates) current() *material {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, err := c.files.stamp()
	if err == nil && now == c.seen {
		return c.last
	}
	if err != nil {
		now = stamp{}
		if now == c.seen {
			return c.last // it was said already
		}
	}
	c.seen = now
	var next *material
	if err == nil {
		next, err = c.files.read()
	}
	if err != nil {
		c.log.Error("the new certificates of the cluster port are not used; the old ones still are", "error", err)
		return c.last
	}
	c.log.Info("the cluster port has new certificates", "valid_until", next.leaf.NotAfter)
	c.last = next
	return c.last
}

// stamp looks at the files without reading them.
func (t TLS) stamp() (s stamp, err error) {
	for i, name := range []string{t.CertFile, t.KeyFile, t.CAFile} {
		info, err := os.Stat(name)
		if err != nil {
			return s, fmt.Errorf("a certificate of the cluster port: %w", err)
		}
		s[i].modified, s[i].size = info.ModTime(), info.Size()
	}
	return s, nil
}

// read reads the files, and finds out at once what the other nodes would refuse later.
func (t TLS) read() (*material, error) {
	pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("the cluster port's certificate %s with key %s: %w", t.CertFile, t.KeyFile, err)
	}
	pem, err := os.ReadFile(t.CAFile)
	if err != nil {
		return nil, fmt.Errorf("the cluster port's authorities: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("the cluster port's authorities: there is no certificate in %s", t.CAFile)
	}
	m := &material{pair: pair, leaf: pair.Leaf, authorities: pool}
	var chain []*x509.Certificate
	for _, der := range pair.Certificate {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("the cluster port's certificate %s: %w", t.CertFile, err)
		}
		chain = append(chain, cert)
	}
	if _, err := m.verify(chain); err != nil {
		return nil, fmt.Errorf("no other node would accept the cluster port's certificate %s (authorities: %s): %w",
			t.CertFile, t.CAFile, err)
	}
	return m, nil
}

// config is for one handshake. What it leaves out is done after it, by verify.
func (m *material) config() *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		Certificates:           []tls.Certificate{m.pair},
		ClientAuth:             tls.RequireAnyClientCert,
		InsecureSkipVerify:     true,
		SessionTicketsDisabled: true, // each handshake shows its certificate anew
	}
}

// verify checks that a chain of certificates, a node's own first, leads to one of m's authorities. One
// that is made for servers or for clients only is enough: each node is both.
func (m *material) verify(chain []*x509.Certificate) (*material, error) {
	if len(chain) == 0 {
		return nil, errors.New("there is no certificate")
	}
	between := x509.NewCertPool()
	for _, cert := range chain[1:] {
		between.AddCert(cert)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{
		Roots:         m.authorities,
		Intermediates: between,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return nil, fmt.Errorf("the certificate of %q is not accepted: %w; all nodes' certificates must come "+
			"from the authorities in the file that all nodes are given", chain[0].Subject, err)
	}
	return &material{leaf: chain[0]}, nil
}

// names checks that the certificate is that of a node.
func (m *material) names(node string) error {
	names := slices.Clone(m.leaf.DNSNames)
	if cn := m.leaf.Subject.CommonName; cn != "" && !slices.Contains(names, cn) {
		names = append(names, cn)
	}
	if slices.Contains(names, node) {
		return nil
	}
	has := "names nobody"
	if len(names) > 0 {
		has = "names " + strings.Join(names, ", ")
	}
	return fmt.Errorf("the node says that it is %q, and its certificate %s: "+
		"give it a certificate with %q as a DNS name or as the common name", node, has, node)
}

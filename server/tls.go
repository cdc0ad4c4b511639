// This file turns the tls-* settings into a tls.Config, and refuses early what would fail at the first
// connection: a missing key, a certificate that is not one, an authority's file without certificates.

package server

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// ServerConfig reads the certificates and returns what a TLS listener needs. Its errors name the setting
// that is wrong, and never the passphrase.
func (t TLS) ServerConfig() (*tls.Config, error) {
	certificate, err := t.certificate()
	if err != nil {
		return nil, err
	}
	clients, err := t.clientAuth()
	if err != nil {
		return nil, err
	}
	authorities, err := t.authorities()
	if err != nil {
		return nil, err
	}
	if authorities == nil && clients != tls.NoClientCert {
		return nil, errors.New("tls-auth-clients: needs tls-ca-cert-file or tls-ca-cert-dir, " +
			"the authorities that clients' certificates must come from; or set it to no")
	}
	c := &tls.Config{
		Certificates: []tls.Certificate{certificate},
		ClientAuth:   clients,
		ClientCAs:    authorities,
		MinVersion:   tls.VersionTLS12,
		MaxVersion:   tls.VersionTLS13,
	}
	t.restrict(c)
	return c, nil
}

// certificate reads this node's own certificate and key.
func (t TLS) certificate() (tls.Certificate, error) {
	if t.CertFile == "" || t.KeyFile == "" {
		return tls.Certificate{}, errors.New("tls-port: needs tls-cert-file and tls-key-file")
	}
	chain, err := os.ReadFile(t.CertFile)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("tls-cert-file: %w", err)
	}
	key, err := os.ReadFile(t.KeyFile)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("tls-key-file: %w", err)
	}
	plain, err := decryptKey(key, t.KeyFilePass.Reveal())
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("tls-key-file %s: %w", t.KeyFile, err)
	}
	pair, err := tls.X509KeyPair(chain, plain)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("tls-cert-file %s, tls-key-file %s: %w", t.CertFile, t.KeyFile, err)
	}
	return pair, nil
}

// clientAuth says what is asked of clients.
func (t TLS) clientAuth() (tls.ClientAuthType, error) {
	switch t.AuthClients {
	case "yes":
		return tls.RequireAndVerifyClientCert, nil
	case "optional":
		return tls.VerifyClientCertIfGiven, nil
	case "no":
		return tls.NoClientCert, nil
	}
	return 0, fmt.Errorf("tls-auth-clients: %q is not yes, no or optional", t.AuthClients)
}

// authorities reads the authorities' certificates; nil if none are named.
func (t TLS) authorities() (*x509.CertPool, error) {
	var files []string
	if t.CACertFile != "" {
		files = append(files, t.CACertFile)
	}
	if t.CACertDir != "" {
		entries, err := os.ReadDir(t.CACertDir)
		if err != nil {
			return nil, fmt.Errorf("tls-ca-cert-dir: %w", err)
		}
		for _, entry := range entries {
			if !entry.IsDir() {
				files = append(files, filepath.Join(t.CACertDir, entry.Name()))
			}
		}
	}
	if len(files) == 0 {
		return nil, nil
	}
	pool, found := x509.NewCertPool(), false
	for _, file := range files {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("tls-ca-cert-file or -dir: %w", err)
		}
		found = pool.AppendCertsFromPEM(pem) || found
	}
	if !found {
		return nil, fmt.Errorf("tls-ca-cert-file or -dir: no certificate in %s", strings.Join(files, ", "))
	}
	return pool, nil
}

// restrict keeps c to the versions and suites that are named, if any are.
func (t TLS) restrict(c *tls.Config) {
	if len(t.Protocols) > 0 {
		c.MinVersion, c.MaxVersion = tls.VersionTLS13, tls.VersionTLS12
	}
	for _, name := range t.Protocols {
		c.MinVersion = min(c.MinVersion, protocolVersion(name))
		c.MaxVersion = max(c.MaxVersion, protocolVersion(name))
	}
	for _, name := range t.Ciphers {
		c.CipherSuites = append(c.CipherSuites, cipherSuite(name))
	}
}

// protocolsValue is a list of versions.
type protocolsValue struct{ listValue }

func (v protocolsValue) parse(s string) error {
	if err := v.listValue.parse(s); err != nil {
		return err
	}
	for _, name := range *v.at {
		if protocolVersion(name) == 0 {
			return fmt.Errorf("%q is not among the versions that are offered: TLSv1.2, TLSv1.3", name)
		}
	}
	return nil
}

// protocolVersion returns the number of a version, 0 if there is no such. Older ones are broken, and gone.
func protocolVersion(name string) uint16 {
	switch strings.ToLower(name) {
	case "tlsv1.2":
		return tls.VersionTLS12
	case "tlsv1.3":
		return tls.VersionTLS13
	}
	return 0
}

// ciphersValue is a list of cipher suites.
type ciphersValue struct{ listValue }

func (v ciphersValue) parse(s string) error {
	*v.at = strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(":, \t", r) })
	for _, name := range *v.at {
		if cipherSuite(name) == 0 {
			return fmt.Errorf("%q is not a cipher suite of TLS 1.2 that is thought safe", name)
		}
	}
	return nil
}

func (v ciphersValue) String() string { return strings.Join(*v.at, ":") }

// cipherSuite returns the number of a suite by the standard's name or OpenSSL's, 0 if there is no such.
func cipherSuite(name string) uint16 {
	for _, suite := range tls.CipherSuites() {
		if suite.Name == name || opensslName(suite.Name) == name {
			return suite.ID
		}
	}
	return 0
}

// opensslName turns TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 into ECDHE-RSA-AES128-GCM-SHA256.
func opensslName(standard string) string {
	return strings.NewReplacer(
		"TLS_", "", "_WITH_", "-", "AES_128", "AES128", "AES_256", "AES256",
		"POLY1305_SHA256", "POLY1305", "_CBC_SHA", "-SHA", "_", "-",
	).Replace(standard)
}

// This file turns the tls-* settings into a tls.Config, and refuses early what would fail at the first
// connection: a missing key, a certificate that is not one, an authority's file without certificates.

package server

import (
	"crypto/tls"
	"fmt"
	"strings"
)

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

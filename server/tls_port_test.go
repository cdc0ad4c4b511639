// The TLS port of a real process.

package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// certify writes a certificate for name and its key to tls.crt and tls.key in dir.
func certify(t *testing.T, dir, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		"tls.crt": {Type: "CERTIFICATE", Bytes: der}, "tls.key": {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTLSPortBesidePlain: a TLS port speaks TLS and nothing else, also where there is a plain port too.
func TestTLSPortBesidePlain(t *testing.T) {
	dir := t.TempDir()
	certify(t, dir, "lockd")
	ports := freePorts(t, 2)
	launch(t, filepath.Join(dir, "data"), "--port", ports[0], "--tls-port", ports[1],
		"--tls-cert-file", filepath.Join(dir, "tls.crt"), "--tls-key-file", filepath.Join(dir, "tls.key"),
		"--tls-auth-clients", "no")
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	secure, err := tls.DialWithDialer(dialer, "tcp", "127.0.0.1:"+ports[1], &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal("the TLS port does not speak TLS:", err)
	}
	defer secure.Close()
	ping(t, secure, true)
	for i, port := range ports {
		plain, err := dialer.Dial("tcp", "127.0.0.1:"+port)
		if err != nil {
			t.Fatal(err)
		}
		defer plain.Close()
		ping(t, plain, i == 0)
	}
}

// ping sends PING over c, which must be answered or not.
func ping(t *testing.T, c net.Conn, answered bool) {
	t.Helper()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	reply := make([]byte, len("+PONG\r\n"))
	_, err := c.Write([]byte("PING\r\n"))
	if err == nil {
		_, err = c.Read(reply)
	}
	if pong := err == nil && string(reply) == "+PONG\r\n"; pong != answered {
		t.Errorf("PING over %s: %q %v, answered should be %t", c.RemoteAddr(), reply, err, answered)
	}
}

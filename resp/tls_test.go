package resp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"
)

// selfSigned makes a certificate for 127.0.0.1.
func selfSigned(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, IsCA: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// startTLS is start with TLS; it returns how to connect.
func startTLS(t *testing.T, h Handler, change func(*Limits)) (*Server, string, func() net.Conn) {
	t.Helper()
	cert, pool := selfSigned(t)
	limits := DefaultLimits()
	if change != nil {
		change(&limits)
	}
	s := NewServer(h, limits, nil)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		done <- s.ServeTLS(ln, &tls.Config{Certificates: []tls.Certificate{cert}, ClientCAs: pool,
			ClientAuth: tls.VerifyClientCertIfGiven})
	}()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	addr := ln.Addr().String()
	return s, addr, func() net.Conn {
		conn := tls.Client(dial(t, addr), &tls.Config{RootCAs: pool, ServerName: "127.0.0.1",
			Certificates: []tls.Certificate{cert}})
		t.Cleanup(func() { conn.Close() })
		return conn
	}
}

func TestTLS(t *testing.T) {
	release, gone := make(chan struct{}), make(chan string, 1)
	h := parked(release, gone)
	state := make(chan int, 10)
	h.open = func(c *Conn) {
		c.SetTrusted(true)
		if st, ok := c.TLSState(); ok && c.TLS() {
			state <- len(st.PeerCertificates)
		}
	}
	_, addr, connect := startTLS(t, h, func(l *Limits) { l.TLSHandshakeTimeout = 200 * time.Millisecond })
	silent := dial(t, addr) // holds up nobody
	conn := connect()
	more := strings.Repeat(framed("ECHO", "x"), 3000)
	send(t, conn, framed("PARK", "a")+"*1\r\n$4\r\nPI")
	if n := <-state; n != 1 {
		t.Errorf("%d peer certificates", n)
	}
	go func() {
		time.Sleep(10 * time.Millisecond)
		send(t, conn, "NG\r\n"+more)
		release <- struct{}{}
	}()
	expect(t, conn, "$10\r\nreleased a\r\n"+framed("PING")+more)
	send(t, conn, "PARK b\r\n")
	conn.Close()
	if who := <-gone; who != "b" {
		t.Error(who)
	}
	quit := connect()
	send(t, quit, "QUIT\r\n")
	expect(t, quit, "+OK\r\n")
	expectEnd(t, quit)
	expectEnd(t, silent)
}

func TestTLSRefusals(t *testing.T) {
	s, addr, connect := startTLS(t, &scripted{}, func(l *Limits) { l.MaxClients = 1; l.TLSHandshakeTimeout = time.Minute })
	s.SetRefuse(func(net.Addr) (Value, bool) { return Error("DENIED"), true })
	conn := connect()
	expect(t, conn, "-DENIED\r\n")
	expectEnd(t, conn)
	eventually(t, "forgotten", func() bool { return s.Stats().Connected == 0 })
	s.SetRefuse(nil)
	bad := dial(t, addr)
	send(t, bad, "PING\r\n")
	expectEndAfterAlert(t, bad)
	eventually(t, "the bad one forgotten", func() bool { return s.Stats().Connected == 0 })
	silent := dial(t, addr)
	eventually(t, "counted before its handshake", func() bool { return s.Stats().Connected == 1 })
	expectEnd(t, dial(t, addr))
	if n := s.Stats().Refusals["tls-handshake"]; n != 1 {
		t.Errorf("%d bad handshakes", n)
	}
	_ = silent // Close must not wait for its handshake
}

// expectEndAfterAlert reads whatever TLS says to a peer that does not speak it.
func expectEndAfterAlert(t *testing.T, conn net.Conn) {
	t.Helper()
	for b := make([]byte, 100); ; {
		if _, err := conn.Read(b); err != nil {
			if isTimeout(err) {
				t.Fatal(err)
			}
			return
		}
	}
}

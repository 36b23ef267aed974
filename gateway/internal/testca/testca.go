// Package testca makes certificates for the gateway's tests: an authority, a
// server certificate for localhost and one certificate per thing. They are valid
// from 1990 to 2090, so that the fake time of a synctest bubble is inside.
package testca

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
	"sync/atomic"
	"testing"
	"time"
)

// CA is an authority of one test.
type CA struct {
	t      testing.TB
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
	serial atomic.Int64
}

// New makes an authority.
func New(t testing.TB) *CA {
	ca := &CA{t: t, key: newKey(t)}
	ca.serial.Store(0xabc0)
	c := ca.template("test authority")
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, c, c, ca.key.Public(), ca.key)
	if err != nil {
		t.Fatal(err)
	}
	ca.cert, _ = x509.ParseCertificate(der)
	return ca
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (ca *CA) template(cn string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(ca.serial.Add(1)),
		Subject:      pkix.Name{CommonName: cn},
		NotBefore:    time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:     time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
}

func (ca *CA) issue(c *x509.Certificate) tls.Certificate {
	key := newKey(ca.t)
	der, err := x509.CreateCertificate(rand.Reader, c, ca.cert, key.Public(), ca.key)
	if err != nil {
		ca.t.Fatal(err)
	}
	leaf, _ := x509.ParseCertificate(der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// Pool holds the authority.
func (ca *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	return pool
}

// Server is the configuration of a server for localhost that trusts the authority.
func (ca *CA) Server() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{ca.serverCert()}, ClientCAs: ca.Pool()}
}

func (ca *CA) serverCert() tls.Certificate {
	c := ca.template("localhost")
	c.DNSNames, c.IPAddresses = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)}
	return ca.issue(c)
}

// Client is the configuration of a device with this common name.
func (ca *CA) Client(cn string) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{ca.issue(ca.template(cn))}, RootCAs: ca.Pool(), ServerName: "localhost"}
}

// Files writes the server's certificate and key and the authority.
func (ca *CA) Files() (cert, key, authority string) {
	dir, c := ca.t.TempDir(), ca.serverCert()
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		ca.t.Fatal(err)
	}
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			ca.t.Fatal(err)
		}
		return path
	}
	return write("cert.pem", "CERTIFICATE", c.Certificate[0]),
		write("key.pem", "PRIVATE KEY", der),
		write("ca.pem", "CERTIFICATE", ca.cert.Raw)
}

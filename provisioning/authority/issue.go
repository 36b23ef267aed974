package authority

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/wearstream/wearstream/stream/wire"
)

// Files that WriteDevice leaves in a folder.
const (
	DeviceCert = "cert.pem"
	DeviceKey  = "key.pem"
	DeviceCA   = "ca.pem"
)

// Loopback are the names that a development server answers to.
func Loopback() []string { return []string{"localhost", "127.0.0.1", "::1"} }

// IssueServer makes a server's certificate for names and addresses. It is kept
// in memory only: a server makes a new one at every start.
func (a *Authority) IssueServer(names []string) (tls.Certificate, error) {
	if len(names) == 0 {
		return tls.Certificate{}, errors.New("issue server certificate: no name")
	}
	t := &x509.Certificate{
		Subject:     pkix.Name{CommonName: names[0]},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, n)
		}
	}
	cert, key, err := a.issue(t)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("issue server certificate for %q: %w", names[0], err)
	}
	return tls.X509KeyPair(cert, key)
}

// IssueDevice makes a device's certificate and key (PKCS #8), both PEM. Nothing
// of them is kept.
func (a *Authority) IssueDevice(thing string) (cert, key []byte, err error) {
	if !wire.ValidName(thing) {
		return nil, nil, fmt.Errorf("issue device certificate: %q is no name of a thing (1 to %d of A-Z a-z 0-9 . _ : -)", thing, wire.MaxName)
	}
	cert, key, err = a.issue(&x509.Certificate{
		Subject:     pkix.Name{CommonName: thing},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return nil, nil, fmt.Errorf("issue device certificate for %q: %w", thing, err)
	}
	return cert, key, nil
}

// WriteDevice issues a device's certificate into a folder: cert.pem, key.pem
// (0600) and ca.pem. What is there is replaced, the certificate last: a crash in
// between leaves a pair that does not match and that KeepDevice replaces.
func (a *Authority) WriteDevice(thing, outDir string) error {
	cert, key, err := a.IssueDevice(thing)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(outDir, 0o700); err != nil {
		return fmt.Errorf("make folder for %q: %w", thing, err)
	}
	return errors.Join(
		writeFile(filepath.Join(outDir, DeviceCA), certPEM(a.cert.Raw), 0o644),
		writeFile(filepath.Join(outDir, DeviceKey), key, 0o600),
		writeFile(filepath.Join(outDir, DeviceCert), cert, 0o644),
	)
}

// KeepDevice is WriteDevice, unless the folder holds a certificate of this
// authority for the thing that is valid for another day.
func (a *Authority) KeepDevice(thing, dir string) error {
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, DeviceCert), filepath.Join(dir, DeviceKey))
	_, caErr := os.Stat(filepath.Join(dir, DeviceCA))
	if err == nil && caErr == nil && a.valid(pair.Leaf, thing) {
		return nil
	}
	return a.WriteDevice(thing, dir)
}

func (a *Authority) valid(leaf *x509.Certificate, thing string) bool {
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots:       a.Pool(),
		CurrentTime: time.Now().Add(early),
		KeyUsages:   []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	return err == nil && leaf.Subject.CommonName == thing
}

// issue completes the template with what all leaves have and signs it.
func (a *Authority) issue(t *x509.Certificate) (cert, key []byte, err error) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	now := time.Now()
	t.SerialNumber = serial()
	t.NotBefore, t.NotAfter = now.Add(-early), now.Add(leafLife)
	t.KeyUsage = x509.KeyUsageDigitalSignature
	t.BasicConstraintsValid = true
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, &k.PublicKey, a.key)
	if err != nil {
		return nil, nil, err
	}
	key, err = keyPEM(k)
	return certPEM(der), key, err
}

// serial is a random positive number of 128 bits.
func serial() *big.Int {
	b := make([]byte, 16)
	rand.Read(b)
	b[0] |= 0x80 // all 128 bits, and never zero
	return new(big.Int).SetBytes(b)
}

package authority

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func initIn(t *testing.T, dir string) *Authority {
	t.Helper()
	a, err := Init(dir)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestInitMakesOneRoot(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pki")
	if _, err := Open(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open of nothing: %v", err)
	}
	var wg sync.WaitGroup
	roots := make([]*Authority, 8)
	for i := range roots {
		wg.Go(func() { roots[i], _ = Init(dir) })
	}
	wg.Wait()
	opened, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range roots {
		if r == nil || !r.Root().Equal(opened.Root()) {
			t.Fatal("two roots in one folder")
		}
	}
	info, err := os.Stat(filepath.Join(dir, rootKey))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("root key has mode %v, %v", info.Mode(), err)
	}
	if left := time.Until(opened.Root().NotAfter); left < 9*365*24*time.Hour {
		t.Errorf("root is valid for %v", left)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 3 {
		t.Errorf("%d files in the folder: %v", len(entries), entries)
	}
}

// TestInitAfterACrash: a crash leaves what was renamed until then, and
// temporary files.
func TestInitAfterACrash(t *testing.T) {
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "."+rootKey+"-123"), []byte("half a k"), 0o600)
	if _, err := makeRootKey(dir); err != nil { // and no certificate
		t.Fatal(err)
	}
	before, err := os.ReadFile(filepath.Join(dir, rootKey))
	if err != nil {
		t.Fatal(err)
	}
	a := initIn(t, dir)
	after, err := os.ReadFile(filepath.Join(dir, rootKey))
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the key was replaced: %v", err)
	}
	if _, _, err := a.IssueDevice("wrist-1"); err != nil {
		t.Error(err)
	}
	os.Remove(filepath.Join(dir, rootKey))
	if _, err := Init(dir); err == nil || !strings.Contains(err.Error(), "restore the key") {
		t.Errorf("root without its key: %v", err)
	}
}

func TestDeviceCertificate(t *testing.T) {
	a := initIn(t, t.TempDir())
	cert, key, err := a.IssueDevice("wrist-1")
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(key)
	if k, err := x509.ParsePKCS8PrivateKey(block.Bytes); err != nil {
		t.Error(err)
	} else if ec, ok := k.(*ecdsa.PrivateKey); !ok || ec.Curve != elliptic.P256() {
		t.Errorf("key is %T", k)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf := pair.Leaf
	if leaf.Subject.CommonName != "wrist-1" || leaf.IsCA || leaf.SerialNumber.BitLen() != 128 || time.Until(leaf.NotAfter) < 364*24*time.Hour {
		t.Errorf("issued %v, serial of %d bits, until %v", leaf.Subject, leaf.SerialNumber.BitLen(), leaf.NotAfter)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: a.Pool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}); err == nil {
		t.Error("a device can be a server")
	}
	again, _, err := a.IssueDevice("wrist-1")
	if err != nil || bytes.Equal(cert, again) {
		t.Errorf("the same certificate twice, %v", err)
	}
	for _, bad := range []string{"", "a/b", "+", "#", "a b", strings.Repeat("a", 65)} {
		if _, _, err := a.IssueDevice(bad); err == nil {
			t.Errorf("a certificate for %q", bad)
		}
	}
}

func TestHandshake(t *testing.T) {
	a := initIn(t, t.TempDir())
	server, err := a.IssueServer(Loopback())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := a.WriteDevice("wrist-1", dir); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, DeviceKey)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("device key: %v, %v", info.Mode(), err)
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, DeviceCert), filepath.Join(dir, DeviceKey))
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(filepath.Join(dir, DeviceCA))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		t.Fatal("ca.pem holds no certificate")
	}
	for _, name := range append(Loopback(), "example.org") {
		near, far := net.Pipe()
		s := tls.Server(far, &tls.Config{Certificates: []tls.Certificate{server}, ClientCAs: a.Pool(), ClientAuth: tls.RequireAndVerifyClientCert})
		c := tls.Client(near, &tls.Config{RootCAs: pool, ServerName: name, Certificates: []tls.Certificate{pair}})
		var wg sync.WaitGroup
		var serverErr error
		wg.Go(func() { serverErr = s.Handshake(); far.Close() })
		err := c.Handshake()
		near.Close()
		wg.Wait()
		if good := err == nil && serverErr == nil; good != (name != "example.org") {
			t.Errorf("%s: client %v, server %v", name, err, serverErr)
		}
		if name == "localhost" && s.ConnectionState().PeerCertificates[0].Subject.CommonName != "wrist-1" {
			t.Error("the server sees another name")
		}
	}
}

func TestKeepDevice(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		a, out := initIn(t, filepath.Join(dir, "pki")), filepath.Join(dir, "wrist-1")
		keep := func(a *Authority, thing string) []byte {
			t.Helper()
			if err := a.KeepDevice(thing, out); err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(filepath.Join(out, DeviceCert))
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		first := keep(a, "wrist-1")
		if !bytes.Equal(first, keep(a, "wrist-1")) {
			t.Error("a good certificate was replaced")
		}
		os.Remove(filepath.Join(out, DeviceKey)) // as after a crash in WriteDevice
		second := keep(a, "wrist-1")
		if bytes.Equal(first, second) {
			t.Error("a certificate without its key was kept")
		}
		time.Sleep(leafLife - time.Hour)
		third := keep(a, "wrist-1")
		if bytes.Equal(second, third) {
			t.Error("a certificate that ends within the hour was kept")
		}
		if bytes.Equal(third, keep(a, "wrist-2")) {
			t.Error("another thing's certificate was kept")
		}
		other := initIn(t, filepath.Join(dir, "other"))
		if bytes.Equal(third, keep(other, "wrist-2")) {
			t.Error("another authority's certificate was kept")
		}
	})
}

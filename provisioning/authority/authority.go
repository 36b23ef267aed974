package authority

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Files of the folder. RootCert is what clients trust.
const (
	RootCert = "root.pem"
	rootKey  = "root.key"
	lockFile = "lock"
)

// How long certificates are valid, and how long before their making they begin.
const (
	rootLife = 10 * 365 * 24 * time.Hour
	leafLife = 365 * 24 * time.Hour
	early    = 24 * time.Hour
)

// Authority issues certificates from the root of one folder.
type Authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// Init opens the authority of a folder and makes what is missing.
func Init(dir string) (*Authority, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make folder of the authority: %w", err)
	}
	unlock, err := lock(filepath.Join(dir, lockFile))
	if err != nil {
		return nil, err
	}
	defer unlock()
	a, err := Open(dir)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return a, err
	}
	key, err := readKey(filepath.Join(dir, rootKey))
	if errors.Is(err, fs.ErrNotExist) {
		// A root certificate whose key is gone can issue nothing any more; to put
		// another in its place would lock out every device that trusts it.
		if _, err := os.Stat(filepath.Join(dir, RootCert)); err == nil {
			return nil, fmt.Errorf("open authority %s: %s is there but its key %s is not: restore the key, or remove the folder to begin with a new root", dir, RootCert, rootKey)
		}
		key, err = makeRootKey(dir)
	}
	if err != nil {
		return nil, err
	}
	// A crash here leaves the key alone; the next Init goes on from it.
	if err := makeRootCert(dir, key); err != nil {
		return nil, err
	}
	return Open(dir)
}

// Open loads the authority of a folder. The error is fs.ErrNotExist where there
// is none.
func Open(dir string) (*Authority, error) {
	cert, err := readCert(filepath.Join(dir, RootCert))
	if err != nil {
		return nil, hint(err)
	}
	key, err := readKey(filepath.Join(dir, rootKey))
	if err != nil {
		return nil, hint(err)
	}
	if !key.PublicKey.Equal(cert.PublicKey) {
		return nil, fmt.Errorf("%s in %s is not the key of %s", rootKey, dir, RootCert)
	}
	return &Authority{dir, cert, key}, nil
}

// hint says what to do where nothing is there.
func hint(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w (`wearstream certs init` or `wearstream up` makes the authority)", err)
	}
	return err
}

// Root is the certificate that clients and servers trust.
func (a *Authority) Root() *x509.Certificate { return a.cert }

// Pool holds the root alone.
func (a *Authority) Pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

func makeRootKey(dir string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make root key: %w", err)
	}
	p, err := keyPEM(key)
	if err != nil {
		return nil, err
	}
	return key, writeFile(filepath.Join(dir, rootKey), p, 0o600)
}

func makeRootCert(dir string, key *ecdsa.PrivateKey) error {
	now := time.Now()
	t := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{CommonName: "wearstream development root"},
		NotBefore:             now.Add(-early),
		NotAfter:              now.Add(rootLife),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return fmt.Errorf("make root certificate: %w", err)
	}
	return writeFile(filepath.Join(dir, RootCert), certPEM(der), 0o644)
}

// lock waits until no other process makes a root in the folder.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the authority: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock the authority: %w", err)
	}
	return func() { f.Close() }, nil
}

package main

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/wearstream/wearstream/provisioning/authority"
	"github.com/wearstream/wearstream/stream/wire"
)

// certsCmd makes development certificates without provisioning, offline.
type certsCmd struct {
	Init   certsInitCmd   `cmd:"" help:"Make the development authority of a data folder."`
	Server certsServerCmd `cmd:"" help:"Issue a certificate for the gateway: server.pem, server.key in the folder of the authority."`
	Device certsDeviceCmd `cmd:"" help:"Issue a device certificate: cert.pem, key.pem, ca.pem."`
}

type certsInitCmd struct {
	Data string `name:"data" type:"path" default:"${home}" help:"Data folder of wearstream up."`
}

func (certsInitCmd) Help() string {
	return "Example:\n  wearstream certs init --data ./data"
}

// Run makes the authority, or finds it.
func (c *certsInitCmd) Run(e *env) error {
	if _, err := authority.Init(pkiDir(c.Data)); err != nil {
		return err
	}
	root := filepath.Join(pkiDir(c.Data), authority.RootCert)
	if e.json {
		return json.NewEncoder(e.stdout).Encode(map[string]string{"ca": root})
	}
	fmt.Fprintln(e.stdout, root)
	return nil
}

type certsServerCmd struct {
	Names []string `arg:"" optional:"" help:"Host names and addresses beside those of the loopback."`
	Data  string   `name:"data" type:"path" default:"${home}" help:"Data folder of wearstream up."`
}

func (certsServerCmd) Help() string {
	return "Example:\n  wearstream certs server gateway.example --data ./data"
}

// Run issues the certificate.
func (c *certsServerCmd) Run(e *env) error {
	a, err := authority.Init(pkiDir(c.Data))
	if err != nil {
		return err
	}
	cert, key, err := writeServer(a, pkiDir(c.Data), c.Names)
	if err != nil {
		return err
	}
	if e.json {
		return json.NewEncoder(e.stdout).Encode(map[string]string{"cert": cert, "key": key})
	}
	fmt.Fprintf(e.stdout, "%s\n%s\n", cert, key)
	return nil
}

// writeServer issues a certificate for a gateway on this machine and, where they
// are given, under other names.
func writeServer(a *authority.Authority, dir string, names []string) (certFile, keyFile string, err error) {
	cert, err := a.IssueServer(append(authority.Loopback(), names...))
	if err != nil {
		return "", "", err
	}
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		return "", "", err
	}
	var chain []byte
	for _, der := range cert.Certificate {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	certFile, keyFile = filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key")
	return certFile, keyFile, errors.Join(
		os.WriteFile(certFile, chain, 0o644),
		os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), 0o600))
}

type certsDeviceCmd struct {
	Thing string `arg:"" help:"Name of the thing; it becomes the certificate's common name."`
	Data  string `name:"data" type:"path" default:"${home}" help:"Data folder of wearstream up."`
	Out   string `name:"out" type:"path" required:"" help:"Folder for cert.pem, key.pem and ca.pem."`
}

func (certsDeviceCmd) Help() string {
	return "Example:\n  wearstream certs device wrist-0001 --data ./data --out ./wrist-0001"
}

// Run issues the certificate.
func (c *certsDeviceCmd) Run(e *env) error {
	if !wire.ValidName(c.Thing) {
		return usage(fmt.Errorf("thing %q is not 1..64 of A-Z a-z 0-9 . _ : -", c.Thing))
	}
	a, err := authority.Init(pkiDir(c.Data))
	if err != nil {
		return err
	}
	if err := a.WriteDevice(c.Thing, c.Out); err != nil {
		return err
	}
	if e.json {
		return json.NewEncoder(e.stdout).Encode(map[string]string{"thing": c.Thing, "out": c.Out})
	}
	fmt.Fprintln(e.stdout, c.Out)
	return nil
}

func pkiDir(data string) string { return filepath.Join(data, "pki") }

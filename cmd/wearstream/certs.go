package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"

	"github.com/wearstream/wearstream/provisioning/authority"
	"github.com/wearstream/wearstream/stream/wire"
)

// certsCmd makes development certificates without provisioning, offline.
type certsCmd struct {
	Init   certsInitCmd   `cmd:"" help:"Make the development authority of a data folder."`
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

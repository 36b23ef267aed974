package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/wearstream/wearstream/provisioning/authority"
	"github.com/wearstream/wearstream/sink/object"
)

// doctorCmd walks the path of a sample.
type doctorCmd struct {
	Up upCmd `embed:""`

	MQTT  string        `name:"mqtt" help:"Address of the gateway, host:port. Default: that of the running up."`
	CA    string        `name:"ca" type:"path" help:"With --mqtt: certificate of the gateway's authority, PEM."`
	Cert  string        `name:"cert" type:"path" help:"With --mqtt: a device's certificate, PEM. It publishes for its sensor THING/doctor."`
	Key   string        `name:"key" type:"path" help:"With --mqtt: that device's key, PEM."`
	Thing string        `name:"thing" default:"doctor" help:"Name of the device that the canary publishes as."`
	Wait  time.Duration `name:"wait" default:"2m" help:"How long the canary may take to each place."`
}

func (doctorCmd) Help() string {
	return "It looks at each part in the order in which a sample meets them, sends two minutes of generated samples as a device of its own (a canary), and waits for them in ClickHouse, as a window and as an object. " +
		"It stops at the first part that fails and says what to do. Exit status 3: something failed.\n\n" +
		"Examples:\n  wearstream doctor --data ./data\n  wearstream doctor --config wearstream.yaml --mqtt gateway.example:8883 --thing wrist-0001 --ca ca.pem --cert cert.pem --key key.pem"
}

// Run prints a line a part.
func (c *doctorCmd) Run(ctx context.Context, e *env) error {
	probes, err := c.path(e)
	if err != nil {
		return err
	}
	var findings []finding
	for _, p := range probes {
		f := p.try(ctx)
		findings = append(findings, f)
		if !e.json {
			f.print(e.stdout)
		}
		if f.State == fails {
			break
		}
	}
	if e.json {
		if err := json.NewEncoder(e.stdout).Encode(map[string]any{"checks": findings, "not_tried": len(probes) - len(findings)}); err != nil {
			return err
		}
	}
	switch last := findings[len(findings)-1]; {
	case ctx.Err() != nil:
		return ctx.Err()
	case last.State == fails:
		return coded(exitFound, fmt.Errorf("%s fails; %d further parts were not tried", last.What, len(probes)-len(findings)))
	}
	return nil
}

// path lists the probes in the order in which a sample meets the parts.
func (c *doctorCmd) path(e *env) ([]probe, error) {
	at, err := readEndpoints(c.Up.Data)
	if err != nil && c.MQTT == "" {
		return nil, err
	}
	parts := c.Up.probes(e) // fills in what the running up says
	walk := []probe{{what: "clock", at: "this machine", ask: clock, mend: "start chrony or systemd-timesyncd"}}
	if at != nil {
		walk = append(walk,
			probe{what: "files", at: at.Data, ask: func(context.Context) (string, error) { return disk(at.Data) }, mend: "free space, or move the folder and give --data"},
			probe{what: "services", at: at.Admin, ask: func(ctx context.Context) (string, error) { return readyz(ctx, at.Admin) }, mend: "mend what it names; the log of `wearstream up` says more"})
	}
	y, err := c.canary(at)
	if err != nil {
		return nil, err
	}
	walk = append(walk, probe{what: "gateway", at: y.addr, ask: y.handshake, mend: "look at --mqtt.listen, --mqtt.tls_cert and the firewall; `wearstream certs` makes development certificates"})
	walk = append(walk, parts...)
	walk = append(walk, probe{what: "objects", at: c.Up.Objects.Objects, ask: func(ctx context.Context) (string, error) { return conditional(ctx, c.Up.Objects.Objects, y.cell) },
		mend: "use a store that keeps If-None-Match; without it two writers could both win"})
	return append(walk, y.probes(c.Wait)...), nil
}

// disk warns before a folder is full or open to others.
func disk(dir string) (string, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return "", err
	}
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return "", fmt.Errorf("look at the disk of %s: %w", dir, err)
	}
	free, all := fs.Bavail*uint64(fs.Bsize), fs.Blocks*uint64(fs.Bsize)
	text := fmt.Sprintf("%.1f of %.1f GB free", float64(free)/1e9, float64(all)/1e9)
	switch {
	case free < 100<<20:
		return "", fmt.Errorf("%s: nothing can be stored", text)
	case free < all/20:
		return "", warning{error: errors.New(text)}
	case info.Mode().Perm()&0o077 != 0:
		return "", warning{error: fmt.Errorf("others can read it: chmod 700 %s", dir)}
	}
	return text, nil
}

// readyz is what the parts say of themselves.
func readyz(ctx context.Context, admin string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, admin+"/readyz", nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(string(body))
	}
	return "all are ready", err
}

// conditional puts an object twice; the second must be refused.
func conditional(ctx context.Context, place, cell string) (string, error) {
	store, err := object.Open(place)
	if err != nil {
		return "", err
	}
	key := cell + "/doctor/" + time.Now().UTC().Format(time.DateOnly)
	put := func() error {
		return store.Put(ctx, key, []byte("wearstream doctor\n"), sha256.Sum256([]byte("wearstream doctor\n")), nil)
	}
	if err := put(); err != nil && !errors.Is(err, object.ErrExists) {
		return "", err
	}
	if err := put(); !errors.Is(err, object.ErrExists) {
		return "", fmt.Errorf("a second object took the place of the first (%v)", err)
	}
	body, err := store.Get(ctx, key, 0, -1)
	if err == nil && string(body) != "wearstream doctor\n" {
		err = fmt.Errorf("%s reads back as %q", key, body)
	}
	return "written once, read back", err
}

// handshake dials the gateway as a device does and looks at the certificates.
func (y *canary) handshake(ctx context.Context) (string, error) {
	pool := x509.NewCertPool()
	if pem, err := os.ReadFile(y.ca); err != nil {
		return "", err
	} else if !pool.AppendCertsFromPEM(pem) {
		return "", fmt.Errorf("no certificate in %s", y.ca)
	}
	cert, err := tls.LoadX509KeyPair(y.cert, y.key)
	if err != nil {
		return "", err
	}
	dialer := tls.Dialer{Config: &tls.Config{RootCAs: pool, ServerName: y.serverName, Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}}
	conn, err := dialer.DialContext(ctx, "tcp", y.addr)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	server := conn.(*tls.Conn).ConnectionState().PeerCertificates[0]
	days := func(c *x509.Certificate) int { return int(time.Until(c.NotAfter).Hours() / 24) }
	text := fmt.Sprintf("TLS; days left: gateway %d, device %d", days(server), days(cert.Leaf))
	if min(days(server), days(cert.Leaf)) < 7 {
		return "", warning{error: errors.New(text)}
	}
	return text, nil
}

// credentials are those of the running up's development authority, or what was
// given.
func (c *doctorCmd) credentials(at *endpoints) (cert, key, ca string, err error) {
	if c.MQTT != "" {
		return c.Cert, c.Key, c.CA, nil
	}
	a, err := authority.Open(pkiDir(at.Data))
	if err != nil {
		return "", "", "", err
	}
	dir := filepath.Join(at.Data, "replay", c.Thing)
	if _, err := os.Stat(filepath.Join(dir, authority.DeviceCert)); errors.Is(err, os.ErrNotExist) {
		if err := a.WriteDevice(c.Thing, dir); err != nil {
			return "", "", "", err
		}
	}
	return filepath.Join(dir, authority.DeviceCert), filepath.Join(dir, authority.DeviceKey), at.CA, nil
}

package gateway

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/wearstream/wearstream/gateway/ingest"
)

// Config is the part of the configuration that is named mqtt.
type Config struct {
	Listen   string        `name:"listen" default:"127.0.0.1:8883" help:"Address of the device port (MQTT over TLS)."`
	TLSCert  string        `name:"tls_cert" help:"File with the server's certificate chain, PEM." placeholder:"FILE"`
	TLSKey   string        `name:"tls_key" help:"File with the server's private key, PEM." placeholder:"FILE"`
	ClientCA string        `name:"client_ca" help:"File with the authorities that sign device certificates, PEM." placeholder:"FILE"`
	Tick     time.Duration `name:"tick" default:"5s" help:"Interval of the ticks written to every partition of the device topic."`
	Window   int           `name:"window" default:"64" help:"Messages in flight per connection; then it is not read."`
	Budget   int64         `name:"budget" default:"134217728" help:"Bytes in flight of all connections; then none is read."`
	Grace    time.Duration `name:"grace" default:"5s" help:"Time for messages in flight at shutdown."`
}

// Validate reports all that is wrong, each with its flag.
func (c *Config) Validate() error {
	var faults []error
	fault := func(flag, format string, args ...any) {
		faults = append(faults, fmt.Errorf("--mqtt.%s: "+format, append([]any{flag}, args...)...))
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		fault("listen", "%w", err)
	}
	for _, f := range []struct{ flag, file string }{{"tls_cert", c.TLSCert}, {"tls_key", c.TLSKey}, {"client_ca", c.ClientCA}} {
		if f.file == "" {
			fault(f.flag, "name a PEM file; for development, wearstream certs init makes one")
		}
	}
	if c.Tick < 100*time.Millisecond || c.Tick > ingest.MaxTick {
		fault("tick", "%s is not in 100ms..%s", c.Tick, ingest.MaxTick)
	}
	if c.Window < 1 || c.Window > 65_535 {
		fault("window", "%d is not in 1..65535", c.Window)
	}
	if c.Budget < 2<<20 {
		fault("budget", "%d bytes, at least 2 MiB", c.Budget)
	}
	if c.Grace < 0 {
		fault("grace", "%s is negative", c.Grace)
	}
	return errors.Join(faults...)
}

// tls reads the files, and answers the certificates in them too.
func (c *Config) tls() (*tls.Config, []*x509.Certificate, error) {
	cert, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
	if err != nil {
		return nil, nil, fmt.Errorf("load certificate --mqtt.tls_cert %q with key --mqtt.tls_key %q: %w", c.TLSCert, c.TLSKey, err)
	}
	text, err := os.ReadFile(c.ClientCA)
	if err != nil {
		return nil, nil, fmt.Errorf("load authorities --mqtt.client_ca: %w", err)
	}
	pool, certs := x509.NewCertPool(), []*x509.Certificate{cert.Leaf}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		ca, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, nil, fmt.Errorf("load authorities --mqtt.client_ca %q: %w", c.ClientCA, err)
		}
		pool.AddCert(ca)
		certs = append(certs, ca)
	}
	if len(certs) == 1 {
		return nil, nil, fmt.Errorf("load authorities --mqtt.client_ca %q: no PEM certificate in it", c.ClientCA)
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}, ClientCAs: pool}, certs, nil
}

package bridge

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/wearstream/wearstream/gateway/ingest"
)

// Config is the part of the configuration that is named bridge.
type Config struct {
	Broker   string        `name:"broker" help:"The MQTT broker: mqtts://HOST:PORT, or mqtt://HOST:PORT where the way to it is safe." placeholder:"URL"`
	ClientID string        `name:"client_id" help:"Client id: this member's alone and the same for ever, for the broker keeps under it what waits." placeholder:"NAME"`
	Group    string        `name:"group" default:"wearstream" help:"Group of the shared subscription. Empty: a plain subscription, for a single member."`
	TLSCA    string        `name:"tls_ca" help:"File with the authorities that sign the broker's certificate, PEM. Default: the system's." placeholder:"FILE"`
	TLSCert  string        `name:"tls_cert" help:"File with the client certificate, PEM." placeholder:"FILE"`
	TLSKey   string        `name:"tls_key" help:"File with its private key, PEM." placeholder:"FILE"`
	Dropped  string        `name:"dropped_topic" default:"$SYS/broker/publish/messages/dropped" help:"Topic on which the broker says how many messages it dropped. Empty: it has none (AWS IoT Core)."`
	Tick     time.Duration `name:"tick" default:"5s" help:"Interval of the ticks written to every partition of the device topic."`
	Budget   int64         `name:"budget" default:"134217728" help:"Bytes in flight; then the broker is not read."`
	Grace    time.Duration `name:"grace" default:"5s" help:"Time for messages in flight at shutdown."`
}

// Validate reports all that is wrong, each with its flag.
func (c *Config) Validate() error {
	var faults []error
	fault := func(flag, format string, args ...any) {
		faults = append(faults, fmt.Errorf("--bridge.%s: "+format, append([]any{flag}, args...)...))
	}
	u, err := url.Parse(c.Broker)
	if err != nil || u.Port() == "" || u.Scheme != "mqtts" && u.Scheme != "mqtt" {
		fault("broker", "%q is not mqtts://HOST:PORT or mqtt://HOST:PORT", c.Broker)
	} else if u.Scheme == "mqtt" && c.TLSCA+c.TLSCert+c.TLSKey != "" {
		fault("broker", "mqtt:// uses no certificates; did you mean mqtts://%s?", u.Host)
	}
	if c.ClientID == "" || len(c.ClientID) > 128 {
		fault("client_id", "%q: give 1..128 characters, this member's alone and the same at every start", c.ClientID)
	}
	if strings.ContainsAny(c.Group, "/+#") {
		fault("group", "%q holds one of / + #", c.Group)
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		fault("tls_cert", "a certificate needs its --bridge.tls_key and the reverse")
	}
	if c.Tick < 100*time.Millisecond || c.Tick > ingest.MaxTick {
		fault("tick", "%s is not in 100ms..%s", c.Tick, ingest.MaxTick)
	}
	if c.Budget < 2<<20 {
		fault("budget", "%d bytes, at least 2 MiB", c.Budget)
	}
	if c.Grace < 0 {
		fault("grace", "%s is negative", c.Grace)
	}
	return errors.Join(faults...)
}

// filter is what is subscribed to for one of the topics of a thing.
func (c *Config) filter(name string) string {
	filter := ingest.Prefix + "+/" + name
	if c.Group != "" {
		filter = "$share/" + c.Group + "/" + filter
	}
	return filter
}

// address is the broker's host and port, and how to speak TLS with it; nil: not.
// The files are read each time, so that a renewed certificate is used.
func (c *Config) address() (string, *tls.Config, error) {
	u, err := url.Parse(c.Broker)
	if err != nil || u.Scheme == "mqtt" {
		return u.Host, nil, err
	}
	t := &tls.Config{ServerName: u.Hostname()}
	if c.TLSCert != "" {
		cert, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
		if err != nil {
			return "", nil, fmt.Errorf("load certificate --bridge.tls_cert %q with key --bridge.tls_key %q: %w", c.TLSCert, c.TLSKey, err)
		}
		t.Certificates = []tls.Certificate{cert}
	}
	if c.TLSCA != "" {
		pem, err := os.ReadFile(c.TLSCA)
		if err != nil {
			return "", nil, fmt.Errorf("load authorities --bridge.tls_ca: %w", err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return "", nil, fmt.Errorf("load authorities --bridge.tls_ca %q: no PEM certificate in it", c.TLSCA)
		}
	}
	return u.Host, t, nil
}

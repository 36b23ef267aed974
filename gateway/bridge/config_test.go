package bridge

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestConfig(t *testing.T) {
	good := Config{Broker: "mqtts://broker:8883", ClientID: "b1", Group: "g", Tick: 5 * time.Second, Budget: 128 << 20, Grace: time.Second}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	bad := Config{Broker: "broker:8883", Group: "a/b", TLSCert: "c.pem", Tick: time.Minute, Budget: 1, Grace: -1}
	err := bad.Validate()
	for _, flag := range []string{"broker", "client_id", "group", "tls_cert", "tick", "budget", "grace"} {
		if err == nil || !strings.Contains(err.Error(), "--bridge."+flag+":") {
			t.Errorf("no fault of --bridge.%s in %v", flag, err)
		}
	}
	for _, broker := range []string{"", "mqtts://broker", "tcp://broker:1883", "mqtt://broker:1883", "%"} {
		c := good
		c.Broker, c.TLSCA = broker, "ca.pem"
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "--bridge.broker:") {
			t.Errorf("%q: %v", broker, err)
		}
	}
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, change := range []func(*Config){
		func(c *Config) { c.TLSCA = empty },
		func(c *Config) { c.TLSCA = empty + "no" },
		func(c *Config) { c.TLSCert, c.TLSKey = empty, empty },
	} {
		c := good
		change(&c)
		if _, err := New(c, Deps{Cell: cell}); err == nil || !strings.Contains(err.Error(), "--bridge.") {
			t.Errorf("New with a bad file: %v", err)
		}
	}
	if got := good.filter("status"); got != "$share/g/dt/wear/v1/+/status" {
		t.Error(got)
	}
	good.Group = ""
	if got := good.filter("status"); got != "dt/wear/v1/+/status" {
		t.Error(got)
	}
}

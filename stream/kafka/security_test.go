package kafka

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/wearstream/wearstream/deploy/local/parts"
	"github.com/wearstream/wearstream/stream/kafka/kafkatest"
)

// mutual and password are the two secured listeners of Apache Kafka.
func mutual(t *testing.T) Config {
	t.Helper()
	pki := kafkatest.Setting(t, "WEARSTREAM_TEST_KAFKA_PKI")
	return Config{Brokers: strings.Split(parts.KafkaTLS.Need(t), ","), Security: Security{
		CA: filepath.Join(pki, "ca.pem"), Cert: filepath.Join(pki, "client/cert.pem"), Key: filepath.Join(pki, "client/key.pem"),
	}}
}

func password(t *testing.T) Config {
	t.Helper()
	return Config{Brokers: strings.Split(parts.KafkaSASL.Need(t), ","), Security: Security{
		CA:   filepath.Join(kafkatest.Setting(t, "WEARSTREAM_TEST_KAFKA_PKI"), "ca.pem"),
		User: kafkatest.Setting(t, "WEARSTREAM_TEST_KAFKA_USER"), PasswordFile: kafkatest.Setting(t, "WEARSTREAM_TEST_KAFKA_PASSWORD_FILE"),
	}}
}

// TestSecured: groups, sessions, transactions and history go over every way into
// a cluster that is not open to all.
func TestSecured(t *testing.T) {
	for name, cfg := range map[string]func(*testing.T) Config{
		"TLS": mutual, "SCRAM-SHA-512": password,
		"SCRAM-SHA-256": func(t *testing.T) Config { c := password(t); c.Scram = 256; return c },
	} {
		t.Run(name, func(t *testing.T) {
			on := func(t *testing.T) *testLog {
				l := apache(t)
				l.cfg = cfg(t)
				return l
			}
			t.Run("group over transactions", func(t *testing.T) { testGroupOverTransactions(t, on(t)) })
			t.Run("session", func(t *testing.T) { testSessionRollback(t, on(t)) })
		})
	}
}

// TestNotLetIn: what a client meets that is not let in says what to do, soon.
func TestNotLetIn(t *testing.T) {
	plain := Config{Brokers: kafkatest.Brokers(t)}
	open := func(c Config) Config { return Config{Brokers: c.Brokers} }
	stranger, strangerKey := selfSigned(t)
	wrong := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(wrong, []byte("sesame\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	with := func(c Config, change func(*Config)) Config { change(&c); return c }
	for name, c := range map[string]struct {
		cfg  Config
		says []string
	}{
		"no certificate":      {with(mutual(t), func(c *Config) { c.Cert, c.Key = "", "" }), []string{"give kafka.cert and kafka.key"}},
		"another certificate": {with(mutual(t), func(c *Config) { c.Cert, c.Key = stranger, strangerKey }), []string{"refuses the certificate in " + stranger}},
		"another authority":   {with(mutual(t), func(c *Config) { c.CA = stranger }), []string{"see kafka.ca", stranger}},
		"no authority":        {with(mutual(t), func(c *Config) { c.CA, c.TLS = "", true }), []string{"give it as kafka.ca"}},
		"plain to TLS":        {open(mutual(t)), []string{"speaks TLS", "kafka.ca"}},
		"plain to SCRAM":      {open(password(t)), []string{"speaks TLS", "kafka.ca"}},
		"TLS to plain":        {with(plain, func(c *Config) { c.TLS = true }), []string{"does not speak TLS", "kafka.brokers"}},
		"no user":             {with(password(t), func(c *Config) { c.User = "" }), []string{"give kafka.user and kafka.password_file"}},
		"wrong password":      {with(password(t), func(c *Config) { c.PasswordFile = wrong }), []string{"refuses user wearstream", "kafka.password_file", wrong, "512"}},
		"unknown user":        {with(password(t), func(c *Config) { c.User = "nobody" }), []string{"refuses user nobody", "kafka.user"}},
		"user to TLS":         {with(mutual(t), func(c *Config) { c.User, c.PasswordFile = "wearstream", wrong }), []string{"asks for no user", "kafka.brokers"}},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 9*time.Second)
			defer cancel()
			err := c.cfg.Reach(ctx)
			for _, say := range c.says {
				if err == nil || !strings.Contains(err.Error(), say) {
					t.Errorf("%v does not say %q", err, say)
				}
			}
			if err != nil && strings.Contains(err.Error(), "sesame") {
				t.Errorf("%v tells the password", err)
			}
			t.Log(err)
		})
	}
}

// TestRenewed: certificates and passwords that are renewed in place are used
// from the next connection on, by clients that run.
func TestRenewed(t *testing.T) {
	put := func(to, from string) {
		t.Helper()
		b, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(to, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	old, oldKey := selfSigned(t)
	c := mutual(t)
	cert, key := c.Cert, c.Key
	c.Cert, c.Key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	put(c.Cert, old)
	put(c.Key, oldKey)
	cl := (&testLog{cfg: c}).client(t)
	if err := cl.Ping(t.Context()); err == nil {
		t.Fatal("a stranger is let in")
	}
	put(c.Cert, cert)
	put(c.Key, key)
	if err := cl.Ping(t.Context()); err != nil {
		t.Errorf("with the new certificate: %v", err)
	}

	c = password(t)
	right := c.PasswordFile
	c.PasswordFile = filepath.Join(t.TempDir(), "password")
	put(c.PasswordFile, old)
	cl = (&testLog{cfg: c}).client(t)
	if err := cl.Ping(t.Context()); !errors.Is(err, kerr.SaslAuthenticationFailed) {
		t.Fatalf("with a wrong password: %v", err)
	}
	put(c.PasswordFile, right)
	if err := cl.Ping(t.Context()); err != nil {
		t.Errorf("with the new password: %v", err)
	}
}

func selfSigned(t *testing.T) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func TestConfigValidates(t *testing.T) {
	cert, key := selfSigned(t)
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		cfg  Config
		says []string // none: it holds
	}{
		{Config{Brokers: []string{"k:9092"}}, nil},
		{Config{Brokers: []string{"k:9092"}, Security: Security{TLS: true, CA: cert, Cert: cert, Key: key, User: "u", PasswordFile: key, Scram: 256}}, nil},
		{Config{Brokers: []string{"127.0.0.1:1", "localhost:1", "[::1]:1"}, Security: Security{User: "u", PasswordFile: key}}, nil},
		{Config{}, []string{"kafka.brokers"}},
		{Config{Brokers: []string{"k:9092", "127.0.0.1:1"}, Security: Security{User: "u", PasswordFile: key}}, []string{"kafka.user", "by TLS only", "kafka.tls"}},
		{Config{Brokers: []string{"k"}, Security: Security{CA: "/none", User: "u", Scram: 1}}, []string{`"k"`, "kafka.ca", "/none", "kafka.password_file", "kafka.scram"}},
		{Config{Brokers: []string{"k:1"}, Security: Security{CA: empty, PasswordFile: empty}}, []string{"kafka.ca", "holds no certificate", "kafka.user"}},
		{Config{Brokers: []string{"k:1"}, Security: Security{TLS: true, User: "u", PasswordFile: empty}}, []string{"is empty"}},
		{Config{Brokers: []string{"k:1"}, Security: Security{Cert: cert}}, []string{"kafka.key"}},
		{Config{Brokers: []string{"k:1"}, Security: Security{Key: key}}, []string{"kafka.cert"}},
		{Config{Brokers: []string{"k:1"}, Security: Security{Cert: key, Key: cert}}, []string{"kafka.cert"}},
	} {
		err := c.cfg.Validate()
		if (err == nil) != (len(c.says) == 0) {
			t.Errorf("%+v: %v", c.cfg, err)
		}
		for _, say := range c.says {
			if err == nil || !strings.Contains(err.Error(), say) {
				t.Errorf("%+v: %v does not say %q", c.cfg, err, say)
			}
		}
	}
}

package kafka

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// Security says how a client knows the brokers, and they it. Files are read at
// every connection: what is renewed in place holds from the next one on.
type Security struct {
	TLS          bool   `name:"tls" json:"tls,omitempty" help:"Use TLS; brokers are known by the system's authorities unless kafka.ca is given."`
	CA           string `name:"ca" json:"ca,omitempty" type:"path" placeholder:"FILE" help:"File with the authorities of the brokers' certificates, PEM. Means TLS."`
	Cert         string `name:"cert" json:"cert,omitempty" type:"path" placeholder:"FILE" help:"File with the client certificate, PEM. Means TLS."`
	Key          string `name:"key" json:"key,omitempty" type:"path" placeholder:"FILE" help:"File with its key, PEM."`
	User         string `name:"user" json:"user,omitempty" placeholder:"NAME" help:"User of SASL/SCRAM."`
	PasswordFile string `name:"password_file" json:"password_file,omitempty" type:"path" placeholder:"FILE" help:"File that holds the user's password."`
	Scram        int    `name:"scram" json:"scram,omitempty" enum:"256,512" default:"512" help:"SCRAM-SHA-256 or SCRAM-SHA-512."`
}

// Given reports whether anything was said.
func (s Security) Given() bool {
	return s.encrypts() || s.Key != "" || s.User != "" || s.PasswordFile != ""
}

func (s Security) encrypts() bool { return s.TLS || s.CA != "" || s.Cert != "" }

// validate joins all faults, files that cannot be used among them.
func (s Security) validate(brokers []string) error {
	var errs []error
	switch {
	case (s.Cert == "") != (s.Key == ""):
		errs = append(errs, errors.New("kafka.cert, kafka.key: give both, or none"))
	case s.encrypts():
		_, err := s.tls("")
		errs = append(errs, err)
	}
	switch {
	case (s.User == "") != (s.PasswordFile == ""):
		errs = append(errs, errors.New("kafka.user, kafka.password_file: give both, or none"))
	case s.User != "":
		_, err := s.password()
		errs = append(errs, err)
		// Whoever listens to SCRAM can guess the password at leisure, and whoever is
		// in between can go on in the user's name.
		if !s.encrypts() && !loopback(brokers) {
			errs = append(errs, errors.New("kafka.user: a password goes to brokers on other machines by TLS only; give kafka.tls, or kafka.ca with the brokers' authorities"))
		}
	}
	if s.scram() != 256 && s.scram() != 512 {
		errs = append(errs, fmt.Errorf("kafka.scram: %d is neither 256 nor 512", s.Scram))
	}
	return errors.Join(errs...)
}

func loopback(brokers []string) bool {
	for _, b := range brokers {
		host, _, _ := net.SplitHostPort(b)
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return false
		}
	}
	return true
}

func (s Security) options() []kgo.Opt {
	var opts []kgo.Opt
	if s.encrypts() {
		opts = append(opts, kgo.Dialer(s.dial))
	}
	if s.User != "" {
		opts = append(opts, kgo.SASL(s.mechanism()))
	}
	return opts
}

func (s Security) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	cfg, err := s.tls(host)
	if err != nil {
		return nil, err
	}
	d := tls.Dialer{NetDialer: &net.Dialer{Timeout: dialTimeout}, Config: cfg}
	return d.DialContext(ctx, network, addr)
}

// tls reads the files.
func (s Security) tls(host string) (*tls.Config, error) {
	cfg := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if s.CA != "" {
		pem, err := os.ReadFile(s.CA)
		if err != nil {
			return nil, fmt.Errorf("kafka.ca: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("kafka.ca: %s holds no certificate in PEM", s.CA)
		}
	}
	if s.Cert != "" {
		pair, err := tls.LoadX509KeyPair(s.Cert, s.Key)
		if err != nil {
			return nil, fmt.Errorf("kafka.cert, kafka.key: %w", err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}

// scram is the width of the hash: 512 unless said.
func (s Security) scram() int { return cmp.Or(s.Scram, 512) }

func (s Security) password() (string, error) {
	b, err := os.ReadFile(s.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("kafka.password_file: %w", err)
	}
	password := strings.TrimRight(string(b), "\r\n")
	if password == "" {
		return "", fmt.Errorf("kafka.password_file: %s is empty", s.PasswordFile)
	}
	return password, nil
}

func (s Security) mechanism() sasl.Mechanism {
	auth := func(context.Context) (scram.Auth, error) {
		password, err := s.password()
		return scram.Auth{User: s.User, Pass: password}, err
	}
	if s.scram() == 256 {
		return scram.Sha256(auth)
	}
	return scram.Sha512(auth)
}

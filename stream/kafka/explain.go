package kafka

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Explain adds to what a client met on its way into the cluster what a person can
// do about it.
func (c Config) Explain(err error) error {
	if advice := c.advice(err); advice != "" {
		return fmt.Errorf("%s (%w)", advice, err)
	}
	return err
}

func (c Config) advice(err error) string {
	remote, _ := errors.AsType[*net.OpError](err)
	_, eof := errors.AsType[*kgo.ErrFirstReadEOF](err)
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case err == nil:
	case untrusted:
		return c.untrusted(err)
	case remote != nil && remote.Op == "remote error" && c.Cert == "":
		return "the broker ended TLS, as it does where it asks for a client certificate: give kafka.cert and kafka.key"
	case remote != nil && remote.Op == "remote error":
		return "the broker refuses the certificate in " + c.Cert + ": is it of an authority that the broker knows, and in force? See kafka.cert"
	case !c.encrypts() && (eof || strings.Contains(err.Error(), "tls alert record")):
		return "the broker speaks TLS at this address: give kafka.ca with its authorities, or kafka.tls where the system knows them"
	case eof && strings.Contains(err.Error(), "SASL is required"):
		return "the broker asks for a user at this address: give kafka.user and kafka.password_file"
	case eof:
		return "the broker does not speak TLS at this address: name the port that does in kafka.brokers, or leave kafka.tls, kafka.ca and kafka.cert out"
	case errors.Is(err, kerr.SaslAuthenticationFailed):
		return fmt.Sprintf("the broker refuses user %s with the password in %s: see kafka.user, kafka.password_file, and whether the user exists for kafka.scram %d", c.User, c.PasswordFile, c.scram())
	case errors.Is(err, kerr.UnsupportedSaslMechanism):
		return fmt.Sprintf("the broker does not offer SCRAM-SHA-%d: give the other kafka.scram", c.scram())
	case errors.Is(err, kerr.IllegalSaslState):
		return "the broker asks for no user at this address: name the port that does in kafka.brokers, or leave kafka.user out"
	case errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, kerr.GroupAuthorizationFailed),
		errors.Is(err, kerr.ClusterAuthorizationFailed), errors.Is(err, kerr.TransactionalIDAuthorizationFailed):
		return "the broker knows who this is and does not allow it: see the cluster's ACLs"
	}
	return ""
}

func (c Config) untrusted(err error) string {
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "the broker's certificate names another host: use its names in kafka.brokers and in the brokers' advertised.listeners"
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); !ok {
		return "the broker's certificate does not hold"
	}
	if c.CA == "" {
		return "the system does not know the authority of the broker's certificate: give it as kafka.ca"
	}
	return "no authority in " + c.CA + " has signed the broker's certificate: see kafka.ca"
}

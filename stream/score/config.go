package score

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"
)

// Config says whom to ask about what.
type Config struct {
	URL         string          `name:"url" placeholder:"URL" help:"Address of the model's service: https://HOST/PATH, or http. It is asked from here, with the pseudonyms of participants in the rows, so name only what is yours."`
	Window      []time.Duration `name:"window" default:"60s" help:"Lengths of the windows to score: 5s, 60s, 900s."`
	Algo        string          `name:"algo" default:"core.v1@" help:"Score windows whose algo begins like this: a set with its @, and what else of its version is to be the same. A scorer is of one set."`
	Study       []string        `name:"study" placeholder:"STUDY" help:"Score windows of these studies. Default: all windows, also those of no study."`
	OnRefusal   string          `name:"on-refusal" enum:"halt,skip" default:"halt" help:"When the model refuses rows (400, 413, 422): halt the partition until it takes them, or skip them, which is recorded in score_calls."`
	Timeout     time.Duration   `name:"score.timeout" default:"30s" help:"How long an answer may take; then the same is asked again."`
	AnswerBytes int64           `name:"score.answer_bytes" default:"16777216" help:"The most bytes of an answer."`
	TokenFile   string          `name:"score.token_file" type:"path" placeholder:"FILE" help:"File with a token for the service (Authorization: Bearer), read at every request."`
	CA          string          `name:"score.ca" type:"path" placeholder:"FILE" help:"Authorities of the service's certificate, PEM. Default: the system's."`
	Cert        string          `name:"score.cert" type:"path" placeholder:"FILE" help:"Client certificate for the service, PEM, read at every connection."`
	Key         string          `name:"score.key" type:"path" placeholder:"FILE" help:"Its key, PEM."`
}

// What OnRefusal may be.
const (
	refusalHalt = "halt"
	refusalSkip = "skip"
)

var oneSet = regexp.MustCompile(`^[^@]+@`)

// Validate joins all faults, files that cannot be used among them.
func (c Config) Validate() error {
	var errs []error
	u, err := url.Parse(c.URL)
	switch {
	case c.URL == "":
		errs = append(errs, errors.New("url: give the address of the model's service, as in --url http://127.0.0.1:8000/score"))
	case err != nil:
		errs = append(errs, errors.New("url: it is not a URL")) // the error would repeat a password
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		errs = append(errs, errors.New("url: the scheme must be http or https, and a host must follow"))
	case u.User != nil:
		errs = append(errs, errors.New("url: it holds a user; give a token by --score.token_file"))
	case c.TokenFile != "" && u.Scheme == "http" && !loopback(u.Hostname()):
		errs = append(errs, errors.New("score.token_file: a token goes to other machines by https only"))
	}
	// Answers name windows by sensor, start and length: of two sets one would be lost.
	if !oneSet.MatchString(c.Algo) {
		errs = append(errs, fmt.Errorf("algo: %q is not one set; name one with its @, as in --algo core.v1@, and another in a scorer of another --name", c.Algo))
	}
	if len(c.Window) == 0 {
		errs = append(errs, errors.New("window: give at least one length"))
	}
	if c.OnRefusal != refusalHalt && c.OnRefusal != refusalSkip {
		errs = append(errs, fmt.Errorf("on-refusal: %q is neither halt nor skip", c.OnRefusal))
	}
	if c.Timeout <= 0 {
		errs = append(errs, fmt.Errorf("score.timeout: %s is not above zero", c.Timeout))
	}
	if c.AnswerBytes < 1024 || c.AnswerBytes > 256<<20 {
		errs = append(errs, fmt.Errorf("score.answer_bytes: %d is not in 1024..%d", c.AnswerBytes, 256<<20))
	}
	if _, err := c.token(); err != nil {
		errs = append(errs, err)
	}
	if _, err := c.transport(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// token is the token now; empty without a file.
func (c Config) token() (string, error) {
	if c.TokenFile == "" {
		return "", nil
	}
	text, err := os.ReadFile(c.TokenFile)
	if err != nil {
		return "", fmt.Errorf("score.token_file: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", errors.New("score.token_file: it must hold one line of visible ASCII")
	}
	return token, nil
}

func (c Config) transport() (*http.Transport, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DisableCompression = true // the bound of an answer is one of its bytes
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CA != "" {
		pem, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, fmt.Errorf("score.ca: %w", err)
		}
		t.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !t.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("score.ca: no certificate in %s", c.CA)
		}
	}
	if (c.Cert == "") != (c.Key == "") {
		return nil, errors.New("score.cert, score.key: give both, or none")
	}
	if c.Cert != "" {
		pair := func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			cert, err := tls.LoadX509KeyPair(c.Cert, c.Key)
			if err != nil {
				return nil, fmt.Errorf("score.cert, score.key: %w", err)
			}
			return &cert, nil
		}
		if _, err := pair(nil); err != nil {
			return nil, err
		}
		t.TLSClientConfig.GetClientCertificate = pair
	}
	return t, nil
}

package replay

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/wearstream/wearstream/provisioning/authority"
)

const (
	keepAlive      = 30 * time.Second
	connectTimeout = 10 * time.Second // dial, TLS, CONNACK
	writeTimeout   = 10 * time.Second
)

// ErrUnreachable is in the error of a device that found no gateway for as long
// as Patience lasts.
var ErrUnreachable = errors.New("no answer from the gateway")

// endpoints is what `wearstream up` says of itself in DATA/endpoints.json.
type endpoints struct {
	MQTT       string `json:"mqtt"`
	ServerName string `json:"server_name"`
	CA         string `json:"ca"`
}

// find answers where the gateway is now: it may have moved since the last time.
func (c Config) find() (endpoints, error) {
	if c.Data == "" {
		host, _, err := net.SplitHostPort(c.MQTT)
		return endpoints{c.MQTT, host, c.CA}, err
	}
	path := filepath.Join(c.Data, "endpoints.json")
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return endpoints{}, fmt.Errorf("%s is missing: is `wearstream up --data %s` running?", path, c.Data)
	}
	var e endpoints
	if err == nil {
		err = json.Unmarshal(b, &e)
	}
	if err == nil && (e.MQTT == "" || e.CA == "") {
		err = errors.New("no address or no ca in it")
	}
	if err != nil {
		return endpoints{}, fmt.Errorf("read %s: %w", path, err)
	}
	return e, nil
}

// credentials are the files of a device's certificate.
func (c Config) credentials(thing string) (cert, key string) {
	if c.Data == "" {
		return c.Cert, c.Key
	}
	dir := filepath.Join(c.memory(), thing)
	return filepath.Join(dir, authority.DeviceCert), filepath.Join(dir, authority.DeviceKey)
}

func (c Config) tls(e endpoints, thing string) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(c.credentials(thing))
	if err != nil {
		return nil, fmt.Errorf("load certificate of %q: %w", thing, err)
	}
	ca, err := os.ReadFile(e.CA)
	if err != nil {
		return nil, fmt.Errorf("load authority: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("load authority: no certificate in %s", e.CA)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool, ServerName: e.ServerName, Certificates: []tls.Certificate{pair}}, nil
}

// connection is one session with the gateway.
type connection struct {
	client mqtt.Client
	lost   chan error // receives why, once
	close  func()
}

// connect dials the gateway as a thing. The connection ends with ctx.
func (r *run) connect(ctx context.Context, thing string) (*connection, error) {
	if err := r.turn.wait(ctx); err != nil {
		return nil, err
	}
	e, err := r.cfg.find()
	if err != nil {
		return nil, err
	}
	config, err := r.cfg.tls(e, thing)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	c := &connection{lost: make(chan error, 1)}
	o := mqtt.NewClientOptions().AddBroker("tls://" + e.MQTT).SetClientID(thing).SetCleanSession(true).
		SetProtocolVersion(4).SetAutoReconnect(false).SetOrderMatters(false).
		SetKeepAlive(keepAlive).SetConnectTimeout(connectTimeout).SetWriteTimeout(writeTimeout).
		SetConnectionLostHandler(func(_ mqtt.Client, err error) { c.lost <- err }).
		SetCustomOpenConnectionFn(func(*url.URL, mqtt.ClientOptions) (net.Conn, error) {
			return r.dial(ctx, e.MQTT, config)
		})
	c.client = mqtt.NewClient(o)
	c.close = func() {
		c.client.Disconnect(uint(time.Second / time.Millisecond))
		cancel()
	}
	t := c.client.Connect()
	<-t.Done() // in time: everything below has a deadline and ends with ctx
	if err := t.Error(); err != nil {
		cancel()
		return nil, err
	}
	return c, nil
}

// dial opens TLS. A cancelled ctx closes the connection, also later.
func (r *run) dial(ctx context.Context, addr string, config *tls.Config) (net.Conn, error) {
	dialing, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	raw, err := r.deps.Dial(dialing, "tcp", addr)
	if err != nil {
		return nil, err
	}
	conn := tls.Client(raw, config)
	if err := conn.HandshakeContext(dialing); err != nil {
		raw.Close()
		return nil, err
	}
	context.AfterFunc(ctx, func() { raw.Close() })
	return conn, nil
}

// hopeless reports whether trying again cannot help: the gateway refused the
// device, or is not the one that its authority vouches for.
func hopeless(err error) bool {
	for _, refused := range []error{
		packets.ErrorRefusedBadProtocolVersion, packets.ErrorRefusedIDRejected,
		packets.ErrorRefusedBadUsernameOrPassword, packets.ErrorRefusedNotAuthorised,
	} {
		if errors.Is(err, refused) {
			return true
		}
	}
	_, stranger := errors.AsType[*tls.CertificateVerificationError](err)
	return stranger
}

// turnstile lets one through every so often.
type turnstile struct {
	mu    sync.Mutex
	every time.Duration
	next  time.Time
}

func (t *turnstile) wait(ctx context.Context) error {
	t.mu.Lock()
	now := time.Now()
	at := now
	if t.next.After(now) {
		at = t.next
	}
	t.next = at.Add(t.every)
	t.mu.Unlock()
	return sleep(ctx, at.Sub(now))
}

func sleep(ctx context.Context, d time.Duration) error {
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	return context.Cause(ctx)
}

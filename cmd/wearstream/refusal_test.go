package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/wearstream/wearstream/stream/wire"
)

// device connects a thing with a certificate of its own.
func (u *upProcess) device(thing string) paho.Client {
	u.t.Helper()
	dir := filepath.Join(u.t.TempDir(), thing)
	if _, code := runProgram(u.t, "certs", "device", thing, "--data", u.at.Data, "--out", dir); code != 0 {
		u.t.Fatal("certs device failed")
	}
	cert, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	if err != nil {
		u.t.Fatal(err)
	}
	ca, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	if err != nil {
		u.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	c := paho.NewClient(paho.NewClientOptions().AddBroker("ssl://" + u.at.MQTT).SetClientID(thing).SetAutoReconnect(false).
		SetTLSConfig(&tls.Config{Certificates: []tls.Certificate{cert}, RootCAs: pool, ServerName: u.at.ServerName}))
	if tok := c.Connect(); !tok.WaitTimeout(10*time.Second) || tok.Error() != nil {
		u.t.Fatalf("connect %s: %v", thing, tok.Error())
	}
	u.t.Cleanup(func() { c.Disconnect(0) })
	return c
}

func publish(t *testing.T, c paho.Client, topic string, payload []byte) {
	t.Helper()
	if tok := c.Publish(topic, 1, false, payload); !tok.WaitTimeout(10*time.Second) || tok.Error() != nil {
		t.Fatalf("publish to %s is not acknowledged: %v", topic, tok.Error())
	}
}

// batch is ten seconds at 32 Hz, of a device that lies still.
func sampleBatch(boot, seq uint64, at time.Time) *wire.SampleBatch {
	b := &wire.SampleBatch{Boot: boot, Seq: seq, T0us: at.UnixMicro(), RateMHz: 32_000, Encoding: wire.Int16Counts, LSBPerG: 64, RangeMG: 2000, N: 320}
	for i := range 320 {
		for _, v := range []int16{int16(i % 3), 0, 64} {
			b.XYZ = binary.LittleEndian.AppendUint16(b.XYZ, uint16(v))
		}
	}
	return b
}

// TestRefusalsReachTheTables: what the gateway or the processor refuses is
// acknowledged, counted, in quarantine, and the device's other batches go on.
func TestRefusalsReachTheTables(t *testing.T) {
	needEngine(t)
	u := startUp(t, t.TempDir())
	c := u.device("w1")
	topic := "dt/wear/v1/w1/samples"
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

	publish(t, c, topic, sampleBatch(1, 0, start).Append(nil))
	publish(t, c, topic, []byte("not a batch")) // parse
	shape := sampleBatch(1, 1, start)
	shape.N++
	publish(t, c, topic, shape.Append(nil))
	rate := sampleBatch(1, 1, start)
	rate.RateMHz = 1
	publish(t, c, topic, rate.Append(nil)) // range
	foreign := sampleBatch(1, 1, start)
	foreign.Sensor = "w2"
	publish(t, c, topic, foreign.Append(nil))
	publish(t, c, topic, make([]byte, wire.MaxPayload+1)) // oversize
	publish(t, c, topic, sampleBatch(1, 1, time.Now().Add(48*time.Hour)).Append(nil))
	other := sampleBatch(1, 0, start)
	other.XYZ[0] = 9
	publish(t, c, topic, other.Append(nil))                                        // conflict
	publish(t, c, topic, sampleBatch(1, 0, start).Append(nil))                     // exact repeat
	publish(t, c, topic, sampleBatch(1, 2, start.Add(10*time.Second)).Append(nil)) // the device goes on
	publish(t, c, "dt/wear/v1/w1/status", []byte(`{"kind":"end","boot":1,"last_seq":2}`))

	eventually(t, 60*time.Second, "quarantine and batches hold them", func() error {
		got, err := u.query("SELECT reason, count() FROM quarantine GROUP BY reason ORDER BY reason")
		if err != nil {
			return err
		}
		if want := "conflict\t1\noversize\t1\nparse\t1\nrange\t1\nsensor\t1\nshape\t1\n"; got != want {
			return fmt.Errorf("quarantine: %q", got)
		}
		if got := u.mustQuery("SELECT seq, n, flags FROM batches ORDER BY seq"); got != "0\t320\t0\n1\t320\t64\n2\t320\t0\n" {
			return fmt.Errorf("batches: %q", got)
		}
		if got := u.mustQuery("SELECT count(), sum(n), countIf(status != 'final') FROM features_5s"); got != "8\t1280\t0\n" {
			return fmt.Errorf("windows: %q", got)
		}
		return nil
	})
	r := u.verified("")
	for class, n := range map[string]int{"quarantined": 6, "conflict": 1, "exact repeat": 1, "impossible time": 1} {
		if r.Explained[class] != n {
			t.Errorf("verify explains %s %d times, want %d: %+v", class, r.Explained[class], n, r)
		}
	}
	metrics := u.metrics()
	for _, want := range []string{
		`wearstream_quarantine_records_total{reason="parse",service="gateway"} 1`, `wearstream_quarantine_records_total{reason="shape",service="gateway"} 1`,
		`wearstream_quarantine_records_total{reason="range",service="gateway"} 1`, `wearstream_quarantine_records_total{reason="sensor",service="gateway"} 1`,
		`wearstream_quarantine_records_total{reason="oversize",service="gateway"} 1`, `wearstream_quarantine_records_total{reason="conflict",service="process"} 1`,
		`wearstream_gateway_impossible_times_total 1`, `wearstream_process_duplicate_batches_total 1`,
	} {
		if !strings.Contains(metrics, want+"\n") {
			t.Errorf("/metrics lacks %s", want)
		}
	}
}

func (u *upProcess) metrics() string {
	u.t.Helper()
	resp, err := http.Get(u.at.Admin + "/metrics")
	if err != nil {
		u.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		u.t.Fatal(err)
	}
	return string(b)
}

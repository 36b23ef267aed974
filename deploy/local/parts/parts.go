// Package parts is how a test asks for a real part: an Apache Kafka, an S3
// server, a broker, an engine. The addresses come from the environment, as
// deploy/local/all prints them, so that the same tests run against a staging
// cluster.
//
// A part that is not there skips the test with the way to get it. Where
// WEARSTREAM_PARTS_REQUIRED is set, as in `make test`, it fails. Which test used
// which part is noted in the file that TEST_PARTS_USED names, for the table at
// the end of the suite. Tests alone import it; it starts and stops nothing.
package parts

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Part is one of them.
type Part struct {
	Name     string
	variable string // that names its address
	bring    string // command that starts it
}

// The parts whose addresses the environment names.
var (
	Kafka      = Part{"Apache Kafka", "WEARSTREAM_TEST_KAFKA", "deploy/local/kafka start"}
	KafkaTLS   = Part{"Apache Kafka, mutual TLS", "WEARSTREAM_TEST_KAFKA_TLS", "TLS=1 deploy/local/kafka start"}
	KafkaSASL  = Part{"Apache Kafka, SCRAM", "WEARSTREAM_TEST_KAFKA_SASL", "TLS=1 deploy/local/kafka start"}
	S3         = Part{"versitygw", "WEARSTREAM_TEST_S3", "deploy/local/versitygw start"}
	MinIO      = Part{"MinIO", "WEARSTREAM_TEST_MINIO", "deploy/local/minio start"}
	Prometheus = Part{"Prometheus", "WEARSTREAM_TEST_PROMETHEUS", "deploy/local/prometheus start"}
	Promtool   = Part{"promtool", "WEARSTREAM_PROMTOOL", "deploy/local/prometheus start"}
	Browser    = Part{"Chromium", "WEARSTREAM_TEST_BROWSER", "deploy/local/browser start"}
)

// The parts that a test starts by itself.
const (
	Engine    = "ClickHouse engine"
	Mosquitto = "Mosquitto"
	Toxiproxy = "toxiproxy"
)

// Need answers the part's address.
func (p Part) Need(t testing.TB) string {
	t.Helper()
	at := os.Getenv(p.variable)
	if at == "" {
		Missing(t, fmt.Errorf("no %s: %s, then eval \"$(deploy/local/all env)\"", p.Name, p.bring))
	}
	Used(t, p.Name)
	return at
}

// There reports whether the environment names it.
func (p Part) There() bool { return os.Getenv(p.variable) != "" }

// Required reports whether a part that is missing fails the test.
func Required() bool { return os.Getenv("WEARSTREAM_PARTS_REQUIRED") != "" }

// Missing ends a test whose part is not there.
func Missing(t testing.TB, why error) {
	t.Helper()
	if Required() {
		t.Fatal(why)
	}
	t.Skip(why)
}

// Used notes that this test, and those below it, run against the part.
func Used(t testing.TB, part string) {
	t.Helper()
	file := os.Getenv("TEST_PARTS_USED")
	if file == "" {
		return
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err == nil {
		_, err = fmt.Fprintf(f, "%s\t%s\t%s\n", part, strings.TrimSuffix(filepath.Base(os.Args[0]), ".test"), t.Name())
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatalf("note that %s is used: %v", part, err)
	}
}

package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wearstream/wearstream/deploy/local/parts"
	"github.com/wearstream/wearstream/stream/kafka"
	"github.com/wearstream/wearstream/stream/kafka/kafkatest"
	"github.com/wearstream/wearstream/stream/wire"
)

// TestCheckKafka: check says what is wrong with the way to the brokers and with
// their topics, and its exit status is not 0 then.
func TestCheckKafka(t *testing.T) {
	brokers, cell := kafkatest.Brokers(t), kafkatest.Name(t)
	plain := strings.Join(brokers, ",")
	mutual, user := parts.KafkaTLS.Need(t), parts.KafkaSASL.Need(t)
	pki := kafkatest.Setting(t, "WEARSTREAM_TEST_KAFKA_PKI")
	ca, cert, key := filepath.Join(pki, "ca.pem"), filepath.Join(pki, "client/cert.pem"), filepath.Join(pki, "client/key.pem")

	cl, err := kgo.NewClient(kafka.Config{Brokers: brokers}.Options()...)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if _, err := kafka.Ensure(t.Context(), cl, cell, wire.Topics(8), 3); err != nil {
		t.Fatal(err)
	}
	check := func(args ...string) (log string, code int) {
		t.Helper()
		out, stderr, code := call(append([]string{"check", "--data", t.TempDir(), "--cell", cell}, args...)...)
		for line := range strings.Lines(out) {
			if f := strings.Fields(line); len(f) > 1 && f[1] == "log" {
				return line, code
			}
		}
		t.Fatalf("check says nothing of the log:\n%s%s", out, stderr)
		return "", 0
	}
	for _, args := range [][]string{
		{"--kafka.brokers", plain},
		{"--kafka.brokers", mutual, "--kafka.ca", ca, "--kafka.cert", cert, "--kafka.key", key},
		{"--kafka.brokers", user, "--kafka.ca", ca, "--kafka.user", kafkatest.Setting(t, "WEARSTREAM_TEST_KAFKA_USER"),
			"--kafka.password_file", kafkatest.Setting(t, "WEARSTREAM_TEST_KAFKA_PASSWORD_FILE")},
	} {
		// Every broker learns of new topics in its own time.
		eventually(t, 30*time.Second, "the log is as it should be", func() error {
			if line, _ := check(args...); !strings.HasPrefix(line, "ok") {
				return fmt.Errorf("%q: %s", args, line)
			}
			return nil
		})
	}
	fails := func(want int, says string, args ...string) {
		t.Helper()
		if line, code := check(args...); code != want || !strings.HasPrefix(line, "fail") || !strings.Contains(line, says) {
			t.Errorf("%q: exit status %d, want %d with %q:\n%s", args, code, want, says, line)
		}
	}
	fails(exitUnreachable, "give kafka.cert and kafka.key", "--kafka.brokers", mutual, "--kafka.ca", ca)
	fails(exitUnreachable, "speaks TLS", "--kafka.brokers", mutual)
	fails(exitUnreachable, "refuses user nobody", "--kafka.brokers", user, "--kafka.ca", ca, "--kafka.user", "nobody", "--kafka.password_file", ca)
	fails(exitUsage, "kafka.key", "--kafka.brokers", mutual, "--kafka.cert", cert)
	fails(exitUsage, "none is", "--kafka.ca", ca)
	fails(exitUnreachable, "partitions is 8, want 4", "--kafka.brokers", plain, "--kafka.partitions", "4")

	value := "CreateTime"
	name := wire.TopicName(cell, wire.TopicDevice)
	set := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "message.timestamp.type", Value: &value}}
	if _, err := kadm.NewClient(cl).AlterTopicConfigs(t.Context(), set, name); err != nil {
		t.Fatal(err)
	}
	// Another broker may still answer with the old setting for a moment.
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		line, code := check("--kafka.brokers", plain)
		if code == exitUnreachable && strings.Contains(line, "topic "+name+": message.timestamp.type is CreateTime, want LogAppendTime") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("exit status %d: %s", code, line)
		}
	}
}

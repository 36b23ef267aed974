// Package deploy_test keeps the scripts of the real parts and compose.yaml together,
// and takes every part through its life: start, check, break, start again, stop.
package deploy_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/wearstream/wearstream/deploy/local/parts"
)

// part is a script of deploy/local with a run folder of the test's own.
type part struct {
	t    *testing.T
	name string
	run  string
	set  []string // its options, NAME=value
}

// start needs the part and starts it; what is left of it at the end fails the test.
func start(t *testing.T, name string, options ...string) *part {
	t.Helper()
	if !parts.Required() {
		t.Skip("starts a real " + name + ": run with WEARSTREAM_PARTS_REQUIRED=1 or by make test")
	}
	parts.Used(t, name+", its script")
	p := &part{t: t, name: name, run: t.TempDir(), set: options}
	t.Cleanup(func() {
		cmd := p.command(context.Background(), "stop")
		cmd.Env = append(cmd.Env, "PURGE=1")
		began := time.Now()
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("stop: %v\n%s", err, out)
		}
		t.Logf("stop: %v", time.Since(began).Round(time.Millisecond))
		if _, err := os.Stat(filepath.Join(p.run, name)); !os.IsNotExist(err) {
			t.Errorf("stop with PURGE=1 left the run folder: %v", err)
		}
		if left := processes(t, p.run); len(left) > 0 {
			t.Errorf("stop left processes: %q", left)
		}
	})
	p.do("start")
	return p
}

func (p *part) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join("local", p.name), args...)
	cmd.Env = append(os.Environ(), append(p.set, "WEARSTREAM_RUN="+p.run)...)
	return cmd
}

// do runs a verb that must succeed and returns what it printed.
func (p *part) do(args ...string) string {
	p.t.Helper()
	cmd := p.command(p.t.Context(), args...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	began := time.Now()
	out, err := cmd.Output()
	if err != nil {
		p.t.Fatalf("%s %s: %v\n%s%s", p.name, strings.Join(args, " "), err, out, errs.String())
	}
	p.t.Logf("%s: %v", strings.Join(args, " "), time.Since(began).Round(time.Millisecond))
	return string(out)
}

// broken runs check, which must fail.
func (p *part) broken() {
	p.t.Helper()
	if out, err := p.command(p.t.Context(), "check").CombinedOutput(); err == nil {
		p.t.Fatalf("check passes on a part that was killed: %s", out)
	}
}

// env is what the part prints as its addresses.
func (p *part) env() map[string]string {
	p.t.Helper()
	found := map[string]string{}
	for _, v := range variable.FindAllStringSubmatch(p.do("env"), -1) {
		found[v[1]] = v[2]
	}
	return found
}

// revived kills the part and starts it again: it answers, where it was.
func (p *part) revived() {
	p.t.Helper()
	before := p.env()
	p.do("check")
	p.do("kill")
	p.broken()
	p.do("start")
	p.do("check")
	if after := p.env(); !maps.Equal(before, after) {
		p.t.Errorf("addresses changed:\n%v\n%v", before, after)
	}
	p.do("start") // once more: nothing to do
	p.do("check")
}

// processes are the command lines of those that name the folder.
func processes(t *testing.T, folder string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil || len(files) == 0 {
		t.Fatalf("no processes in /proc: %v", err)
	}
	var found []string
	for _, f := range files {
		if line, err := os.ReadFile(f); err == nil && bytes.Contains(line, []byte(folder)) {
			found = append(found, string(line))
		}
	}
	return found
}

func TestMosquitto(t *testing.T)  { start(t, "mosquitto").revived() }
func TestPrometheus(t *testing.T) { start(t, "prometheus").revived() }

func TestVersitygw(t *testing.T) { keepsObjects(t, start(t, "versitygw"), "WEARSTREAM_TEST_S3") }

func TestMinio(t *testing.T) {
	if os.Getenv("MINIO") == "" {
		t.Skip("building MinIO takes minutes: run with MINIO=1")
	}
	keepsObjects(t, start(t, "minio"), "WEARSTREAM_TEST_MINIO")
}

// keepsObjects: what was put is there after a kill.
func keepsObjects(t *testing.T, p *part, endpoint string) {
	t.Helper()
	env := p.env()
	client := s3.New(s3.Options{
		BaseEndpoint: aws.String(env[endpoint]),
		Region:       env["AWS_REGION"],
		UsePathStyle: true,
		Credentials:  credentials.NewStaticCredentialsProvider(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], ""),
	})
	bucket, key := aws.String(env["WEARSTREAM_TEST_BUCKET"]), aws.String("kept")
	if _, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: bucket, Key: key, Body: strings.NewReader("kept")}); err != nil {
		t.Fatal(err)
	}
	p.revived()
	if _, err := client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: bucket, Key: key}); err != nil {
		t.Errorf("after kill -9: %v", err)
	}
}

// TestKafka: three nodes acknowledge with one of them killed, have everything when it
// is back, and let in by certificate or password only who has one.
func TestKafka(t *testing.T) {
	p := start(t, "kafka", "NODES=3", "TLS=1")
	p.do("check")
	env := p.env()
	addresses := strings.Split(env["WEARSTREAM_TEST_KAFKA"], ",")
	if len(addresses) != 3 {
		t.Fatalf("three nodes, but %q", addresses)
	}
	client := dial(t, kgo.SeedBrokers(addresses...), kgo.DefaultProduceTopic("kept"))
	if _, err := kadm.NewClient(client).CreateTopic(t.Context(), 3, 3, nil, "kept"); err != nil {
		t.Fatal(err)
	}
	const records = 300
	produce := func(n int) {
		t.Helper()
		for range n {
			if err := client.ProduceSync(t.Context(), kgo.StringRecord("kept")).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
	}
	produce(records / 2)
	p.do("kill", "2")
	p.broken()
	produce(records / 2)
	p.do("restart", "2")
	p.do("check")
	offsets, err := kadm.NewClient(client).ListEndOffsets(t.Context(), "kept")
	if err != nil {
		t.Fatal(err)
	}
	var kept int64
	offsets.Each(func(o kadm.ListedOffset) { kept += o.Offset })
	if kept != records {
		t.Errorf("%d records acknowledged, %d kept", records, kept)
	}
	if after := p.env(); !maps.Equal(env, after) {
		t.Errorf("addresses changed:\n%v\n%v", env, after)
	}
	letsIn(t, env)
}

// letsIn: who gets in, and who does not.
func letsIn(t *testing.T, env map[string]string) {
	pki := env["WEARSTREAM_TEST_KAFKA_PKI"]
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(read(t, filepath.Join(pki, "ca.pem")))) {
		t.Fatal("ca.pem holds no certificate")
	}
	certificate, err := tls.LoadX509KeyPair(filepath.Join(pki, "client/cert.pem"), filepath.Join(pki, "client/key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	user := env["WEARSTREAM_TEST_KAFKA_USER"]
	password := strings.TrimSpace(read(t, env["WEARSTREAM_TEST_KAFKA_PASSWORD_FILE"]))
	for name, c := range map[string]struct {
		listener     string
		certificates []tls.Certificate
		password     string
		refused      bool
	}{
		"certificate":    {"TLS", []tls.Certificate{certificate}, "", false},
		"no certificate": {"TLS", nil, "", true},
		"password":       {"SASL", nil, password, false},
		"wrong password": {"SASL", nil, password + "x", true},
		"no password":    {"SASL", nil, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			opts := []kgo.Opt{
				kgo.SeedBrokers(strings.Split(env["WEARSTREAM_TEST_KAFKA_"+c.listener], ",")...),
				kgo.DialTLSConfig(&tls.Config{RootCAs: roots, Certificates: c.certificates}),
			}
			if c.password != "" {
				opts = append(opts, kgo.SASL(scram.Auth{User: user, Pass: c.password}.AsSha512Mechanism()))
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			if err := dial(t, opts...).Ping(ctx); (err != nil) != c.refused {
				t.Errorf("answer: %v", err)
			}
		})
	}
}

func dial(t *testing.T, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// TestAllEnv: where nothing runs, all says so and prints nothing to evaluate; stop has
// nothing to do.
func TestAllEnv(t *testing.T) {
	// A browser runs only while it is used: without one in the cache there is nothing.
	p := &part{t: t, name: "all", run: filepath.Join(t.TempDir(), "run"), set: []string{"WEARSTREAM_PARTS=" + t.TempDir()}}
	out, err := p.command(t.Context(), "env").Output()
	if err == nil || len(out) > 0 {
		t.Errorf("env of nothing: %v, %q", err, out)
	}
	p.do("stop")
	if _, err := os.Stat(p.run); !os.IsNotExist(err) {
		t.Errorf("env and stop made a run folder: %v", err)
	}
}

// TestScripts: shellcheck has nothing to warn of.
func TestScripts(t *testing.T) {
	shellcheck, err := exec.LookPath("shellcheck")
	if err != nil {
		t.Skip("shellcheck is missing: apt-get install shellcheck")
	}
	args := []string{"-x", "-P", "SCRIPTDIR", "-S", "warning"}
	files, err := filepath.Glob("local/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if info, err := os.Stat(f); err == nil && (strings.HasSuffix(f, ".sh") || info.Mode().IsRegular() && info.Mode()&0o100 != 0) {
			args = append(args, f)
		}
	}
	if out, err := exec.CommandContext(t.Context(), shellcheck, args...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

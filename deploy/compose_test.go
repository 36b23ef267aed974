package deploy_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// compose is what these tests read of compose.yaml.
type compose struct {
	Services map[string]struct {
		Image string
		Build struct {
			Dockerfile string `yaml:"dockerfile_inline"`
		}
		Command     string
		Environment map[string]string
		Ports       []string
	}
}

func readCompose(t *testing.T) compose {
	t.Helper()
	var c compose
	if err := yaml.Unmarshal([]byte(read(t, "compose.yaml")), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func read(t *testing.T, file string) string {
	t.Helper()
	body, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// scripts are the scripts of the parts by name: those that pin a version.
func scripts(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("local/*")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, f := range files {
		if info, err := os.Stat(f); err != nil || !info.Mode().IsRegular() {
			continue
		}
		if body := read(t, f); pinned.MatchString(body) {
			found[filepath.Base(f)] = body
		}
	}
	return found
}

var (
	pinned = regexp.MustCompile(`(?m)^version=(\S+)`)
	image  = regexp.MustCompile(`^[a-z/-]+:(\S+)$`)
	module = regexp.MustCompile(`(?m)go install \S+@(\S+)`)
	node   = regexp.MustCompile(`-\d+$`)
)

// TestSameParts: compose.yaml has the parts of the scripts, in the same versions. An
// image may be tagged by the series that a script pins, or the other way round.
func TestSameParts(t *testing.T) {
	want := scripts(t)
	have := map[string]bool{}
	for name, s := range readCompose(t).Services {
		part := node.ReplaceAllString(name, "")
		have[part] = true
		script, ok := want[part]
		if !ok {
			t.Errorf("service %s: there is no script local/%s that pins a version", name, part)
			continue
		}
		m := image.FindStringSubmatch(s.Image)
		if m == nil {
			m = module.FindStringSubmatch(s.Build.Dockerfile)
		}
		if m == nil {
			t.Errorf("service %s: neither its image nor its build names a version", name)
			continue
		}
		if version := pinned.FindStringSubmatch(script)[1]; !sameSeries(m[1], version) {
			t.Errorf("service %s is version %s, local/%s pins %s", name, m[1], part, version)
		}
	}
	for part := range want {
		if !have[part] {
			t.Errorf("local/%s has no service in compose.yaml", part)
		}
	}
}

func sameSeries(a, b string) bool {
	a, b = strings.TrimPrefix(a, "v")+".", strings.TrimPrefix(b, "v")+"."
	return strings.HasPrefix(a, b) || strings.HasPrefix(b, a)
}

// TestKafkaVersionIsOne: the script's version is that of the jars it asks Maven for.
func TestKafkaVersionIsOne(t *testing.T) {
	version := pinned.FindStringSubmatch(scripts(t)["kafka"])[1]
	if !strings.Contains(read(t, "local/lock/kafka.pom.xml"), "<version>"+version+"</version>") {
		t.Errorf("lock/kafka.pom.xml does not ask for Kafka %s", version)
	}
	if !strings.Contains(read(t, "local/lock/kafka.sha256"), "  kafka_2.13-"+version+".jar\n") {
		t.Errorf("lock/kafka.sha256 has no jar of Kafka %s", version)
	}
}

// TestSameKafkaSettings: what one sets, the other sets, and to the same value where it
// is not an address or a folder.
func TestSameKafkaSettings(t *testing.T) {
	script := settings(t, scripts(t)["kafka"])
	// Where the script computes from the number of nodes, compose has three.
	computed := strings.NewReplacer("$((nodes / 2 + 1))", "2", "$nodes", "3")
	containers := map[string]string{}
	for name, value := range readCompose(t).Services["kafka-1"].Environment {
		if property, ok := strings.CutPrefix(name, "KAFKA_"); ok && property != "HEAP_OPTS" {
			containers[strings.ReplaceAll(strings.ToLower(property), "_", ".")] = value
		}
	}
	if a, b := slices.Sorted(maps.Keys(script)), slices.Sorted(maps.Keys(containers)); !slices.Equal(a, b) {
		t.Fatalf("settings differ\nlocal/kafka:  %v\ncompose.yaml: %v", a, b)
	}
	own := []string{"listeners", "advertised.listeners", "controller.quorum.voters", "listener.security.protocol.map", "log.dirs", "node.id"}
	for property, value := range script {
		if value = computed.Replace(value); value != containers[property] && !slices.Contains(own, property) {
			t.Errorf("%s: local/kafka has %q, compose.yaml %q", property, value, containers[property])
		}
	}
}

// settings are the properties of a node that the script writes whether or not TLS is on.
func settings(t *testing.T, script string) map[string]string {
	t.Helper()
	_, rest, _ := strings.Cut(script, "cat <<-X\n")
	text, _, ok := strings.Cut(rest, "\tX\n")
	if !ok {
		t.Fatal("local/kafka writes no properties that this test can read")
	}
	found := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(name, "#") {
			found[name] = value
		}
	}
	return found
}

// TestSameVariables: compose.env has the names that the scripts print, and compose.yaml
// publishes the addresses that it names, on loopback only.
func TestSameVariables(t *testing.T) {
	env := variable.FindAllStringSubmatch(read(t, "compose.env"), -1)
	var have, want []string
	for _, v := range env {
		have = append(have, v[1])
	}
	printing := scripts(t)
	printing["s3"] = read(t, "local/s3.sh")
	for _, script := range printing {
		for _, m := range regexp.MustCompile(`echo "((?:WEARSTREAM|AWS)_\w+)=`).FindAllStringSubmatch(script, -1) {
			// Not by compose: MinIO and Kafka's TLS are on demand, promtool is a program of this machine.
			if m[1] != "WEARSTREAM_TEST_MINIO" && m[1] != "WEARSTREAM_PROMTOOL" && !strings.HasPrefix(m[1], "WEARSTREAM_TEST_KAFKA_") {
				want = append(want, m[1])
			}
		}
	}
	slices.Sort(have)
	slices.Sort(want)
	if want = slices.Compact(want); !slices.Equal(have, want) {
		t.Errorf("compose.env has %v\nthe scripts print %v", have, want)
	}

	published := map[string]bool{}
	for name, s := range readCompose(t).Services {
		for _, port := range s.Ports {
			host, _, _ := strings.Cut(strings.TrimPrefix(port, "127.0.0.1:"), ":")
			if !strings.HasPrefix(port, "127.0.0.1:") {
				t.Errorf("service %s publishes %s beyond loopback", name, port)
			}
			published["127.0.0.1:"+host] = true
		}
	}
	for _, v := range env {
		for _, address := range regexp.MustCompile(`127\.0\.0\.1:\d+`).FindAllString(v[2], -1) {
			if !published[address] {
				t.Errorf("%s: no service of compose.yaml publishes %s", v[1], address)
			}
		}
	}
}

var variable = regexp.MustCompile(`(?m)^(\w+)=(.*)$`)

// TestSameCredentials: the S3 servers of compose.yaml take what compose.env and the
// scripts hand out.
func TestSameCredentials(t *testing.T) {
	values := map[string]string{}
	for _, v := range variable.FindAllStringSubmatch(read(t, "compose.env"), -1) {
		values[v[1]] = v[2]
	}
	s3 := read(t, "local/s3.sh")
	for name, variable := range map[string]string{"access": "AWS_ACCESS_KEY_ID", "secret": "AWS_SECRET_ACCESS_KEY", "region": "AWS_REGION", "bucket": "WEARSTREAM_TEST_BUCKET"} {
		if line := fmt.Sprintf("\n%s=%s\n", name, values[variable]); !strings.Contains(s3, line) {
			t.Errorf("local/s3.sh has another %s than compose.env: %s", name, values[variable])
		}
	}
	services := readCompose(t).Services
	for service, keys := range map[string][2]string{"versitygw": {"ROOT_ACCESS_KEY", "ROOT_SECRET_KEY"}, "minio": {"MINIO_ROOT_USER", "MINIO_ROOT_PASSWORD"}} {
		env := services[service].Environment
		if env[keys[0]] != values["AWS_ACCESS_KEY_ID"] || env[keys[1]] != values["AWS_SECRET_ACCESS_KEY"] {
			t.Errorf("service %s has other credentials than compose.env", service)
		}
		if !strings.Contains(services[service].Build.Dockerfile, "mkdir -p /data/"+values["WEARSTREAM_TEST_BUCKET"]) {
			t.Errorf("service %s makes no bucket %s", service, values["WEARSTREAM_TEST_BUCKET"])
		}
	}
}

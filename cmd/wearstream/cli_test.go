package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// call runs a command in this process.
func call(args ...string) (stdout, stderr string, code int) {
	var out, errs bytes.Buffer
	code = run(args, &out, &errs)
	return out.String(), errs.String(), code
}

func TestExitCodes(t *testing.T) {
	empty := t.TempDir()
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"version"}, exitOK, ""},
		{[]string{"--help"}, exitOK, ""},
		{[]string{"up", "--help"}, exitOK, ""},
		{[]string{"nonsense"}, exitUsage, "nonsense"},
		{[]string{"up", "--mqtt.lisen", "x"}, exitUsage, "mqtt.listen"},
		{[]string{"certs", "device", "a thing", "--data", empty, "--out", empty}, exitUsage, "a thing"},
		{[]string{"replay", "--data", empty, "--start", "2026-03-01T08:00:00", "x.csv"}, exitUsage, "zone"},
		{[]string{"replay", "--data", empty}, exitUsage, "recording"},
		{[]string{"gateway", "--kafka.brokers", "127.0.0.1:1", "--cell", "no cell"}, exitUsage, "cell"},
		{[]string{"process"}, exitUsage, "kafka.brokers"},
		{[]string{"process", "--kafka.brokers", "127.0.0.1:1", "--process.sets", "offline.v1"}, exitUsage, "core.v1"},
		{[]string{"verify", "--data", empty}, exitUnreachable, "wearstream up"},
		{[]string{"participant", "assign", "P", "--study", "S", "--sensor", "a b", "--side", "left", "--data", empty}, exitUsage, "sensor"},
		{[]string{"participant", "assign", "P", "--study", "S", "--sensor", "w", "--side", "up", "--data", empty}, exitUsage, "side"},
	} {
		_, stderr, code := call(c.args...)
		if code != c.code || !strings.Contains(stderr, c.says) {
			t.Errorf("wearstream %s: exit status %d, want %d with %q:\n%s", strings.Join(c.args, " "), code, c.code, c.says, stderr)
		}
	}
}

// TestHelpTeaches wants an example in the help of every command.
func TestHelpTeaches(t *testing.T) {
	parser, err := kong.New(&cli{}, kong.Vars{"home": "DATA"}, kong.Configuration(loadYAML))
	if err != nil {
		t.Fatal(err)
	}
	for _, leaf := range parser.Model.Leaves(true) {
		if leaf.Name != "version" && !strings.Contains(leaf.Detail, "Example") {
			t.Errorf("%s --help has no example", leaf.Path())
		}
		for _, f := range leaf.Flags {
			if strings.ToLower(f.Name) != f.Name || f.Help == "" {
				t.Errorf("%s --%s: name in lower case, with help: %q", leaf.Path(), f.Name, f.Help)
			}
		}
	}
}

// TestOneListOfNames: the same name as flag, environment and YAML; the order is
// default, file, environment, flag.
func TestOneListOfNames(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "wearstream.yaml")
	listen := func(args ...string) string {
		t.Helper()
		out, stderr, code := call(append([]string{"check", "--json", "--data", dir, "--clickhouse.lib", os.Args[0]}, args...)...)
		var got struct{ Values [][2]string }
		if err := json.Unmarshal([]byte(out), &got); err != nil {
			t.Fatalf("check: exit status %d, %v\n%s", code, err, stderr)
		}
		i := slices.IndexFunc(got.Values, func(v [2]string) bool { return v[0] == "mqtt.listen" })
		return got.Values[i][1]
	}
	if got := listen(); got != "127.0.0.1:8883" {
		t.Errorf("default: %s", got)
	}
	for _, yaml := range []string{"mqtt: {listen: 127.0.0.1:1}\n", "mqtt.listen: 127.0.0.1:1\n"} {
		if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := listen("--config", file); got != "127.0.0.1:1" {
			t.Errorf("%q: %s", yaml, got)
		}
	}
	t.Setenv("WEARSTREAM_MQTT_LISTEN", "127.0.0.1:2")
	if got := listen("--config", file); got != "127.0.0.1:2" {
		t.Errorf("environment: %s", got)
	}
	if got := listen("--config", file, "--mqtt.listen", "127.0.0.1:3"); got != "127.0.0.1:3" {
		t.Errorf("flag: %s", got)
	}
	for yaml, says := range map[string]string{
		"mqtt: {lisen: x}\n":                `"mqtt.listen"`,
		"mqtt: {listen: a}\nmqtt: {x: 1}\n": "mqtt",
		"- a\n":                             "configuration",
	} {
		if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, stderr, code := call("check", "--data", dir, "--config", file); code != exitUsage || !strings.Contains(stderr, says) {
			t.Errorf("%q: exit status %d\n%s", yaml, code, stderr)
		}
	}
}

func TestCheckShowsNoSecrets(t *testing.T) {
	out, stderr, _ := call("check", "--data", t.TempDir(), "--clickhouse.dsn", "http://me:sesame@127.0.0.1:1")
	if strings.Contains(out+stderr, "sesame") {
		t.Errorf("the password is printed:\n%s%s", out, stderr)
	}
	if !strings.Contains(out, "fail") {
		t.Errorf("a ClickHouse that is not there is not found out:\n%s", out)
	}
}

// TestSets: each set once, and at least one.
func TestSets(t *testing.T) {
	for _, c := range []struct {
		names []string
		ok    bool
	}{
		{[]string{"core.v1", "ref.v1"}, true}, {[]string{"core.v1"}, true},
		{nil, false}, {[]string{""}, false}, {[]string{"offline.v1"}, false}, {[]string{"ref.v1", "ref.v1"}, false},
	} {
		sets, err := processFlags{Sets: c.names}.sets()
		if (err == nil) != c.ok || c.ok && len(sets) != len(c.names) {
			t.Errorf("%q: %d sets, %v", c.names, len(sets), err)
		}
	}
}

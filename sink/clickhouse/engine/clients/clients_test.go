// Package clients_test uses the engine's HTTP front as analysts do: with the
// official clients of their languages, unmodified and with their defaults. Each
// client has a script that makes the same checks and says "ok NAME", "not ok NAME:
// why" or "none NAME" (the client has no such thing) for each of them; deploy/local/clients
// brings the clients.
package clients_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wearstream/wearstream/deploy/local/parts"
	"github.com/wearstream/wearstream/sink/clickhouse/engine/enginetest"
)

func TestMain(m *testing.M) { enginetest.Main(m) }

// checks are what every client is asked.
var checks = map[string]string{
	"connect":     "connects, pings, knows the server's version and time zone",
	"types":       "every type of the product's tables read and written back equal",
	"tables":      "what the sink wrote, read through the views",
	"million":     "a million rows inserted",
	"broken":      "an insert that breaks off inserts nothing and is seen to fail",
	"stream":      "a large result read as it comes, the rest left",
	"compression": "both ways, each method that the client has",
	"encoding":    "a body in an encoding that the front does not know is refused",
	"session":     "temporary tables and SET live in their session only",
	"external":    "data sent along with a query",
	"parameters":  "values bound by the server, also long and odd ones",
	"cancel":      "a statement that is cancelled or left is stopped",
	"errors":      "typed errors with the code",
	"late":        "an error after output began is seen, with its code",
	"password":    "a wrong password is refused and said so",
	"readonly":    "readonly = 1 refuses writes",
	"outside":     "no files, no other hosts",
	"limits":      "rows, memory, time",
}

// frontOnly are the checks that another server need not pass.
var frontOnly = map[string]string{
	"encoding": "which encodings are known, and how others are refused, differs from version to version",
	"outside":  "what a server lets its users do is its administrator's to decide",
}

func TestNode(t *testing.T) {
	dir := installed(t)
	run(t, []string{"external"}, []string{"NODE_PATH=" + filepath.Join(dir, "node", "node_modules")}, "node", "node/suite.js")
}

func TestPython(t *testing.T) {
	dir := installed(t)
	run(t, nil, nil, filepath.Join(dir, "python", "bin", "python"), "-W", "error", "python/suite.py")
}

func TestJDBC(t *testing.T) {
	dir := installed(t)
	run(t, []string{"external"}, nil, "java", "-Xmx512m", "-cp", filepath.Join(dir, "jars", "*"), "java/Suite.java")
}

func TestCurl(t *testing.T) {
	installed(t)
	run(t, nil, nil, "bash", "curl/suite.sh")
}

const script = "../../../../deploy/local/clients"

var found struct {
	sync.Once
	dir string
	err error
}

// installed is the folder of the clients.
func installed(t *testing.T) string {
	t.Helper()
	enginetest.Server(t)
	found.Do(func() {
		if out, err := exec.Command(script, "check").CombinedOutput(); err != nil {
			found.err = fmt.Errorf("%s", bytes.TrimSpace(out))
			return
		}
		out, err := exec.Command(script, "env").Output()
		found.dir, found.err = strings.TrimPrefix(strings.TrimSpace(string(out)), "WEARSTREAM_TEST_CLIENTS="), err
	})
	if found.err != nil {
		parts.Missing(t, found.err)
	}
	return found.dir
}

// run runs a client's script on a database with the tables that it expects, and
// makes a subtest of each check. The client may lack the named ones and no others.
func run(t *testing.T, lacks, env []string, command ...string) {
	dsn := enginetest.DSN(t)
	expected := world(t, dsn)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = append(os.Environ(), append(env, address(t, dsn)...)...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	var rows []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		line := lines.Text()
		if row, ok := strings.CutPrefix(line, "row "); ok {
			rows = append(rows, row)
			continue
		}
		t.Logf("%6.2fs %s", time.Since(begin).Seconds(), line)
		head, why, _ := strings.Cut(line, ": ")
		if at := strings.LastIndexByte(head, ' '); at >= 0 && checks[head[at+1:]] != "" {
			if said[head[at+1:]] != "" {
				t.Errorf("%s was said twice", head[at+1:])
			}
			said[head[at+1:]] = strings.TrimSpace(head[:at] + " " + why)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%s: %v\n%s", command[0], err, errs.Bytes())
	}
	for _, check := range slices.Sorted(maps.Keys(checks)) {
		t.Run(check, func(t *testing.T) {
			if why := frontOnly[check]; why != "" {
				enginetest.Front(t, why)
			}
			switch answer := said[check]; {
			case answer == "ok", answer == "none" && slices.Contains(lacks, check):
			case answer == "":
				t.Error("the script did not come to it")
			default:
				t.Errorf("%s: %s", checks[check], answer)
			}
			if check == "tables" {
				compare(t, rows, expected)
			}
		})
	}
}

// address is how the scripts know the server.
func address(t *testing.T, dsn string) []string {
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	return []string{
		"CLICKHOUSE_HOST=" + u.Hostname(), "CLICKHOUSE_PORT=" + u.Port(), "CLICKHOUSE_USER=" + u.User.Username(),
		"CLICKHOUSE_PASSWORD=" + password, "CLICKHOUSE_DATABASE=" + strings.TrimPrefix(u.Path, "/"),
	}
}

func compare(t *testing.T, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		var g, w string
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			t.Fatalf("row %d of %d, want %d:\n got %s\nwant %s", i, len(got), len(want), g, w)
		}
	}
}

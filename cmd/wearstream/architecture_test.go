package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const module = "github.com/wearstream/wearstream/"

// TestImportRules keeps the tree an architecture: who may know whom, and why.
func TestImportRules(t *testing.T) {
	for _, rule := range []struct {
		pkg, never string // import path prefixes, ours without the module
		why        string
	}{
		{"stream", module, "the vocabulary is what everything points at; it points at nothing of ours"},
		{"features", module + "stream", "signal mathematics is pure and knows no stream"},
		{"features", "net", "features must give the same bytes everywhere: no network"},
		{"features", "log", "features answer with numbers, not with log lines"},
		{"features/oracle", module + "stream", "the comparison with the references must not depend on what it checks"},
		{"stream/window", module + "sink", "event time is pure"},
		{"stream/window", "net", "event time is pure"},
		{"stream/device", module + "stream/kafka", "an operator is given its records; it does not fetch"},
		{"stream/device", "github.com/twmb", "an operator is given its records; it does not fetch"},
		{"stream/participant", module + "stream/kafka", "an operator is given its records; it does not fetch"},
		{"stream/participant", module + "stream/device", "operators know each other by their rows"},
		{"stream/participant", "github.com/twmb", "an operator is given its records; it does not fetch"},
		{"stream/processor", module + "features", "the loop runs any operator"},
		{"stream/batch", module + "sink", "a batch hands out rows; who stores them is told by the command"},
		{"stream/batch", module + "stream/kafka", "a batch needs no log"},
		{"stream/score", module + "sink", "it asks a model; who keeps the answer is told by the command"},
		{"stream/score", module + "stream/kafka", "it is given its records; it does not fetch"},
		{"gateway", module + "sink", "the gateway writes to the log and to nothing else"},
		{"gateway", module + "features", "the gateway looks at the envelope only"},
		{"gateway/bridge", module + "gateway/mqtt", "a bridge is in front of no port of ours"},
		{"gateway/ingest", module + "sink", "what gateway and bridge share writes to the log and to nothing else"},
		{"gateway/mqtt", module + "stream/kafka", "the MQTT server knows names and no log"},
		{"gateway/mqtt", "github.com/twmb", "the MQTT server knows names and no log"},
		{"sink/object", module + "sink/clickhouse", "a sink never imports another sink"},
		{"sink/object", module + "features", "a sink stores columns and does not know their meaning"},
		{"sink/clickhouse", module + "sink/object", "a sink never imports another sink"},
		{"sink/clickhouse", module + "features", "a sink stores columns and does not know their meaning"},
		{"loadtest/verify", module + "stream/processor", "the checker is a second opinion"},
		{"loadtest/verify", module + "stream/device", "the checker is a second opinion"},
		{"loadtest/verify", module + "sink", "the checker is a second opinion"},
		{"loadtest/verify", module + "features", "the checker is a second opinion"},
	} {
		out, err := exec.Command("go", "list", "-deps", "-f", "{{.ImportPath}}", module+rule.pkg).Output()
		if err != nil {
			t.Fatalf("go list %s: %v", rule.pkg, err)
		}
		for dep := range strings.FieldsSeq(string(out)) {
			if dep != module+rule.pkg && (dep == rule.never || strings.HasPrefix(dep, strings.TrimSuffix(rule.never, "/")+"/")) {
				t.Errorf("%s imports %s: %s", rule.pkg, dep, rule.why)
			}
		}
	}
}

// TestPackageDocs wants exactly one doc comment a package.
func TestPackageDocs(t *testing.T) {
	root := filepath.Join("..", "..")
	docs, goes := map[string]int{}, map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != root {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		goes[filepath.Dir(path)] = true
		if f.Doc != nil {
			docs[filepath.Dir(path)]++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for dir := range goes {
		if docs[dir] != 1 {
			t.Errorf("%s has %d package comments, want one", dir, docs[dir])
		}
	}
}

// TestTreeIsTheArchitecture wants the top level that was decided, and nothing else.
func TestTreeIsTheArchitecture(t *testing.T) {
	known := " cmd gateway stream features sink provisioning deploy loadtest "
	entries, err := os.ReadDir(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") && e.Name() != "bin" && !strings.Contains(known, " "+e.Name()+" ") {
			t.Errorf("folder %s is not in the layout", e.Name())
		}
	}
}

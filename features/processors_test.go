package features_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/wearstream/wearstream/deploy/local/parts"
)

// goldens are the tests that fix bytes, by package.
var goldens = map[string]string{
	".":                   "TestGolden",
	"internal/elementary": "TestLog",
	"wear":                "TestGolden",
	"pair":                "TestGolden",
	"calibrate":           "TestGolden",
}

// TestProcessors: programs for other processors, which fuse products and sums where
// they may, give the same bytes.
func TestProcessors(t *testing.T) {
	t.Run("arm64", func(t *testing.T) {
		const script = "../deploy/local/qemu"
		out, err := exec.Command(script, "env").Output()
		if err != nil {
			if failed, ok := errors.AsType[*exec.ExitError](err); ok {
				err = errors.New(strings.TrimSpace(string(failed.Stderr)))
			}
			parts.Missing(t, err)
		}
		parts.Used(t, "qemu, arm64")
		_, qemu, _ := strings.Cut(strings.TrimSpace(string(out)), "=")
		checkGoldens(t, []string{"GOARCH=arm64"}, qemu)
	})
	t.Run("amd64 v3", func(t *testing.T) {
		if runtime.GOARCH != "amd64" {
			t.Skip("needs an amd64 processor")
		}
		checkGoldens(t, []string{"GOARCH=amd64", "GOAMD64=v3"})
	})
}

// checkGoldens builds the tests for a processor and runs them by a command.
func checkGoldens(t *testing.T, processor []string, run ...string) {
	dir := t.TempDir()
	build := exec.Command("go", "test", "-c", "-ldflags=-s -w", "-o", dir+"/")
	for pkg := range goldens {
		build.Args = append(build.Args, "./"+pkg)
	}
	build.Env = append(append(os.Environ(), "CGO_ENABLED=0"), processor...)
	began := time.Now()
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	t.Logf("built in %v", time.Since(began).Round(time.Millisecond))
	for pkg, name := range goldens {
		here, err := filepath.Abs(pkg)
		if err != nil {
			t.Fatal(err)
		}
		args := append(run[:len(run):len(run)], filepath.Join(dir, filepath.Base(here)+".test"), "-test.v", "-test.run", "^"+name)
		test := exec.Command(args[0], args[1:]...)
		test.Dir = here
		out, err := test.CombinedOutput()
		switch text := string(out); {
		case strings.Contains(text, "can only be run on AMD64 processors"):
			t.Skip("this processor is an older one")
		case err != nil:
			t.Errorf("%s: %v\n%s", pkg, err, text)
		case !strings.Contains(text, "--- PASS: "+name), strings.Contains(text, "--- SKIP"):
			t.Errorf("%s: %s did not run\n%s", pkg, name, text)
		case pkg == "." && !strings.Contains(text, "fuses: true"):
			t.Errorf("a program that does not fuse proves nothing\n%s", text)
		}
	}
	t.Logf("and run after %v", time.Since(began).Round(time.Millisecond))
}

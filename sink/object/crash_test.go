package object

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

const envCrash = "OBJECT_CRASH" // "<step> <folder>": put and be killed at that step

var crashBody = bytes.Repeat([]byte("crash"), 100_000)

func putAndCrash(arg string) {
	step, folder, _ := strings.Cut(arg, "@")
	s, err := openDir(folder)
	if err != nil {
		panic(err)
	}
	s.(*dir).at = func(at string) error {
		if at == step {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
		return nil
	}
	if err := s.Put(context.Background(), "new/folder/k", crashBody, sha256.Sum256(crashBody), map[string]string{"k": "v"}); err != nil {
		panic(err)
	}
	os.Exit(0) // the step was not there
}

// A process that is killed at any step leaves nothing at the key or the whole
// object, and the next one can go on.
func TestDirCrash(t *testing.T) {
	steps := map[string]bool{ // is the object there?
		"create": false, "write": false, "sync file": false, "make folder": false, "link": false, "sync folder": true,
	}
	for step, there := range steps {
		t.Run(step, func(t *testing.T) {
			folder := t.TempDir()
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), envCrash+"="+step+"@"+folder)
			out, err := cmd.CombinedOutput()
			exit, ok := errors.AsType[*exec.ExitError](err)
			if !ok || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Fatalf("the process was not killed: %v\n%s", err, out)
			}
			s, err := openDir(folder)
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.Get(t.Context(), "new/folder/k", 0, -1)
			if there && !bytes.Equal(got, crashBody) {
				t.Fatalf("not the whole object: %d bytes, %v", len(got), err)
			}
			if !there && !errors.Is(err, ErrNotFound) {
				t.Fatalf("an object of %d bytes, %v", len(got), err)
			}
			n := 0
			for range s.List(t.Context(), "", "") {
				n++
			}
			if (n == 1) != there || n > 1 {
				t.Fatalf("%d objects listed", n)
			}
			err = s.Put(t.Context(), "new/folder/k", crashBody, sha256.Sum256(crashBody), nil)
			if there && !errors.Is(err, ErrExists) || !there && err != nil {
				t.Fatalf("put again: %v", err)
			}
		})
	}
}

// Steps that tests know are the steps that there are.
func TestDirSteps(t *testing.T) {
	s, err := openDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var steps []string
	s.(*dir).at = func(step string) error { steps = append(steps, step); return nil }
	if err := s.Put(t.Context(), "a/b", nil, sha256.Sum256(nil), nil); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(steps, ","); got != "create,write,sync file,make folder,link,sync folder" {
		t.Error(got)
	}
}

package storetest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/wearstream/wearstream/sink/object"
)

const (
	envPart  = "STORETEST_PART"  // what a child process does
	envPlace = "STORETEST_PLACE" // where
	envName  = "STORETEST_NAME"  // who it is
)

// Main runs the tests, or what a test has started this process for. TestMain
// calls it.
func Main(m *testing.M) {
	part := os.Getenv(envPart)
	if part == "" {
		// Most of the suite waits: for silence, for a disk, for another attempt.
		flag.Parse()
		flag.Set("test.parallel", "16")
		os.Exit(m.Run())
	}
	if err := child(part, os.Getenv(envPlace), os.Getenv(envName)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func child(part, place, name string) error {
	s, err := object.Open(place)
	if err != nil {
		return err
	}
	switch part {
	case "race":
		return childRace(s, name)
	case "flood":
		return childFlood(s)
	}
	return fmt.Errorf("no part %q", part)
}

func command(t *testing.T, part, place, name string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), envPart+"="+part, envPlace+"="+place, envName+"="+name)
	cmd.Stderr = os.Stderr
	return cmd
}

const raceKeys = 100

func raceBody(name string, key int) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "%s %d ", name, key), 2000)
}

// childRace puts the same keys as its rival and prints which it has won.
func childRace(s object.Store, name string) error {
	fmt.Println("ready")
	if _, err := io.ReadFull(os.Stdin, make([]byte, 1)); err != nil {
		return err
	}
	var wg sync.WaitGroup
	errs := make([]error, raceKeys)
	for first := range 4 {
		wg.Go(func() {
			for i := first; i < raceKeys; i += 4 {
				body := raceBody(name, i)
				errs[i] = s.Put(context.Background(), fmt.Sprintf("race/%d/k", i), body, sha256.Sum256(body), nil)
				if errs[i] == nil {
					fmt.Println(i)
				} else if errors.Is(errs[i], object.ErrExists) {
					errs[i] = nil
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func raceOfProcesses(t *testing.T, place string) {
	open(t, place)
	winners := make([][]string, raceKeys)
	var mu sync.Mutex
	var ready, wg sync.WaitGroup
	start := make(chan struct{})
	for _, name := range []string{"left", "right"} {
		ready.Add(1)
		wg.Go(func() {
			cmd := command(t, "race", place, name)
			in, _ := cmd.StdinPipe()
			out, _ := cmd.StdoutPipe()
			if err := cmd.Start(); err != nil {
				t.Error(err)
				ready.Done()
				return
			}
			lines := bufio.NewScanner(out)
			lines.Scan()
			ready.Done()
			<-start
			in.Write([]byte{1})
			for lines.Scan() {
				var i int
				fmt.Sscan(lines.Text(), &i)
				mu.Lock()
				winners[i] = append(winners[i], name)
				mu.Unlock()
			}
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
	ready.Wait()
	close(start)
	wg.Wait()

	s := open(t, place)
	wins := map[string]int{}
	for i, names := range winners {
		if len(names) != 1 {
			t.Fatalf("key %d has the winners %q", i, names)
		}
		wins[names[0]]++
		if !bytes.Equal(get(t, s, fmt.Sprintf("race/%d/k", i)), raceBody(names[0], i)) {
			t.Fatalf("key %d is not the winner's", i)
		}
	}
	t.Logf("won: %v", wins)
}

func floodBody(key string) []byte {
	return bytes.Repeat([]byte(key), 5000)
}

// childFlood puts objects until it is killed and prints each when it is stored.
func childFlood(s object.Store) error {
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for w := range errs {
		wg.Go(func() {
			for i := 0; errs[w] == nil; i++ {
				key := fmt.Sprintf("flood/%d-%d/%06d.bin", os.Getpid(), w, i)
				body := floodBody(key)
				if errs[w] = s.Put(context.Background(), key, body, sha256.Sum256(body), map[string]string{"key": key}); errs[w] == nil {
					fmt.Println(key)
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// killed kills a process that puts: nothing that was acknowledged may be
// missing, and nothing that is visible may be less than whole.
func killed(t *testing.T, place string) {
	open(t, place)
	acked := map[string]bool{}
	for round := range 3 {
		cmd := command(t, "flood", place, "")
		out, _ := cmd.StdoutPipe()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			acked[lines.Text()] = true
			if n == 100+70*round {
				cmd.Process.Kill()
			}
		}
		cmd.Wait()
	}
	s := open(t, place)
	visible := keysOf(t, s, "", "")
	for _, key := range visible {
		delete(acked, key)
		if !bytes.Equal(get(t, s, key), floodBody(key)) {
			t.Errorf("%s is torn", key)
		}
		if info, err := s.Head(t.Context(), key); err != nil || info.Meta["key"] != key || !strings.HasPrefix(key, "flood/") {
			t.Errorf("head: %+v, %v", info, err)
		}
	}
	for key := range acked {
		t.Errorf("%s was acknowledged and is not there", key)
	}
	if len(visible) < 300 {
		t.Errorf("only %d objects were put", len(visible))
	}
	t.Logf("%d visible after 3 kills", len(visible))
}

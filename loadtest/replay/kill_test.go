package replay

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// killConfig plays 300 batches, so that sequences are claimed more than once.
func killConfig(data string) Config {
	return Config{Data: data, Acked: filepath.Join(data, "acked.json"), Batch: 2 * time.Second}
}

// TestMain is the process that TestKill kills, if it is told so.
func TestMain(m *testing.M) {
	if data := os.Getenv("REPLAY_TEST_DATA"); data != "" {
		r, err := New(killConfig(data), []string{os.Getenv("REPLAY_TEST_FILE")}, Deps{})
		if err == nil {
			_, err = r.Run(context.Background())
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) // it should have been killed
	}
	os.Exit(m.Run())
}

// listen serves the broker on loopback, for another process.
func (b *broker) listen() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			b.serving.Go(func() { b.serve(c) })
		}
	})
	b.t.Cleanup(func() { l.Close(); wg.Wait() })
	b.announce(l.Addr().String())
}

// TestKill kills the process with signal 9 at a publish, and runs again: no
// acknowledged batch is missing, what the first boot published is whole, and the
// second boot is.
func TestKill(t *testing.T) {
	file := tenMinutes(t, "G01", 1)
	for _, at := range []int{1, 17, 140, 300, 301} { // the last is "end"
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			b := newBroker(t)
			child := exec.Command(os.Args[0])
			child.Env = append(os.Environ(), "REPLAY_TEST_DATA="+b.data, "REPLAY_TEST_FILE="+file)
			var stderr bytes.Buffer
			reached, killed := make(chan struct{}), make(chan struct{})
			child.Stderr = &stderr
			b.manner = func(conn int) manner {
				if conn > 0 {
					return manner{}
				}
				return manner{delay: time.Millisecond, on: func(n int) {
					if n == at {
						close(reached)
						<-killed
					}
				}}
			}
			b.listen()
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- child.Wait() }()
			select {
			case <-reached:
			case err := <-ended:
				t.Fatalf("the child ended by itself: %v: %s", err, &stderr)
			}
			child.Process.Kill()
			close(killed)
			if err := <-ended; err == nil || child.ProcessState.Exited() {
				t.Fatalf("the child was not killed: %v: %s", err, &stderr)
			}
			b.serving.Wait()
			second(t, b, killConfig(b.data), file, 300)
			if n, _ := b.has("G01", 1); at == 17 && (n < 17 || n > reserve) {
				t.Errorf("boot 1 has %d batches after a kill at 17, of which %d were claimed", n, reserve)
			}
		})
	}
}

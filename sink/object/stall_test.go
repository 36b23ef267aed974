package object

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// A connection lives while something moves in either direction, and is given up
// when nothing does.
func TestStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer server.Close()
		c := &stallConn{client, 30 * time.Second}
		answer := make(chan error, 1)
		go func() {
			_, err := c.Read(make([]byte, 1)) // as net/http does while it still sends
			answer <- err
		}()
		for range 10 { // an upload of five minutes
			go io.ReadFull(server, make([]byte, 5))
			if _, err := c.Write([]byte("chunk")); err != nil {
				t.Fatal(err)
			}
			time.Sleep(29 * time.Second)
		}
		select {
		case err := <-answer:
			t.Fatalf("given up while it still sends: %v", err)
		default:
		}
		start := time.Now()
		if err := <-answer; !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("after %v of silence: %v", 29*time.Second+time.Since(start), err)
		}
		start = time.Now()
		if _, err := c.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != 30*time.Second {
			t.Errorf("a write that nobody takes: %v after %v", err, time.Since(start))
		}
	})
}

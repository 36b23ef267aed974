package mqtt

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/wearstream/wearstream/gateway/internal/testca"
)

// discard acknowledges at once and keeps nothing.
type discard struct{}

func (discard) MayPublish(string, string) bool   { return true }
func (discard) MaySubscribe(string, string) bool { return false }
func (discard) Publish(p Publish)                { p.Ack() }
func (discard) Connected(string)                 {}
func (discard) Acknowledged(time.Duration)       {}
func (discard) Refused(string)                   {}

// forever repeats its bytes.
type forever struct {
	b   []byte
	off int
}

func (f *forever) Read(p []byte) (int, error) {
	n := copy(p, f.b[f.off:])
	f.off = (f.off + n) % len(f.b)
	return n, nil
}

func BenchmarkReadPublish(b *testing.B) {
	for name, size := range map[string]int{"256B": 256, "3KB": 3 << 10} {
		b.Run(name, func(b *testing.B) {
			var packet bytes.Buffer
			publishPacket("t/a", 1, make([]byte, size)).Write(&packet)
			r := bufio.NewReaderSize(&forever{b: packet.Bytes()}, readBuffer)
			b.SetBytes(int64(packet.Len()))
			b.ReportAllocs()
			for b.Loop() {
				h, _ := readHeader(r, true)
				p, _ := readTopic(r, h)
				readID(r, &p)
				if _, err := readBody(r, p.size); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkAcked is messages a second, acknowledged over mutual TLS; client and
// server share the machine.
func BenchmarkAcked(b *testing.B) {
	for name, shape := range map[string]struct{ clients, window, size int }{
		"100x1_256B":  {100, 1, 256},
		"100x32_256B": {100, 32, 256},
		"100x32_3KB":  {100, 32, 3 << 10},
	} {
		b.Run(name, func(b *testing.B) {
			ca := testca.New(b)
			_, addr := serve(b, Config{TLS: ca.Server()}, discard{})
			var burst bytes.Buffer
			for id := range uint16(shape.window) {
				publishPacket("t/a", id+1, make([]byte, shape.size)).Write(&burst)
			}
			conns := make([]net.Conn, shape.clients)
			for i := range conns {
				nc, err := connectTLS(addr, ca.Client(fmt.Sprint("a", i)))
				if err != nil {
					b.Fatal(err)
				}
				defer nc.Close()
				conns[i] = nc
			}
			bursts := make(chan struct{}, shape.clients)
			var wg sync.WaitGroup
			for _, nc := range conns {
				wg.Go(func() {
					acks := make([]byte, 4*shape.window)
					for range bursts {
						if _, err := nc.Write(burst.Bytes()); err != nil {
							b.Error(err)
						}
						if _, err := io.ReadFull(nc, acks); err != nil {
							b.Error(err)
						}
					}
				})
			}
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				bursts <- struct{}{}
				n += shape.window
			}
			close(bursts)
			wg.Wait()
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "msgs/s")
		})
	}
}
